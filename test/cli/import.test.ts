import { createHash } from 'node:crypto'
import { mkdir, readFile, truncate, utimes, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { columnOf } from '../../src/model/batch.ts'
import { CandleFlag } from '../../src/model/candle.ts'
import type { SeriesId } from '../../src/model/series.ts'
import { zipOf } from '../../src/sandbox/archive/zip-writer.ts'
import type { SeriesCoverage } from '../../src/store/lake/coverage-file.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { archiveTree } from '../helpers/archive-tree.ts'
import { eventSeries, readRows } from '../helpers/events.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'
import { seriesOf } from './lake.ts'

const tree = await archiveTree()
const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.UTC(2024, 0, 1)
const series = seriesOf('BTCUSDT', '1h')

let folder: TempFolder
beforeEach(async () => {
  folder = await tempFolder('import')
})
afterEach(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(args, { cwd: folder.path })

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(folder.join(path)), { recursive: true })
  await writeFile(folder.join(path), content)
}

/** The row of an hour, as the archive writes it. */
function row(hour: number, close = 100 + hour): string {
  const open = START + hour * HOUR
  return `${open},100,${200 + hour},50,${close},10.5,${open + HOUR - 1},1050,7,5,500,0`
}

const rows = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => row(from + i))

async function putZip(
  path: string,
  lines: readonly string[],
  checksum: 'right' | 'wrong' | 'none' = 'right',
): Promise<void> {
  const name = path.split('/').at(-1)!
  const zip = await zipOf(name.replace('.zip', '.csv'), Buffer.from(`${lines.join('\n')}\n`))
  await put(path, zip)
  if (checksum === 'none') return
  const hash = createHash('sha256').update(zip).digest('hex')
  await put(`${path}.CHECKSUM`, `${checksum === 'right' ? hash : '0'.repeat(64)}  ${name}\n`)
}

async function coverageOf(id: SeriesId = series, dataDir = 'ticklake-data'): Promise<SeriesCoverage> {
  return (await (await Lake.open(folder.join(dataDir))).coverage(id))!
}

async function column(name: string, id: SeriesId = series): Promise<number[]> {
  const batch = await (await Lake.open(folder.join('ticklake-data'))).load(id, { columns: [name] })
  return [...columnOf(batch, name)]
}

const DAY_1 = 'data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01-01.zip'
const DAY_2 = 'data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01-02.zip'

describe('import', () => {
  it('says of a month that is not over no more than its file holds', async () => {
    const from = Date.UTC(2099, 0, 1)
    const later = rows(0, 5).map((line, hour) => {
      const open = from + hour * HOUR
      return line.replace(/^\d+/, String(open)).replace(/,\d{13},/, `,${open + HOUR - 1},`)
    })
    await put('BTCUSDT-1h-2099-01.csv', later.join('\n'))
    expect((await here('import', 'BTCUSDT-1h-2099-01.csv', '--market', 'spot', '--json')).code).toBe(0)
    const { covered, gaps } = await coverageOf()
    expect(covered).toEqual([{ from, to: from + 5 * HOUR, source: 'import' }])
    expect(gaps).toEqual([])
  })

  it('takes a tree of the archive, with what it is about, its hashes, and where it was', async () => {
    await putZip(`vision/${DAY_1}`, rows(0, 24))
    await putZip(`vision/${DAY_2}`, rows(24, 48))
    const usdm = 'vision/data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01-01.zip'
    await putZip(usdm, [
      'open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore',
      ...rows(0, 24),
    ])
    const ran = await here('import', 'vision', '--json')
    expect(ran.code).toBe(0)
    expect(jsonLines(ran.stdout).map(({ market, added, outcome }) => [market, added, outcome])).toEqual([
      ['usdm', 24, 'taken'],
      ['spot', 24, 'taken'],
      ['spot', 24, 'taken'],
    ])
    expect(await column('close')).toEqual(Array.from({ length: 48 }, (_, hour) => 100 + hour))
    expect(new Set(await column('flags'))).toEqual(new Set([0]))
    const { covered, checks, gaps } = await coverageOf()
    expect(covered).toEqual([{ from: START, to: START + 2 * DAY, source: 'import' }])
    expect(gaps).toEqual([])
    expect(checks).toMatchObject([
      { path: DAY_1, outcome: 'verified', rows: 24, note: `imported from ${folder.join('vision', DAY_1)}` },
      { path: DAY_2, outcome: 'verified', rows: 24 },
    ])
    const zip = await readFile(folder.join('vision', DAY_1))
    expect(checks[0]!.sha256).toBe(createHash('sha256').update(zip).digest('hex'))
    expect(checks[0]!.published).toBe(checks[0]!.sha256)
    // A second time there is nothing new, and nothing is said against it.
    const again = await here('import', 'vision', '--json')
    expect([again.code, jsonLines(again.stdout).map(({ added, same }) => [added, same])]).toEqual([
      0,
      [
        [0, 24],
        [0, 24],
        [0, 24],
      ],
    ])
  })

  it('takes loose files by their names and flags, zipped or not, as unverified', async () => {
    await putZip('BTCUSDT-1h-2024-01-01.zip', rows(0, 24), 'none')
    await put('BTCUSDT-1h-2024-01-02.csv', rows(24, 48).join('\n'))
    const ran = await here('import', 'BTCUSDT-1h-2024-01-01.zip', 'BTCUSDT-1h-2024-01-02.csv', '--market', 'usdm')
    expect(ran.code).toBe(0)
    const id = seriesOf('BTCUSDT', '1h', 'usdm')
    expect(new Set(await column('flags', id))).toEqual(
      new Set([CandleFlag.unverified, CandleFlag.unverified | CandleFlag.user]),
    )
    const { checks } = await coverageOf(id)
    expect(checks.map(({ outcome, note }) => [outcome, note?.endsWith('no .CHECKSUM beside it')])).toEqual([
      ['unverified', true],
      ['unverified', true],
    ])
  })

  it('leaves a file out whose hash is not the published one, and takes the others', async () => {
    await putZip(`v/${DAY_1}`, rows(0, 24), 'wrong')
    await putZip(`v/${DAY_2}`, rows(24, 48))
    const ran = await here('import', 'v')
    expect(ran.code).toBe(3)
    expect(ran.stderr).toContain(`${folder.join('v', DAY_1)}: SHA-256 is`)
    expect(ran.stderr).toContain('Nothing of it was taken')
    expect(await column('close')).toEqual(Array.from({ length: 24 }, (_, hour) => 124 + hour))
    expect((await coverageOf()).covered).toEqual([{ from: START + DAY, to: START + 2 * DAY, source: 'import' }])
  })

  it('tells of a damaged zip, of a row that is none with its line, and goes on', async () => {
    await putZip(`v/${DAY_1}`, [...rows(0, 10), 'no row at all', ...rows(11, 24)])
    await putZip(`v/${DAY_2}`, rows(24, 48), 'none')
    await truncate(folder.join('v', DAY_2), 300)
    await put('v/BTCUSDT-1h-2024-01-03.csv', 'nothing\nof any use\n')
    const ran = await here('import', 'v', '--json')
    expect(ran.code).toBe(3)
    const [third, first, second] = jsonLines(ran.stdout).sort((a, b) => (String(a.path) < String(b.path) ? -1 : 1))
    expect(first).toMatchObject({ outcome: 'taken', added: 23, defects: 1 })
    expect(first!.firstDefect).toContain(`${folder.join('v', DAY_1)}:11: `)
    expect(second).toMatchObject({ outcome: 'failed', error: expect.stringContaining(DAY_2) })
    expect(third).toMatchObject({ outcome: 'failed', error: expect.stringContaining('BTCUSDT-1h-2024-01-03.csv:1: ') })
    const { gaps, defects } = await coverageOf()
    // What is missing nobody was asked about: the next download does.
    expect(gaps).toMatchObject([{ from: START + 10 * HOUR, count: 1, cause: 'unknown', checked: [] }])
    expect(defects).toMatchObject([{ type: 'bad-row', detail: expect.stringContaining('no row at all') }])
  })

  it('keeps what the lake has where a file says otherwise, and puts each difference on record', async () => {
    await putZip(`a/${DAY_1}`, rows(0, 20))
    await here('import', 'a')
    await put('b/BTCUSDT-1h-2024-01-01.csv', [...rows(0, 5), row(5, 1.5), ...rows(7, 24)].join('\n'))
    const ran = await here('import', 'b', '--json')
    expect(ran.code).toBe(3)
    // Hours 20 to 23 were missing in the first file: they are new.
    expect(jsonLines(ran.stdout)).toMatchObject([{ added: 4, same: 18, differing: 1, lacking: 1, rows: 23 }])
    expect(await column('close')).toEqual(Array.from({ length: 24 }, (_, hour) => 100 + hour))
    const { gaps, defects } = await coverageOf()
    expect(gaps).toEqual([])
    expect(defects).toMatchObject([
      { type: 'difference', time: START + 5 * HOUR, detail: 'close: file 1.5, lake 105', kept: 'lake' },
    ])
  })

  it('puts whole rows in the place of those of which only prices were known', async () => {
    const ohlcv = rows(0, 24).map((line) => line.split(',').slice(0, 6).map(Number))
    await put('BTCUSDT-1h.json', JSON.stringify(ohlcv))
    expect((await here('import', 'BTCUSDT-1h.json')).code).toBe(0)
    expect(new Set(await column('quote_volume'))).toEqual(new Set([0]))
    await putZip(`v/${DAY_1}`, rows(0, 24))
    expect((await here('import', 'v')).code).toBe(0)
    expect(new Set(await column('quote_volume'))).toEqual(new Set([1050]))
    // And not the other way round.
    expect((await here('import', 'BTCUSDT-1h.json')).code).toBe(0)
    expect(new Set(await column('quote_volume'))).toEqual(new Set([1050]))
  })

  it('reads what ccxt gives in any spacing, and leaves out the candle that was still open', async () => {
    const lines = rows(0, 3).map((line) => `[ ${line.split(',').slice(0, 6).join(' , ')} ]`)
    await put('candles.json', `[\n${lines.join(',\r\n')}\n]\n`)
    await utimes(folder.join('candles.json'), new Date(START + 2.5 * HOUR), new Date(START + 2.5 * HOUR))
    const untold = await here('import', 'candles.json')
    expect([untold.code, untold.stderr]).toEqual([3, expect.stringContaining('add --symbol and --interval')])
    const ran = await here('import', 'candles.json', '--symbol', 'BTC/USDT:USDT', '--interval', '1h', '--json')
    expect(jsonLines(ran.stdout)).toMatchObject([
      { market: 'usdm', symbol: 'BTCUSDT', added: 2, check: { note: expect.stringContaining('was not closed when') } },
    ])
    expect(ran.code).toBe(0)
  })

  it.each([
    ['a row that is no candle', '[\n[1704067200000,1,2,0.5,1.5,10],\n["a",1,2,3,4,5]]', ':3: is no row of numbers'],
    ['a time that is none', '[[1704067200,1,2,0.5,1.5,10]]', ':1: 1704067200 is no time in ms'],
    ['a time off the grid', '[[1704067200001,1,2,0.5,1.5,10]]', ':1: no 1h candle opens at 1704067200001'],
    ['a list that was cut', '[[1704067200000,1,2,0.5,1.5,10],\n[17040', ':2: ends inside the list'],
    ['something else', '{"a":1}', ':1: has "{'],
    ['rows out of order', '[[1704070800000,1,2,0.5,1.5,10],[1704067200000,1,2,0.5,1.5,10]]', 'does not come after'],
  ])('names the line of %s', async (_, text, message) => {
    await put('BTCUSDT-1h.json', text)
    const ran = await here('import', 'BTCUSDT-1h.json')
    expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining(message)])
  })

  it('takes trades that it does not have, by id, and compares the others', async () => {
    const line = (id: number, price = 100): string =>
      `binance,BTCUSDT,${(START + id * 1000) * 1000},${(START + id * 1000) * 1000},${id},buy,${price},2`
    const header = 'exchange,symbol,timestamp,local_timestamp,id,side,price,amount'
    const file = (lines: string[]): Buffer => gzipSync([header, ...lines, ''].join('\n'))
    await put('binance_trades_2024-01-01_BTCUSDT.csv.gz', file([1, 2, 3].map((id) => line(id))))
    expect((await here('import', 'binance_trades_2024-01-01_BTCUSDT.csv.gz')).code).toBe(0)
    await put('b/binance_trades_2024-01-01_BTCUSDT.csv.gz', file([line(2), line(3, 7), line(6), 'binance,BTCUSDT,x']))
    const ran = await here('import', 'b', '--json')
    expect(ran.code).toBe(3)
    expect(jsonLines(ran.stdout)).toMatchObject([
      { added: 1, same: 1, differing: 1, defects: 1, firstDefect: expect.stringContaining('.csv.gz:5: 3 of 8 fields') },
    ])
    const id = eventSeries('trade')
    const lake = await Lake.open(folder.join('ticklake-data'))
    expect(await readRows(lake, id, ['id', 'price'])).toEqual(
      [1, 2, 3, 6].map((one) => ({ id: BigInt(one), price: 100 })),
    )
    const { gaps, defects } = await coverageOf(id)
    expect(gaps).toMatchObject([{ firstId: 4, lastId: 5, count: 2, cause: 'unknown' }])
    expect(defects.at(-1)).toMatchObject({ detail: 'id 3: price: file 7, lake 100', kept: 'lake' })
  })

  it('says what it cannot take of tardis.dev, and that a path does not exist', async () => {
    await put('binance_options_chain_2024-01-01_BTCUSDT.csv.gz', gzipSync('exchange,symbol\n'))
    const ran = await here('import', 'binance_options_chain_2024-01-01_BTCUSDT.csv.gz')
    expect([ran.code, ran.stderr]).toEqual([
      3,
      expect.stringContaining('(options_chain) that is not imported; trades, '),
    ])
    const gone = await here('import', 'nowhere')
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining('nowhere: does not exist')])
    await mkdir(folder.join('empty'))
    expect(await here('import', 'empty')).toMatchObject({ code: 3, stderr: expect.stringContaining('no file of data') })
  })

  describe.skipIf(tree.skip)('of recorded files', () => {
    it('gives the rows that a download of them gives', async () => {
      const from = `${tree.path}/data/spot/monthly/klines/BTCUSDT/1h`
      const ran = await here('import', from, '--json')
      const reports = jsonLines(ran.stdout)
      expect(reports.length).toBeGreaterThan(3)
      expect(
        reports.every(
          ({ outcome, check }) => outcome === 'taken' && (check as { outcome: string }).outcome === 'verified',
        ),
      ).toBe(true)
      const { files, checks } = await coverageOf()
      expect(files.reduce((sum, file) => sum + file.rows, 0)).toBe(
        reports.reduce((sum, { rows: count }) => sum + Number(count), 0),
      )
      expect(checks.length).toBe(reports.length)
    })
  })
})

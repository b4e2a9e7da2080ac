import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { zipOf } from '../../src/sandbox/archive/zip-writer.ts'
import { startSandbox } from '../../src/sandbox/index.ts'
import { archiveTree } from '../helpers/archive-tree.ts'
import { findRealData } from '../helpers/real-data.ts'
import { tempFolder } from '../helpers/temp.ts'
import { allKlines, fetchBytes, getJson, klines, type Row, rowsOf, sandboxFor, sha256 } from './help.ts'

const tree = await archiveTree()
const AFTER = '2026-06-01'

describe.skipIf(tree.skip)(`a sandbox on recorded data ${tree.skip ?? ''}`, () => {
  it.each([
    ...['15m', '30m', '1h', '2h', '4h', '6h', '8h', '12h', '1d', '3d', '1w', '1M'].map((name) => ['BTCUSDT', name]),
    ...['1d', '3d', '1w'].map((name) => ['AVAXUSDT', name]),
  ])('gives every candle of %s %s by REST as it was recorded', async (symbol, interval) => {
    const sandbox = await sandboxFor({ archive: tree.path!, now: AFTER, weightLimits: { spot: 100_000 } })
    const data = findRealData()!
    const series = gunzipSync(await readFile(join(data, 'series', 'spot', `${symbol}-${interval}.ndjson.gz`)))
    // Where a published file was recorded too, the tree holds that.
    const folder = join(data, 'vision', 'spot', 'klines', interval!)
    const names = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith(`${symbol}-`))
    const published = await Promise.all(
      names.filter((name) => name.endsWith('.csv')).map(async (name) => rowsOf(await readFile(join(folder, name)))),
    )
    const month = (row: Row): string => new Date(row[0]).toISOString().slice(0, 7)
    const covered = new Set(published.map((rows) => month(rows[0]!)))
    const recorded = series
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Row)
      .filter((row) => !covered.has(month(row)))
      .concat(...published)
      .sort((one, other) => one[0] - other[0])
    const served = await allKlines(sandbox, symbol!, interval!, 0, Date.parse(AFTER))
    expect(served.length).toBe(recorded.length)
    const first = served.findIndex((row, i) => JSON.stringify(row) !== JSON.stringify(recorded[i]))
    expect(first === -1 ? 'equal' : { served: served[first], recorded: recorded[first] }).toBe('equal')
  })

  it('gives USD-M candles as the files have them, with and without a header', async () => {
    const sandbox = await sandboxFor({ archive: tree.path!, now: AFTER })
    const day = await klines(sandbox, { symbol: 'BTCUSDT', interval: '1m', startTime: 0, limit: 1500 }, 'usdm')
    expect(day.length).toBe(1440)
    expect(day[0]).toEqual([
      1651708800000,
      '39684.10',
      '39704.10',
      '39684.10',
      '39689.60',
      '138.066',
      1651708859999,
      '5480272.44270',
      2483,
      '83.181',
      '3301778.32360',
      '0',
    ])
    const from = 1738113900000
    const [flat] = await klines(sandbox, { symbol: 'BTCUSDT', interval: '5m', startTime: from, limit: 1 }, 'usdm')
    expect(flat).toEqual([from, ...Array(4).fill('101770.10'), '0', from + 299_999, '0', 0, '0', '0', '0'])
  })

  it('serves the files as they are and lists their symbols', async () => {
    const sandbox = await sandboxFor({ archive: tree.path!, now: AFTER })
    const path = 'data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01.zip'
    const zip = await fetchBytes(sandbox, `/${path}`)
    expect(zip).toEqual(await readFile(join(tree.path!, path)))
    expect((await fetchBytes(sandbox, `/${path}.CHECKSUM`)).toString()).toContain(sha256(zip))
    const info = await getJson<{ symbols: { symbol: string; baseAsset: string }[] }>(sandbox, '/api/v3/exchangeInfo')
    expect(info.symbols.map(({ symbol }) => symbol)).toEqual(expect.arrayContaining(['AVAXUSDT', 'BTCUSDT']))
    expect(info.symbols.find(({ symbol }) => symbol === 'BTCUSDT')?.baseAsset).toBe('BTC')
    const ticker = await getJson<{ price: string }>(sandbox, '/api/v3/ticker/price?symbol=BTCUSDT')
    // The recorded series end at different times: the price is that of the one that reaches furthest.
    const last: Row[] = []
    for (const interval of ['15m', '1h', '4h', '1d', '1w', '1M']) {
      last.push(...(await klines(sandbox, { symbol: 'BTCUSDT', interval, limit: 1 })))
    }
    expect(ticker.price).toBe(last.reduce((one, other) => (other[6] > one[6] ? other : one))[4])
  })
})

describe('a sandbox on a folder of files', () => {
  const row = (open: number, length: number, price: string): string =>
    `${open},${price},${price},${price},${price},1.00000000,${open + length - 1},${price},1,0.00000000,0.00000000,0\n`
  const HOUR = 3_600_000

  async function folderOf(files: Record<string, string>): Promise<string> {
    const folder = await tempFolder('tree')
    onTestFinished(() => folder[Symbol.asyncDispose]())
    for (const [path, csv] of Object.entries(files)) {
      const stem = path.split('/').at(-1)!
      const zip = await zipOf(`${stem}.csv`, Buffer.from(csv))
      const target = folder.join('data', `${path}.zip`)
      await mkdir(dirname(target), { recursive: true })
      await writeFile(target, zip)
      await writeFile(`${target}.CHECKSUM`, `${sha256(zip)}  ${stem}.zip\n`)
    }
    return folder.path
  }

  const march = Date.UTC(2024, 2, 1)
  const files = {
    'spot/monthly/klines/XYZUSDT/1h/XYZUSDT-1h-2024-03':
      row(march, HOUR, '1.00000000') + row(march + HOUR, HOUR, '2.00000000'),
    'spot/daily/klines/XYZUSDT/1h/XYZUSDT-1h-2024-03-01':
      row(march + HOUR, HOUR, '9.00000000') + row(march + 2 * HOUR, HOUR, '3.00000000'),
    'spot/daily/klines/XYZUSDT/1h/XYZUSDT-1h-2024-04-01': row(Date.UTC(2024, 3, 1), HOUR, '4.00000000'),
  }

  it('joins monthly and daily files; a daily row never takes the place of a monthly one', async () => {
    const sandbox = await sandboxFor({ archive: await folderOf(files) })
    const rows = await klines(sandbox, { symbol: 'XYZUSDT', interval: '1h' })
    expect(rows.map((one) => one[1])).toEqual(['1.00000000', '2.00000000', '3.00000000', '4.00000000'])
    const newest = await klines(sandbox, { symbol: 'XYZUSDT', interval: '1h', limit: 2 })
    expect(newest.map((one) => one[1])).toEqual(['3.00000000', '4.00000000'])
    expect(await sandbox.truthCandles('spot', 'XYZUSDT', '1h')).toEqual(rows)
  })

  it('hides files of days that are not published yet, and candles that are not closed', async () => {
    const sandbox = await sandboxFor({ archive: await folderOf(files), now: '2024-03-01T01:30Z', speed: 0.001 })
    const rows = await klines(sandbox, { symbol: 'XYZUSDT', interval: '1h' })
    expect(rows.map((one) => one[0])).toEqual([march])
    const status = async (path: string): Promise<number> => (await fetch(`${sandbox.endpoint}/data/${path}.zip`)).status
    for (const path of Object.keys(files)) expect(await status(path)).toBe(404)
    const listing = await (await fetch(`${sandbox.endpoint}/?prefix=data/`)).text()
    expect(listing).not.toContain('<Key>')
    const later = await sandboxFor({ archive: await folderOf(files), now: '2024-03-04' })
    const daily = 'spot/daily/klines/XYZUSDT/1h/XYZUSDT-1h-2024-03-01'
    expect((await fetch(`${later.endpoint}/data/${daily}.zip`)).status).toBe(200)
  })

  it('shows faults of files on them too', async () => {
    const sandbox = await sandboxFor({
      archive: await folderOf(files),
      faults: [{ type: 'missing-rows', from: march, to: march + HOUR }],
    })
    const path = `/data/${Object.keys(files)[0]}.zip`
    const zip = await fetchBytes(sandbox, path)
    expect((await fetchBytes(sandbox, `${path}.CHECKSUM`)).toString()).toContain(sha256(zip))
    expect((await klines(sandbox, { symbol: 'XYZUSDT', interval: '1h' })).length).toBe(4)
  })

  it('has no trades or books, and says so', async () => {
    const sandbox = await sandboxFor({ archive: await folderOf(files) })
    for (const path of ['depth', 'trades', 'aggTrades', 'historicalTrades']) {
      const answer = await fetch(`${sandbox.endpoint}/api/v3/${path}?symbol=XYZUSDT`)
      expect([answer.status, ((await answer.json()) as { code: number }).code]).toEqual([400, -1020])
    }
    const truth = await fetch(`${sandbox.endpoint}/sandbox/truth?kind=trade&symbol=XYZUSDT&from=0`)
    expect(await truth.json()).toEqual({ error: 'kind is "trade"; this sandbox knows the truth of: candle.' })
  })

  it('does not leave its folder', async () => {
    const sandbox = await sandboxFor({ archive: await folderOf(files) })
    for (const path of ['/data/..%2f..%2f..%2fetc/hostname', '/data/%2e%2e/%2e%2e/package.json']) {
      expect((await fetch(sandbox.endpoint + path)).status).toBe(404)
    }
  })

  it('says what is wrong with a folder or an option', async () => {
    const empty = await tempFolder('empty')
    onTestFinished(() => empty[Symbol.asyncDispose]())
    await expect(startSandbox({ archive: empty.path })).rejects.toThrow(/not in the archive's layout/)
    await expect(startSandbox({ markets: ['option'] })).rejects.toThrow(/"option" is not in the sandbox/)
    await expect(startSandbox({ speed: 0 })).rejects.toThrow(/speed is 0; allowed/)
    await expect(startSandbox({ weightWindowMs: 1500 })).rejects.toThrow(/weightWindowMs/)
    const outage = { type: 'outage', from: '2024-01-01', to: '2024-01-02' } as const
    const archive = await folderOf(files)
    await expect(startSandbox({ archive, faults: [outage] })).rejects.toThrow(/outage needs the seeded market/)
  })
})

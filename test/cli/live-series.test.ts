import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tableFromIPC } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { summarise } from '../../src/cli/summary.ts'
import { DataSourceManager } from '../../src/engine/data-source-manager.ts'
import { kindOf } from '../../src/model/kinds.ts'
import type { LiveRecord } from '../../src/model/live/index.ts'
import type { SeriesId } from '../../src/model/series.ts'
import { startSandbox } from '../../src/sandbox/index.ts'
import { emptyCoverage } from '../../src/store/lake/coverage-file.ts'
import { connectDuck } from '../../src/store/lake/duckdb.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { deltaAt, eventSeries, quoteAt, readRows, storeEvents, T0, tradeAt } from '../helpers/events.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'
import { makeLake, START } from './lake.ts'

const HOUR = 3_600_000

/** Some records of a kind: ids that a double can not hold, values that are lacking, levels of a book. */
function eventsOf(kind: string, market: 'spot' | 'usdm'): LiveRecord[] {
  const base = { market, symbol: 'BTCUSDT', flags: 2, eventTime: T0 + 1, receiveTime: T0 + 2.125 }
  switch (kind) {
    case 'trade':
      // One of them is missing.
      return [1n, 2n, 4n].map((n) => tradeAt(9_007_199_254_740_992n + n))
    case 'quote':
      return [1, 2, 3, 5].map((id) => quoteAt(id))
    case 'bookDelta':
      return [1, 2, 3, 4].map((n) => deltaAt(n))
    case 'bookSnapshot':
      return [1, 2].map((n) => ({
        ...{ ...base, kind: 'bookSnapshot' as const, lastUpdateId: n, time: T0 + n, depth: 5, eventTime: Number.NaN },
        ...{ bids: [100, 1, 99, 2], asks: [101, 1.5] },
      }))
    default:
      return [1, 2, 3].map((n) => ({
        ...{ ...base, kind: 'liquidation' as const, time: T0 + n, side: n % 2 ? 'sell' : 'buy', price: 1, quantity: n },
        ...{ averagePrice: 2, lastFilledQuantity: 3, filledQuantity: 4 },
      })) as unknown as LiveRecord[]
  }
}

describe('series of live data', () => {
  const trades: SeriesId = { exchange: 'binance', market: 'spot', kind: 'trade', symbol: 'BTCUSDT' }

  /** A series of trades as a collector leaves it: files by day and by chunk, two sessions, no interval. */
  async function tradesLake(): Promise<TempFolder> {
    const other = await tempFolder('live')
    const dataDir = other.join('ticklake-data')
    await makeLake(dataDir)
    const lake = await Lake.open(dataDir)
    const folder = lake.folder(trades)
    await mkdir(folder, { recursive: true })
    const files = []
    for (const [name, firstKey, rows, first] of [
      ['2024-01-01.parquet', 3_000_000_001, 40, START],
      ['2024-01-02.0001.parquet', 3_000_000_041, 2, START + 24 * HOUR],
    ] as const) {
      const path = join(folder, name)
      await writeTrades(path, firstKey, rows, first)
      const bytes = await readFile(path)
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      const period = name.slice(0, 10)
      const keys = { firstKey, lastKey: firstKey + rows - 1, records: rows }
      files.push({ name, period, rows, bytes: bytes.length, sha256, first, last: first, ...keys })
    }
    const coverage = {
      ...emptyCoverage(trades),
      files,
      covered: [
        { from: START, to: START + HOUR, source: 'stream' },
        { from: START + 24 * HOUR, to: START + 25 * HOUR, source: 'stream' },
      ],
      gaps: [{ from: START + 1000, to: START + 2000, cause: 'own-outage', count: 3, checked: ['stream'] }],
    }
    await writeFile(join(folder, 'series.json'), JSON.stringify(coverage))
    return other
  }

  /** Equal times and rising ids, in the columns of the kind. */
  async function writeTrades(path: string, first: number, rows: number, at: number): Promise<void> {
    const types: Record<string, string> = {
      id: 'BIGINT',
      integer: 'BIGINT',
      time: 'TIMESTAMPTZ',
      boolean: 'BOOLEAN',
      flags: 'INTEGER',
    }
    const columns = kindOf('trade').columns.map(({ name, type }) => {
      const value = name === 'id' ? `${first} + i` : type === 'time' ? `make_timestamptz(${at * 1000})` : '1'
      return `CAST(${value} AS ${types[type] ?? 'DOUBLE'}) AS "${name}"`
    })
    const connection = await connectDuck()
    await connection.run(`COPY (SELECT ${columns.join(', ')} FROM range(${rows}) t(i)) TO '${path}' (FORMAT parquet)`)
    connection.closeSync()
  }

  it('are listed, counted and queried beside the candles', async () => {
    await using other = await tradesLake()
    const at = (...args: string[]) => runHere(args, { cwd: other.path })
    const list = await at('list', '--kind', 'trade')
    expect([list.code, list.stderr]).toEqual([0, ''])
    expect(list.stdout).toMatch(/spot +trade +BTCUSDT +2024-01-01 00:00 +2024-01-02 01:00 +42/)
    const stats = await at('stats', '--kind', 'trade', '--json')
    expect(jsonLines(stats.stdout)[0]).toMatchObject({ rows: 42, files: 2, first: START, last: START + 24 * HOUR })
    const coverage = await at('coverage', '--kind', 'trade')
    expect(coverage.code).toBe(3)
    expect(coverage.stdout).toContain('not asked for  2024-01-01 01:00 to 2024-01-02 00:00')
    expect(coverage.stdout).toMatch(/gap {2}2024-01-01 00:00:01 to 2024-01-01 00:00:02, 3 records: own-outage/)
    expect((await at('coverage', '--kind', 'trade', '--json')).code).toBe(3)
    expect((await at('coverage')).stdout).toContain('ETHUSDT')
    const count = await at('query', 'SELECT count(*) AS n, max(id) AS last FROM trade')
    expect(count.stdout).toMatch(/42 +3000000042/)
  })

  it.each([
    ['bookSnapshot', 'usdm', 0],
    ['bookDelta', 'spot', 0],
    ['trade', 'spot', 3],
    ['quote', 'spot', 0],
    ['liquidation', 'usdm', 0],
  ] as const)('are exported in every format: %s', async (kind, market, code) => {
    await using folder = await tempFolder('export')
    const series = eventSeries(kind, 'BTCUSDT', market)
    const records = eventsOf(kind, market)
    const lake = await Lake.open(folder.join('ticklake-data'))
    // Two files that overlap, as a repair leaves them.
    await storeEvents(lake, series, [records[0]!, records.at(-1)!])
    await storeEvents(lake, series, records)
    const specs = kindOf(kind).columns.filter((spec) => spec.isDefault)
    const rows = (await readRows(
      lake,
      series,
      specs.map(({ name }) => name),
    )) as Record<string, number | bigint>[]
    expect(rows.length).toBeGreaterThan(2)
    const at = (...args: string[]) =>
      runHere(['export', 'BTCUSDT', '--market', market, '--kind', kind, ...args], { cwd: folder.path })
    const text = (value: unknown, type: string): string => {
      if (value === null || value === -1n || Number.isNaN(value)) return ''
      return type === 'boolean' ? String(Boolean(value)) : String(value)
    }
    const wanted = rows.map((row) => specs.map(({ name, type }) => text(row[name], type)))
    const csv = await at()
    const names = specs.map(({ name }) => name)
    expect(csv.stdout.split('\n')).toEqual([names, ...wanted].map((row) => row.join(',')).concat(''))
    expect(csv.code, csv.stderr).toBe(code)
    const json = jsonLines((await at('--format', 'jsonl')).stdout)
    expect(json.map((row) => specs.map(({ name, type }) => text(row[name], type)))).toEqual(wanted)
    for (const format of ['parquet', 'arrow'] as const) {
      expect((await at('--out', `out.${format}`)).code, format).toBe(code)
    }
    const duck = await connectDuck()
    const parquet = await duck.runAndReadAll(`SELECT * FROM '${folder.join('out.parquet')}'`)
    duck.closeSync()
    const table = tableFromIPC(await readFile(folder.join('out.arrow')))
    expect([parquet.columnNames(), parquet.currentRowCount, table.numRows]).toEqual([names, rows.length, rows.length])
    for (const [index, { name, type }] of specs.entries()) {
      const values = wanted.map((row) => row[index])
      const column = table.getChild(name)!
      expect(
        values.map((_, row) => text(column.get(row), type)),
        name,
      ).toEqual(values)
      const stored = parquet.getColumns()[index]!
      const micros = (value: unknown) =>
        type === 'time' && value !== null ? Number((value as { micros: bigint }).micros) / 1000 : value
      expect(
        stored.map((value) => text(micros(value), type)),
        name,
      ).toEqual(values)
    }
    const first = Number(rows[0]![kindOf(kind).timeColumn])
    if (!Number.isNaN(first)) {
      const none = await at(
        '--to',
        String(Math.floor(first)),
        '--no-header',
        '--from',
        String(Math.floor(first) - 1000),
      )
      expect(none.stdout).toBe('')
    }
  })

  it('have their instants, though a single snapshot covers no time', () => {
    const file = { name: 'one.parquet', period: '2024-01-01', rows: 2000, bytes: 1, sha256: '', first: T0, last: T0 }
    const id = { ...trades, kind: 'bookSnapshot' }
    expect(summarise({ ...emptyCoverage(id), files: [file] })).toMatchObject({
      range: { from: T0, to: T0 },
      rows: 2000,
    })
    expect(summarise(emptyCoverage(id)).range).toBeUndefined()
  })

  it('are verified', async () => {
    await using other = await tradesLake()
    const sound = await runHere(['verify', '--kind', 'trade', '--json'], { cwd: other.path })
    expect(jsonLines(sound.stdout)[0]).toMatchObject({ kind: 'trade', rows: 42, files: 2, problems: [], ok: true })
    expect(sound.code).toBe(3)
    await writeFile(other.join('ticklake-data', 'binance-spot', 'trade', 'BTCUSDT', '2024-01-01.parquet'), 'no')
    const broken = await runHere(['verify', '--kind', 'trade', '--repair', '--json'], { cwd: other.path })
    expect(broken.code).toBe(1)
    expect(jsonLines(broken.stdout)[0]).toMatchObject({ problems: [{ type: 'damaged-file', repaired: false }] })
  })

  it('are left alone by an update of the whole lake', async () => {
    await using other = await tempFolder('live')
    const dataDir = other.join('ticklake-data')
    await makeLake(dataDir)
    await storeEvents(await Lake.open(dataDir), eventSeries('quote'), eventsOf('quote', 'spot'))
    await using sandbox = await startSandbox({ now: START + 45 * 24 * HOUR, tradesPerSecond: 0.002 })
    const update = await runHere(['download', '--update', '--json', '--endpoint', sandbox.endpoint], {
      cwd: other.path,
    })
    expect(jsonLines(update.stdout).map(({ kind }) => kind)).toEqual(['candle', 'candle', 'candle'])
    expect(update.stderr).toContain('1 series of live data left alone')
  })

  it('are left alone by an update where the archive has ended, and nothing is made up of what was not collected', async () => {
    await using other = await tempFolder('live')
    const dataDir = other.join('ticklake-data')
    const series = { ...eventSeries('quote'), market: 'usdm' } as const
    const covered = [{ from: START, to: START + HOUR, source: 'stream' as const }]
    {
      await using writer = await (await Lake.open(dataDir)).eventWriter(series)
      await writer.flush({ covered })
    }
    await using sandbox = await startSandbox({ now: START + 365 * 24 * HOUR, tradesPerSecond: 0.002 })
    const late = [{ from: START + 300 * 24 * HOUR, to: START + 301 * 24 * HOUR, source: 'stream' as const }]
    {
      await using writer = await (await Lake.open(dataDir)).eventWriter(series)
      await writer.flush({ covered: late, uncover: covered })
    }
    const update = await runHere(['download', '--update', '--endpoint', sandbox.endpoint], { cwd: other.path })
    expect(update.code).toBe(0)
    expect(update.stderr).toContain('1 series left alone: the archive has ended')
    expect(await (await Lake.open(dataDir)).coverage(series)).toMatchObject({ covered: late, gaps: [] })
  })

  it('have no history to download, and are told so', async () => {
    await using other = await tradesLake()
    const refused = await runHere(['download', 'BTCUSDT', '--kind', 'bookDelta'], { cwd: other.path })
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('bookDelta has no history download yet; collect it live with "ticklake collect".')
    const update = await runHere(['download', '--update', '--endpoint', 'http://127.0.0.1:9', '--kind', 'bookDelta'], {
      cwd: other.path,
    })
    expect(update.code).toBe(2)
    await using engine = new DataSourceManager({ dataDir: other.join('ticklake-data') })
    const request = { symbol: 'BTCUSDT', interval: '1m', kind: 'bookDelta', from: START, to: START + 1 }
    await expect(engine.getData(request)).rejects.toThrow(/bookDelta is no kind of candles/)
    await expect(
      engine.download([{ series: eventSeries('bookDelta'), from: 0, to: 1, source: 'auto' }]),
    ).rejects.toThrow(/no history/)
  })
})

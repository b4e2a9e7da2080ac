import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DataSourceManager } from '../../src/engine/data-source-manager.ts'
import { kindOf } from '../../src/model/kinds.ts'
import type { SeriesId } from '../../src/model/series.ts'
import { startSandbox } from '../../src/sandbox/index.ts'
import { emptyCoverage } from '../../src/store/lake/coverage-file.ts'
import { connectDuck } from '../../src/store/lake/duckdb.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'
import { makeLake, START } from './lake.ts'

const HOUR = 3_600_000

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
    await using other = await tradesLake()
    await using sandbox = await startSandbox({ now: START + 45 * 24 * HOUR, tradesPerSecond: 0.002 })
    const update = await runHere(['download', '--update', '--json', '--endpoint', sandbox.endpoint], {
      cwd: other.path,
    })
    expect(jsonLines(update.stdout).map(({ kind }) => kind)).toEqual(['candle', 'candle', 'candle'])
    expect(update.stderr).toContain('1 series of live data left alone')
  })

  it('have no history to download, and are told so', async () => {
    await using other = await tradesLake()
    const refused = await runHere(['download', 'BTCUSDT', '--kind', 'trade'], { cwd: other.path })
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('trade has no history download yet; collect it live with "ticklake collect".')
    const update = await runHere(['download', '--update', '--endpoint', 'http://127.0.0.1:9', '--kind', 'trade'], {
      cwd: other.path,
    })
    expect(update.code).toBe(2)
    await using engine = new DataSourceManager({ dataDir: other.join('ticklake-data') })
    const request = { symbol: 'BTCUSDT', interval: '1m', kind: 'trade', from: START, to: START + 1 }
    await expect(engine.getData(request)).rejects.toThrow(/trade has no history download yet/)
    await expect(engine.download([{ series: trades, from: 0, to: 1, source: 'auto' }])).rejects.toThrow(/no history/)
  })
})

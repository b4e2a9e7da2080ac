import { beforeAll, describe, expect, it } from 'vitest'
import { DataSourceManager } from '../../src/engine/data-source-manager.ts'
import type { SeriesReport } from '../../src/engine/types.ts'
import type { Interval } from '../../src/model/interval.ts'
import { type SeriesId, seriesKey } from '../../src/model/series.ts'
import { MINUTE } from '../../src/model/time.ts'
import { startSandbox } from '../../src/sandbox/index.ts'
import { archiveTree } from '../helpers/archive-tree.ts'
import { findRealData, realDataTitle } from '../helpers/real-data.ts'
import { recordedCandles } from '../helpers/recorded-candles.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { firstDifference, VALUE_COLUMNS, valuesOf } from '../helpers/truth.ts'

const NOW = '2026-05-02'
const TO = Date.parse('2026-04-30T00:00:00Z')
const data = findRealData()
const tree = data ? await archiveTree() : undefined
/** Days of holes in the 2h candles of which Binance said that it was at work. */
const MAINTENANCE = ['2019-03-12', '2020-02-19', '2021-04-25', '2021-08-13']
const skip = !tree || 'skip' in tree
const title = realDataTitle(tree && 'skip' in tree ? `every recorded series (${tree.skip})` : 'every recorded series')

/** What a file should give: published rows, as numbers, times in ms. */
function expectedRows(root: string): Map<string, { id: SeriesId; rows: Map<number, number[]> }> {
  const series = new Map<string, { id: SeriesId; rows: Map<number, number[]> }>()
  // Published files win over the series that REST gave, as in the tree itself.
  const files = recordedCandles(root).filter((file) => !file.path.startsWith('series/um'))
  for (const file of files.sort((a, b) => Number(a.path.startsWith('vision')) - Number(b.path.startsWith('vision')))) {
    const id: SeriesId = {
      exchange: 'binance',
      market: file.market,
      kind: 'candle',
      symbol: file.symbol,
      interval: file.interval as Interval,
    }
    const key = seriesKey(id)
    const entry = series.get(key) ?? { id, rows: new Map<number, number[]>() }
    series.set(key, entry)
    for (const row of file.rows()) {
      const values = row.slice(0, VALUE_COLUMNS.length).map(Number)
      for (const index of [0, 6]) if (values[index]! >= 1e14) values[index] = Math.floor(values[index]! / 1000)
      entry.rows.set(values[0]!, values)
    }
  }
  return series
}

describe.skipIf(skip)(title, () => {
  let folder: TempFolder
  let reports: SeriesReport[]
  const expected = data ? expectedRows(data) : new Map<string, never>()

  beforeAll(async () => {
    folder = await tempFolder('real-tree')
    await using sandbox = await startSandbox({ archive: (tree as { path: string }).path, now: NOW })
    await using manager = new DataSourceManager({ dataDir: folder.path, endpoint: sandbox.endpoint })
    const requests = [...expected.values()].map(({ id, rows }) => {
      const times = [...rows.keys()]
      return {
        series: id,
        from: Math.min(...times),
        to: Math.min(TO, Math.max(...times) + MINUTE),
        source: 'auto' as const,
      }
    })
    reports = await manager.download(requests)
    const first = sandbox.usage().archive.files
    expect(first).toBeGreaterThan(1000)
    const again = await manager.download(requests)
    expect(again.every((report) => report.added === 0)).toBe(true)
    expect(sandbox.usage().archive.files).toBe(first)
    return async () => {
      await folder[Symbol.asyncDispose]()
    }
  }, 180_000)

  it('is in the lake row for row and field for field', async () => {
    await using manager = new DataSourceManager({ dataDir: folder.path })
    const lake = await manager.lake()
    expect(expected.size).toBeGreaterThanOrEqual(21)
    for (const { id, rows } of expected.values()) {
      const stored = valuesOf(await lake.load(id))
      const published = [...rows.values()].sort((a, b) => a[0]! - b[0]!).filter((row) => row[0]! < TO)
      expect(firstDifference(stored, published), seriesKey(id)).toBeUndefined()
    }
  })

  it('has each missing candle on record as a gap, and no gap where a candle is', () => {
    for (const report of reports) {
      const key = seriesKey(report.series)
      expect(report.error, key).toBeUndefined()
      const rows = [...expected.get(key)!.rows.keys()].filter((time) => time >= report.from && time < report.to)
      expect(report.rows, key).toBe(rows.length)
      expect(report.expected - report.rows, key).toBe(report.gaps.reduce((sum, gap) => sum + (gap.count ?? 0), 0))
      for (const gap of report.gaps)
        expect(
          rows.some((time) => time >= gap.from && time < gap.to),
          key,
        ).toBe(false)
    }
  })

  it('names the known holes: exchange outages and maintenance, none at 1d', () => {
    const gaps = (symbol: string, interval: string) =>
      reports.find(
        ({ series }) => series.symbol === symbol && series.interval === interval && series.market === 'spot',
      )!.gaps
    for (const [interval, count] of [
      ['2h', 18],
      ['4h', 8],
      ['6h', 3],
      ['8h', 1],
      ['1d', 0],
    ] as const) {
      const outages = gaps('BTCUSDT', interval)
      expect(outages).toHaveLength(count)
      for (const { cause, from } of outages) {
        const announced = interval === '2h' && MAINTENANCE.includes(new Date(from).toISOString().slice(0, 10))
        if (announced) expect(cause).toBe('maintenance')
        else expect(['exchange-outage', 'maintenance']).toContain(cause)
      }
    }
    const hours = gaps('BTCUSDT', '1h').map((gap) => [
      new Date(gap.from).toISOString().slice(0, 13),
      gap.count,
      gap.cause,
    ])
    expect(hours).toContainEqual(['2021-02-11T04', 1, 'exchange-outage'])
    expect(hours).toContainEqual(['2021-03-06T02', 1, 'exchange-outage'])
  })

  it('keeps each 3d series on its own grid, and flags short candles', async () => {
    await using manager = new DataSourceManager({ dataDir: folder.path })
    const lake = await manager.lake()
    const id = (symbol: string, interval: Interval): SeriesId => ({
      exchange: 'binance',
      market: 'spot',
      kind: 'candle',
      symbol,
      interval,
    })
    for (const [symbol, phase] of [
      ['BTCUSDT', 1],
      ['AVAXUSDT', 2],
    ] as const) {
      expect(((await lake.coverage(id(symbol, '3d')))!.origin! / 86_400_000) % 3).toBe(phase)
    }
    const short = await lake.load(id('BTCUSDT', '1h'), {
      from: Date.UTC(2021, 1, 11, 3),
      to: Date.UTC(2021, 1, 11, 4),
      columns: ['close_time', 'flags', 'volume'],
    })
    expect(short.columns.flags![0]! & 4).toBe(4)
    expect(short.columns.close_time![0]).toBe(Date.parse('2021-02-11T03:40:54.773Z'))
  })
})

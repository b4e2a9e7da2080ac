import { resampleCandles } from '../../analysis/resample/index.ts'
import { type Batch, concatBatches } from '../../model/batch.ts'
import { candle } from '../../model/candle.ts'
import {
  ceilOpen,
  floorOpen,
  type Interval,
  type IntervalGrid,
  intervalLength,
  nextOpen,
} from '../../model/interval.ts'
import { kindOf } from '../../model/kinds.ts'
import { intersectRanges, subtractRanges } from '../../model/ranges.ts'
import type { SeriesId } from '../../model/series.ts'
import { DAY, type TimeRange } from '../../model/time.ts'
import type { SeriesCoverage } from '../../store/lake/coverage-file.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { isHarmless } from '../holes.ts'
import { candlesOfTrades } from './trade-candles.ts'
import type { Witness } from './types.ts'

/** Someone in the lake who can tell what candles of a series must be. */
export interface LakeWitness {
  readonly against: Extract<Witness, 'trade' | 'aggTrade' | 'candle'>
  readonly words: string
  readonly series: SeriesId
  readonly coverage: SeriesCoverage
  /** Makes the candles of a range, which begins and ends with one. */
  candles(grid: IntervalGrid, range: TimeRange, signal?: AbortSignal): Promise<Batch>
  /** Candles that are made at once: bounds the memory. */
  windowOf(interval: Interval): number
}

/** Rows of smaller candles in memory at once. */
const WINDOW_ROWS = 200_000

/** Who in the lake can tell of a series of candles: its trades, and the largest of the smaller candles. */
export async function witnessesOf(lake: Lake, series: SeriesId): Promise<LakeWitness[]> {
  const { interval } = series
  if (interval === undefined) return []
  const found: LakeWitness[] = []
  const { interval: _, ...rest } = series
  if (series.kind === candle.id)
    for (const kind of ['trade', 'aggTrade'] as const) {
      const trades: SeriesId = { ...rest, kind }
      const coverage = await lake.coverage(trades)
      if (coverage && coverage.files.length > 0) found.push(ofTrades(lake, kind, trades, coverage))
    }
  const smaller = (await lake.list())
    .filter((other) => other.interval !== undefined && isPart(other.interval, interval) && isSibling(other, series))
    .sort((a, b) => intervalLength(b.interval!) - intervalLength(a.interval!))
  const own = await lake.coverage(series)
  for (const other of smaller) {
    const coverage = await lake.coverage(other)
    if (!own || !coverage || intersectRanges(own.covered, coverage.covered).length === 0) continue
    found.push(ofCandles(lake, other, coverage))
    break
  }
  return found
}

/** The ranges of whole candles that both sides cover, but for candles that the witness may lack a part of. */
export function comparableRanges(grid: IntervalGrid, own: SeriesCoverage, witness: SeriesCoverage): TimeRange[] {
  const shared = intersectRanges(own.covered, witness.covered).map(({ from, to }) => ({
    from: ceilOpen(grid, from),
    to: floorOpen(grid, to),
  }))
  const unsure = witness.gaps.filter((gap) => !isHarmless(gap)).map((gap) => wholeCandles(grid, gap))
  const absent = own.gaps.filter((gap) => !isHarmless(gap)).map((gap) => wholeCandles(grid, gap))
  return subtractRanges(
    shared.filter(({ from, to }) => from < to),
    [...unsure, ...absent].sort((a, b) => a.from - b.from),
  )
}

/** The candles that a stretch touches; of events it may have no length. */
export function wholeCandles(grid: IntervalGrid, { from, to }: TimeRange): TimeRange {
  return { from: floorOpen(grid, from), to: ceilOpen(grid, Math.max(to, from + 1)) }
}

function isSibling(a: SeriesId, b: SeriesId): boolean {
  return a.exchange === b.exchange && a.market === b.market && a.kind === b.kind && a.symbol === b.symbol
}

/** Whether candles of an interval are made of whole candles of a smaller one. */
function isPart(smaller: Interval, larger: Interval): boolean {
  if (smaller === '1M' || smaller === '1w' || smaller === '3d') return false
  const length = intervalLength(smaller)
  return larger === '1M' ? length <= DAY : length < intervalLength(larger) && intervalLength(larger) % length === 0
}

function ofTrades(lake: Lake, kind: 'trade' | 'aggTrade', series: SeriesId, coverage: SeriesCoverage): LakeWitness {
  return {
    against: kind,
    words: kind === 'trade' ? 'trades' : 'aggregate trades',
    series,
    coverage,
    windowOf: (interval) => Math.max(1, Math.floor(DAY / intervalLength(interval))),
    async candles(grid, range, signal) {
      const parts: Batch[] = []
      for await (const batch of candlesOfTrades(lake, series, grid, range, signal)) parts.push(batch)
      const all = concatBatches(candle, parts)
      // There trades are counted in contracts, and what one is worth stands in no trade.
      return series.market === 'coinm' ? withoutValues(all) : all
    },
  }
}

function ofCandles(lake: Lake, series: SeriesId, coverage: SeriesCoverage): LakeWitness {
  const interval = series.interval!
  const columns = kindOf(series.kind).columns.map(({ name }) => name)
  return {
    against: 'candle',
    words: `${interval} candles`,
    series,
    coverage,
    windowOf: (larger) => Math.max(1, Math.floor((WINDOW_ROWS * intervalLength(interval)) / intervalLength(larger))),
    async candles(grid, range, signal) {
      const rows = await lake.load(series, { ...range, columns, ...(signal ? { signal } : {}) })
      const { interval: larger, origin } = grid
      return resampleCandles(rows, { interval: larger, ...(larger === '3d' && origin !== undefined ? { origin } : {}) })
    },
  }
}

function withoutValues({ length, columns }: Batch): Batch {
  const { quote_volume: _quote, taker_buy_quote_volume: _taker, ...rest } = columns
  return { length, columns: rest }
}

/** Cuts a range of whole candles into windows of at most `count`. */
export function* windowsOf(grid: IntervalGrid, range: TimeRange, count: number): Generator<TimeRange, void, void> {
  for (let { from } = range; from < range.to; ) {
    let to = from
    for (let i = 0; i < count && to < range.to; i++) to = nextOpen(grid, to)
    yield { from, to: Math.min(to, range.to) }
    from = to
  }
}

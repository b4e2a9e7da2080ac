import type { Batch } from '../../model/batch.ts'
import { candle } from '../../model/candle.ts'
import type { CoveredRange, Gap } from '../../model/coverage.ts'
import { addOpens, ceilOpen, countOpens, type Interval, type IntervalGrid, nextOpen } from '../../model/interval.ts'
import type { LiveCandle, LiveRecord } from '../../model/live/index.ts'
import { subtractRanges } from '../../model/ranges.ts'
import type { SeriesId } from '../../model/series.ts'
import { DAY } from '../../model/time.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { gridOf } from '../../store/lake/next-coverage.ts'
import type { Resume, SeriesSink } from './series-sink.ts'

/** How far back holes of earlier runs are looked for; older ones are `download --update`'s. */
const LOOK_BACK = 7 * DAY

/** What a candle that waits takes, bytes, roughly. */
const CANDLE_BYTES = 200

/** Closed candles on their way to the files that `download` fills too. The series is locked only while it is written. */
export class CandleSink implements SeriesSink {
  readonly resume: Resume
  readonly #lake: Lake
  readonly #series: SeriesId
  readonly #grid: IntervalGrid
  #rows = new Map<number, LiveCandle>()
  #gaps: Gap[] = []
  #firstPending = Number.POSITIVE_INFINITY

  private constructor(lake: Lake, series: SeriesId, grid: IntervalGrid, resume: Resume) {
    this.#lake = lake
    this.#series = series
    this.#grid = grid
    this.resume = resume
  }

  static async open(lake: Lake, series: SeriesId): Promise<CandleSink> {
    const coverage = await lake.coverage(series)
    const files = coverage?.files ?? []
    const grid = coverage ? gridOf(coverage, files[0]?.first) : { interval: series.interval as Interval }
    const last = files.at(-1)?.last
    if (coverage === undefined || last === undefined)
      return new CandleSink(lake, series, grid, { lastTime: Number.NaN, holes: [] })
    const range = { from: Math.max(files[0]?.first ?? last, last - LOOK_BACK), to: last }
    const holes = subtractRanges([range], coverage.covered)
      .filter((part) => countOpens(grid, part) > 0)
      .map((part) => ({ ...part, first: ceilOpen(grid, part.from), last: addOpens(grid, ceilOpen(grid, part.to), -1) }))
    return new CandleSink(lake, series, grid, { last, lastTime: last, holes })
  }

  get grid(): IntervalGrid {
    return this.#grid
  }

  /** Candles are few: a day of 1s fits. */
  get isFull(): boolean {
    return this.#rows.size > 100_000
  }

  get memory(): number {
    return this.pending * CANDLE_BYTES
  }

  get pending(): number {
    return this.#rows.size
  }

  get firstPending(): number {
    return this.#firstPending
  }

  append(record: LiveRecord, sequence: number): boolean {
    const row = record as LiveCandle
    this.#rows.set(row.openTime, row)
    if (sequence < this.#firstPending) this.#firstPending = sequence
    return true
  }

  appendAll(records: readonly LiveRecord[], count: number, sequence: number): void {
    for (let index = 0; index < count; index++) this.append(records[index]!, sequence)
  }

  gap(gap: Gap): void {
    this.#gaps.push(gap)
  }

  async flush(): Promise<number> {
    if (this.#rows.size === 0 && this.#gaps.length === 0) return 0
    const rows = this.#rows
    const gaps = this.#gaps
    const first = this.#firstPending
    this.#rows = new Map()
    this.#gaps = []
    this.#firstPending = Number.POSITIVE_INFINITY
    try {
      const sorted = [...rows.values()].sort((a, b) => a.openTime - b.openTime)
      await using writer = await this.#lake.writer(this.#series)
      await writer.commit({
        batches: sorted.length > 0 ? [batchOf(sorted)] : [],
        covered: [...this.#covered(sorted), ...gaps.map(({ from, to }) => ({ from, to, source: 'rest' as const }))],
        findings: gaps,
      })
      return rows.size
    } catch (error) {
      // What came meanwhile is newer than what is put back.
      for (const [time, row] of rows) if (!this.#rows.has(time)) this.#rows.set(time, row)
      this.#gaps.unshift(...gaps)
      this.#firstPending = Math.min(first, this.#firstPending)
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush()
  }

  /** Candles that follow one another cover the time that they stand for; a missing one is left to be asked for. */
  #covered(rows: readonly LiveCandle[]): CoveredRange[] {
    const ranges: { from: number; to: number; source: 'stream' }[] = []
    for (const { openTime } of rows) {
      const last = ranges.at(-1)
      if (last?.to === openTime) last.to = nextOpen(this.#grid, openTime)
      else ranges.push({ from: openTime, to: nextOpen(this.#grid, openTime), source: 'stream' })
    }
    return ranges
  }
}

function batchOf(rows: readonly LiveCandle[]): Batch {
  const columns: Record<string, Float64Array> = {}
  for (const { name, property } of candle.columns)
    columns[name] = Float64Array.from(rows, (row) => (row as unknown as Record<string, number>)[property] as number)
  return { length: rows.length, columns }
}

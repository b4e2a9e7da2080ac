import { candle } from '../../model/candle.ts'
import type { GapCause } from '../../model/coverage.ts'
import { addOpens, ceilOpen, floorOpen, type Interval, type IntervalGrid } from '../../model/interval.ts'
import { type LiveRecord, RecordFlag, type RecordId } from '../../model/live/index.ts'
import { candlesOf } from './candle-rows.ts'
import { SeriesHistory } from './event-history.ts'

/** A candle of REST may still change so long after its end, ms. */
const SETTLES = 2000

/** Closed candles, one per interval. */
export class CandleHistory extends SeriesHistory {
  protected readonly absence: readonly [GapCause, string] = [
    'exchange-outage',
    'REST has the candles around, but not these',
  ]
  #grid: IntervalGrid | undefined

  async start(from: number): Promise<RecordId> {
    const { collector, series, signal } = this.options
    const coverage = await collector.lake?.coverage(series)
    const isStored = coverage?.covered.some((range) => range.from <= from && from < range.to) ?? false
    if (coverage?.origin !== undefined || (isStored && this.#interval !== '3d')) {
      this.#grid = { interval: this.#interval, ...(coverage?.origin === undefined ? {} : { origin: coverage.origin }) }
    }
    if (isStored && this.#grid) return ceilOpen(this.#grid, from)
    const { market, symbol } = series
    const request = { market, symbol, interval: this.#interval, from, signal }
    const first = await this.patiently(() => collector.client.nextOpen(request))
    this.#grid ??= { interval: this.#interval, ...(first === undefined ? {} : { origin: first }) }
    return first ?? ceilOpen(this.#grid, from)
  }

  async newest(): Promise<RecordId> {
    const { collector, series, signal } = this.options
    const now = await this.patiently(() => collector.client.now(series.market, signal))
    const grid = this.#grid ?? { interval: this.#interval }
    return addOpens(grid, floorOpen(grid, now - SETTLES), -1)
  }

  protected async *stored(first: RecordId, last: RecordId): AsyncGenerator<LiveRecord, void, void> {
    const { collector, series, signal } = this.options
    const columns = candle.columns.map((spec) => spec.name)
    const batches = collector.lake?.read(series, { from: Number(first), to: Number(last) + 1, columns, signal })
    if (batches) for await (const batch of batches) yield* candlesOf(series, batch)
  }

  protected async *asked(first: RecordId, last: RecordId): AsyncGenerator<readonly LiveRecord[], void, void> {
    const { collector, series, sequence, signal } = this.options
    const { market, symbol } = series
    // One more than wanted: it shows that REST has come so far.
    const to = Number(sequence.next(last)) + 1
    const request = { market, symbol, interval: this.#interval, from: Number(first), to, signal }
    for await (const { batch } of collector.client.candlePages(request)) {
      yield candlesOf(series, batch, RecordFlag.rest)
    }
  }

  protected override span(first: RecordId, last: RecordId): { from: number; to: number } {
    return { from: Number(first), to: Number(this.options.sequence.next(last)) }
  }

  get #interval(): Interval {
    return this.options.series.interval!
  }
}

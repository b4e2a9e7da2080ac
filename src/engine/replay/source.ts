import { type Batch, concatBatches, sliceBatch } from '../../model/batch.ts'
import type { StoredRecord } from '../../model/history/index.ts'
import { intervalLength } from '../../model/interval.ts'
import type { Kind } from '../../model/kind.ts'
import { kindOf } from '../../model/kinds.ts'
import { isPriceCandle } from '../../model/price-candle.ts'
import type { SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import { EventRecords } from '../../store/lake/event-records.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { candlesOf, continuousCandlesOf, priceCandlesOf } from '../live/candle-rows.ts'
import { knownAt } from './order.ts'

/** What a source reads. */
export interface SourceQuery extends TimeRange {
  /** Rows that it may have in memory. */
  readonly batchRows: number
  readonly signal: AbortSignal
}

/** Candles made into records at a time. */
const CANDLES_AT_ONCE = 256

/** The records of one stored series in its own order, one at a time; of its rows only a batch is in memory. */
export class SeriesSource implements AsyncDisposable {
  readonly series: SeriesId
  /** Its place among series whose records are known at the same instant; no two of a replay have the same. */
  readonly rank: number
  /** The record that is next; undefined before `load`, and when what is loaded is used up. */
  head: StoredRecord | undefined
  /** When `head` was known, epoch ms. Never falls: what a series tells out of order is known with what came before it. */
  instant: number
  readonly #batches: AsyncGenerator<Iterable<StoredRecord>, void, void>
  #rows: Iterator<StoredRecord> = [][Symbol.iterator]()

  constructor(lake: Lake, series: SeriesId, rank: number, query: SourceQuery) {
    const kind = kindOf(series.kind)
    this.series = series
    this.rank = rank
    this.instant = query.from
    this.#batches = kind.hasInterval ? candles(lake, series, kind, query) : events(lake, series, kind, query)
  }

  /** Goes on to the next record; false when another batch has to be loaded for it. */
  advance(): boolean {
    const { done, value } = this.#rows.next()
    this.head = done ? undefined : value
    if (done) return false
    const instant = knownAt(value)
    if (instant > this.instant) this.instant = instant
    return true
  }

  /** Reads on until there is a record; false at the end of the series. */
  async load(): Promise<boolean> {
    for (;;) {
      const { done, value } = await this.#batches.next()
      if (done) return false
      this.#rows = value[Symbol.iterator]()
      if (this.advance()) return true
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.head = undefined
    this.#rows = [][Symbol.iterator]()
    // A read that was cut short has told its error to whoever waited for it.
    await this.#batches.return().catch(() => {})
  }
}

/**
 * Candles piece by piece of the range. Each piece is a read of its own that is over before its first candle is given, so
 * that DuckDB holds nothing while a replay takes its time.
 */
async function* candles(
  lake: Lake,
  series: SeriesId,
  kind: Kind,
  { from, to, batchRows, signal }: SourceQuery,
): AsyncGenerator<Iterable<StoredRecord>, void, void> {
  const columns = kind.columns.map(({ name }) => name)
  const step = batchRows * intervalLength(series.interval!)
  for (let start = from; start < to; start += step) {
    const batches: Batch[] = []
    const piece = { from: start, to: Math.min(to, start + step), columns, batchRows, signal }
    for await (const batch of lake.read(series, piece)) batches.push(batch)
    if (batches.length > 0) yield candleRecords(series, concatBatches(kind, batches))
  }
}

function* candleRecords(series: SeriesId, batch: Batch): Generator<StoredRecord, void, void> {
  const { kind } = series
  const toRecords: (rows: Batch) => readonly StoredRecord[] = isPriceCandle(kind)
    ? (rows) => priceCandlesOf(series, kind, rows)
    : kind === 'continuousCandle'
      ? (rows) => continuousCandlesOf(series, rows)
      : (rows) => candlesOf(series, rows)
  for (let at = 0; at < batch.length; at += CANDLES_AT_ONCE) {
    yield* toRecords(sliceBatch(batch, at, at + CANDLES_AT_ONCE))
  }
}

/** Events are one read from first to last: their order is that of their ids, which times do not always follow. */
async function* events(
  lake: Lake,
  series: SeriesId,
  kind: Kind,
  query: SourceQuery,
): AsyncGenerator<Iterable<StoredRecord>, void, void> {
  const columns = kind.columns.map(({ name }) => name)
  const records = new EventRecords(kind, series)
  for await (const batch of lake.readEvents(series, { ...query, columns })) yield records.push(batch)
  yield records.end()
}

import type { EventBus } from '../../bus/event-bus.ts'
import { type Channel, EVERY_SYMBOL } from '../../exchanges/stream.ts'
import type { Interval } from '../../model/interval.ts'
import type { LiveKind, LiveRecord } from '../../model/live/index.ts'
import type { Market, SeriesId } from '../../model/series.ts'
import { seriesKey } from '../../model/series.ts'
import type { Handover } from './handover.ts'
import type { LiveSeries } from './live-series.ts'
import type { SeriesSink } from './series-sink.ts'

/** A series and where its records go. */
export interface IntakeSeries {
  readonly series: LiveSeries
  readonly sink: SeriesSink | undefined
}

/**
 * The way of every record: seen once by its series, kept for the lake, told on the bus. Series are found without
 * making a key per record.
 */
export class Intake {
  readonly #exchange: string
  readonly #bus: EventBus
  readonly #handover: Handover
  /** By market and kind, then by symbol, for candles with the interval. */
  readonly #routes = new Map<Market, Map<LiveKind, Map<string, IntakeSeries>>>()
  readonly #all = new Map<string, IntakeSeries>()
  /** Where the last record went, which is where the next one mostly goes. */
  #last: IntakeSeries | undefined
  /** Records of series that nobody asked for. */
  unrouted = 0

  constructor(exchange: string, bus: EventBus, handover: Handover) {
    this.#exchange = exchange
    this.#bus = bus
    this.#handover = handover
  }

  get all(): Iterable<IntakeSeries> {
    return this.#all.values()
  }

  find(id: SeriesId): IntakeSeries | undefined {
    return this.#all.get(seriesKey(id))
  }

  add(entry: IntakeSeries): void {
    this.#last = undefined
    const { id } = entry.series
    const kinds = this.#routes.get(id.market) ?? new Map<LiveKind, Map<string, IntakeSeries>>()
    this.#routes.set(id.market, kinds)
    const symbols = kinds.get(id.kind as LiveKind) ?? new Map<string, IntakeSeries>()
    kinds.set(id.kind as LiveKind, symbols)
    symbols.set(routeKey(id.symbol, id.interval), entry)
    this.#all.set(entry.series.key, entry)
  }

  remove(id: SeriesId): void {
    this.#last = undefined
    this.#routes
      .get(id.market)
      ?.get(id.kind as LiveKind)
      ?.delete(routeKey(id.symbol, id.interval))
    this.#all.delete(seriesKey(id))
  }

  /** The series that a record belongs to. */
  route(record: LiveRecord): IntakeSeries | undefined {
    const id = this.#last?.series.id
    if (
      id !== undefined &&
      id.symbol === record.symbol &&
      id.kind === record.kind &&
      id.market === record.market &&
      (record.kind !== 'candle' || id.interval === record.interval)
    )
      return this.#last
    const symbols = this.#routes.get(record.market)?.get(record.kind)
    if (symbols === undefined) return undefined
    const entry = symbols.get(record.kind === 'candle' ? routeKey(record.symbol, record.interval) : record.symbol)
    if (entry !== undefined) this.#last = entry
    return entry
  }

  /** The id of the series that a record belongs to. */
  idOf(record: LiveRecord): SeriesId {
    const { market, kind, symbol } = record
    const base = { exchange: this.#exchange, market, kind, symbol }
    return record.kind === 'candle' ? { ...base, interval: record.interval } : base
  }

  /** Takes a record in; `sequence` is its place in the spool. Gives where it went when it was new. */
  take(record: LiveRecord, sequence: number, now: number): IntakeSeries | undefined {
    const entry = this.route(record)
    if (entry === undefined) {
      this.unrouted++
      return undefined
    }
    const { series, sink } = entry
    const fresh = series.take(record, now)
    if (fresh && sink !== undefined && series.renewal === undefined) this.#handover.add(sink, record, sequence)
    // Candles in progress are told, and never stored.
    if (fresh || (record.kind === 'candle' && !record.closed)) this.#bus.publish(record)
    return fresh ? entry : undefined
  }
}

function routeKey(symbol: string, interval: Interval | undefined): string {
  return interval === undefined ? symbol : `${symbol}/${interval}`
}

/** The series that a channel fills. Channels of every symbol fill one series per symbol, which come as they appear. */
export function seriesOf(exchange: string, channel: Channel): SeriesId {
  const { market, kind, symbol, interval } = channel
  return { exchange, market, kind, symbol, ...(interval === undefined ? {} : { interval }) }
}

/** Whether a channel of every symbol brings records like this one, whatever its form or speed. */
export function carriesAll({ market, kind, symbol }: Channel, record: LiveRecord): boolean {
  return symbol === EVERY_SYMBOL && market === record.market && kind === record.kind
}

/** Whether a frame holds anything that is stored: candles in progress are not. */
export function isStorable(records: readonly LiveRecord[]): boolean {
  for (let index = 0; index < records.length; index++) {
    const record = records[index] as LiveRecord
    if (record.kind !== 'candle' || record.closed) return true
  }
  return false
}

import type { Transform, TransformRegistry } from '../../analysis/index.ts'
import type { EventBus } from '../../bus/event-bus.ts'
import type { Exchange } from '../../exchanges/exchange.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import type { StoredRecord } from '../../model/history/index.ts'
import { type Interval, parseInterval } from '../../model/interval.ts'
import { kindOf } from '../../model/kinds.ts'
import { assertKnownOptions, type OptionNames } from '../../model/options.ts'
import { type Market, parseMarket, type SeriesId, seriesKey } from '../../model/series.ts'
import { resolveNative } from '../../model/symbol.ts'
import type { TimeInput } from '../../model/time.ts'
import type { FeedGap } from '../live/feed-flow.ts'
import { compareSeries } from './order.ts'
import type { ReplayClock } from './pace.ts'

/** Kinds that a replay has records of. */
export type ReplayKind = StoredRecord['kind']

/** One series of a replay. */
export interface ReplaySeries<K extends ReplayKind = ReplayKind> {
  /** In any spelling: `BTCUSDT`, `BTC/USDT`, `BTC/USDT:USDT`. */
  readonly symbol: string
  readonly market?: Market | string
  /** Default `candle`. */
  readonly kind?: K
  /** Of candles. */
  readonly interval?: Interval | string
}

/**
 * What to replay: each kind of each symbol, candles in each interval; and the `series` named one by one. Bounds are those
 * of `getData`; one that is left out is that of what the lake holds of each series.
 */
export interface ReplayRequest<K extends ReplayKind = ReplayKind> {
  readonly symbol?: string
  readonly symbols?: readonly string[]
  /** Market of symbols that name none. */
  readonly market?: Market | string
  /** Default `candle`. */
  readonly kind?: K
  readonly kinds?: readonly K[]
  /** Of candles. */
  readonly interval?: Interval | string
  readonly intervals?: readonly (Interval | string)[]
  readonly series?: readonly ReplaySeries<K>[]
  /** First instant wanted. */
  readonly startTime?: TimeInput
  /** Last instant wanted. A date stands for its whole day. */
  readonly endTime?: TimeInput
  /** First instant wanted. */
  readonly from?: TimeInput
  /** First instant no longer wanted. */
  readonly to?: TimeInput
}

/** Transforms by themselves or by their names. */
export type TransformList = readonly (string | Transform)[]

/** How to replay. */
export interface ReplayOptions {
  /** Times as fast as it happened: 1 is real time. Without it, as fast as the reader takes the records. */
  readonly speed?: number
  /**
   * Transforms of the rows of each series: one list for all, or one for each kind. Each record then comes with its row;
   * those that a transform drops are left out.
   */
  readonly transforms?: TransformList | Readonly<Partial<Record<ReplayKind, TransformList>>>
  /**
   * Every record is published here too, before it is given, under the topics of live data. It waits as long as the buffer of
   * any reader of the bus is full.
   */
  readonly bus?: EventBus
  /** Told of what is missing, before the first record that was known after its start. */
  readonly onGap?: (gap: FeedGap) => void
  /** Ends the replay with the signal's error. */
  readonly signal?: AbortSignal
  /** What the speed is measured by; the monotonic clock of the process when left out. */
  readonly clock?: ReplayClock
}

const REQUEST: OptionNames<ReplayRequest> = {
  symbol: true,
  symbols: true,
  market: true,
  kind: true,
  kinds: true,
  interval: true,
  intervals: true,
  series: true,
  startTime: true,
  endTime: true,
  from: true,
  to: true,
}

const OPTIONS: OptionNames<ReplayOptions> = {
  speed: true,
  transforms: true,
  bus: true,
  onGap: true,
  signal: true,
  clock: true,
}

const DEFAULT_KIND: ReplayKind = 'candle'

/** Where what a request leaves open is found. */
export interface ReplayDefaults {
  readonly exchange: Exchange
  readonly market: Market
  /** Where names of transforms are looked up. */
  readonly registry: TransformRegistry | undefined
  /** Ends the replay as the signal of its options does. */
  readonly closing?: AbortSignal
}

/** @throws ConfigError for a field or an option that there is none of, with the nearest one. */
export function assertReplay(request: ReplayRequest, options: ReplayOptions): void {
  // What says how stands behind what says what.
  assertKnownOptions('The request of a replay', request, REQUEST)
  assertKnownOptions('replay', options, OPTIONS)
}

/**
 * The series that a request names, each once, in the order of records that were known at the same instant.
 * @throws InvalidRangeError, InvalidSymbolError for what can be no series, and for a request that names none.
 */
export function seriesOfRequest(request: ReplayRequest, defaults: ReplayDefaults): SeriesId[] {
  const { market } = request
  const symbols = [...(request.symbols ?? []), ...(request.symbol === undefined ? [] : [request.symbol])]
  const kinds = [...(request.kinds ?? []), ...(request.kind === undefined ? [] : [request.kind])]
  const intervals = [...(request.intervals ?? []), ...(request.interval === undefined ? [] : [request.interval])]
  const named = symbols.flatMap((symbol): ReplaySeries[] =>
    (kinds.length > 0 ? kinds : [DEFAULT_KIND]).flatMap((kind) => {
      const wish = { symbol, kind, ...(market === undefined ? {} : { market }) }
      return kindOf(kind).hasInterval && intervals.length > 0
        ? intervals.map((interval) => ({ ...wish, interval }))
        : [wish]
    }),
  )
  const found = new Map<string, SeriesId>()
  for (const wish of [...named, ...(request.series ?? [])]) {
    const series = seriesOf({ ...(market === undefined ? {} : { market }), ...wish }, defaults)
    found.set(seriesKey(series), series)
  }
  if (found.size === 0) {
    throw new InvalidRangeError('Say what to replay: symbol or symbols, with kinds and intervals, or series.')
  }
  return [...found.values()].sort(compareSeries)
}

function seriesOf(wish: ReplaySeries, { exchange, market: fallback }: ReplayDefaults): SeriesId {
  const { id: kind, hasInterval } = kindOf(wish.kind ?? DEFAULT_KIND)
  const chosen = wish.market === undefined ? undefined : parseMarket(wish.market)
  const { market, symbol: id } = resolveNative(wish.symbol, chosen, fallback)
  if (!exchange.markets.includes(market)) {
    throw new InvalidRangeError(
      `${exchange.id} has no market ${market} here. Use one of ${exchange.markets.join(', ')}.`,
    )
  }
  const symbol = exchange.seriesSymbol?.(market, kind, id) ?? id
  const series = { exchange: exchange.id, market, kind, symbol }
  if (!hasInterval) return series
  if (wish.interval === undefined) {
    throw new InvalidRangeError(`interval is missing: candles of ${wish.symbol} need one, e.g. 1m.`)
  }
  return { ...series, interval: parseInterval(wish.interval) }
}

import type { Table } from 'apache-arrow'
import { type IndicatorInput, IndicatorRunner, type Transform, transformRegistry } from '../../analysis/index.ts'
import type { EventBus } from '../../bus/event-bus.ts'
import { topicOf } from '../../bus/topics.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import { addOpens, floorOpen, type Interval } from '../../model/interval.ts'
import type { LiveCandle, LiveKind, LiveRecord, RecordOf } from '../../model/live/index.ts'
import { type Log, silentLog } from '../../model/log.ts'
import { type Market, type SeriesId, seriesKey } from '../../model/series.ts'
import { parseTime, type TimeInput } from '../../model/time.ts'
import type { GetDataRequest } from '../data-source-manager.ts'
import type { Collector } from './collector.ts'
import { EventHistory } from './event-history.ts'
import { type IndicatorUpdate, type TransformedRecord, withIndicators, withTransforms } from './feed-analysis.ts'
import { CandleHistory } from './feed-candles.ts'
import type { FeedGap, FeedOverflow, Flow } from './feed-flow.ts'
import type { LatestData } from './feed-latest.ts'
import { OrderedFlow } from './feed-ordered.ts'
import { PlainFlow } from './feed-plain.ts'
import { FeedStream } from './feed-stream.ts'
import { isCounted } from './feed-window.ts'
import { ID_SEQUENCE } from './id-ledger.ts'
import { candleSequence } from './tracker.ts'

/** Which series of a symbol is meant. */
export interface FeedTarget<K extends LiveKind = LiveKind> {
  readonly kind: K
  /** Default: the market of the service, or the one that the symbol names. */
  readonly market?: Market | string
  /** Of candles; when left out, the one that the symbol is subscribed with. */
  readonly interval?: Interval | string
}

export interface FeedOptions<K extends LiveKind = LiveKind> extends FeedTarget<K> {
  /** First instant wanted: what happened since comes first. Without it, what happens from now on. */
  readonly from?: TimeInput
  /** Records that may wait for the reader. Default 10,000. */
  readonly bound?: number
  /** What happens at the bound. Default `reread` for trades, aggregate trades and candles, `error` for other kinds. */
  readonly overflow?: FeedOverflow
  /**
   * Longest time that records wait for missing ones before them while nothing of these comes in, ms; then the hole is
   * told as a gap with the cause `unknown`. Default 60 s.
   */
  readonly waitMs?: number
  /** Of candles: also tells the candle in progress, again and again; of several states unread only the last. */
  readonly includeOpen?: boolean
  /** Told of what is missing for good, before the record that follows it. */
  readonly onGap?: (gap: FeedGap) => void
  /** Told of a closed candle that the exchange has changed after its close. */
  readonly onRevised?: (record: LiveCandle) => void
  readonly signal?: AbortSignal
}

export interface FeedStatus {
  readonly series: string
  /** Records that wait for the reader. */
  readonly waiting: number
  /** Records lost because the reader was too slow. */
  readonly dropped: number
}

/** What a feed needs of its service. */
export interface FeedSource {
  readonly bus: EventBus
  readonly collector: Collector
  readonly log?: Log
  seriesOf(symbol: string, target: FeedTarget): SeriesId
  latest(series: SeriesId): LatestData | undefined
  /** Collects a series as long as somebody wants it. */
  hold(series: SeriesId, signal: AbortSignal): Promise<void>
  release(series: SeriesId): void
  getHistoricalData(request: HistoryRequest): Promise<Table>
}

/** What to get of the past. `kind` is `candle` when left out; other kinds need no interval. */
export interface HistoryRequest extends Omit<GetDataRequest, 'interval'> {
  readonly interval?: Interval | string
}

/** What indicators on a feed are of, and from when on. */
export interface IndicatorFeedOptions extends Omit<FeedOptions<'candle'>, 'kind'> {
  /**
   * Candles before `from` that the indicators begin with. Default ten times the longest warm-up: recursive averages
   * remember where they began, less and less.
   */
  readonly warmUp?: number
}

const MAX_GAPS = 1000
const OVERFLOWS: readonly FeedOverflow[] = ['reread', 'error', 'drop-oldest', 'drop-newest']
/** Of the longest warm-up: candles before those that are told. */
const WARM_UPS = 10

/** Market data for readers: the last value, the past, and the past that flows into what happens now. */
export class DataFeed {
  readonly #source: FeedSource
  readonly #streams = new Map<FeedStream<LiveRecord>, { readonly series: string; readonly flow: Flow }>()
  readonly #gaps: FeedGap[] = []

  constructor(source: FeedSource) {
    this.#source = source
  }

  /** What subscriptions were told to be missing, oldest first; the last 1000. */
  get gaps(): readonly FeedGap[] {
    return this.#gaps
  }

  /** Open subscriptions. */
  get subscriptions(): readonly FeedStatus[] {
    return [...this.#streams.values()].map(({ series, flow }) => ({
      series,
      waiting: flow.size,
      dropped: flow.dropped,
    }))
  }

  /**
   * The last record of a series and how old it is; also while its connection is down, which `state` says. Undefined
   * before the first record.
   */
  getLatestData<K extends LiveKind>(symbol: string, target: FeedTarget<K>): LatestData<RecordOf<K>> | undefined {
    assertKind(target)
    return this.#source.latest(this.#source.seriesOf(symbol, target)) as LatestData<RecordOf<K>> | undefined
  }

  /** The past as an Arrow table: see `MarketDataService.getHistoricalData`. */
  getHistoricalData(request: HistoryRequest): Promise<Table> {
    return this.#source.getHistoricalData(request)
  }

  /**
   * The records of a series in the order of their identity, each once: with `from` those of the past first, which flow
   * into the live ones without a seam, hole or duplicate, also while a connection is cut. A symbol that is not
   * subscribed is collected as long as somebody reads. Leaving the loop, or `signal`, frees everything.
   *
   * A record beyond a hole waits until the collector has filled the hole or given it up; see `waitMs` and `bound`. What
   * is missing for good is told to `onGap` in its place, and stands in `gaps`.
   * @throws ConfigError when the service is not running; BufferOverflowError from the loop when the reader is too slow and
   * `overflow` is `error`; SequenceGapError from the loop when the exchange began to count its ids anew: what follows has
   * no place behind what came before, so subscribe again; WebSocketConnectionError from the loop when the connection is
   * lost and `autoReconnect` is off.
   */
  subscribeToUpdates<K extends LiveKind>(symbol: string, options: FeedOptions<K>): FeedStream<RecordOf<K>> {
    assertKind(options)
    const { signal } = options
    signal?.throwIfAborted()
    const source = this.#source
    const series = source.seriesOf(symbol, options)
    const stop = new AbortController()
    const flow = this.#flow(series, options, stop.signal)
    const { market, kind, interval } = series
    const offBus = source.bus.on(topicOf(kind as LiveKind, series.symbol), (record: LiveRecord) => {
      if (record.market !== market || (record.kind === 'candle' && record.interval !== interval)) return
      flow.offer(record)
    })
    const key = seriesKey(series)
    const offGaps = source.collector.onGap((id, gap) => {
      if (id.kind === kind && seriesKey(id) === key) flow.gap(gap)
    })
    const stream = new FeedStream<LiveRecord>({
      flow,
      stop,
      ...(signal ? { signal } : {}),
      begin: () => source.hold(series, stop.signal),
      end: () => {
        offBus()
        offGaps()
        source.release(series)
        this.#streams.delete(stream)
      },
    })
    this.#streams.set(stream, { series: key, flow })
    return stream as unknown as FeedStream<RecordOf<K>>
  }

  /**
   * Indicators on the candles of a symbol, from `from` (or now) on: the values that a batch of the same candles has, to
   * the last bit. With `includeOpen` also those of the candle in progress, which change nothing.
   * @throws ConfigError at once for an expression that cannot be read, or that looks ahead.
   */
  indicators(
    symbol: string,
    wanted: IndicatorInput | readonly IndicatorInput[],
    options: IndicatorFeedOptions = {},
  ): AsyncGenerator<IndicatorUpdate, void, void> {
    const runner = new IndicatorRunner(wanted)
    // Nothing is appended, but it is told now and not at the first candle when that cannot be.
    runner.append([])
    return this.#indicators(symbol, runner, { ...options, kind: 'candle' }, options.warmUp)
  }

  async *#indicators(
    symbol: string,
    runner: IndicatorRunner,
    options: FeedOptions<'candle'>,
    warmUp = WARM_UPS * Math.max(...runner.results.map((result) => result.warmUp)),
  ): AsyncGenerator<IndicatorUpdate, void, void> {
    const { seriesOf, collector } = this.#source
    if (!Number.isInteger(warmUp) || warmUp < 0) {
      throw new InvalidRangeError(`warmUp is ${warmUp}; use a whole number of candles from 0.`)
    }
    const { market, interval } = seriesOf(symbol, options)
    const grid = { interval: interval! }
    const from =
      options.from === undefined
        ? floorOpen(grid, await collector.client.now(market, options.signal))
        : parseTime(options.from, 'from')
    const begin = Math.max(0, addOpens(grid, floorOpen(grid, from), -warmUp))
    yield* withIndicators(
      this.subscribeToUpdates(symbol, { ...options, from: warmUp === 0 ? from : begin }),
      runner,
      from,
    )
  }

  /**
   * `subscribeToUpdates` through transforms, by themselves or by their names in `transformRegistry`. Each record comes
   * with its row of columns; those that a transform drops are left out.
   * @throws ConfigError, LookAheadError, InvalidRangeError at once for a transform that is not there or cannot run on a
   * stream.
   */
  transformed<K extends LiveKind>(
    symbol: string,
    transforms: readonly (string | Transform)[],
    options: FeedOptions<K>,
  ): AsyncGenerator<TransformedRecord<RecordOf<K>>, void, void> {
    const resolved = transformRegistry.resolve(transforms)
    return withTransforms({ [Symbol.asyncIterator]: () => this.subscribeToUpdates(symbol, options) }, resolved)
  }

  /** Ends the subscriptions of a series, of which nothing will come any more: readers get what waits, then the error. */
  fail(series: SeriesId, error: Error): void {
    const key = seriesKey(series)
    for (const { series: name, flow } of this.#streams.values()) if (name === key) flow.fail(error)
  }

  /** Ends every subscription; readers still get what waits. */
  close(): void {
    for (const stream of [...this.#streams.keys()]) stream.end()
  }

  #flow(series: SeriesId, options: FeedOptions, signal: AbortSignal): Flow {
    const { collector, log = silentLog } = this.#source
    const { bound = 10_000, waitMs = 60_000 } = options
    const counted = isCounted(series.kind)
    const overflow = options.overflow ?? (counted ? 'reread' : 'error')
    if (!Number.isInteger(bound) || bound < 1) throw new InvalidRangeError(`bound is ${bound}; use a number from 1.`)
    if (!OVERFLOWS.includes(overflow)) {
      throw new InvalidRangeError(`overflow is "${overflow}"; use ${OVERFLOWS.join(', ')}.`)
    }
    if (!(waitMs >= 0)) throw new InvalidRangeError(`waitMs is ${waitMs}; use milliseconds from 0.`)
    const name = seriesKey(series)
    const common = {
      name,
      from: options.from === undefined ? undefined : parseTime(options.from, 'from'),
      bound,
      onGap: (gap: Omit<FeedGap, 'series'>) => this.#tell({ ...gap, series: name }, options.onGap, log),
    }
    if (!counted) {
      if (overflow === 'reread') {
        throw new InvalidRangeError(
          `${series.kind} records can not be asked for again, so overflow can not be "reread". Use error, drop-oldest or drop-newest.`,
        )
      }
      return new PlainFlow({ ...common, collector, series, overflow, signal })
    }
    const sequence = series.kind === 'candle' ? candleSequence({ interval: series.interval! }) : ID_SEQUENCE
    const facts = { collector, series, sequence, signal, log }
    return new OrderedFlow({
      ...common,
      sequence,
      live: () => collector.series(series),
      history: series.kind === 'candle' ? new CandleHistory(facts) : new EventHistory(facts),
      overflow,
      waitMs,
      includeOpen: options.includeOpen ?? false,
      onRevised: options.onRevised,
    })
  }

  #tell(gap: FeedGap, onGap: FeedOptions['onGap'], log: Log): void {
    this.#gaps.push(gap)
    if (this.#gaps.length > MAX_GAPS) this.#gaps.shift()
    try {
      onGap?.(gap)
    } catch (error) {
      log.error({ err: error, series: gap.series }, 'onGap threw')
    }
  }
}

function assertKind(target: FeedTarget | undefined): void {
  if (target?.kind !== undefined) return
  throw new InvalidRangeError('kind is missing: say which series of the symbol is meant, e.g. { kind: "trade" }.')
}

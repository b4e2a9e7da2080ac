import { ConfigError, InvalidRangeError, ParseError, WebSocketConnectionError } from '../../../model/errors.ts'
import type { LiveKind, LiveRecord, RecordOf } from '../../../model/live/index.ts'
import { assertKnownOptions } from '../../../model/options.ts'
import { type Market, parseMarket } from '../../../model/series.ts'
import { tell, watch } from '../../../net/listener.ts'
import {
  type ArrivedFrame,
  type Channel,
  type ChannelStatus,
  type ConnectionStatus,
  type LiveStream,
  STREAM_OPTIONS,
  type StreamEvent,
  type StreamListener,
  type StreamOptions,
} from '../../stream.ts'
import { channelOfStream, checkChannel, checkSymbol, streamName } from '../channels.ts'
import { OVERFLOWS, type RecordOverflow, RecordReader } from './record-reader.ts'
import { StreamPool } from './stream-pool.ts'
import { Twins } from './twins.ts'

export interface BinanceStreamOptions extends StreamOptions {
  /** Market of stream names that are given as text; spot when left out. */
  readonly market?: Market
}

/** A channel, or Binance's name of its stream (`btcusdt@trade`). */
export type ChannelOrName = Channel | string

export interface StreamSubscribeOptions {
  /** Market of names; the stream's own when left out. */
  readonly market?: Market
  readonly signal?: AbortSignal
}

export interface RecordsOptions<K extends LiveKind = LiveKind> {
  /** Only these kinds. */
  readonly kinds?: readonly K[]
  /** Only these symbols, by the exchange's ids. */
  readonly symbols?: readonly string[]
  readonly market?: Market
  /** Channels that are subscribed while the loop runs, in addition to those of `subscribe`. */
  readonly channels?: readonly ChannelOrName[]
  /** Records that may wait for the loop. Default 10,000. */
  readonly bound?: number
  /** What happens when so many wait. Default `error`. */
  readonly overflow?: RecordOverflow
  readonly signal?: AbortSignal
}

/** Kinds that a stream can bring. */
export type StreamKind = Channel['kind']

type Handlers = { [K in StreamKind]: Set<(record: RecordOf<K>) => void> }

const KINDS: readonly StreamKind[] = [
  'candle',
  'trade',
  'aggTrade',
  'bookDelta',
  'bookSnapshot',
  'quote',
  'ticker',
  'markPrice',
  'liquidation',
]

/**
 * Live market data of Binance. Subscribe to channels, then take records by handlers (`on`, `onTrade`, …) or in a loop
 * (`for await … of stream.records()`). Connections are pooled, watched and replaced behind it; what happens to them is
 * told by `onEvent`, what goes wrong by `onError`.
 *
 * Records that the exchange sent while no connection was there are lost here: `MarketDataService` and `ticklake collect`
 * fetch them.
 */
export class BinanceStream implements LiveStream {
  readonly #market: Market
  readonly #pool: StreamPool
  readonly #log: NonNullable<StreamOptions['log']>
  readonly #listener: StreamListener
  readonly #twins = new Twins()
  readonly #handlers: Handlers
  readonly #eventHandlers = new Set<(event: StreamEvent) => void>()
  readonly #errorHandlers = new Set<(error: Error) => void>()
  readonly #readers = new Set<{ wants(record: LiveRecord): boolean; reader: RecordReader }>()
  /** Channels of `subscribe`, by market and stream name: no loop ends them. */
  readonly #own = new Set<string>()
  /** How many loops hold a channel. */
  readonly #held = new Map<string, number>()

  /** `listener` sees every frame as it arrived, with records of overlapping connections still in double. */
  /** @throws ConfigError for an option that is not there, or that makes no sense. */
  constructor(options: BinanceStreamOptions = {}, listener: StreamListener = {}) {
    assertKnownOptions('BinanceStream', options, { ...STREAM_OPTIONS, market: true })
    this.#market = parseMarket(options.market ?? 'spot')
    this.#listener = listener
    this.#handlers = Object.fromEntries(KINDS.map((kind) => [kind, new Set()])) as unknown as Handlers
    this.#pool = new StreamPool(options, {
      frame: (frame) => this.#frame(frame),
      event: (event) => this.#event(event),
    })
    this.#log = this.#pool.settings.log
  }

  /**
   * Adds channels; those that are there already stay. Resolves when Binance acknowledged them, which it also does for
   * symbols that do not exist: the event `live` tells that data come.
   * @throws InvalidRangeError for a channel that Binance does not have.
   */
  async subscribe(
    channels: ChannelOrName | readonly ChannelOrName[],
    options: StreamSubscribeOptions = {},
  ): Promise<void> {
    await this.#subscribe(this.#channels(channels, options.market), options)
  }

  /** Ends channels, those of loops too. */
  async unsubscribe(
    channels: ChannelOrName | readonly ChannelOrName[],
    options: StreamSubscribeOptions = {},
  ): Promise<void> {
    await this.#unsubscribe(this.#channels(channels, options.market), options)
  }

  /** Puts one channel in the place of another, e.g. with another depth, the new one first. */
  async replace(old: ChannelOrName, next: ChannelOrName, options: StreamSubscribeOptions = {}): Promise<void> {
    const [from, to] = [this.#channels(old, options.market), this.#channels(next, options.market)]
    await this.#subscribe(to, options)
    if (keyOf(from[0]!) !== keyOf(to[0]!)) await this.#unsubscribe(from, options)
  }

  /** Calls back for every record of a kind. Returns what ends it. */
  on<K extends StreamKind>(kind: K, handler: (record: RecordOf<K>) => void): () => void {
    const handlers: Handlers[K] | undefined = Object.hasOwn(this.#handlers, kind) ? this.#handlers[kind] : undefined
    if (!handlers) throw noSuchKind(kind)
    if (typeof handler !== 'function') throw new ConfigError(`The handler of ${kind} records is no function.`)
    handlers.add(handler)
    return () => void handlers.delete(handler)
  }

  onTrade(handler: (record: RecordOf<'trade'>) => void): () => void {
    return this.on('trade', handler)
  }

  onAggTrade(handler: (record: RecordOf<'aggTrade'>) => void): () => void {
    return this.on('aggTrade', handler)
  }

  /** Candles come again and again until `closed`. */
  onCandle(handler: (record: RecordOf<'candle'>) => void): () => void {
    return this.on('candle', handler)
  }

  onBookDelta(handler: (record: RecordOf<'bookDelta'>) => void): () => void {
    return this.on('bookDelta', handler)
  }

  onBookSnapshot(handler: (record: RecordOf<'bookSnapshot'>) => void): () => void {
    return this.on('bookSnapshot', handler)
  }

  onQuote(handler: (record: RecordOf<'quote'>) => void): () => void {
    return this.on('quote', handler)
  }

  onTicker(handler: (record: RecordOf<'ticker'>) => void): () => void {
    return this.on('ticker', handler)
  }

  onMarkPrice(handler: (record: RecordOf<'markPrice'>) => void): () => void {
    return this.on('markPrice', handler)
  }

  onLiquidation(handler: (record: RecordOf<'liquidation'>) => void): () => void {
    return this.on('liquidation', handler)
  }

  /** What happens on the connections. */
  onEvent(handler: (event: StreamEvent) => void): () => void {
    this.#eventHandlers.add(handler)
    return () => void this.#eventHandlers.delete(handler)
  }

  /** Lost connections, refused channels, bad frames, and exceptions of handlers. None of them ends the stream. */
  onError(handler: (error: Error) => void): () => void {
    this.#errorHandlers.add(handler)
    return () => void this.#errorHandlers.delete(handler)
  }

  /**
   * Records as they come, for one `for await` loop. At most `bound` wait for it; `overflow` says what happens then.
   * Leaving the loop ends the channels that it subscribed itself and frees what waits. The loop ends with `close`; without
   * `autoReconnect` also with the error of the last connection that is lost.
   */
  records<K extends LiveKind = LiveKind>(options: RecordsOptions<K> = {}): RecordReader<RecordOf<K>> {
    const { kinds, market, bound = 10_000, overflow = 'error', signal } = options
    if (!Number.isInteger(bound) || bound < 1) throw new ConfigError(`bound: ${bound} is not a whole number above 0.`)
    if (!OVERFLOWS.includes(overflow)) throw new ConfigError(`overflow is "${overflow}"; use ${OVERFLOWS.join(', ')}.`)
    const wantedKinds = kinds && new Set<string>(listed('kinds', kinds))
    for (const kind of wantedKinds ?? []) if (!(KINDS as readonly string[]).includes(kind)) throw noSuchKind(kind)
    const wantedSymbols = options.symbols && new Set(listed('symbols', options.symbols).map(idOf))
    const channels = this.#channels(options.channels ?? [], market)
    let held: readonly Channel[] = []
    const onAbort = (): void => reader.fail(signal!.reason as Error)
    const reader = new RecordReader({
      bound,
      overflow,
      begin: async () => {
        this.#hold(channels)
        held = channels
        await this.#pool.subscribe(channels, signal ? { signal } : {})
      },
      end: async () => {
        signal?.removeEventListener('abort', onAbort)
        this.#readers.delete(entry)
        await this.#letGo(held)
        held = []
      },
    })
    const entry = {
      reader,
      wants: (record: LiveRecord) =>
        (wantedKinds === undefined || wantedKinds.has(record.kind)) &&
        (wantedSymbols === undefined || wantedSymbols.has(record.symbol)) &&
        (market === undefined || market === record.market),
    }
    this.#readers.add(entry)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted) onAbort()
    return reader as RecordReader<LiveRecord> as RecordReader<RecordOf<K>>
  }

  channels(): readonly ChannelStatus[] {
    return this.#pool.channels()
  }

  connections(): readonly ConnectionStatus[] {
    return this.#pool.connections()
  }

  reconnect(): Promise<void> {
    return this.#pool.reconnect()
  }

  /** Reads nothing until `resume`: for seconds only, because Binance hangs up on who does not read for long. */
  pause(): void {
    this.#pool.pause()
  }

  resume(): void {
    this.#pool.resume()
  }

  async close(): Promise<void> {
    await this.#pool.close()
    for (const { reader } of [...this.#readers]) reader.fail()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #channels(wanted: ChannelOrName | readonly ChannelOrName[], market: Market | undefined): Channel[] {
    const list = Array.isArray(wanted) ? (wanted as readonly ChannelOrName[]) : [wanted as ChannelOrName]
    const where = market === undefined ? this.#market : parseMarket(market)
    return list.map((one) => {
      if (typeof one === 'string') return channelOfStream(one, where)
      checkChannel(one)
      return one
    })
  }

  async #subscribe(channels: readonly Channel[], options: StreamSubscribeOptions): Promise<void> {
    const fresh = channels.map(keyOf).filter((key) => !this.#own.has(key))
    // Before the exchange answers: a loop that is left meanwhile must not end them.
    for (const key of fresh) this.#own.add(key)
    try {
      await this.#pool.subscribe(channels, options)
    } catch (error) {
      const present = new Set(this.#pool.channels().map(({ channel }) => keyOf(channel)))
      for (const key of fresh) if (!present.has(key) || this.#held.has(key)) this.#own.delete(key)
      throw error
    }
  }

  async #unsubscribe(channels: readonly Channel[], options: StreamSubscribeOptions): Promise<void> {
    for (const channel of channels) this.#own.delete(keyOf(channel))
    await this.#pool.unsubscribe(channels, options)
  }

  #hold(channels: readonly Channel[]): void {
    for (const channel of channels) this.#held.set(keyOf(channel), (this.#held.get(keyOf(channel)) ?? 0) + 1)
  }

  async #letGo(channels: readonly Channel[]): Promise<void> {
    const last: Channel[] = []
    for (const channel of channels) {
      const key = keyOf(channel)
      const count = (this.#held.get(key) ?? 1) - 1
      if (count > 0) this.#held.set(key, count)
      else {
        this.#held.delete(key)
        if (!this.#own.has(key)) last.push(channel)
      }
    }
    if (last.length === 0 || this.#pool.isClosed) return
    try {
      await this.#pool.unsubscribe(last)
    } catch (error) {
      this.#report(error as Error)
    }
  }

  #frame(frame: ArrivedFrame): void {
    if (this.#listener.frame) this.#call((arrived) => this.#listener.frame?.(arrived), frame)
    const isOverlapping = this.#pool.isOverlapping
    if (!isOverlapping) this.#twins.clear()
    for (const record of frame.records) {
      if (isOverlapping && !this.#twins.isFirst(record)) continue
      const handlers = this.#handlers[record.kind as StreamKind] as Set<(record: LiveRecord) => void>
      for (const handler of handlers) this.#call(handler, record)
      for (const { wants, reader } of this.#readers) if (wants(record)) reader.push(record)
    }
  }

  #event(event: StreamEvent): void {
    for (const handler of this.#eventHandlers) this.#call(handler, event)
    const error = errorOf(event)
    if (error) this.#report(error)
    if (event.type === 'closed' && error && this.#isDead()) {
      // Nothing would ever come again, and a loop must not wait for it.
      for (const { reader } of [...this.#readers]) reader.fail(error)
    }
    this.#call((happened) => this.#listener.event?.(happened), event)
  }

  /** Every connection is lost, and none is made again. */
  #isDead(): boolean {
    return !this.#pool.settings.autoReconnect && this.#pool.channels().every(({ state }) => state === 'down')
  }

  #call<T>(handler: (value: T) => void, value: T): void {
    try {
      const result: unknown = handler(value)
      if (result !== undefined) watch(result, (error) => this.#threw(error))
    } catch (error) {
      this.#threw(error)
    }
  }

  #threw(error: unknown): void {
    this.#report(error instanceof Error ? error : new ParseError('a handler', String(error)))
  }

  #report(error: Error): void {
    this.#log.warn({ error }, 'a stream has trouble')
    for (const handler of this.#errorHandlers) {
      tell(handler, error, (second) => this.#log.error({ error: second }, 'an error handler of a stream threw'))
    }
  }
}

function keyOf(channel: Channel): string {
  return `${channel.market}/${streamName(channel)}`
}

function noSuchKind(kind: unknown): InvalidRangeError {
  return new InvalidRangeError(`There are no records of the kind "${String(kind)}". Use ${KINDS.join(', ')}.`)
}

/** A text is iterable too, and would be taken for a list of letters. */
function listed<T>(name: string, list: readonly T[]): readonly T[] {
  if (Array.isArray(list)) return list
  throw new ConfigError(`${name} is ${JSON.stringify(list)}; give a list.`)
}

/** Records name symbols in capitals, as the exchange does. */
function idOf(symbol: string): string {
  checkSymbol(symbol, 'symbols')
  return symbol.toUpperCase()
}

/** The error that an event is about; undefined for one that is none. */
function errorOf(event: StreamEvent): Error | undefined {
  switch (event.type) {
    case 'closed':
      return event.planned
        ? undefined
        : new WebSocketConnectionError(
            `Connection ${event.connection} to binance ${event.market} was lost (${event.code}${event.reason === '' ? '' : `: ${event.reason}`}).`,
            { exchange: 'binance' },
          )
    case 'refused':
      return new WebSocketConnectionError(`${event.channels.map(streamName).join(', ')}: ${event.reason}.`, {
        exchange: 'binance',
        retryable: false,
      })
    case 'bad-frame':
      return new ParseError(`a frame of binance ${event.market}`, event.problem, { exchange: 'binance' })
    default:
      return undefined
  }
}

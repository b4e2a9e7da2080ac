import type { Table } from 'apache-arrow'
import type { BookSync } from '../../book/index.ts'
import type { EventBus } from '../../bus/event-bus.ts'
import type { Exchange } from '../../exchanges/exchange.ts'
import { exchangeOf } from '../../exchanges/index.ts'
import { type Channel, channelKey, type LiveExchange, type StreamEvent } from '../../exchanges/stream.ts'
import { ConfigError } from '../../model/errors.ts'
import { type Log, silentLog } from '../../model/log.ts'
import { type Market, parseMarket, type SeriesId, seriesKey } from '../../model/series.ts'
import { resolveNative } from '../../model/symbol.ts'
import { linkSignals } from '../../net/abort.ts'
import { assertOptions } from './assert-options.ts'
import { Collector } from './collector.ts'
import type { CollectorReport } from './collector-report.ts'
import { DataFeed, type FeedSource, type FeedTarget, type HistoryRequest } from './feed.ts'
import { LatestValues } from './feed-latest.ts'
import { areTwoForms } from './forms.ts'
import { LostSeries } from './lost-series.ts'
import {
  changedState,
  channelsOf,
  joinedState,
  namedState,
  type SymbolState,
  WantedChannels,
} from './service-channels.ts'
import { ServiceHistory } from './service-history.ts'
import { seriesOfChannel, seriesOfTarget } from './service-series.ts'
import { assertListed } from './service-symbols.ts'
import type {
  MarketDataServiceOptions,
  ServiceStatistics,
  SubscribeSymbolOptions,
  SymbolSubscription,
  UpdateSubscriptionOptions,
} from './service-types.ts'

interface Held {
  readonly channel: Channel
  count: number
}

interface Entry {
  readonly symbol: string
  readonly market: Market
  state: SymbolState
  channels: readonly Channel[]
}

/**
 * Live market data for a program: subscribe to symbols, read their records, books, latest values and past. Without a
 * `dataDir` nothing is stored; holes are filled all the same.
 */
export class MarketDataService implements AsyncDisposable {
  readonly feed: DataFeed
  readonly #options: MarketDataServiceOptions
  readonly #log: Log
  readonly #exchange: Exchange
  readonly #live: LiveExchange
  readonly #market: Market
  readonly #history: ServiceHistory
  readonly #latest = new LatestValues()
  readonly #entries = new Map<string, Entry>()
  readonly #wanted = new WantedChannels()
  /** Symbols that the exchange has, as far as it was asked. */
  readonly #listed = new Set<string>()
  /** Channels of feeds, by series. */
  readonly #held = new Map<string, Held>()
  /** Undefined where lost connections are made again. */
  readonly #lost: LostSeries | undefined
  readonly #closing = new AbortController()
  #collector: Collector | undefined
  #starting: Promise<void> | undefined
  #stopped: Promise<CollectorReport | undefined> | undefined
  /** Changes of channels happen one after another. */
  #change: Promise<unknown> = Promise.resolve()

  /**
   * Connects to nothing yet: `start` does.
   * @throws ConfigError for an exchange without streams, and for an option that makes no sense.
   */
  constructor(options: MarketDataServiceOptions = {}) {
    assertOptions(options, 'MarketDataService', { market: true })
    this.#options = options
    this.#log = options.log ?? silentLog
    this.#exchange = exchangeOf(options.exchange ?? 'binance')
    const { live } = this.#exchange
    if (!live) throw new ConfigError(`${this.#exchange.id} has no live side in ticklake.`)
    this.#live = live
    this.#market = parseMarket(options.market ?? 'spot')
    this.#lost = options.stream?.autoReconnect === false ? new LostSeries(this.#exchange.id) : undefined
    const { dataDir, client, log } = options
    const { onRetry: _, ...rest } = client ?? {}
    this.#history = new ServiceHistory({
      ...rest,
      exchange: this.#exchange.id,
      market: this.#market,
      ...(dataDir === undefined ? {} : { dataDir }),
      ...(log ? { log } : {}),
    })
    this.feed = new DataFeed(this.#source())
  }

  /** Every new record, in the order of arrival. */
  get bus(): EventBus {
    return this.collector.bus
  }

  /** The collector underneath. @throws ConfigError before the start. */
  get collector(): Collector {
    if (this.#collector) return this.#collector
    throw new ConfigError('The service is not started: call start() first.')
  }

  /** Symbols subscribed now. */
  get subscriptions(): readonly SymbolSubscription[] {
    return [...this.#entries.values()].map((entry) => this.#handle(entry))
  }

  /**
   * Opens the lake and begins to collect what was subscribed before. A second call waits for the first.
   * @throws InvalidSymbolError for a symbol that the exchange does not have; it is not subscribed any more.
   */
  start(signal?: AbortSignal): Promise<void> {
    this.#assertOpen()
    this.#starting ??= this.#start(signal).catch((error: unknown) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  /** Ends every subscription, moves all to the lake, and closes. Gives the last report; undefined without a start. */
  stop(options: { repairMs?: number } = {}): Promise<CollectorReport | undefined> {
    this.#stopped ??= this.#stop(options)
    return this.#stopped
  }

  /** `stop`, without its report. */
  async close(): Promise<void> {
    await this.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * Subscribes to kinds of a symbol, given in any spelling. What it is subscribed with already stays. Resolves when the
   * exchange acknowledged; before `start`, at once: the symbol is then looked up when it starts.
   * @throws InvalidSymbolError for a symbol that the exchange does not have, naming the nearest; InvalidRangeError for
   * what it can't have of it.
   */
  async subscribeSymbol(symbol: string, options: SubscribeSymbolOptions): Promise<SymbolSubscription> {
    this.#assertOpen()
    // Without options, what is missing is told, and what there is.
    const { market, signal, ...wanted } = (options as SubscribeSymbolOptions | undefined) ?? { kinds: [] }
    const native = this.#native(symbol, market)
    const wish = changedState(undefined, wanted)
    // Looked at before anything is changed.
    channelsOf(this.#live, native.market, native.symbol, wish)
    await this.#starting?.catch(() => {})
    await this.#assertListed(native, signal)
    const there = this.#entries.get(entryKey(native))
    const entry = there ?? { ...native, state: wish, channels: [] }
    this.#entries.set(entryKey(native), entry)
    await this.#set(entry, there ? joinedState(there.state, wish) : wish, signal)
    return this.#handle(entry)
  }

  /**
   * Changes kinds, intervals, depth or speed of a subscribed symbol. New channels are added before old ones end, and
   * those that stay are not touched.
   * @throws ConfigError for a symbol that is not subscribed.
   */
  async updateSubscription(symbol: string, changes: UpdateSubscriptionOptions = {}): Promise<SymbolSubscription> {
    const entry = this.#entry(symbol, changes.market)
    await this.#set(entry, changedState(entry.state, changes), changes.signal)
    return this.#handle(entry)
  }

  /** Ends the subscription of a symbol. @throws ConfigError for a symbol that is not subscribed. */
  async unsubscribeSymbol(
    symbol: string,
    options: { market?: Market | string; signal?: AbortSignal } = {},
  ): Promise<void> {
    await this.#remove(this.#entry(symbol, options.market), options.signal)
  }

  /** The book of a symbol that is subscribed with `bookDelta`; undefined without one. */
  book(symbol: string, market?: Market | string): BookSync | undefined {
    const native = this.#native(symbol, market)
    return this.#collector?.book(native.market, native.symbol)
  }

  /**
   * The past as an Arrow table: candles joined from lake, archive and REST (from REST alone without a `dataDir`), events
   * from the lake (trades and aggregate trades without one: from REST).
   */
  async getHistoricalData(request: HistoryRequest): Promise<Table> {
    const kind = request.kind ?? 'candle'
    if (kind === 'candle') return this.#history.candles(request)
    const series = this.#series(request.symbol, { ...request, kind: kind as FeedTarget['kind'] })
    return this.#history.events(series, request, this.collector)
  }

  /** Forgets the latest values, until the next record of each series. What is stored stays. */
  clearCache(): void {
    this.#latest.clear()
  }

  getStatistics(): ServiceStatistics {
    const collector = this.#collector
    const { published = 0, readers = 0, handlerErrors = 0 } = collector?.bus ?? {}
    return {
      running: collector !== undefined && this.#stopped === undefined,
      startedAt: collector?.startedAt ?? Number.NaN,
      symbols: [...this.#entries.values()].map(({ symbol, market, state }) => ({ symbol, market, ...state })),
      latestValues: this.#latest.size,
      bus: { published, readers, handlerErrors },
      feeds: this.feed.subscriptions,
      collector: collector?.status(),
    }
  }

  async #start(signal: AbortSignal | undefined): Promise<void> {
    const { market: _, ...options } = this.#options
    const collector = await Collector.open(
      {
        ...options,
        channels: [],
        onEvent: (event) => {
          this.#latest.event(event)
          this.#endLost(event)
          return options.onEvent?.(event)
        },
      },
      signal,
    )
    this.#collector = collector
    try {
      await collector.start(signal)
      const entries = [...this.#entries.values()]
      const checks = await Promise.allSettled(entries.map((entry) => this.#assertListed(entry, signal)))
      const failed = entries.filter((_, index) => checks[index]?.status === 'rejected')
      for (const entry of failed) {
        // Should another start be tried, it shall not fail of the same.
        if (!signal?.aborted && this.#entries.delete(entryKey(entry))) this.#replace(entry, entry.state, [])
      }
      for (const check of checks) if (check.status === 'rejected') throw check.reason
      await this.#reconcile(signal)
    } catch (error) {
      // Who stops the service meanwhile closes it, with a report. Else nobody would, and a second start opens another.
      if (!this.#closing.signal.aborted) {
        this.#collector = undefined
        this.#latest.leaveAll()
        await collector.stop({ repairMs: 0 })
      }
      throw error
    }
  }

  /** Nothing would ever come again, and a loop must not wait for it. What the service ends itself is not lost. */
  #endLost(event: StreamEvent): void {
    if (!this.#lost || this.#closing.signal.aborted) return
    for (const series of this.#lost.event(event)) this.feed.fail(series, this.#lost.get(series)!)
  }

  async #stop(options: { repairMs?: number }): Promise<CollectorReport | undefined> {
    this.#closing.abort(new ConfigError('The service was stopped.'))
    await this.#starting?.catch(() => {})
    await this.#change.catch(() => {})
    try {
      // Holes are filled for readers too, before they hear the end.
      const { repairMs = 5000 } = options
      if (repairMs > 0) await this.#collector?.repaired(AbortSignal.timeout(repairMs))
      const report = await this.#collector?.stop(options)
      this.#latest.down()
      return report
    } finally {
      this.feed.close()
      await this.#history[Symbol.asyncDispose]()
    }
  }

  /** Before the start nobody can be asked: then it is done by the start. What is subscribed already is known. */
  async #assertListed(
    native: { readonly market: Market; readonly symbol: string },
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const collector = this.#collector
    if (!collector || this.#listed.has(entryKey(native))) return
    const linked = linkSignals(signal, this.#closing.signal)
    try {
      await assertListed(native, { client: collector.client, log: this.#log, signal: linked.signal })
      this.#listed.add(entryKey(native))
    } finally {
      linked.release()
    }
  }

  /** Gives a symbol its channels. When the exchange refuses, the entry is as it was. */
  async #set(entry: Entry, wanted: SymbolState, signal: AbortSignal | undefined): Promise<void> {
    const state = namedState(wanted)
    const channels = channelsOf(this.#live, entry.market, entry.symbol, state)
    const before = { state: entry.state, channels: entry.channels }
    this.#replace(entry, state, channels)
    try {
      await this.#reconcile(signal)
    } catch (error) {
      this.#replace(entry, before.state, before.channels)
      if (before.channels.length === 0) this.#entries.delete(entryKey(entry))
      // What was asked for in vain must not come later.
      await this.#reconcile().catch(() => {})
      throw error
    }
  }

  async #remove(entry: Entry, signal?: AbortSignal): Promise<void> {
    if (!this.#entries.delete(entryKey(entry))) return
    this.#replace(entry, entry.state, [])
    await this.#reconcile(signal)
  }

  #replace(entry: Entry, state: SymbolState, channels: readonly Channel[]): void {
    for (const channel of channels) this.#wanted.add(channel)
    for (const channel of entry.channels) this.#wanted.remove(channel)
    entry.state = state
    entry.channels = channels
  }

  /** Makes the collector's channels those that are wanted: new ones first, so that what moves is told all the time. */
  #reconcile(signal?: AbortSignal): Promise<void> {
    const collector = this.#collector
    if (!collector || this.#closing.signal.aborted) return Promise.resolve()
    const linked = linkSignals(signal, this.#closing.signal)
    const change = this.#change
      .catch(() => {})
      .then(async () => {
        linked.signal.throwIfAborted()
        const have = new Set(collector.channels().map(channelKey))
        const fresh = this.#wanted.channels.filter((channel) => !have.has(channelKey(channel)))
        const unwanted = (channel: Channel): boolean => !this.#wanted.has(channel)
        // Another form of the same series can't be told beside it: that one ends before the new one begins.
        const former = collector
          .channels()
          .filter((channel) => unwanted(channel) && fresh.some((one) => areTwoForms(one, channel)))
        if (former.length > 0) await collector.unsubscribe(former, linked.signal)
        for (const channel of fresh) {
          this.#lost?.found(channel)
          for (const series of this.#seriesOfChannel(channel)) this.#latest.follow(collector.bus, series)
        }
        await collector.subscribe(fresh, linked.signal)
        const gone = collector.channels().filter(unwanted)
        if (gone.length > 0) await collector.unsubscribe(gone, linked.signal)
        const kept = new Set(collector.channels().flatMap((channel) => this.#seriesOfChannel(channel).map(seriesKey)))
        for (const channel of [...former, ...gone]) {
          for (const series of this.#seriesOfChannel(channel))
            if (!kept.has(seriesKey(series))) this.#latest.leave(series)
        }
      })
    this.#change = change
    return change.finally(() => linked.release())
  }

  #seriesOfChannel(channel: Channel): SeriesId[] {
    return seriesOfChannel(this.#exchange.id, channel)
  }

  #assertOpen(): void {
    if (this.#stopped) throw new ConfigError('The service was stopped. Make a new one.')
  }

  #native(symbol: string, market: Market | string | undefined): { market: Market; symbol: string } {
    return resolveNative(symbol, market === undefined ? undefined : parseMarket(market), this.#market)
  }

  #entry(symbol: string, market: Market | string | undefined): Entry {
    const native = this.#native(symbol, market)
    const entry = this.#entries.get(entryKey(native))
    if (entry) return entry
    throw new ConfigError(
      `${native.symbol} is not subscribed on ${native.market}: call subscribeSymbol("${symbol}", { kinds: [...] }) first.`,
    )
  }

  #series(symbol: string, target: FeedTarget): SeriesId {
    const native = this.#native(symbol, target.market)
    const subscribed = this.#entries.get(entryKey(native))?.state.intervals ?? []
    return seriesOfTarget({ id: this.#exchange.id, live: this.#live }, native, target, subscribed)
  }

  #source(): FeedSource {
    const service = this
    return {
      get bus() {
        // Nothing would ever come, nor an end.
        service.#assertOpen()
        return service.bus
      },
      get collector() {
        return service.collector
      },
      log: this.#log,
      seriesOf: (symbol, target) => this.#series(symbol, target),
      latest: (series) => this.#latest.get(series),
      hold: (series, signal) => this.#hold(series, signal),
      release: (series) => this.#release(series),
      getHistoricalData: (request) => this.getHistoricalData(request),
    }
  }

  async #hold(series: SeriesId, signal: AbortSignal): Promise<void> {
    const key = seriesKey(series)
    const there = this.#held.get(key)
    if (there) there.count++
    const channel = there?.channel ?? this.#channelOf(series)
    if (!there) this.#held.set(key, { channel, count: 1 })
    this.#wanted.add(channel)
    const held = this.#assertListed(series, signal).then(async () => {
      await this.#reconcile(signal)
      const lost = this.#lost?.get(series)
      if (lost) throw lost
    })
    await held.catch((error: unknown) => {
      // The reader hears of the end when all that was received is handed out.
      if (!this.#closing.signal.aborted) throw error
    })
  }

  #release(series: SeriesId): void {
    const key = seriesKey(series)
    const held = this.#held.get(key)
    if (!held) return
    if (--held.count === 0) this.#held.delete(key)
    this.#wanted.remove(held.channel)
    this.#reconcile().catch((error: unknown) => this.#log.warn({ err: error }, 'a channel could not be ended'))
  }

  /** The channel that brings a series: the one that the symbol is subscribed with, where there is one. */
  #channelOf(series: SeriesId): Channel {
    const { market, symbol } = series
    const entry = this.#entries.get(entryKey({ market, symbol }))
    const has = (channel: Channel): boolean =>
      this.#seriesOfChannel(channel).some((id) => seriesKey(id) === seriesKey(series))
    const found = entry?.channels.find(has)
    if (found) return found
    const kind = series.kind === 'fundingRate' ? 'markPrice' : (series.kind as Channel['kind'])
    const state: SymbolState = {
      kinds: [kind],
      intervals: series.interval === undefined ? [] : [series.interval],
      depth: undefined,
      speed: undefined,
    }
    return channelsOf(this.#live, market, symbol, state)[0]!
  }

  #handle(entry: Entry): SymbolSubscription {
    return {
      symbol: entry.symbol,
      market: entry.market,
      get kinds() {
        return entry.state.kinds
      },
      get intervals() {
        return entry.state.intervals
      },
      get depth() {
        return entry.state.depth
      },
      get speed() {
        return entry.state.speed
      },
      update: async (changes) => {
        await this.updateSubscription(entry.symbol, { ...changes, market: entry.market })
      },
      unsubscribe: () => this.#remove(entry),
      [Symbol.asyncDispose]: () => this.#remove(entry),
    }
  }
}

function entryKey({ market, symbol }: { readonly market: Market; readonly symbol: string }): string {
  return `${market}:${symbol}`
}

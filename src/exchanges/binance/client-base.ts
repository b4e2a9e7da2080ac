import { InvalidRangeError, InvalidSymbolError, isTicklakeError } from '../../model/errors.ts'
import type { Instrument } from '../../model/instrument.ts'
import type { Market } from '../../model/series.ts'
import { offlineNative, parseSymbol, SymbolCatalogue } from '../../model/symbol.ts'
import { parseInclusiveEnd, parseTime, type TimeInput } from '../../model/time.ts'
import { abortable } from '../../net/abort.ts'
import { type ExchangeInfo, exchangeInfo, instrumentOf, rateLimitsOf } from './instruments.ts'
import { MARKET_DATA } from './market-data.ts'
import { BinanceRest, type CallOptions, type RestOptions } from './rest.ts'
import type { Infer, Schema } from './schema.ts'
import { type Params, type Pool, poolOf } from './weights.ts'

export interface BinanceClientOptions extends RestOptions {
  /** Market of calls that name none; spot when left out. */
  readonly market?: Market
  /** Candle pages that one download fetches at the same time; 12 when left out. */
  readonly parallelPages?: number
}

/** Which market a call is about, and how it is made. */
export interface MarketCall extends CallOptions {
  readonly market?: Market
}

export interface TimeSpan {
  /** First instant. */
  readonly startTime?: TimeInput
  /** Last instant, inclusive: a date stands for its whole day. */
  readonly endTime?: TimeInput
  /** Rows at most; the exchange's default when left out. */
  readonly limit?: number
}

export type Data = typeof MARKET_DATA
/** What an endpoint of the table answers. */
export type Answer<K extends keyof Data> = Infer<Data[K]['schema']>

const INFO_PATHS: Readonly<Partial<Record<Market, string>>> = {
  spot: '/api/v3/exchangeInfo',
  usdm: '/fapi/v1/exchangeInfo',
  coinm: '/dapi/v1/exchangeInfo',
}
const PING_PATHS: Readonly<Partial<Record<Market, string>>> = {
  spot: '/api/v3/ping',
  usdm: '/fapi/v1/ping',
  coinm: '/dapi/v1/ping',
}
/** How long exchangeInfo is kept, ms. */
const INFO_AGE = 3_600_000

interface Kept {
  readonly info: Promise<ExchangeInfo>
  readonly at: number
  catalogue?: SymbolCatalogue
}

/** What every part of the client stands on: markets, symbols, exchangeInfo, and calls by the endpoint table. */
export class BinanceBase implements AsyncDisposable {
  protected readonly rest: BinanceRest
  protected readonly market: Market
  readonly #infos = new Map<Market, Kept>()
  readonly #limits = new Map<Market, Promise<void>>()

  constructor(options: BinanceClientOptions = {}) {
    this.rest = new BinanceRest(options)
    this.market = options.market ?? 'spot'
  }

  /** Whether the exchange answers. @throws NetworkError and its kin when it does not. */
  async ping(call: MarketCall = {}): Promise<void> {
    const market = this.marketOf(call)
    await this.rest.bytes({ ...only(call), market, path: this.path(PING_PATHS, market) })
  }

  /** The exchange's clock now, epoch ms. */
  async getServerTime(call: MarketCall = {}): Promise<number> {
    return await this.rest.serverTime(this.marketOf(call), only(call))
  }

  /** The exchange's clock, epoch ms, measured once an hour and carried on by the local monotonic clock. */
  now(market: Market, signal?: AbortSignal): Promise<number> {
    return this.rest.now(market, { signal })
  }

  /** exchangeInfo as the exchange sends it, checked; kept for an hour. */
  async getExchangeInfo(call: MarketCall = {}): Promise<ExchangeInfo> {
    return await abortable(this.#kept(this.marketOf(call)).info, call.signal)
  }

  /** Every instrument of a market. */
  async instruments(market: Market, signal?: AbortSignal): Promise<readonly Instrument[]> {
    const info = await abortable(this.#kept(market).info, signal)
    return info.symbols.map((row) => instrumentOf(row, market))
  }

  /** Says that there is reason to think that a market's hosts answer again: what waits to try them does so now. */
  wake(market: Market): void {
    this.rest.wake(market)
  }

  /** @throws InvalidSymbolError with the nearest known symbols. */
  async instrument(market: Market, symbol: string, signal?: AbortSignal): Promise<Instrument> {
    const kept = this.#kept(market)
    await abortable(kept.info, signal)
    kept.catalogue ??= new SymbolCatalogue(await this.instruments(market, signal))
    try {
      return kept.catalogue.resolve(symbol, market)
    } catch (error) {
      if (!(error instanceof InvalidSymbolError)) throw error
      throw new InvalidSymbolError(symbol, `binance ${market}`, error.suggestions, { exchange: 'binance' })
    }
  }

  /**
   * Rules of a symbol: increments, least and greatest quantities, filters.
   * @throws InvalidSymbolError with the nearest known symbols.
   */
  getSymbolInfo(symbol: string, call: MarketCall = {}): Promise<Instrument> {
    return this.instrument(this.marketOf(call, symbol), symbol, call.signal)
  }

  /** How many requests of this weight may be sent now without waiting. */
  getRemainingRequests(weight = 1, pool: Pool = this.market === 'spot' ? 'spot' : 'futures'): number {
    return this.rest.limiter(pool).getRemainingRequests(weight)
  }

  /** Ends what is under way and closes every connection. */
  close(): Promise<void> {
    return this.rest.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The market of a call: the one it names, else the one that the symbol's spelling names, else the client's. */
  protected marketOf(call: MarketCall, symbol?: string): Market {
    if (call.market !== undefined || symbol === undefined) return call.market ?? this.market
    const parsed = parseSymbol(symbol)
    const plainPair = parsed.symbol === undefined && parsed.settle === undefined
    return plainPair ? this.market : (parsed.market ?? this.market)
  }

  /** The futures market of a call: COIN-M where the call or the symbol's spelling names it, else USD-M. */
  protected futuresOf(call: MarketCall, symbol?: string): 'usdm' | 'coinm' {
    return this.marketOf(call, symbol) === 'coinm' ? 'coinm' : 'usdm'
  }

  /** The exchange's id of a symbol in any spelling. */
  protected native(symbol: string, market: Market): string {
    const parsed = parseSymbol(symbol, { market })
    // `BTC/USDT` names the pair; which market is meant is settled already.
    const native = offlineNative(
      parsed.settle === undefined && parsed.symbol === undefined ? { ...parsed, market } : parsed,
    )
    if (!native) throw new InvalidSymbolError(symbol, `binance ${market}`, [], { exchange: 'binance' })
    if (native.market !== market) {
      throw new InvalidSymbolError(symbol, `binance ${market}: it is written as a symbol of ${native.market}`)
    }
    return native.symbol
  }

  protected path(paths: Readonly<Partial<Record<Market, string>>>, market: Market): string {
    const path = paths[market]
    if (path !== undefined) return path
    const known = Object.keys(paths).join(', ')
    throw new InvalidRangeError(
      `binance ${market} does not offer this; ${known} ${known.includes(',') ? 'do' : 'does'}.`,
    )
  }

  /** Calls an endpoint of the table. Symbols in any spelling become the exchange's ids. */
  protected async get<K extends keyof Data>(name: K, params: Params, call: MarketCall): Promise<Answer<K>> {
    const { symbol } = params
    const market = this.marketOf(call, typeof symbol === 'string' ? symbol : undefined)
    const endpoint = MARKET_DATA[name]
    const path = this.path(endpoint.paths, market)
    const { key, ignoreUsed } = endpoint as { key?: readonly Market[]; ignoreUsed?: boolean }
    const facts = { key: key?.includes(market) ?? false, ignoreUsed: ignoreUsed === true && market === 'usdm' }
    const named = this.#named(params, market)
    try {
      return await this.rest.json(
        { ...only(call), market, path, params: named, ...facts },
        endpoint.schema as Schema<Answer<K>>,
      )
    } catch (error) {
      throw typeof symbol === 'string' ? await this.explained(error, market, symbol) : error
    }
  }

  /** Rows of some symbols, or of all. Futures take no list: all are asked for and the rest is left out. */
  protected async many<K extends 'ticker24hr' | 'prices' | 'bookTicker'>(
    name: K,
    symbols: readonly string[] | undefined,
    call: MarketCall,
  ): Promise<Answer<K>> {
    const market = this.marketOf(call, symbols?.[0])
    const ids = symbols?.map((symbol) => this.native(symbol, market))
    const params = ids && market === 'spot' ? { symbols: ids } : {}
    const rows = await this.get(name, params, { ...call, market })
    if (!ids || market === 'spot') return rows
    const wanted = new Set(ids)
    return (rows as readonly { symbol: string }[]).filter((row) => wanted.has(row.symbol)) as unknown as Answer<K>
  }

  /** The only row of an answer. */
  protected single<T>(rows: readonly T[], symbol: string): T {
    const row = rows[0]
    if (row === undefined) throw new InvalidSymbolError(symbol, 'binance: it answered no row')
    return row
  }

  /** Adds the nearest known symbols to an error about an unknown symbol, as far as they can be had. */
  protected async explained(error: unknown, market: Market, symbol: string): Promise<unknown> {
    if (!(error instanceof InvalidSymbolError) || error.suggestions.length > 0) return error
    try {
      await this.instrument(market, symbol)
    } catch (better) {
      if (better instanceof InvalidSymbolError) return better
      if (!isTicklakeError(better)) return error
    }
    return error
  }

  /** Reads the exchange's own limits, once: who asks for much does so by itself, who asks for little need not. */
  protected async readLimits(market: Market, symbol: string, call: CallOptions = {}): Promise<void> {
    let reading = this.#limits.get(market)
    if (!reading) {
      // One symbol's exchangeInfo states the same limits in a thousandth of the bytes; futures know only the whole.
      reading = market === 'spot' ? this.#limitsBySymbol(symbol) : this.#kept(market).info.then(() => {})
      this.#limits.set(market, reading)
      reading.catch(() => this.#limits.delete(market))
    }
    await abortable(reading, call.signal)
  }

  async #limitsBySymbol(symbol: string): Promise<void> {
    const call = { market: 'spot', path: '/api/v3/exchangeInfo', params: { symbol } } as const
    this.#apply('spot', await this.rest.json(call, exchangeInfo))
  }

  #apply(market: Market, info: ExchangeInfo): void {
    const limits = rateLimitsOf(info)
    if (limits.length > 0) this.rest.limiter(poolOf(this.path(INFO_PATHS, market), market)).setLimits(limits)
  }

  #kept(market: Market): Kept {
    const kept = this.#infos.get(market)
    if (kept && performance.now() - kept.at < INFO_AGE) return kept
    const path = this.path(INFO_PATHS, market)
    // Shared by all who ask, so no single caller's signal ends it; closing the client does.
    const info = this.rest.json({ market, path }, exchangeInfo).then((answer) => {
      this.#apply(market, answer)
      return answer
    })
    const made: Kept = { info, at: performance.now() }
    this.#infos.set(market, made)
    info.catch(() => {
      if (this.#infos.get(market) === made) this.#infos.delete(market)
    })
    return made
  }

  #named(params: Params, market: Market): Params {
    const { symbol, pair, symbols } = params
    return {
      ...params,
      ...(typeof symbol === 'string' ? { symbol: this.native(symbol, market) } : {}),
      ...(typeof pair === 'string' ? { pair: this.native(pair, market) } : {}),
      ...(typeof symbols === 'object' ? { symbols: symbols.map((one) => this.native(one, market)) } : {}),
    }
  }
}

/** The parts of a call that concern only how it is made. */
export function only(call: CallOptions): CallOptions {
  return { signal: call.signal, onRetry: call.onRetry }
}

/** Times as the wire wants them: whole epoch ms, both inclusive. */
export function spanOf(span: TimeSpan): { startTime?: number; endTime?: number } {
  const startTime = span.startTime === undefined ? undefined : Math.ceil(parseTime(span.startTime, 'startTime'))
  const endTime = span.endTime === undefined ? undefined : parseInclusiveEnd(span.endTime, 'endTime') - 1
  return {
    ...(startTime === undefined ? {} : { startTime }),
    ...(endTime === undefined ? {} : { endTime }),
  }
}

import { type Batch, emptyBatch, rowAt } from '../../model/batch.ts'
import { type Candle, candle } from '../../model/candle.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import { readContinuous } from '../../model/history/index.ts'
import { type Interval, parseInterval } from '../../model/interval.ts'
import { kindOf } from '../../model/kinds.ts'
import type { TickerRecord } from '../../model/live/index.ts'
import { asCandlesOf } from '../../model/price-candle.ts'
import type { Market } from '../../model/series.ts'
import { DAY, formatTime, parseInclusiveEnd, parseTime, type TimeInput } from '../../model/time.ts'
import type { BaseDataClient, CandlePage, CandleRequest, MarketDescription } from '../exchange.ts'
import { candlePages, countPages, intervalsOf, MAX_LIMIT, needsBounds, pageLimit } from './candles.ts'
import { type BinanceClientOptions, type MarketCall, only, spanOf, type TimeSpan } from './client-base.ts'
import { searchFirstOpen } from './first-open.ts'
import { parseKlines } from './klines-parser.ts'
import { BinanceMarketData } from './market-data-client.ts'
import { pairOf } from './names.ts'
import { BinanceRepairClient } from './repair-client.ts'
import type { CallOptions } from './rest.ts'
import { tickerOf } from './snapshots.ts'
import type { Params } from './weights.ts'

/** Candles of other prices than the traded one; their volumes mean nothing. Futures only. */
export type PriceKind = 'last' | 'mark' | 'index' | 'premiumIndex' | 'continuous'

type Paths = Readonly<Partial<Record<Market, string>>>

const CANDLE_PATHS: Paths = { spot: '/api/v3/klines', ...ofFutures('klines') }
const PRICE_PATHS: Readonly<Record<Exclude<PriceKind, 'last'>, Paths>> = {
  mark: ofFutures('markPriceKlines'),
  index: ofFutures('indexPriceKlines'),
  premiumIndex: ofFutures('premiumIndexKlines'),
  continuous: ofFutures('continuousKlines'),
}

function ofFutures(name: string): Paths {
  return { usdm: `/fapi/v1/${name}`, coinm: `/dapi/v1/${name}` }
}

const PRICE_OF_KIND: Readonly<Record<string, Exclude<PriceKind, 'last'>>> = {
  continuousCandle: 'continuous',
  markCandle: 'mark',
  indexCandle: 'index',
  premiumCandle: 'premiumIndex',
}
const PARALLEL_PAGES = 12
/** Downloads of more pages than this read the exchange's own limits first. */
const SMALL_DOWNLOAD = 4

/**
 * Binance's public REST API for spot, USD-M and COIN-M futures. Every call stays within the rate budget, is retried where that
 * makes sense, and its answer is checked. Symbols may be written `BTCUSDT`, `BTC/USDT`, `BTC/USDT:USDT`,
 * `BTCUSD_PERP` or `BTC/USD:BTC`.
 */
export class BinanceClient extends BinanceMarketData implements BaseDataClient {
  readonly exchange = 'binance'
  /** What live collection needs of REST: records by id, snapshots, fundings. */
  readonly repair: BinanceRepairClient
  readonly #parallel: number

  constructor(options: BinanceClientOptions = {}) {
    super(options)
    this.#parallel = options.parallelPages ?? PARALLEL_PAGES
    this.repair = new BinanceRepairClient(this.rest, {
      hasKey: (options.apiKey ?? '') !== '',
      // Beside the pages, which come at the known rate until then. What fails is tried again after the next page.
      onMuch: (market, symbol) => void this.readLimits(market, symbol).catch(() => {}),
    })
  }

  /** One page of candles, oldest first: the newest ones when no time is given. */
  async getKlines(
    symbol: string,
    interval: string,
    options: TimeSpan & MarketCall & { readonly price?: PriceKind; readonly contractType?: string } = {},
  ): Promise<Candle[]> {
    const price = options.price ?? 'last'
    const market = price === 'last' ? this.marketOf(options, symbol) : this.futuresOf(options, symbol)
    const step = this.#interval(interval, market)
    const limit = options.limit ?? 500
    const most = MAX_LIMIT[market] ?? 1000
    if (!Number.isInteger(limit) || limit < 1 || limit > most) {
      throw new InvalidRangeError(`limit: ${limit} is not possible. A page of ${market} has 1 to ${most} candles.`)
    }
    const native = this.native(symbol, market)
    const named = price === 'index' || price === 'continuous' ? { pair: pairOf(native) } : { symbol: native }
    const kind = price === 'continuous' ? { contractType: options.contractType ?? 'PERPETUAL' } : {}
    await this.rest.now(market, only(options))
    const path = this.path(price === 'last' ? CANDLE_PATHS : PRICE_PATHS[price], market)
    const params = { ...named, ...kind, interval: step, ...spanOf(options), limit }
    return rowsOf(await this.#klines(market, path, params, step, options))
  }

  /** Candles retouched by the exchange for charts: not for keeping. Spot only. */
  async getUiKlines(symbol: string, interval: string, options: TimeSpan & MarketCall = {}): Promise<Candle[]> {
    const step = this.#interval(interval, 'spot')
    await this.rest.now('spot', only(options))
    const params = { symbol: this.native(symbol, 'spot'), interval: step, ...spanOf(options), limit: options.limit }
    return rowsOf(await this.#klines('spot', '/api/v3/uiKlines', params, step, options))
  }

  /** Every candle that opens from `startTime` to `endTime` (inclusive, now when left out), as rows. */
  async getHistoricalKlines(
    symbol: string,
    interval: string,
    startTime: TimeInput,
    endTime?: TimeInput,
    call: MarketCall = {},
  ): Promise<Candle[]> {
    const rows: Candle[] = []
    for await (const batch of this.getKlinesBatched(symbol, interval, startTime, endTime, call)) {
      for (const row of rowsOf(batch)) rows.push(row)
    }
    return rows
  }

  /** The same as columns, a page at a time. Leaving the loop ends the requests that run ahead. */
  async *getKlinesBatched(
    symbol: string,
    interval: string,
    startTime: TimeInput,
    endTime?: TimeInput,
    call: MarketCall = {},
  ): AsyncGenerator<Batch, void, void> {
    const market = this.marketOf(call, symbol)
    const from = parseTime(startTime, 'startTime')
    const now = await this.rest.now(market, only(call))
    const to = endTime === undefined ? Math.floor(now) + 1 : parseInclusiveEnd(endTime, 'endTime')
    if (to <= from) {
      throw new InvalidRangeError(`endTime ${formatTime(to - 1)} is before startTime ${formatTime(from)}.`)
    }
    const request = { market, symbol, interval: parseInterval(interval), from, to, ...only(call) }
    for await (const page of this.candlePages(request as CandleRequest)) if (page.batch.length > 0) yield page.batch
  }

  async *candlePages(request: CandleRequest): AsyncGenerator<CandlePage, void, void> {
    const { market, from, to } = request
    const interval = this.#interval(request.interval, market)
    const symbol = this.native(request.symbol, market)
    const { path, named, kind } = this.#candlesOf(request, symbol)
    const call: CallOptions = { signal: request.signal, onRetry: request.onRetry }
    const limit = pageLimit(market, interval)
    try {
      if (countPages(interval, { from, to }, limit) > SMALL_DOWNLOAD) await this.readLimits(market, symbol, call)
      const now = request.isPast ? to + DAY : await this.rest.now(market, call)
      const fetch = (startTime: number, endTime: number | undefined, signal: AbortSignal): Promise<Batch> =>
        this.#klines(market, path, { ...named, interval, startTime, endTime, limit }, interval, { ...call, signal })
      const source = {
        ...{ interval, limit, now, parallel: this.#parallel, signal: request.signal, fetch },
        ...(needsBounds(market)
          ? { firstOpen: (signal: AbortSignal) => this.#searchOpen({ ...request, interval, signal }, now) }
          : {}),
      }
      for await (const page of candlePages({ from, to }, source))
        yield { ...page, batch: page.batch.length === 0 ? emptyBatch(kind) : asCandlesOf(kind, page.batch) }
    } catch (error) {
      throw await this.explained(error, market, symbol)
    }
  }

  async nextOpen(request: Omit<CandleRequest, 'to'>): Promise<number | undefined> {
    const { market } = request
    const interval = this.#interval(request.interval, market)
    const symbol = this.native(request.symbol, market)
    const startTime = Math.max(0, Math.ceil(request.from))
    try {
      const { path, named } = this.#candlesOf(request, symbol)
      if (needsBounds(market)) return await this.#searchOpen(request, await this.rest.now(market, only(request)))
      const params = { ...named, interval, startTime, limit: 1 }
      const batch = await this.#klines(market, path, params, interval, request)
      return batch.columns.open_time?.[0]
    } catch (error) {
      throw await this.explained(error, market, symbol)
    }
  }

  /** The first open where a start alone finds nothing. */
  async #searchOpen(request: Omit<CandleRequest, 'to'>, now: number): Promise<number | undefined> {
    const { market, from } = request
    const { path, named } = this.#candlesOf(request, this.native(request.symbol, market))
    return searchFirstOpen(this.#interval(request.interval, market), from, now, async (step, window, limit) => {
      const params = { ...named, interval: step, startTime: window.from, endTime: window.to - 1, limit }
      return (await this.#klines(market, path, params, step, request)).columns.open_time?.[0]
    })
  }

  candleRequests(request: Pick<CandleRequest, 'market' | 'interval' | 'from' | 'to'>): number {
    return countPages(request.interval, request, pageLimit(request.market, request.interval))
  }

  async tickerNow(market: Market, symbol: string, signal?: AbortSignal): Promise<TickerRecord> {
    return tickerOf(await this.get24hTicker(symbol, { market, signal }), market)
  }

  async exchangeInfoNow(market: Market, signal?: AbortSignal): Promise<MarketDescription> {
    const answer = await this.getExchangeInfo({ market, signal })
    const instruments = await this.instruments(market, signal)
    const time = answer.serverTime ?? (await this.rest.now(market, { signal }))
    return { time, answer, symbols: instruments.length, trading: instruments.filter(({ active }) => active).length }
  }

  /** Where candles of a kind are asked for, and under which name. */
  #candlesOf(request: Pick<CandleRequest, 'market' | 'kind'>, symbol: string) {
    const kind = kindOf(request.kind ?? candle.id)
    const price = PRICE_OF_KIND[kind.id]
    if (price === undefined) return { kind, path: this.path(CANDLE_PATHS, request.market), named: { symbol } }
    const path = PRICE_PATHS[price][request.market]
    if (path === undefined) {
      const known = Object.keys(PRICE_PATHS[price]).join(' and ')
      throw new InvalidRangeError(`binance ${request.market} has no ${kind.id}s. They are known for ${known}.`)
    }
    if (price === 'continuous') return { kind, path, named: { ...readContinuous(symbol) } }
    return { kind, path, named: price === 'index' ? { pair: pairOf(symbol) } : { symbol } }
  }

  async #klines(market: Market, path: string, params: Params, interval: Interval, call: CallOptions): Promise<Batch> {
    const { bytes, url, sentAt } = await this.rest.bytes({ ...only(call), market, path, params })
    const limit = typeof params.limit === 'number' ? params.limit : 1000
    return parseKlines(bytes, { source: url, interval, now: sentAt, limit })
  }

  #interval(text: string, market: Market): Interval {
    const interval = parseInterval(text)
    const known = intervalsOf(market)
    if (known.includes(interval)) return interval
    throw new InvalidRangeError(`binance ${market} has no candles of ${interval}. Use one of ${known.join(', ')}.`)
  }
}

/** Rows of a candle batch. */
function rowsOf(batch: Batch): Candle[] {
  const rows: Candle[] = []
  for (let index = 0; index < batch.length; index++) {
    const row = rowAt(batch, index)
    const entries = candle.columns.map((spec) => [spec.property, row[spec.name]])
    rows.push(Object.fromEntries(entries) as Candle)
  }
  return rows
}

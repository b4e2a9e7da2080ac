import { InvalidRangeError } from '../../model/errors.ts'
import { type Answer, BinanceBase, type Data, type MarketCall, spanOf, type TimeSpan } from './client-base.ts'
import type { Params } from './weights.ts'

type Ids = string | readonly string[]
type Row<T> = T extends readonly (infer R)[] ? R : never
type HistoryName =
  | 'openInterestHist'
  | 'topLongShortAccountRatio'
  | 'topLongShortPositionRatio'
  | 'globalLongShortAccountRatio'
  | 'takerLongShortRatio'
  | 'basis'

/** The endpoints whose answers are plain rows: decimals stay text, times are epoch ms, fields keep Binance's names. */
export class BinanceMarketData extends BinanceBase {
  /** 24-hour statistics: of one symbol as an object. */
  async get24hTicker(symbol: string, call: MarketCall = {}): Promise<Row<Answer<'ticker24hr'>>> {
    return this.single(await this.get('ticker24hr', { symbol }, call), symbol)
  }

  /** 24-hour statistics of some symbols, or of all (expensive: weight 80 on spot, 40 on futures). */
  get24hTickers(symbols?: readonly string[], call: MarketCall = {}): Promise<Answer<'ticker24hr'>> {
    return this.many('ticker24hr', symbols, call)
  }

  /** Statistics of the trading day of one or more symbols. Spot only. */
  getTradingDayTicker(
    symbol: Ids,
    call: MarketCall & { readonly timeZone?: string } = {},
  ): Promise<Answer<'tickerTradingDay'>> {
    return this.get('tickerTradingDay', { ...idsOf(symbol), timeZone: call.timeZone }, { ...call, market: 'spot' })
  }

  /** Statistics of a window that ends now, `1m` to `7d`. Spot only. */
  getRollingTicker(symbol: Ids, windowSize = '1d', call: MarketCall = {}): Promise<Answer<'tickerRolling'>> {
    return this.get('tickerRolling', { ...idsOf(symbol), windowSize }, { ...call, market: 'spot' })
  }

  /** The last price, as decimal text. */
  async getPrice(symbol: string, call: MarketCall = {}): Promise<string> {
    return this.single(await this.get('prices', { symbol }, call), symbol).price
  }

  /** The last prices of some symbols, or of all. */
  getPrices(symbols?: readonly string[], call: MarketCall = {}): Promise<Answer<'prices'>> {
    return this.many('prices', symbols, call)
  }

  /** Best bid and offer. */
  async getBookTicker(symbol: string, call: MarketCall = {}): Promise<Row<Answer<'bookTicker'>>> {
    return this.single(await this.get('bookTicker', { symbol }, call), symbol)
  }

  /** Best bid and offer of some symbols, or of all. */
  getBookTickers(symbols?: readonly string[], call: MarketCall = {}): Promise<Answer<'bookTicker'>> {
    return this.many('bookTicker', symbols, call)
  }

  /** A snapshot of the order book. */
  getDepth(symbol: string, options: MarketCall & { readonly limit?: number } = {}): Promise<Answer<'depth'>> {
    return this.get('depth', { symbol, limit: options.limit }, options)
  }

  /** The newest trades, oldest first. */
  getTrades(symbol: string, options: MarketCall & { readonly limit?: number } = {}): Promise<Answer<'trades'>> {
    return this.get('trades', { symbol, limit: options.limit }, options)
  }

  /** Trades from an id on. Futures need an API key and keep a month. */
  getHistoricalTrades(
    symbol: string,
    options: MarketCall & { readonly fromId?: number; readonly limit?: number } = {},
  ): Promise<Answer<'historicalTrades'>> {
    return this.get('historicalTrades', { symbol, fromId: options.fromId, limit: options.limit }, options)
  }

  /** Block trades from an id on. Spot only. */
  getHistoricalBlockTrades(
    symbol: string,
    options: MarketCall & { readonly fromId: number; readonly limit?: number },
  ): Promise<Answer<'historicalBlockTrades'>> {
    const params = { symbol, fromId: options.fromId, limit: options.limit }
    return this.get('historicalBlockTrades', params, { ...options, market: 'spot' })
  }

  /** Fills of one order at one price joined, by id or by time; not both. Futures: less than an hour per call. */
  getAggTrades(
    symbol: string,
    options: TimeSpan & MarketCall & { readonly fromId?: number } = {},
  ): Promise<Answer<'aggTrades'>> {
    const span = spanOf(options)
    if (options.fromId !== undefined && (span.startTime !== undefined || span.endTime !== undefined)) {
      throw new InvalidRangeError('aggTrades take either fromId or times, not both.')
    }
    return this.get('aggTrades', { symbol, fromId: options.fromId, ...span, limit: options.limit }, options)
  }

  /** Average price of the last minutes. Spot only. */
  getAvgPrice(symbol: string, call: MarketCall = {}): Promise<Answer<'avgPrice'>> {
    return this.get('avgPrice', { symbol }, { ...call, market: 'spot' })
  }

  /** Bounds of execution prices. Spot only. */
  getExecutionRules(symbol?: Ids, call: MarketCall = {}): Promise<Answer<'executionRules'>> {
    return this.get('executionRules', symbol === undefined ? {} : idsOf(symbol), { ...call, market: 'spot' })
  }

  /** The price that execution bounds refer to. Spot only. */
  getReferencePrice(symbol: string, call: MarketCall = {}): Promise<Answer<'referencePrice'>> {
    return this.get('referencePrice', { symbol }, { ...call, market: 'spot' })
  }

  /** Mark price, index price and the running funding rate, of one symbol or all. Futures. */
  getPremiumIndex(symbol?: string, call: MarketCall = {}): Promise<Answer<'premiumIndex'>> {
    return this.get('premiumIndex', { symbol }, { ...call, market: 'usdm' })
  }

  /** Funding rates that were paid. Futures. */
  getFundingRate(symbol?: string, options: TimeSpan & MarketCall = {}): Promise<Answer<'fundingRate'>> {
    return this.get('fundingRate', { symbol, ...spanOf(options), limit: options.limit }, { ...options, market: 'usdm' })
  }

  /** Symbols whose funding differs from the default of 8 hours. Futures. */
  getFundingInfo(call: MarketCall = {}): Promise<Answer<'fundingInfo'>> {
    return this.get('fundingInfo', {}, { ...call, market: 'usdm' })
  }

  /** Open interest now. Futures. */
  getOpenInterest(symbol: string, call: MarketCall = {}): Promise<Answer<'openInterest'>> {
    return this.get('openInterest', { symbol }, { ...call, market: 'usdm' })
  }

  /** Open interest of the last 30 days, per `period` (`5m` to `1d`). Futures. */
  getOpenInterestHist(
    symbol: string,
    period: string,
    options: TimeSpan & MarketCall = {},
  ): Promise<Answer<'openInterestHist'>> {
    return this.#history('openInterestHist', { symbol, period }, options)
  }

  /** Long and short accounts of the top traders. Futures, last 30 days. */
  getTopLongShortAccountRatio(
    symbol: string,
    period: string,
    options: TimeSpan & MarketCall = {},
  ): Promise<Answer<'topLongShortAccountRatio'>> {
    return this.#history('topLongShortAccountRatio', { symbol, period }, options)
  }

  /** Long and short positions of the top traders. Futures, last 30 days. */
  getTopLongShortPositionRatio(
    symbol: string,
    period: string,
    options: TimeSpan & MarketCall = {},
  ): Promise<Answer<'topLongShortPositionRatio'>> {
    return this.#history('topLongShortPositionRatio', { symbol, period }, options)
  }

  /** Long and short accounts of all traders. Futures, last 30 days. */
  getGlobalLongShortAccountRatio(
    symbol: string,
    period: string,
    options: TimeSpan & MarketCall = {},
  ): Promise<Answer<'globalLongShortAccountRatio'>> {
    return this.#history('globalLongShortAccountRatio', { symbol, period }, options)
  }

  /** Volume bought and sold by takers. Futures, last 30 days. */
  getTakerLongShortRatio(
    symbol: string,
    period: string,
    options: TimeSpan & MarketCall = {},
  ): Promise<Answer<'takerLongShortRatio'>> {
    return this.#history('takerLongShortRatio', { symbol, period }, options)
  }

  /** Difference of future and index. Futures, last 30 days. */
  getBasis(
    pair: string,
    period: string,
    options: TimeSpan & MarketCall & { readonly contractType?: string } = {},
  ): Promise<Answer<'basis'>> {
    return this.#history('basis', { pair, contractType: options.contractType ?? 'PERPETUAL', period }, options)
  }

  /** Settlement prices of a pair's delivered contracts. Futures. */
  getDeliveryPrices(pair: string, call: MarketCall = {}): Promise<Answer<'deliveryPrice'>> {
    return this.get('deliveryPrice', { pair }, { ...call, market: 'usdm' })
  }

  /** What an index price is made of. Futures. */
  getConstituents(symbol: string, call: MarketCall = {}): Promise<Answer<'constituents'>> {
    return this.get('constituents', { symbol }, { ...call, market: 'usdm' })
  }

  /** Baskets of the index contracts. Futures. */
  getIndexInfo(symbol?: string, call: MarketCall = {}): Promise<Answer<'indexInfo'>> {
    return this.get('indexInfo', { symbol }, { ...call, market: 'usdm' })
  }

  /** Index of the multi-asset mode. Futures. */
  getAssetIndex(symbol?: string, call: MarketCall = {}): Promise<Answer<'assetIndex'>> {
    return this.get('assetIndex', { symbol }, { ...call, market: 'usdm' })
  }

  #history<K extends HistoryName & keyof Data>(
    name: K,
    params: Params,
    options: TimeSpan & MarketCall,
  ): Promise<Answer<K>> {
    return this.get(name, { ...params, ...spanOf(options), limit: options.limit }, { ...options, market: 'usdm' })
  }
}

function idsOf(symbol: Ids): Params {
  return typeof symbol === 'string' ? { symbol } : { symbols: symbol }
}

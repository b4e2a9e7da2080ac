import { InvalidRangeError } from '../../model/errors.ts'
import type { Market } from '../../model/series.ts'
import { type Answer, BinanceBase, type Data, type MarketCall, spanOf, type TimeSpan } from './client-base.ts'
import { pairOf } from './names.ts'
import type { Params } from './weights.ts'

type Ids = string | readonly string[]
type Row<T> = T extends readonly (infer R)[] ? R : never
type HistoryName =
  | 'openInterestHist'
  | 'topLongShortAccountRatio'
  | 'topLongShortPositionRatio'
  | 'globalLongShortAccountRatio'
  | 'takerBuySellVolume'
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
    return this.get('premiumIndex', { symbol }, this.#futures(call, symbol))
  }

  /** Funding rates that were paid. Futures; COIN-M wants a symbol. */
  getFundingRate(symbol?: string, options: TimeSpan & MarketCall = {}): Promise<Answer<'fundingRate'>> {
    const params = { symbol, ...spanOf(options), limit: options.limit }
    return this.get('fundingRate', params, this.#futures(options, symbol))
  }

  /** Symbols whose funding differs from the default of 8 hours. Futures. */
  getFundingInfo(call: MarketCall = {}): Promise<Answer<'fundingInfo'>> {
    return this.get('fundingInfo', {}, this.#futures(call))
  }

  /** Open interest now. Futures. */
  getOpenInterest(symbol: string, call: MarketCall = {}): Promise<Answer<'openInterest'>> {
    return this.get('openInterest', { symbol }, this.#futures(call, symbol))
  }

  /**
   * Open interest of the last 30 days, per `period` (`5m` to `1d`). Futures. COIN-M tells it, as the other statistics of
   * the last 30 days, by pair: of the perpetual, or of the `contractType` that the options name.
   */
  getOpenInterestHist(
    symbol: string,
    period: string,
    options: TimeSpan & MarketCall & { readonly contractType?: string } = {},
  ): Promise<Answer<'openInterestHist'>> {
    return this.#history('openInterestHist', { ...this.#contract(symbol, options), period }, options, symbol)
  }

  /** Long and short accounts of the top traders. Futures, last 30 days. */
  getTopLongShortAccountRatio(
    symbol: string,
    period: string,
    options: TimeSpan & MarketCall = {},
  ): Promise<Answer<'topLongShortAccountRatio'>> {
    return this.#history('topLongShortAccountRatio', { ...this.#pair(symbol, options), period }, options, symbol)
  }

  /** Long and short positions of the top traders. Futures, last 30 days. */
  getTopLongShortPositionRatio(
    symbol: string,
    period: string,
    options: TimeSpan & MarketCall = {},
  ): Promise<Answer<'topLongShortPositionRatio'>> {
    return this.#history('topLongShortPositionRatio', { ...this.#pair(symbol, options), period }, options, symbol)
  }

  /** Long and short accounts of all traders. Futures, last 30 days. */
  getGlobalLongShortAccountRatio(
    symbol: string,
    period: string,
    options: TimeSpan & MarketCall = {},
  ): Promise<Answer<'globalLongShortAccountRatio'>> {
    return this.#history('globalLongShortAccountRatio', { ...this.#pair(symbol, options), period }, options, symbol)
  }

  /** Volume bought and sold by takers. USD-M, last 30 days. */
  getTakerLongShortRatio(
    symbol: string,
    period: string,
    options: TimeSpan & MarketCall = {},
  ): Promise<Answer<'takerLongShortRatio'>> {
    return this.get(
      'takerLongShortRatio',
      { symbol, period, ...spanOf(options), limit: options.limit },
      { ...options, market: 'usdm' },
    )
  }

  /** Volume bought and sold by takers, in contracts and in the base asset. COIN-M, last 30 days. */
  getTakerBuySellVolume(
    symbol: string,
    period: string,
    options: TimeSpan & MarketCall & { readonly contractType?: string } = {},
  ): Promise<Answer<'takerBuySellVolume'>> {
    const call = { ...options, market: 'coinm' } as const
    return this.#history('takerBuySellVolume', { ...this.#contract(symbol, call), period }, call, symbol)
  }

  /** Difference of future and index. Futures, last 30 days. */
  getBasis(
    pair: string,
    period: string,
    options: TimeSpan & MarketCall & { readonly contractType?: string } = {},
  ): Promise<Answer<'basis'>> {
    const market = this.futuresOf(options, pair)
    const named = { pair: pairOf(this.native(pair, market)), contractType: options.contractType ?? 'PERPETUAL' }
    return this.#history('basis', { ...named, period }, { ...options, market })
  }

  /** Settlement prices of a pair's delivered contracts. Futures. */
  getDeliveryPrices(pair: string, call: MarketCall = {}): Promise<Answer<'deliveryPrice'>> {
    return this.get('deliveryPrice', { pair }, { ...call, market: 'usdm' })
  }

  /** What an index price is made of. Futures. */
  getConstituents(symbol: string, call: MarketCall = {}): Promise<Answer<'constituents'>> {
    return this.get('constituents', { symbol }, this.#futures(call, symbol))
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
    symbol?: string,
  ): Promise<Answer<K>> {
    const named = { ...params, ...spanOf(options), limit: options.limit }
    return this.get(name, named, this.#futures(options, symbol))
  }

  #futures<C extends MarketCall>(call: C, symbol?: string): C & { readonly market: Market } {
    return { ...call, market: this.futuresOf(call, symbol) }
  }

  /** How statistics name what they are about: COIN-M by the pair. */
  #pair(symbol: string, call: MarketCall): Params {
    const market = this.futuresOf(call, symbol)
    return market === 'coinm' ? { pair: pairOf(this.native(symbol, market)) } : { symbol }
  }

  /** The same where the contract matters. Which quarter a dated one is changes with time, so the caller says it. */
  #contract(symbol: string, call: MarketCall & { readonly contractType?: string }): Params {
    const market = this.futuresOf(call, symbol)
    if (market !== 'coinm') return { symbol }
    const native = this.native(symbol, market)
    if (call.contractType === undefined && /_\d{6}$/.test(native)) {
      throw new InvalidRangeError(
        `${native}: COIN-M tells this by pair and quarter. Give contractType: CURRENT_QUARTER or NEXT_QUARTER.`,
      )
    }
    return { pair: pairOf(native), contractType: call.contractType ?? 'PERPETUAL' }
  }
}

function idsOf(symbol: Ids): Params {
  return typeof symbol === 'string' ? { symbol } : { symbols: symbol }
}

import { InvalidRangeError } from '../../model/errors.ts'
import type { Market } from '../../model/series.ts'

/** Query parameters of a request. Arrays become the JSON array in one parameter that Binance expects. */
export type Params = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

/** How the weight of a request follows from its parameters (reference/binance-rest.md, sections 4.1, 5.1 and 6.2). */
export type WeightRule =
  | number
  /** By `limit`: the first step whose bound is not passed. `fallback` is the limit when none is sent. */
  | { readonly byLimit: readonly (readonly [upTo: number, weight: number])[]; readonly fallback: number }
  /** One weight with a `symbol`, another without. */
  | { readonly one: number; readonly all: number }
  /** By the number of `symbols`. */
  | {
      readonly bySymbols: readonly (readonly [upTo: number, weight: number])[]
      readonly one: number
      readonly all: number
    }
  /** So much per symbol, at most `cap`; `cap` without any symbol. */
  | { readonly each: number; readonly cap: number }

const NO_BOUND = Number.POSITIVE_INFINITY

/** By candles per page on futures: 499 for 2 is the cheapest candle of all. */
const FUTURES_KLINES: WeightRule = {
  byLimit: [
    [99, 1],
    [499, 2],
    [1000, 5],
    [NO_BOUND, 10],
  ],
  fallback: 500,
}

const FUTURES_DEPTH: WeightRule = {
  byLimit: [
    [50, 2],
    [100, 5],
    [500, 10],
    [NO_BOUND, 20],
  ],
  fallback: 500,
}

/** Weight of every public endpoint, by path. */
export const WEIGHTS: Readonly<Record<string, WeightRule>> = {
  '/api/v3/ping': 1,
  '/api/v3/time': 1,
  '/api/v3/exchangeInfo': 20,
  '/api/v3/executionRules': { each: 2, cap: 40 },
  '/api/v3/depth': {
    byLimit: [
      [100, 5],
      [500, 25],
      [1000, 50],
      [NO_BOUND, 250],
    ],
    fallback: 100,
  },
  '/api/v3/trades': 25,
  '/api/v3/historicalTrades': 25,
  '/api/v3/historicalBlockTrades': 25,
  '/api/v3/aggTrades': 4,
  '/api/v3/klines': 2,
  '/api/v3/uiKlines': 2,
  '/api/v3/avgPrice': 2,
  '/api/v3/ticker/24hr': {
    bySymbols: [
      [20, 2],
      [100, 40],
      [NO_BOUND, 80],
    ],
    one: 2,
    all: 80,
  },
  '/api/v3/ticker/tradingDay': { each: 4, cap: 200 },
  '/api/v3/ticker/price': { one: 2, all: 4 },
  '/api/v3/ticker/bookTicker': { one: 2, all: 4 },
  '/api/v3/ticker': { each: 4, cap: 200 },
  '/api/v3/referencePrice': 2,
  '/api/v3/referencePrice/calculation': 2,
  '/fapi/v1/ping': 1,
  '/fapi/v1/time': 1,
  '/fapi/v1/exchangeInfo': 1,
  '/fapi/v1/depth': FUTURES_DEPTH,
  '/fapi/v1/trades': 5,
  '/fapi/v1/historicalTrades': 200,
  '/fapi/v1/aggTrades': 20,
  '/fapi/v1/klines': FUTURES_KLINES,
  '/fapi/v1/continuousKlines': FUTURES_KLINES,
  '/fapi/v1/indexPriceKlines': FUTURES_KLINES,
  '/fapi/v1/markPriceKlines': FUTURES_KLINES,
  '/fapi/v1/premiumIndexKlines': FUTURES_KLINES,
  '/fapi/v1/premiumIndex': { one: 1, all: 10 },
  '/fapi/v1/fundingRate': 1,
  '/fapi/v1/fundingInfo': 1,
  '/fapi/v1/ticker/24hr': { one: 1, all: 40 },
  '/fapi/v2/ticker/price': { one: 1, all: 2 },
  '/fapi/v1/ticker/bookTicker': { one: 2, all: 5 },
  '/fapi/v1/openInterest': 1,
  '/fapi/v1/constituents': 2,
  '/fapi/v1/indexInfo': 1,
  '/fapi/v1/assetIndex': { one: 1, all: 10 },
  '/fapi/v1/insuranceBalance': 1,
  '/dapi/v1/ping': 1,
  '/dapi/v1/time': 1,
  '/dapi/v1/exchangeInfo': 1,
  '/dapi/v1/depth': FUTURES_DEPTH,
  '/dapi/v1/trades': 5,
  '/dapi/v1/historicalTrades': 200,
  '/dapi/v1/aggTrades': 20,
  '/dapi/v1/klines': FUTURES_KLINES,
  '/dapi/v1/continuousKlines': FUTURES_KLINES,
  '/dapi/v1/indexPriceKlines': FUTURES_KLINES,
  '/dapi/v1/markPriceKlines': FUTURES_KLINES,
  '/dapi/v1/premiumIndexKlines': FUTURES_KLINES,
  '/dapi/v1/premiumIndex': 10,
  '/dapi/v1/fundingRate': 1,
  '/dapi/v1/fundingInfo': 1,
  '/dapi/v1/ticker/24hr': { one: 1, all: 40 },
  '/dapi/v1/ticker/price': { one: 1, all: 2 },
  '/dapi/v1/ticker/bookTicker': { one: 2, all: 5 },
  '/dapi/v1/openInterest': 1,
  '/dapi/v1/constituents': 2,
  '/futures/data/takerBuySellVol': 1,
  '/futures/data/openInterestHist': 1,
  '/futures/data/topLongShortAccountRatio': 1,
  '/futures/data/topLongShortPositionRatio': 1,
  '/futures/data/globalLongShortAccountRatio': 1,
  '/futures/data/takerlongshortRatio': 1,
  '/futures/data/basis': 1,
  '/futures/data/delivery-price': 1,
}

/**
 * What is counted together: `futures` are USD-M and COIN-M, whose hosts share one allowance since 2026-06-30. USD-M has
 * side pools that count requests instead of weights.
 */
export type Pool = 'spot' | 'futures' | 'futures-data' | 'futures-funding'

export function poolOf(path: string, market?: Market): Pool {
  if (path.startsWith('/api/')) return 'spot'
  // COIN-M counts everything by weight, the statistics too, which have the same paths on both hosts.
  if (market === 'coinm') return 'futures'
  if (path.startsWith('/futures/data/')) return 'futures-data'
  return path === '/fapi/v1/fundingRate' || path === '/fapi/v1/fundingInfo' ? 'futures-funding' : 'futures'
}

/** Weight of one request. @throws InvalidRangeError for a path that is not in the table. */
export function weightOf(path: string, params: Params = {}): number {
  const rule = WEIGHTS[path]
  if (rule === undefined) throw new InvalidRangeError(`${path} is not in the table of weights.`)
  if (typeof rule === 'number') return rule
  const { symbol, symbols } = params
  const count = Array.isArray(symbols) ? symbols.length : symbol === undefined ? 0 : 1
  if ('byLimit' in rule) {
    const limit = Number(params.limit ?? rule.fallback)
    return stepOf(rule.byLimit, limit)
  }
  if ('each' in rule) return count === 0 ? rule.cap : Math.min(rule.cap, rule.each * count)
  if (symbol !== undefined) return rule.one
  if ('bySymbols' in rule && Array.isArray(symbols)) return stepOf(rule.bySymbols, symbols.length)
  return rule.all
}

function stepOf(steps: readonly (readonly [number, number])[], value: number): number {
  const step = steps.find(([upTo]) => value <= upTo) ?? steps.at(-1)!
  return step[1]
}

import { candles } from './candles.ts'
import { continuousCandles } from './continuous.ts'
import { depth, futuresDepthWeight } from './depth.ts'
import { usdmExchangeInfo } from './exchange-info.ts'
import { fundingInfo, fundingRate, openInterest, premiumIndex } from './funding.ts'
import { usdmDataRoutes } from './futures-data.ts'
import { priceCandles } from './price-candles.ts'
import { fixed, type RestRoute } from './route.ts'
import { bookTicker, priceTicker, ticker24hr } from './tickers.ts'
import { aggTrades, historicalTrades, recentTrades } from './trades.ts'
import { byLimit, oneOrAll } from './weights.ts'

const PRICE_PATHS = {
  mark: '/fapi/v1/markPriceKlines',
  index: '/fapi/v1/indexPriceKlines',
  premium: '/fapi/v1/premiumIndexKlines',
} as const

/** Public REST of the USD-M futures. */
export const usdmRoutes: readonly RestRoute[] = [
  { path: '/fapi/v1/ping', params: {}, weight: fixed(1), answer: async () => ({}) },
  { path: '/fapi/v1/time', params: {}, weight: fixed(1), answer: async (call) => ({ serverTime: call.shownTime }) },
  { path: '/fapi/v1/exchangeInfo', params: {}, weight: fixed(1), answer: usdmExchangeInfo },
  {
    path: '/fapi/v1/klines',
    params: { symbol: true, interval: true, startTime: false, endTime: false, limit: false },
    weight: byLimit,
    answer: (call) => candles(call, 1500),
  },
  ...(['mark', 'index', 'premium'] as const).map(
    (price): RestRoute => ({
      path: PRICE_PATHS[price],
      params: {
        ...(price === 'index' ? { pair: true } : { symbol: true }),
        ...{ interval: true, startTime: false, endTime: false, limit: false },
      },
      weight: byLimit,
      answer: (call) => priceCandles(call, price),
    }),
  ),
  {
    path: '/fapi/v1/continuousKlines',
    params: { pair: true, contractType: true, interval: true, startTime: false, endTime: false, limit: false },
    weight: byLimit,
    answer: continuousCandles,
  },
  {
    path: '/fapi/v1/depth',
    params: { symbol: true, limit: false },
    weight: futuresDepthWeight,
    answer: depth,
  },
  { path: '/fapi/v1/trades', params: { symbol: true, limit: false }, weight: fixed(5), answer: recentTrades },
  {
    path: '/fapi/v1/historicalTrades',
    params: { symbol: true, limit: false, fromId: false },
    weight: fixed(200),
    answer: historicalTrades,
  },
  {
    path: '/fapi/v1/aggTrades',
    params: { symbol: true, fromId: false, startTime: false, endTime: false, limit: false },
    weight: fixed(20),
    answer: aggTrades,
  },
  { path: '/fapi/v1/premiumIndex', params: { symbol: false }, weight: oneOrAll(1, 10), answer: premiumIndex },
  {
    path: '/fapi/v1/fundingRate',
    params: { symbol: false, startTime: false, endTime: false, limit: false },
    weight: fixed(0),
    isFunding: true,
    answer: fundingRate,
  },
  { path: '/fapi/v1/fundingInfo', params: {}, weight: fixed(0), isFunding: true, answer: fundingInfo },
  { path: '/fapi/v1/openInterest', params: { symbol: true }, weight: fixed(1), answer: openInterest },
  { path: '/fapi/v1/ticker/24hr', params: { symbol: false }, weight: oneOrAll(1, 40), answer: ticker24hr },
  { path: '/fapi/v1/ticker/price', params: { symbol: false }, weight: oneOrAll(1, 2), answer: priceTicker },
  { path: '/fapi/v2/ticker/price', params: { symbol: false }, weight: oneOrAll(1, 2), answer: priceTicker },
  { path: '/fapi/v1/ticker/bookTicker', params: { symbol: false }, weight: oneOrAll(2, 5), answer: bookTicker },
  ...usdmDataRoutes,
]

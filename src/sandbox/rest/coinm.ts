import { candles } from './candles.ts'
import { continuousCandles } from './continuous.ts'
import { depth, futuresDepthWeight } from './depth.ts'
import { coinmExchangeInfo } from './exchange-info.ts'
import { fundingInfo, fundingRate, openInterest, premiumIndex } from './funding.ts'
import { coinmDataRoutes } from './futures-data.ts'
import { priceCandles } from './price-candles.ts'
import { fixed, type RestRoute } from './route.ts'
import { bookTicker, priceTicker, ticker24hr } from './tickers.ts'
import { aggTrades, historicalTrades, recentTrades } from './trades.ts'
import { byLimit, oneOrAll } from './weights.ts'

const CANDLE_PARAMS = { interval: true, startTime: false, endTime: false, limit: false }
const SOME = { symbol: false, pair: false }

/** Public REST of the COIN-M futures. */
export const coinmRoutes: readonly RestRoute[] = [
  { path: '/dapi/v1/ping', params: {}, weight: fixed(1), answer: async () => ({}) },
  { path: '/dapi/v1/time', params: {}, weight: fixed(1), answer: async (call) => ({ serverTime: call.shownTime }) },
  { path: '/dapi/v1/exchangeInfo', params: {}, weight: fixed(1), answer: coinmExchangeInfo },
  {
    path: '/dapi/v1/klines',
    params: { symbol: true, ...CANDLE_PARAMS },
    weight: byLimit,
    answer: (call) => candles(call, 1500),
  },
  {
    path: '/dapi/v1/markPriceKlines',
    params: { symbol: true, ...CANDLE_PARAMS },
    weight: byLimit,
    answer: (call) => priceCandles(call, 'mark'),
  },
  {
    path: '/dapi/v1/indexPriceKlines',
    params: { pair: true, ...CANDLE_PARAMS },
    weight: byLimit,
    answer: (call) => priceCandles(call, 'index'),
  },
  {
    path: '/dapi/v1/premiumIndexKlines',
    params: { symbol: true, ...CANDLE_PARAMS },
    weight: byLimit,
    answer: (call) => priceCandles(call, 'premium'),
  },
  {
    path: '/dapi/v1/continuousKlines',
    params: { pair: true, contractType: true, interval: true, startTime: false, endTime: false, limit: false },
    weight: byLimit,
    answer: continuousCandles,
  },
  { path: '/dapi/v1/depth', params: { symbol: true, limit: false }, weight: futuresDepthWeight, answer: depth },
  { path: '/dapi/v1/trades', params: { symbol: true, limit: false }, weight: fixed(5), answer: recentTrades },
  {
    path: '/dapi/v1/historicalTrades',
    params: { symbol: true, limit: false, fromId: false },
    weight: fixed(200),
    answer: historicalTrades,
  },
  {
    path: '/dapi/v1/aggTrades',
    params: { symbol: true, fromId: false, startTime: false, endTime: false, limit: false },
    weight: fixed(20),
    answer: aggTrades,
  },
  { path: '/dapi/v1/premiumIndex', params: SOME, weight: fixed(10), answer: premiumIndex },
  {
    path: '/dapi/v1/fundingRate',
    params: { symbol: true, startTime: false, endTime: false, limit: false },
    weight: fixed(1),
    answer: fundingRate,
  },
  { path: '/dapi/v1/fundingInfo', params: {}, weight: fixed(1), answer: fundingInfo },
  { path: '/dapi/v1/openInterest', params: { symbol: true }, weight: fixed(1), answer: openInterest },
  { path: '/dapi/v1/ticker/24hr', params: SOME, weight: oneOrAll(1, 40), answer: ticker24hr },
  { path: '/dapi/v1/ticker/price', params: SOME, weight: oneOrAll(1, 2), answer: priceTicker },
  { path: '/dapi/v1/ticker/bookTicker', params: SOME, weight: oneOrAll(2, 5), answer: bookTicker },
  ...coinmDataRoutes,
]

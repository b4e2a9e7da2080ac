import { candles } from './candles.ts'
import { depth, spotDepthWeight } from './depth.ts'
import { spotExchangeInfo } from './exchange-info.ts'
import { fixed, inUnit, type RestRoute } from './route.ts'
import { averagePrice, bookTicker, priceTicker, ticker24hr } from './tickers.ts'
import { aggTrades, historicalTrades, recentTrades } from './trades.ts'

const CANDLE_PARAMS = { symbol: true, interval: true, startTime: false, endTime: false, timeZone: false, limit: false }
const TICKER_PARAMS = { symbol: false, symbols: false, symbolStatus: false }

function symbolCount(query: URLSearchParams): number {
  const symbols = query.get('symbols')
  return symbols === null ? 0 : symbols.split(',').length
}

/** Two for one symbol, four for several or all. */
const perSymbol = (query: URLSearchParams): number => (query.has('symbol') ? 2 : 4)

/** Public REST of the spot market. */
export const spotRoutes: readonly RestRoute[] = [
  { path: '/api/v3/ping', params: {}, weight: fixed(1), answer: async () => ({}) },
  {
    path: '/api/v3/time',
    params: {},
    weight: fixed(1),
    answer: async (call) => ({ serverTime: inUnit(call, call.shownTime) }),
  },
  {
    path: '/api/v3/exchangeInfo',
    params: { symbol: false, symbols: false, permissions: false, showPermissionSets: false, symbolStatus: false },
    weight: fixed(20),
    answer: spotExchangeInfo,
  },
  { path: '/api/v3/klines', params: CANDLE_PARAMS, weight: fixed(2), answer: (call) => candles(call, 1000) },
  { path: '/api/v3/uiKlines', params: CANDLE_PARAMS, weight: fixed(2), answer: (call) => candles(call, 1000) },
  {
    path: '/api/v3/depth',
    params: { symbol: true, limit: false, symbolStatus: false },
    weight: spotDepthWeight,
    answer: depth,
  },
  { path: '/api/v3/trades', params: { symbol: true, limit: false }, weight: fixed(25), answer: recentTrades },
  {
    path: '/api/v3/historicalTrades',
    params: { symbol: true, limit: false, fromId: false },
    weight: fixed(25),
    answer: historicalTrades,
  },
  {
    path: '/api/v3/aggTrades',
    params: { symbol: true, fromId: false, startTime: false, endTime: false, limit: false },
    weight: fixed(4),
    answer: aggTrades,
  },
  { path: '/api/v3/avgPrice', params: { symbol: true }, weight: fixed(2), answer: averagePrice },
  {
    path: '/api/v3/ticker/24hr',
    params: { ...TICKER_PARAMS, type: false },
    weight: (query) => {
      if (query.has('symbol')) return 2
      const count = symbolCount(query)
      return count === 0 || count > 100 ? 80 : count > 20 ? 40 : 2
    },
    answer: ticker24hr,
  },
  { path: '/api/v3/ticker/price', params: TICKER_PARAMS, weight: perSymbol, answer: priceTicker },
  { path: '/api/v3/ticker/bookTicker', params: TICKER_PARAMS, weight: perSymbol, answer: bookTicker },
]

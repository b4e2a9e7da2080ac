import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { findRealData } from '../../helpers/real-data.ts'

/** Recorded answers of exchangeInfo, by a short name; none where there is no recorded data. */
export function recordedExchangeInfos(): [name: string, json: string][] {
  const root = findRealData()
  if (root === undefined) return []
  const plain = (path: string) => readFileSync(join(root, 'rest', path), 'utf8')
  // Lines of "URL -> receive time: body".
  const captured = (path: string) => {
    const text = gunzipSync(readFileSync(join(root, 'rest', path))).toString('utf8')
    return text.slice(text.indexOf('{'), text.indexOf('\n') < 0 ? undefined : text.indexOf('\n'))
  }
  return [
    ['spot 2021', captured('binance-spot/exchangeInfo_cf_20210417_BINANCE.0.gz')],
    ['spot 2026', plain('binance-spot/ps_20260718_spot_exchange_info.json')],
    ['usdm 2021', captured('binance-usdm/exchangeInfo_cf_20210417_BINANCE_FUTURES.0.gz')],
    ['usdm 2026', plain('binance-usdm/ps_20260718_perp_exchange_info.json')],
    ['coinm 2021', captured('binance-coinm/exchangeInfo_cf_20210722_BINANCE_DELIVERY.0.gz')],
  ]
}

/** Symbols as the exchange gave them on 2026-07-18, for tests that need no recorded data. */
export const BTCUSDT = {
  symbol: 'BTCUSDT',
  status: 'TRADING',
  baseAsset: 'BTC',
  baseAssetPrecision: 8,
  quoteAsset: 'USDT',
  quotePrecision: 8,
  filters: [
    { filterType: 'PRICE_FILTER', maxPrice: '1000000.00000000', minPrice: '0.01000000', tickSize: '0.01000000' },
    { filterType: 'LOT_SIZE', maxQty: '9000.00000000', minQty: '0.00001000', stepSize: '0.00001000' },
    { filterType: 'ICEBERG_PARTS', limit: 100 },
    { filterType: 'MARKET_LOT_SIZE', maxQty: '140.63571133', minQty: '0.00000000', stepSize: '0.00000000' },
    {
      filterType: 'TRAILING_DELTA',
      maxTrailingAboveDelta: 2000,
      maxTrailingBelowDelta: 2000,
      minTrailingAboveDelta: 10,
      minTrailingBelowDelta: 10,
    },
    {
      filterType: 'PERCENT_PRICE_BY_SIDE',
      askMultiplierDown: '0.5',
      askMultiplierUp: '2',
      avgPriceMins: 5,
      bidMultiplierDown: '0.5',
      bidMultiplierUp: '2',
    },
    {
      filterType: 'NOTIONAL',
      applyMaxToMarket: false,
      applyMinToMarket: true,
      avgPriceMins: 5,
      maxNotional: '9000000.00000000',
      minNotional: '5.00000000',
    },
    { filterType: 'MAX_NUM_ORDERS', maxNumOrders: 200 },
    { filterType: 'MAX_NUM_ORDER_LISTS', maxNumOrderLists: 20 },
    { filterType: 'MAX_NUM_ALGO_ORDERS', maxNumAlgoOrders: 5 },
    { filterType: 'MAX_NUM_ORDER_AMENDS', maxNumOrderAmends: 10 },
  ],
}

export const PERPETUAL = {
  symbol: 'BTCUSDT',
  status: 'TRADING',
  contractType: 'PERPETUAL',
  baseAsset: 'BTC',
  quoteAsset: 'USDT',
  marginAsset: 'USDT',
  pricePrecision: 2,
  quantityPrecision: 3,
  filters: [
    { filterType: 'PRICE_FILTER', maxPrice: '4529764', minPrice: '556.80', tickSize: '0.10' },
    { filterType: 'LOT_SIZE', maxQty: '1000', minQty: '0.001', stepSize: '0.001' },
    { filterType: 'MARKET_LOT_SIZE', maxQty: '120', minQty: '0.001', stepSize: '0.001' },
    { filterType: 'MAX_NUM_ORDERS', limit: 200 },
    { filterType: 'MIN_NOTIONAL', notional: '50' },
    { filterType: 'PERCENT_PRICE', multiplierDecimal: '4', multiplierDown: '0.9500', multiplierUp: '1.0500' },
    { filterType: 'POSITION_RISK_CONTROL', positionControlSide: 'NONE' },
  ],
}

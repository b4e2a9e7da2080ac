import { InvalidRangeError } from './errors.ts'
import type { Interval } from './interval.ts'

/** Symbols of `option` can be read and written, but there are no data of it yet. */
export type Market = 'spot' | 'usdm' | 'coinm' | 'option'
/** Markets that there are data of; which of them an exchange offers is its own business. The spool counts by their order. */
export const MARKETS: readonly Market[] = ['spot', 'usdm', 'coinm']

const MARKET_NAMES: Readonly<Record<string, Market>> = {
  spot: 'spot',
  usdm: 'usdm',
  um: 'usdm',
  'futures/um': 'usdm',
  coinm: 'coinm',
  cm: 'coinm',
  'futures/cm': 'coinm',
  option: 'option',
  options: 'option',
}

/** Reads a market; `um` and `cm` are understood. @throws InvalidRangeError naming the markets. */
export function parseMarket(text: string): Market {
  const key = text.trim().toLowerCase()
  const market = Object.hasOwn(MARKET_NAMES, key) ? MARKET_NAMES[key] : undefined
  if (market) return market
  throw new InvalidRangeError(`Unknown market "${text}". Use one of ${MARKETS.join(', ')}.`)
}

/** What one series of records is about. */
export interface SeriesId {
  readonly exchange: string
  readonly market: Market
  readonly kind: string
  /** The exchange's own id, e.g. `BTCUSDT`; may hold non-ASCII letters. */
  readonly symbol: string
  readonly interval?: Interval
}

/** Text that tells series apart, e.g. `binance-spot/candle/BTCUSDT/1m`; also the series' folder in a lake. */
export function seriesKey(id: SeriesId): string {
  // The symbol becomes the name of a folder: it must not lead anywhere else.
  if (!/^[^/\\\0:]+$/.test(id.symbol) || /^\.+$/.test(id.symbol)) {
    throw new InvalidRangeError(`"${id.symbol}" can not be a symbol: it would not be a folder's name.`)
  }
  const base = `${id.exchange}-${id.market}/${id.kind}/${id.symbol}`
  // `1M` and `1m` would be one folder on a file system that ignores case: the archive's `1mo` keeps them apart.
  return id.interval === undefined ? base : `${base}/${id.interval === '1M' ? '1mo' : id.interval}`
}

import { continuousCandle, continuousSymbol, exchangeInfo, WHOLE_MARKET } from '../../model/history/index.ts'
import type { Market } from '../../model/series.ts'

const CONTRACT = /_(?:PERP|\d{6})$/

/** The pair that the contracts of all dates share: `BTCUSD` of `BTCUSD_PERP` and of `BTCUSD_261225`. */
export function pairOf(symbol: string): string {
  return symbol.replace(CONTRACT, '')
}

/** Contracts that end on a date pay no funding: their price meets the index by itself. */
export function hasKind(_market: Market, kind: string, symbol: string): boolean {
  return kind !== 'fundingRate' || !/_\d{6}$/.test(symbol)
}

/**
 * The name under which the exchange keeps data of a kind: an index price is that of a pair, whichever contract it was
 * asked for by.
 */
export function seriesSymbol(market: Market, kind: string, symbol: string): string {
  if (kind === exchangeInfo.id) return WHOLE_MARKET
  if (kind === continuousCandle.id) return continuousSymbol(symbol)
  return kind === 'indexCandle' && market !== 'spot' ? pairOf(symbol) : symbol
}

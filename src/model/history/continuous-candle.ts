import { candle } from '../candle.ts'
import type { Kind } from '../kind.ts'

/** Which contract of a pair the candles follow, one after another. */
export const CONTRACT_TYPES = ['PERPETUAL', 'CURRENT_QUARTER', 'NEXT_QUARTER', 'TRADIFI_PERPETUAL'] as const
export type ContractType = (typeof CONTRACT_TYPES)[number]

/**
 * Candles of a type of contract of a pair: those of `CURRENT_QUARTER` go on with the next contract where one is delivered.
 * A series is named by both, e.g. `BTCUSDT_CURRENT_QUARTER`. REST only.
 */
export const continuousCandle = { ...candle, id: 'continuousCandle' } as const satisfies Kind

const NAME = new RegExp(`^(.+?)_(${CONTRACT_TYPES.join('|')})$`)

/** The pair and the type that a series' name tells; the perpetual where it tells none. */
export function readContinuous(symbol: string): { readonly pair: string; readonly contractType: ContractType } {
  const match = NAME.exec(symbol)
  if (match) return { pair: match[1]!, contractType: match[2] as ContractType }
  return { pair: symbol.replace(/_PERP$/, ''), contractType: 'PERPETUAL' }
}

/** The name of a series, e.g. `BTCUSDT_PERPETUAL`. */
export function continuousSymbol(symbol: string): string {
  const { pair, contractType } = readContinuous(symbol)
  return `${pair}_${contractType}`
}

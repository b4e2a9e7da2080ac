import type { Decimal } from '../../model/decimal.ts'
import { quotient } from '../decimal-text.ts'
import type { Listing } from './listing.ts'
import type { SymbolInfo } from './market.ts'

/** Digits after the point of base volumes on COIN-M. */
const BASE_DECIMALS = 8

type Rules = Pick<Listing, 'contractSize' | 'tickDecimals' | 'stepDecimals'>

/** Digits after the point of what `worthOf` gives. */
export function valueScale({ contractSize, tickDecimals, stepDecimals }: Rules): number {
  return contractSize === undefined ? tickDecimals + stepDecimals : BASE_DECIMALS
}

/**
 * What a trade of so many ticks and lots is worth, as a whole number: in quote units, exact; of inverse contracts (which
 * have a size in USD) in base units, rounded as the exchange rounds each trade.
 */
export function worthOf(rules: Rules): (ticks: number, lots: number) => number {
  const factor = inverseFactor(rules)
  return factor === 0 ? (ticks, lots) => ticks * lots : (ticks, lots) => Math.round((factor * lots) / ticks)
}

/** What one lot at a price of one tick is worth; 0 where price times quantity tells. */
export function inverseFactor({ contractSize, tickDecimals }: Rules): number {
  return contractSize === undefined ? 0 : contractSize * 10 ** (BASE_DECIMALS + tickDecimals)
}

/** Money a unit: of COIN-M what the contracts are worth, over what they are in the base asset. */
export function averageOf(info: SymbolInfo, value: Decimal, volume: Decimal): string {
  if (info.contractSize === undefined) return quotient(value, volume, info.priceDecimals)
  return quotient({ ...volume, units: volume.units * BigInt(info.contractSize) }, value, info.priceDecimals)
}

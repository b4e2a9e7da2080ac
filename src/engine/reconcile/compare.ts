import type { Batch } from '../../model/batch.ts'
import { isQuiet } from '../../model/candle.ts'
import type { Kind } from '../../model/kind.ts'

/** A candle that two sources tell differently, or only one tells. */
export interface Mismatch {
  readonly time: number
  readonly values: Readonly<Record<string, readonly [stored: number | null, witness: number | null]>>
}

export interface Compared {
  readonly compared: number
  readonly mismatches: readonly Mismatch[]
}

export interface CompareOptions {
  readonly kind: Kind
  /** Sums of rounded values may be off by their last digit: true where the witness was added up. */
  readonly isSum: boolean
}

/** Exchanges round values, but not quantities, to eight decimals. */
const LAST_DIGIT = 1e-8
const VALUES: readonly string[] = ['quote_volume', 'taker_buy_quote_volume']
/** When it closed, and what it was made of, is nothing that trades or smaller candles tell. */
const UNTOLD: readonly string[] = ['close_time', 'samples']

/** Walks stored candles and those of a witness, both rising, side by side. */
export function compareCandles(stored: Batch, witness: Batch, options: CompareOptions): Compared {
  const { kind, isSum } = options
  const names = kind.columns
    .filter(({ name, type }) => type !== 'flags' && name !== kind.sortKey && !(isSum && UNTOLD.includes(name)))
    .map(({ name }) => name)
    .filter((name) => stored.columns[name] !== undefined && witness.columns[name] !== undefined)
  const pairs = names.map((name) => [name, stored.columns[name]!, witness.columns[name]!] as const)
  const a = stored.columns[kind.sortKey]!
  const b = witness.columns[kind.sortKey]!
  const counts = witness.columns.trades
  const mismatches: Mismatch[] = []
  let compared = 0
  for (let i = 0, j = 0; i < stored.length || j < witness.length; ) {
    const x = i < stored.length ? a[i]! : Number.POSITIVE_INFINITY
    const y = j < witness.length ? b[j]! : Number.POSITIVE_INFINITY
    compared++
    if (x < y) {
      // Who adds up trades has nothing where nothing was traded.
      if (!(isSum && isQuiet(stored.columns.volume?.[i], stored.columns.trades?.[i])))
        mismatches.push({ time: x, values: Object.fromEntries(pairs.map(([name, left]) => [name, [left[i]!, null]])) })
      i++
    } else if (y < x) {
      mismatches.push({
        time: y,
        values: Object.fromEntries(pairs.map(([name, , right]) => [name, [null, right[j]!]])),
      })
      j++
    } else {
      const values: Record<string, readonly [number, number]> = {}
      for (const [name, left, right] of pairs) {
        const off = Math.abs(left[i]! - right[j]!)
        if (off === 0) continue
        if (isSum && off <= slack(name, left[i]!, counts?.[j] ?? 1)) continue
        values[name] = [left[i]!, right[j]!]
      }
      if (Object.keys(values).length > 0) mismatches.push({ time: x, values })
      i++
      j++
    }
  }
  return { compared, mismatches }
}

/** How far a sum may be off by rounding alone. */
function slack(name: string, value: number, count: number): number {
  if (VALUES.includes(name)) return count * LAST_DIGIT + 4 * Number.EPSILON * value
  return name.endsWith('volume') ? 4 * Number.EPSILON * value : 0
}

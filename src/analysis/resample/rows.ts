// What a stretch of rows of one column comes to. One column at a time, so that each loop is short and the processor reads
// straight ahead.

/** Rows between those that are looked at first. */
const PROBE = 8

/**
 * Prices rise in runs, and every new greatest one is a branch that the processor guesses wrong. So one in eight is looked
 * at first, behind which there are few.
 */
export function greatest(values: Float64Array, from: number, to: number, start: number): number {
  let best = start
  for (let i = from; i < to; i += PROBE) if (values[i]! > best) best = values[i]!
  for (let i = from; i < to; i++) if (values[i]! > best) best = values[i]!
  return best
}

/** As `greatest`. */
export function least(values: Float64Array, from: number, to: number, start: number): number {
  let best = start
  for (let i = from; i < to; i += PROBE) if (values[i]! < best) best = values[i]!
  for (let i = from; i < to; i++) if (values[i]! < best) best = values[i]!
  return best
}

/** All bits of some flags. */
export function union(flags: Float64Array, from: number, to: number): number {
  let bits = 0
  for (let i = from; i < to; i++) bits |= flags[i]!
  return bits
}

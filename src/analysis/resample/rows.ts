// What a stretch of rows of one column comes to. One column at a time, so that each loop is short and the processor reads
// straight ahead.

/** Rows between those that are looked at first. */
const PROBE = 8

/**
 * The greatest of some rows and a start. Every new greatest one is a branch that the processor guesses wrong, and prices
 * rise in runs. So what is likely the greatest is looked at first, both ends and one in eight, behind which there are few.
 */
export function greatest(values: Float64Array, from: number, to: number, start: number): number {
  let best = start
  if (values[from]! > best) best = values[from]!
  if (values[to - 1]! > best) best = values[to - 1]!
  for (let i = from + PROBE - 1; i < to; i += PROBE) if (values[i]! > best) best = values[i]!
  let i = from
  for (; i + 7 < to; i += 8) {
    const a = values[i]!
    const b = values[i + 1]!
    const c = values[i + 2]!
    const d = values[i + 3]!
    const e = values[i + 4]!
    const f = values[i + 5]!
    const g = values[i + 6]!
    if (a > best) best = a
    if (b > best) best = b
    if (c > best) best = c
    if (d > best) best = d
    if (e > best) best = e
    if (f > best) best = f
    if (g > best) best = g
  }
  for (; i < to; i++) if (values[i]! > best) best = values[i]!
  return best
}

/** As `greatest`. */
export function least(values: Float64Array, from: number, to: number, start: number): number {
  let best = start
  if (values[from]! < best) best = values[from]!
  if (values[to - 1]! < best) best = values[to - 1]!
  for (let i = from + PROBE - 1; i < to; i += PROBE) if (values[i]! < best) best = values[i]!
  let i = from
  for (; i + 7 < to; i += 8) {
    const a = values[i]!
    const b = values[i + 1]!
    const c = values[i + 2]!
    const d = values[i + 3]!
    const e = values[i + 4]!
    const f = values[i + 5]!
    const g = values[i + 6]!
    if (a < best) best = a
    if (b < best) best = b
    if (c < best) best = c
    if (d < best) best = d
    if (e < best) best = e
    if (f < best) best = f
    if (g < best) best = g
  }
  for (; i < to; i++) if (values[i]! < best) best = values[i]!
  return best
}

/** All bits of some flags. */
export function union(flags: Float64Array, from: number, to: number): number {
  let bits = 0
  for (let i = from; i < to; i++) bits |= flags[i]!
  return bits
}

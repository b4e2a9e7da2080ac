/** Four sums at a time, which do not wait for one another; always in the same order, so that the bits are the same. */
export function sumOf(x: Float64Array, from: number, to: number): number {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let i = from
  for (; i + 3 < to; i += 4) {
    a += x[i]!
    b += x[i + 1]!
    c += x[i + 2]!
    d += x[i + 3]!
  }
  for (; i < to; i++) a += x[i]!
  return a + b + (c + d)
}

/** Four sums at a time, which do not wait for one another; always in the same order, so that the bits are the same. */
export function sumOf(x: Float64Array, from: number, to: number): number {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let i = from
  for (; i + 7 < to; i += 8) {
    a += x[i]!
    b += x[i + 1]!
    c += x[i + 2]!
    d += x[i + 3]!
    a += x[i + 4]!
    b += x[i + 5]!
    c += x[i + 6]!
    d += x[i + 7]!
  }
  if (i + 3 < to) {
    a += x[i]!
    b += x[i + 1]!
    c += x[i + 2]!
    d += x[i + 3]!
    i += 4
  }
  for (; i < to; i++) a += x[i]!
  return a + b + (c + d)
}

import { isFiniteSum, type Kernel } from './definition.ts'
import { keepTail, voidInfinite } from './windows.ts'

/** Change over `period` rows, in the source's own unit or in percent of the earlier value. */
export class ChangeKernel implements Kernel {
  readonly percent: boolean
  /** The newest values before the run, and the place of the oldest of them. */
  readonly ring: Float64Array
  at = 0
  count = 0

  constructor(period: number, percent: boolean) {
    this.percent = percent
    this.ring = new Float64Array(period).fill(Number.NaN)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    if (!this.#rows(x!, from, to, out!, false)) voidInfinite(out!, from, to)
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.count === this.ring.length && this.#rows(x!, from, to, out!, true)
  }

  /** @returns false where a row has no finite value */
  #rows(x: Float64Array, from: number, to: number, out: Float64Array, checking: boolean): boolean {
    const { ring, at } = this
    const { length } = ring
    const known = Math.min(to, from + length) | 0
    let seen = 0
    for (let i = from, k = at; i < known; i++) {
      const before = ring[k]!
      const change = x[i]! - before
      const value = this.percent ? (100 * change) / before : change
      seen += value
      out[i] = value
      k = k + 1 === length ? 0 : k + 1
    }
    seen += this.percent ? percents(x, known, to, length, out) : differences(x, known, to, length, out)
    const finite = isFiniteSum(seen)
    if (checking && !finite) return false
    this.count = Math.min(length, this.count + (to - from))
    this.at = (at + (to - from)) % length
    keepTail(ring, this.at, x, from, to)
    return finite
  }
}

/** Rows whose earlier value is one of the run. @returns the sum of the changes, which is finite where all values are */
function differences(x: Float64Array, from: number, to: number, period: number, out: Float64Array): number {
  let seen = 0
  let i = from
  // Two rows at a time: what is known of the arrays is looked up once for both.
  for (; i + 1 < to; i += 2) {
    const first = x[i]! - x[i - period]!
    const second = x[i + 1]! - x[i + 1 - period]!
    seen += first + second
    out[i] = first
    out[i + 1] = second
  }
  if (i < to) {
    const last = x[i]! - x[i - period]!
    seen += last
    out[i] = last
  }
  return seen
}

/** As `differences`, in percent of the earlier value; not finite where that is 0. */
function percents(x: Float64Array, from: number, to: number, period: number, out: Float64Array): number {
  let seen = 0
  let i = from
  for (; i + 1 < to; i += 2) {
    const before = x[i - period]!
    const before2 = x[i + 1 - period]!
    const first = (100 * (x[i]! - before)) / before
    const second = (100 * (x[i + 1]! - before2)) / before2
    seen += first + second
    out[i] = first
    out[i + 1] = second
  }
  if (i < to) {
    const before = x[i - period]!
    const last = (100 * (x[i]! - before)) / before
    seen += last
    out[i] = last
  }
  return seen
}

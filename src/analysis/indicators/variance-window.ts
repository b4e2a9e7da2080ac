import { keepTail, newestOf, renewalOf } from './windows.ts'

/**
 * Mean and standard deviation of the last `period` values. Sums are taken of differences from an anchor near the values,
 * because the squares of prices would cancel, and are worked out anew every `renewalOf(period)` rows from a newer anchor.
 */
export class VarianceWindow {
  readonly period: number
  /** What the squared differences are divided by. */
  readonly degrees: number
  readonly renewal: number
  readonly ring: Float64Array
  /** Rows since the sums were worked out; its remainder by the period is the next place of the ring. */
  age = 0
  count = 0
  anchor = 0
  sum = 0
  squares = 0
  last = Number.NaN
  /** Equal values in a row: a window of nothing else has no deviation, whatever rounding says. */
  same = 0

  constructor(period: number, ddof = 0) {
    this.period = period
    this.degrees = period - ddof
    this.renewal = renewalOf(period)
    this.ring = new Float64Array(period)
  }

  /** Writes means and deviations of rows `from` to `to` from place 0 on; NaN until there are `period` values. */
  run(x: Float64Array, from: number, to: number, means: Float64Array, deviations: Float64Array): void {
    const { ring, period, renewal } = this
    // Products, which are many times quicker than quotients, and differ from them by the last bit.
    const share = 1 / period
    const degree = 1 / this.degrees
    if (from < to && this.count === 0) {
      // As if the first value had always been there: its difference from the anchor is 0.
      ring.fill(x[from]!)
      this.anchor = x[from]!
    }
    let { age, count, anchor, sum, squares, last, same } = this
    let i = from
    while (i < to) {
      const place = age % period
      const early = i < from + period
      const end = (early ? Math.min(to, from + period, i + period - place) : Math.min(to, i + renewal - age)) | 0
      const source = early ? ring : x
      const back = early ? (i - place) | 0 : period
      age = (age + end - i) | 0
      for (; i < end; i++) {
        const value = x[i]!
        const d = value - anchor
        const old = source[i - back]! - anchor
        sum += d - old
        squares += (d - old) * (d + old)
        same = value === last ? same + 1 : 1
        last = value
        const mean = sum * share
        const squared = squares - sum * mean
        const flat = same >= period
        means[i - from] = flat ? value : anchor + mean
        deviations[i - from] = flat || squared < 0 ? 0 : Math.sqrt(squared * degree)
      }
      if (age !== renewal) continue
      age = 0
      const values = newestOf(ring, x, from, i)
      anchor += sum / period
      sum = 0
      squares = 0
      for (let k = 0; k < period; k++) {
        const d = values[k]! - anchor
        sum += d
        squares += d * d
      }
    }
    const unripe = Math.min(to - from, period - 1 - count)
    for (let k = 0; k < unripe; k++) {
      means[k] = Number.NaN
      deviations[k] = Number.NaN
    }
    count = Math.min(period, count + (to - from))
    keepTail(ring, age % period, x, from, to)
    this.age = age
    this.count = count
    this.anchor = anchor
    this.sum = sum
    this.squares = squares
    this.last = last
    this.same = same
  }
}

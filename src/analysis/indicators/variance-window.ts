import { isFiniteSum } from './definition.ts'
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

  /**
   * Writes the mean of row `from` at place 0 of `means` and so on, and the deviations at places that begin at `place`; NaN
   * until there are `period` values. With `checking`, over values that nobody has looked at: false, and nothing is
   * remembered, where one was not finite.
   */
  run(
    x: Float64Array,
    from: number,
    to: number,
    means: Float64Array,
    deviations: Float64Array,
    place: number,
    checking: boolean,
  ): boolean {
    const { ring, period, renewal } = this
    if (checking && this.count < period) return false
    // Products, which are many times quicker than quotients, and differ from them by the last bit.
    const share = 1 / period
    const degree = 1 / this.degrees
    if (from < to && this.count === 0) {
      // As if the first value had always been there: its difference from the anchor is 0.
      ring.fill(x[from]!)
      this.anchor = x[from]!
    }
    let { age, count, anchor, sum, squares, last, same } = this
    const shift = (from - place) | 0
    let i = from
    while (i < to) {
      const next = age % period
      const early = i < from + period
      const end = (early ? Math.min(to, from + period, i + period - next) : Math.min(to, i + renewal - age)) | 0
      age = (age + end - i) | 0
      if (early) {
        for (let k = next; i < end; i++, k++) {
          const value = x[i]!
          const d = value - anchor
          const old = ring[k]! - anchor
          sum += d - old
          squares += (d - old) * (d + old)
          same = value === last ? same + 1 : 1
          last = value
          const mean = sum * share
          const squared = squares - sum * mean
          const flat = same >= period
          means[i - from] = flat ? value : anchor + mean
          deviations[i - shift] = flat || squared < 0 ? 0 : Math.sqrt(squared * degree)
        }
      } else {
        for (; i < end; i++) {
          const value = x[i]!
          const d = value - anchor
          const old = x[i - period]! - anchor
          sum += d - old
          squares += (d - old) * (d + old)
          same = value === last ? same + 1 : 1
          last = value
          const mean = sum * share
          const squared = squares - sum * mean
          const flat = same >= period
          means[i - from] = flat ? value : anchor + mean
          deviations[i - shift] = flat || squared < 0 ? 0 : Math.sqrt(squared * degree)
        }
      }
      if (age !== renewal) continue
      if (checking && !isFiniteSum(squares)) return false
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
    if (checking && !isFiniteSum(squares)) return false
    const unripe = Math.min(to - from, period - 1 - count)
    for (let k = 0; k < unripe; k++) {
      means[k] = Number.NaN
      deviations[place + k] = Number.NaN
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
    return true
  }
}

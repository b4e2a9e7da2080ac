import { isFiniteSum } from './definition.ts'
import { equalsBefore, keepTail, mayStandStill, newestOf, renewalOf } from './windows.ts'

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
  /** Equal values in a row: of a window of nothing else, the value is the anchor, and rounding has no say. */
  same = 0

  constructor(period: number, ddof = 0) {
    this.period = period
    this.degrees = period - ddof
    this.renewal = renewalOf(period)
    this.ring = new Float64Array(period)
  }

  /**
   * Writes the mean and the deviation of row `from` at place 0 of `means` and `deviations` and so on; NaN until there are
   * `period` values. With `checking`, over values that nobody has looked at: false, and nothing is remembered, where one was
   * not finite.
   */
  run(
    x: Float64Array,
    from: number,
    to: number,
    means: Float64Array,
    deviations: Float64Array,
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
    const sums = SUMS
    let i = from
    while (i < to) {
      const place = age % period
      const early = i < from + period
      const end = (early ? Math.min(to, from + period, i + period - place) : Math.min(to, i + renewal - age)) | 0
      age = (age + end - i) | 0
      if (!early && !mayStandStill(x, i, end, period)) {
        sums[SUM] = sum
        sums[SQUARES] = squares
        steadyRows(x, i, end, from, period, anchor, share, degree, means, deviations, sums)
        sum = sums[SUM]!
        squares = sums[SQUARES]!
        last = x[end - 1]!
        same = equalsBefore(x, end, period)
        i = end
      }
      const source = early ? ring : x
      const back = early ? (i - place) | 0 : period
      for (; i < end; i++) {
        const value = x[i]!
        const d = value - anchor
        const old = source[i - back]! - anchor
        sum += d - old
        squares += (d - old) * (d + old)
        if (value !== last) same = 1
        else if (++same >= period) {
          anchor = value
          // Taken from themselves, so that one that is not finite stays so.
          sum -= sum
          squares -= squares
        }
        last = value
        const mean = sum * share
        const squared = squares - sum * mean
        means[i - from] = anchor + mean
        deviations[i - from] = squared <= 0 ? 0 : Math.sqrt(squared * degree)
      }
      if (age !== renewal) continue
      if (checking && !isFiniteSum(squares)) return false
      age = 0
      const known = i - from >= period
      const values = known ? x : newestOf(ring, x, from, i)
      const first = (known ? i - period : 0) | 0
      anchor += sum / period
      sum = 0
      squares = 0
      for (let k = first; k < first + period; k++) {
        const d = values[k]! - anchor
        sum += d
        squares += d * d
      }
    }
    if (checking && !isFiniteSum(squares)) return false
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
    return true
  }
}

/** What `steadyRows` goes on from, and leaves. */
const SUMS = new Float64Array(2)
const [SUM, SQUARES] = [0, 1]

/**
 * Rows whose window is one of the run, and holds no value alone. A function of few arrays and numbers: among the fields of
 * an object the compiler runs out of registers.
 */
function steadyRows(
  x: Float64Array,
  from: number,
  to: number,
  first: number,
  length: number,
  anchor: number,
  share: number,
  degree: number,
  means: Float64Array,
  deviations: Float64Array,
  sums: Float64Array,
): void {
  const end = to | 0
  const start = first | 0
  const period = length | 0
  let sum = sums[SUM]!
  let squares = sums[SQUARES]!
  for (let i = from | 0; i < end; i++) {
    const d = x[i]! - anchor
    const old = x[i - period]! - anchor
    sum += d - old
    squares += (d - old) * (d + old)
    const mean = sum * share
    const squared = squares - sum * mean
    means[i - start] = anchor + mean
    deviations[i - start] = squared <= 0 ? 0 : Math.sqrt(squared * degree)
  }
  sums[SUM] = sum
  sums[SQUARES] = squares
}

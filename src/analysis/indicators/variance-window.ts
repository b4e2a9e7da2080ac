import { keepTail } from './windows.ts'

/**
 * Mean and squared deviation of the last `period` values. Sums are taken of differences from an anchor near the values,
 * because the squares of prices would cancel, and are replaced every window by fresh ones with a newer anchor.
 */
export class VarianceWindow {
  readonly period: number
  readonly ring: Float64Array
  at = 0
  count = 0
  anchor = 0
  sum = 0
  squares = 0
  freshAnchor = 0
  freshSum = 0
  freshSquares = 0
  last = Number.NaN
  /** Equal values in a row: a window of nothing else has no deviation, whatever rounding says. */
  same = 0
  /** Of the rows of the last run: the mean, NaN until there are `period` values. */
  means = new Float64Array(1)
  /** Of the rows of the last run: the sum of squared differences from the mean, NaN until there are `period` values. */
  deviations = new Float64Array(1)

  constructor(period: number) {
    this.period = period
    this.ring = new Float64Array(period)
  }

  run(x: Float64Array, from: number, to: number): void {
    const { ring, period } = this
    if (this.means.length < to - from) {
      this.means = new Float64Array(to - from)
      this.deviations = new Float64Array(to - from)
    }
    const { means, deviations } = this
    if (from < to && this.count === 0) {
      // As if the first value had always been there: its difference from the anchor is 0.
      ring.fill(x[from]!)
      this.anchor = x[from]!
      this.freshAnchor = this.anchor
    }
    let { at, count, anchor, sum, squares, freshAnchor, freshSum, freshSquares, last, same } = this
    let i = from
    while (i < to) {
      const early = i < from + period
      const end = Math.min(to, i + period - at, early ? from + period : to)
      const source = early ? ring : x
      const back = early ? i - at : period
      at += end - i
      for (; i < end; i++) {
        const value = x[i]!
        const d = value - anchor
        const old = source[i - back]! - anchor
        const f = value - freshAnchor
        sum += d - old
        squares += (d - old) * (d + old)
        freshSum += f
        freshSquares += f * f
        same = value === last ? same + 1 : 1
        last = value
        const deviation = squares - (sum * sum) / period
        means[i - from] = same >= period ? value : anchor + sum / period
        deviations[i - from] = same >= period || deviation < 0 ? 0 : deviation
      }
      if (at === period) {
        at = 0
        sum = freshSum
        squares = freshSquares
        anchor = freshAnchor
        freshAnchor = anchor + sum / period
        freshSum = 0
        freshSquares = 0
      }
    }
    const unripe = Math.min(to - from, period - 1 - count)
    for (let k = 0; k < unripe; k++) {
      means[k] = Number.NaN
      deviations[k] = Number.NaN
    }
    count = Math.min(period, count + (to - from))
    keepTail(ring, at, x, from, to)
    this.at = at
    this.count = count
    this.anchor = anchor
    this.sum = sum
    this.squares = squares
    this.freshAnchor = freshAnchor
    this.freshSum = freshSum
    this.freshSquares = freshSquares
    this.last = last
    this.same = same
  }
}

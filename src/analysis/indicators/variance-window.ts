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
  mean = 0
  /** Sum of squared deviations from the mean. */
  deviation = 0

  constructor(period: number) {
    this.period = period
    this.ring = new Float64Array(period)
  }

  get warm(): boolean {
    return this.count >= this.period
  }

  next(value: number): void {
    const { ring, at, period } = this
    if (this.count === 0) {
      ring.fill(value)
      this.anchor = value
      this.freshAnchor = value
    }
    if (this.count < period) this.count++
    this.same = value === this.last ? this.same + 1 : 1
    this.last = value
    const d = value - this.anchor
    const old = ring[at]! - this.anchor
    const f = value - this.freshAnchor
    let sum = this.sum + (d - old)
    let squares = this.squares + (d - old) * (d + old)
    const freshSum = this.freshSum + f
    const freshSquares = this.freshSquares + f * f
    ring[at] = value
    if (at + 1 < period) {
      this.at = at + 1
      this.freshSum = freshSum
      this.freshSquares = freshSquares
    } else {
      this.at = 0
      sum = freshSum
      squares = freshSquares
      this.anchor = this.freshAnchor
      this.freshAnchor = this.anchor + sum / period
      this.freshSum = 0
      this.freshSquares = 0
    }
    this.sum = sum
    this.squares = squares
    if (this.same >= period) {
      this.mean = value
      this.deviation = 0
    } else {
      this.mean = this.anchor + sum / period
      const deviation = squares - (sum * sum) / period
      this.deviation = deviation > 0 ? deviation : 0
    }
  }
}

/** Linearly weighted mean of the last `period` values, a step at a time; its sums are renewed every window. */
export class WmaWindow {
  readonly period: number
  readonly ring: Float64Array
  readonly divisor: number
  at = 0
  count = 0
  sum = 0
  weighted = 0
  freshSum = 0
  freshWeighted = 0

  constructor(period: number) {
    this.period = period
    this.ring = new Float64Array(period)
    this.divisor = (period * (period + 1)) / 2
  }

  /** NaN until there are `period` values. */
  next(value: number): number {
    const { ring, at, period } = this
    const weighted = this.weighted + (period * value - this.sum)
    const sum = this.sum + (value - ring[at]!)
    ring[at] = value
    const freshSum = this.freshSum + value
    const freshWeighted = this.freshWeighted + (at + 1) * value
    if (this.count < period) this.count++
    if (at + 1 < period) {
      this.at = at + 1
      this.sum = sum
      this.weighted = weighted
      this.freshSum = freshSum
      this.freshWeighted = freshWeighted
      return this.count < period ? Number.NaN : weighted / this.divisor
    }
    this.at = 0
    this.sum = freshSum
    this.weighted = freshWeighted
    this.freshSum = 0
    this.freshWeighted = 0
    return freshWeighted / this.divisor
  }
}

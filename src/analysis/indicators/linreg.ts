import { define, integer, type Kernel } from './definition.ts'

class LinregKernel implements Kernel {
  readonly ring: Float64Array
  at = 0
  count = 0
  anchor = 0
  sum = 0
  weighted = 0
  squares = 0
  freshAnchor = 0
  freshSum = 0
  freshWeighted = 0
  freshSquares = 0
  last = Number.NaN
  same = 0

  constructor(period: number) {
    this.ring = new Float64Array(period)
  }

  run(
    [y]: readonly Float64Array[],
    from: number,
    to: number,
    [line, slopes, intercepts, fits]: readonly Float64Array[],
  ): void {
    const { ring } = this
    const n = ring.length
    // Of the places 0 to n - 1: their sum, and n times the sum of their squared distances from the middle.
    const places = (n * (n - 1)) / 2
    const spread = (n * n * (n * n - 1)) / 12
    for (let i = from; i < to; i++) {
      const value = y![i]!
      if (this.count === 0) {
        ring.fill(value)
        this.anchor = value
        this.freshAnchor = value
      }
      if (this.count < n) this.count++
      this.same = value === this.last ? this.same + 1 : 1
      this.last = value
      const d = value - this.anchor
      const old = ring[this.at]! - this.anchor
      const f = value - this.freshAnchor
      // Every value moves one place down; the oldest, at place 0, leaves.
      this.weighted += (n - 1) * d - (this.sum - old)
      this.sum += d - old
      this.squares += (d - old) * (d + old)
      this.freshWeighted += this.at * f
      this.freshSum += f
      this.freshSquares += f * f
      ring[this.at] = value
      if (++this.at === n) this.#renew(n)
      if (this.count < n) {
        line![i] = Number.NaN
        slopes![i] = Number.NaN
        intercepts![i] = Number.NaN
        fits![i] = Number.NaN
        continue
      }
      const flat = this.same >= n
      const cross = n * this.weighted - places * this.sum
      const slope = flat ? 0 : cross / spread
      const intercept = flat ? value : this.anchor + (this.sum - slope * places) / n
      const variance = n * this.squares - this.sum * this.sum
      line![i] = intercept + slope * (n - 1)
      slopes![i] = slope
      intercepts![i] = intercept
      fits![i] = flat || variance <= 0 ? Number.NaN : Math.min(1, (cross * cross) / (spread * variance))
    }
  }

  /** The ring is full: what has grown from zero is exactly the window. */
  #renew(n: number): void {
    this.at = 0
    this.anchor = this.freshAnchor
    this.sum = this.freshSum
    this.weighted = this.freshWeighted
    this.squares = this.freshSquares
    this.freshAnchor = this.anchor + this.sum / n
    this.freshSum = 0
    this.freshWeighted = 0
    this.freshSquares = 0
  }
}

/** The straight line through the last `period` values that fits best (least squares). */
export const linreg = define({
  id: 'linreg',
  title: 'Linear regression',
  parameters: [integer('period', 14, 2, 'values in the window')],
  inputs: ['source'],
  outputs: {
    value: 'the line at the newest value',
    slope: 'change of the line per row',
    intercept: 'the line at the oldest value',
    r2: 'share of the variance that the line explains; NaN on a constant window',
  },
  warmUp: ({ period }) => period - 1,
  convention: 'Places count 0 to period - 1 (TA-Lib LINEARREG, LINEARREG_SLOPE, LINEARREG_INTERCEPT; Tulip linreg).',
  create: ({ period }) => new LinregKernel(period),
})

import { define, integer, type Kernel } from './definition.ts'

/** One of the two series: its ring, anchors and sums; see `VarianceWindow`. */
class Side {
  readonly ring: Float64Array
  anchor = 0
  sum = 0
  squares = 0
  freshAnchor = 0
  freshSum = 0
  freshSquares = 0
  last = Number.NaN
  same = 0

  constructor(period: number) {
    this.ring = new Float64Array(period)
  }

  start(value: number): void {
    this.ring.fill(value)
    this.anchor = value
    this.freshAnchor = value
  }

  add(value: number, at: number): void {
    this.same = value === this.last ? this.same + 1 : 1
    this.last = value
    const d = value - this.anchor
    const old = this.ring[at]! - this.anchor
    const f = value - this.freshAnchor
    this.sum += d - old
    this.squares += (d - old) * (d + old)
    this.freshSum += f
    this.freshSquares += f * f
    this.ring[at] = value
  }

  renew(): void {
    this.anchor = this.freshAnchor
    this.sum = this.freshSum
    this.squares = this.freshSquares
    this.freshAnchor = this.anchor + this.sum / this.ring.length
    this.freshSum = 0
    this.freshSquares = 0
  }
}

class CorrelationKernel implements Kernel {
  readonly period: number
  readonly left: Side
  readonly right: Side
  at = 0
  count = 0
  products = 0
  freshProducts = 0

  constructor(period: number) {
    this.period = period
    this.left = new Side(period)
    this.right = new Side(period)
  }

  run([x, y]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { period: n, left, right } = this
    for (let i = from; i < to; i++) {
      const a = x![i]!
      const b = y![i]!
      if (this.count === 0) {
        left.start(a)
        right.start(b)
      }
      if (this.count < n) this.count++
      const { at } = this
      this.products +=
        (a - left.anchor) * (b - right.anchor) - (left.ring[at]! - left.anchor) * (right.ring[at]! - right.anchor)
      this.freshProducts += (a - left.freshAnchor) * (b - right.freshAnchor)
      left.add(a, at)
      right.add(b, at)
      this.at = at + 1
      if (this.at === n) {
        this.at = 0
        left.renew()
        right.renew()
        this.products = this.freshProducts
        this.freshProducts = 0
      }
      const varianceA = n * left.squares - left.sum * left.sum
      const varianceB = n * right.squares - right.sum * right.sum
      const flat = left.same >= n || right.same >= n || !(varianceA > 0 && varianceB > 0)
      if (this.count < n || flat) out![i] = Number.NaN
      else {
        const r = (n * this.products - left.sum * right.sum) / Math.sqrt(varianceA * varianceB)
        out![i] = r > 1 ? 1 : r < -1 ? -1 : r
      }
    }
  }
}

/** How much two series move together, -1 to 1. */
export const correlation = define({
  id: 'correlation',
  title: 'Rolling correlation',
  parameters: [integer('period', 20, 2, 'pairs in the window')],
  inputs: ['source', 'other'],
  outputs: { value: "Pearson's coefficient" },
  warmUp: ({ period }) => period - 1,
  convention: 'Pearson (TA-Lib CORREL, TradingView ta.correlation). NaN where either series is constant.',
  create: ({ period }) => new CorrelationKernel(period),
})

import { define, integer, type Kernel } from './definition.ts'

class WmaKernel implements Kernel {
  readonly ring: Float64Array
  readonly divisor: number
  at = 0
  count = 0
  sum = 0
  weighted = 0
  freshSum = 0
  freshWeighted = 0

  constructor(period: number) {
    this.ring = new Float64Array(period)
    this.divisor = (period * (period + 1)) / 2
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { ring, divisor } = this
    const period = ring.length
    let { at, count, sum, weighted, freshSum, freshWeighted } = this
    for (let i = from; i < to; i++) {
      const value = x![i]!
      // Every value in the window loses one weight, and the newest comes in with all of them.
      weighted += period * value - sum
      sum += value - ring[at]!
      ring[at] = value
      freshSum += value
      freshWeighted += (at + 1) * value
      if (++at === period) {
        at = 0
        sum = freshSum
        weighted = freshWeighted
        freshSum = 0
        freshWeighted = 0
      }
      if (count < period) count++
      out![i] = count < period ? Number.NaN : weighted / divisor
    }
    this.at = at
    this.count = count
    this.sum = sum
    this.weighted = weighted
    this.freshSum = freshSum
    this.freshWeighted = freshWeighted
  }
}

/** A mean in which the newest value weighs `period`, the one before `period - 1`, the oldest 1. */
export const wma = define({
  id: 'wma',
  title: 'Weighted moving average',
  parameters: [integer('period', 20, 1, 'values in the window')],
  inputs: ['source'],
  outputs: { value: 'weighted mean' },
  warmUp: ({ period }) => period - 1,
  convention: 'Linear weights, newest heaviest (TA-Lib WMA, TradingView ta.wma). Its sums are renewed every window.',
  create: ({ period }) => new WmaKernel(period),
})

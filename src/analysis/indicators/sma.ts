import { define, integer, type Kernel } from './definition.ts'

class SmaKernel implements Kernel {
  readonly ring: Float64Array
  at = 0
  count = 0
  sum = 0
  fresh = 0

  constructor(period: number) {
    this.ring = new Float64Array(period)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { ring } = this
    const period = ring.length
    let { at, sum, fresh } = this
    const warm = Math.min(to, from + period - 1 - this.count)
    let i = from
    for (; i < warm; i++) {
      const value = x![i]!
      ring[at++] = value
      sum += value
      fresh += value
      out![i] = Number.NaN
    }
    this.count = Math.min(period - 1, this.count + (i - from))
    for (; i < to; i++) {
      const value = x![i]!
      // The running sum drifts; the fresh one is the window's exactly when the ring is full, and replaces it then.
      fresh += value
      sum += value - ring[at]!
      ring[at] = value
      if (++at === period) {
        at = 0
        sum = fresh
        fresh = 0
      }
      out![i] = sum / period
    }
    this.at = at
    this.sum = sum
    this.fresh = fresh
  }
}

/** The mean of the last `period` values. */
export const sma = define({
  id: 'sma',
  title: 'Simple moving average',
  parameters: [integer('period', 20, 1, 'values in the window')],
  inputs: ['source'],
  outputs: { value: 'mean of the window' },
  warmUp: ({ period }) => period - 1,
  convention:
    'As everywhere (TA-Lib SMA, TradingView ta.sma). The running sum is replaced by a fresh one every window.',
  create: ({ period }) => new SmaKernel(period),
})

import { define, integer, type Kernel } from './definition.ts'
import { keepTail } from './windows.ts'

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
    const start = i
    while (i < to) {
      const early = i < from + period
      const end = Math.min(to, i + period - at, early ? from + period : to)
      let place = at
      at += end - i
      if (early) {
        for (; i < end; i++) {
          const value = x![i]!
          fresh += value
          sum += value - ring[place++]!
          out![i] = sum / period
        }
      } else {
        for (; i < end; i++) {
          const value = x![i]!
          fresh += value
          sum += value - x![i - period]!
          out![i] = sum / period
        }
      }
      // The running sum drifts; the fresh one is exactly the window's when the ring is full, and replaces it then.
      if (at === period) {
        at = 0
        sum = fresh
        fresh = 0
        out![i - 1] = sum / period
      }
    }
    keepTail(ring, at, x!, start, to)
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

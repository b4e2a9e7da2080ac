import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { keepTail, renewalOf } from './windows.ts'

class SmaKernel implements Kernel {
  readonly ring: Float64Array
  /** Rows between two renewals of the sum. */
  readonly renewal: number
  /** Rows since the last one. */
  at = 0
  count = 0
  sum = 0
  /** Grows from zero over the last window before a renewal. */
  fresh = 0

  constructor(period: number) {
    this.ring = new Float64Array(period)
    this.renewal = renewalOf(period)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { ring } = this
    const warm = Math.min(to, from + ring.length - 1 - this.count)
    let i = from
    for (; i < warm; i++) {
      const value = x![i]!
      ring[this.at++] = value
      this.sum += value
      this.fresh += value
      out![i] = Number.NaN
    }
    this.count += i - from
    this.#steady(x!, i, to, out!, from, false)
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.count === this.ring.length - 1 && this.#steady(x!, from, to, out!, from, true)
  }

  /** Rows of full windows; those at and after `inside` are read from `x`, those before from the ring. */
  #steady(x: Float64Array, start: number, to: number, out: Float64Array, inside: number, checking: boolean): boolean {
    const { ring, renewal } = this
    const period = ring.length
    const lead = renewal - period
    let { at, sum, fresh } = this
    let i = start
    while (i < to) {
      const early = i < inside + period
      if (at === lead) fresh = 0
      let end = Math.min(to, i + (at < lead ? lead : renewal) - at)
      if (early) {
        let place = at % period
        end = Math.min(end, inside + period, i + period - place)
        at += end - i
        for (; i < end; i++) {
          const value = x[i]!
          fresh += value
          sum += value - ring[place++]!
          out[i] = sum / period
        }
      } else if (at < lead) {
        at += end - i
        for (; i < end; i++) {
          sum += x[i]! - x[i - period]!
          out[i] = sum / period
        }
      } else {
        at += end - i
        for (; i < end; i++) {
          const value = x[i]!
          fresh += value
          sum += value - x[i - period]!
          out[i] = sum / period
        }
      }
      // The running sum drifts; the fresh one is exactly the window's by now, and replaces it.
      if (at === renewal) {
        if (checking && !isFiniteSum(sum)) return false
        at = 0
        sum = fresh
        fresh = 0
        out[i - 1] = sum / period
      }
    }
    if (checking && !isFiniteSum(sum)) return false
    keepTail(ring, at % period, x, start, to)
    this.at = at
    this.sum = sum
    this.fresh = fresh
    return true
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
    'As everywhere (TA-Lib SMA, TradingView ta.sma). The running sum is replaced by a fresh one every window, or every 64 rows where that is more.',
  create: ({ period }) => new SmaKernel(period),
})

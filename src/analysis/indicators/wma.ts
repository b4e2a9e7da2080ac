import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { keepTail, renewalOf } from './windows.ts'

class WmaKernel implements Kernel {
  readonly ring: Float64Array
  readonly divisor: number
  /** Rows between two renewals of the sums. */
  readonly renewal: number
  /** Rows since the last one. */
  at = 0
  count = 0
  sum = 0
  weighted = 0
  /** Grow from zero over the last window before a renewal. */
  freshSum = 0
  freshWeighted = 0

  constructor(period: number) {
    this.ring = new Float64Array(period)
    this.divisor = (period * (period + 1)) / 2
    this.renewal = renewalOf(period)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { ring } = this
    const period = ring.length
    const warm = Math.min(to, from + period - 1 - this.count)
    let i = from
    // Every value in the window loses one weight, and the newest comes in with all of them.
    for (; i < warm; i++) {
      const value = x![i]!
      this.weighted += period * value - this.sum
      this.sum += value
      ring[this.at++] = value
      this.freshSum += value
      this.freshWeighted += this.at * value
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
    const { ring, divisor, renewal } = this
    const period = ring.length
    const lead = renewal - period
    let { at, sum, weighted, freshSum, freshWeighted } = this
    let i = start
    while (i < to) {
      const early = i < inside + period
      if (at === lead) {
        freshSum = 0
        freshWeighted = 0
      }
      let end = Math.min(to, i + (at < lead ? lead : renewal) - at)
      let place = at % period
      if (early) {
        end = Math.min(end, inside + period, i + period - place)
        at += end - i
        for (; i < end; i++) {
          const value = x[i]!
          weighted += period * value - sum
          sum += value - ring[place++]!
          freshSum += value
          freshWeighted += place * value
          out[i] = weighted / divisor
        }
      } else if (at < lead) {
        at += end - i
        for (; i < end; i++) {
          const value = x[i]!
          weighted += period * value - sum
          sum += value - x[i - period]!
          out[i] = weighted / divisor
        }
      } else {
        at += end - i
        for (; i < end; i++) {
          const value = x[i]!
          weighted += period * value - sum
          sum += value - x[i - period]!
          place += 1
          freshSum += value
          freshWeighted += place * value
          out[i] = weighted / divisor
        }
      }
      if (at === renewal) {
        if (checking && !isFiniteSum(sum)) return false
        at = 0
        sum = freshSum
        weighted = freshWeighted
        freshSum = 0
        freshWeighted = 0
        out[i - 1] = weighted / divisor
      }
    }
    if (checking && !isFiniteSum(sum)) return false
    keepTail(ring, at % period, x, start, to)
    this.at = at
    this.sum = sum
    this.weighted = weighted
    this.freshSum = freshSum
    this.freshWeighted = freshWeighted
    return true
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
  convention:
    'Linear weights, newest heaviest (TA-Lib WMA, TradingView ta.wma). Its sums are renewed every window, or every 64 rows where that is more.',
  create: ({ period }) => new WmaKernel(period),
})

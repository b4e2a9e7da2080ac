import { sumOf } from '../sums.ts'
import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { keepTail, newestOf, renewalOf } from './windows.ts'

export class WmaKernel implements Kernel {
  readonly ring: Float64Array
  readonly divisor: number
  /** Rows after which the sums are worked out anew: running sums drift. */
  readonly renewal: number
  /** Rows since then; its remainder by the period is the next place of the ring. */
  age = 0
  count = 0
  sum = 0
  weighted = 0

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
      ring[this.age++] = value
      out![i] = Number.NaN
    }
    this.count += i - from
    this.#steady(x!, i, to, out!, from, false)
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.count === this.ring.length - 1 && this.#steady(x!, from, to, out!, from, true)
  }

  /** Rows of full windows. Values at and after `inside` are read from `x`, those before it from the ring. */
  #steady(x: Float64Array, start: number, to: number, out: Float64Array, inside: number, checking: boolean): boolean {
    const { ring, divisor, renewal } = this
    const period = ring.length
    let { age, sum, weighted } = this
    let i = start
    while (i < to) {
      const place = age % period
      const early = i < inside + period
      const end = (early ? Math.min(to, inside + period, i + period - place) : Math.min(to, i + renewal - age)) | 0
      age = (age + end - i) | 0
      if (early) {
        for (let k = place; i < end; i++, k++) {
          const value = x[i]!
          weighted += period * value - sum
          sum += value - ring[k]!
          out[i] = weighted / divisor
        }
      } else {
        // Two rows at a time: what is known of the arrays is looked up once for both.
        for (; i + 1 < end; i += 2) {
          const value = x[i]!
          weighted += period * value - sum
          sum += value - x[i - period]!
          out[i] = weighted / divisor
          const second = x[i + 1]!
          weighted += period * second - sum
          sum += second - x[i + 1 - period]!
          out[i + 1] = weighted / divisor
        }
        if (i < end) {
          const value = x[i]!
          weighted += period * value - sum
          sum += value - x[i - period]!
          out[i++] = weighted / divisor
        }
      }
      if (age !== renewal) continue
      if (checking && !isFiniteSum(sum)) return false
      age = 0
      const known = i - start >= period
      const values = known ? x : newestOf(ring, x, start, i)
      const first = known ? i - period : 0
      sum = sumOf(values, first, first + period)
      weighted = 0
      for (let k = 0; k < period; k++) weighted += (k + 1) * values[first + k]!
      out[i - 1] = weighted / divisor
    }
    if (checking && !isFiniteSum(sum)) return false
    keepTail(ring, age % period, x, start, to)
    this.age = age
    this.sum = sum
    this.weighted = weighted
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
    'Linear weights, newest heaviest (TA-Lib WMA, TradingView ta.wma). Its sums are worked out anew every window, or every 128 rows where that is more.',
  create: ({ period }) => new WmaKernel(period),
})

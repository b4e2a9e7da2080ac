import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { keepTail, newestSum, renewalOf } from './windows.ts'

/** The mean of one value is that value; a running sum would have it but for rounding. @returns whether all are finite */
function copyRows(x: Float64Array, from: number, to: number, out: Float64Array): boolean {
  let seen = 0
  for (let i = from; i < to; i++) {
    const value = x[i]!
    out[i] = value
    seen += value
  }
  return isFiniteSum(seen)
}

export class SmaKernel implements Kernel {
  readonly ring: Float64Array
  /** Rows after which the sum is worked out anew: a running sum drifts. */
  readonly renewal: number
  /** Rows since then; its remainder by the period is the next place of the ring. */
  age = 0
  count = 0
  sum = 0

  constructor(period: number) {
    this.ring = new Float64Array(period)
    this.renewal = renewalOf(period)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { ring } = this
    if (ring.length === 1) {
      copyRows(x!, from, to, out!)
      return
    }
    const warm = Math.min(to, from + ring.length - 1 - this.count)
    let i = from
    for (; i < warm; i++) {
      const value = x![i]!
      ring[this.age++] = value
      this.sum += value
      out![i] = Number.NaN
    }
    this.count += i - from
    this.#steady(x!, i, to, out!, from, false)
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    if (this.ring.length === 1) return copyRows(x!, from, to, out!)
    return this.count === this.ring.length - 1 && this.#steady(x!, from, to, out!, from, true)
  }

  /** Rows of full windows. Values at and after `inside` are read from `x`, those before it from the ring. */
  #steady(x: Float64Array, start: number, to: number, out: Float64Array, inside: number, checking: boolean): boolean {
    const { ring, renewal } = this
    const period = ring.length
    let { age, sum } = this
    let i = start
    while (i < to) {
      const place = age % period
      const early = i < inside + period
      const end = (early ? Math.min(to, inside + period, i + period - place) : Math.min(to, i + renewal - age)) | 0
      age = (age + end - i) | 0
      if (early) {
        for (let k = place; i < end; i++, k++) {
          sum += x[i]! - ring[k]!
          out[i] = sum / period
        }
      } else {
        // Two rows at a time: what is known of the arrays is looked up once for both.
        for (; i + 1 < end; i += 2) {
          sum += x[i]! - x[i - period]!
          out[i] = sum / period
          sum += x[i + 1]! - x[i + 1 - period]!
          out[i + 1] = sum / period
        }
        if (i < end) {
          sum += x[i]! - x[i - period]!
          out[i++] = sum / period
        }
      }
      if (age !== renewal) continue
      if (checking && !isFiniteSum(sum)) return false
      age = 0
      sum = newestSum(ring, x, start, i)
      out[i - 1] = sum / period
    }
    if (checking && !isFiniteSum(sum)) return false
    keepTail(ring, age % period, x, start, to)
    this.age = age
    this.sum = sum
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
    'As everywhere (TA-Lib SMA, TradingView ta.sma). The running sum is worked out anew every window, or every 128 rows where that is more.',
  create: ({ period }) => new SmaKernel(period),
})

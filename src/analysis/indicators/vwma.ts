import { sumOf } from '../sums.ts'
import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { keepTail, newestOf, renewalOf, scratch } from './windows.ts'

class VwmaKernel implements Kernel {
  /** Values times volumes, and volumes. */
  readonly values: Float64Array
  readonly volumes: Float64Array
  /** Rows after which the sums are worked out anew: running sums drift. */
  readonly renewal: number
  /** Rows since then; its remainder by the period is the next place of the rings. */
  age = 0
  count = 0
  sum = 0
  weight = 0
  /** Candles in a row without volume: a window of nothing else weighs nothing, whatever rounding says. */
  empty = 0

  constructor(period: number) {
    this.values = new Float64Array(period)
    this.volumes = new Float64Array(period)
    this.renewal = renewalOf(period)
  }

  run([x, volume]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    this.#rows(x!, volume!, from, to, out!, false)
  }

  attempt([x, volume]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.#rows(x!, volume!, from, to, out!, true)
  }

  #rows(
    x: Float64Array,
    volume: Float64Array,
    from: number,
    to: number,
    out: Float64Array,
    checking: boolean,
  ): boolean {
    const { values, volumes, renewal } = this
    const period = values.length
    let { age, sum, weight, empty } = this
    let i = from
    while (i < to) {
      const place = age % period
      const early = i < from + period
      const end = (early ? Math.min(to, from + period, i + period - place) : Math.min(to, i + renewal - age)) | 0
      age = (age + end - i) | 0
      if (early) {
        for (let k = place; i < end; i++, k++) {
          const amount = volume[i]!
          sum += x[i]! * amount - values[k]!
          weight += amount - volumes[k]!
          empty = amount === 0 ? empty + 1 : 0
          out[i] = empty >= period || weight === 0 ? Number.NaN : sum / weight
        }
      } else {
        for (; i < end; i++) {
          const amount = volume[i]!
          const gone = volume[i - period]!
          sum += x[i]! * amount - x[i - period]! * gone
          weight += amount - gone
          empty = amount === 0 ? empty + 1 : 0
          out[i] = empty >= period || weight === 0 ? Number.NaN : sum / weight
        }
      }
      if (age !== renewal) continue
      if (checking && !isFiniteSum(sum)) return false
      age = 0
      const older = Math.max(0, period - (i - from))
      const products = scratch(1, period)
      for (let k = 0; k < older; k++) products[k] = values[k]!
      for (let k = older; k < period; k++) products[k] = x[i - period + k]! * volume[i - period + k]!
      sum = sumOf(products, 0, period)
      weight = sumOf(newestOf(volumes, volume, from, i), 0, period)
    }
    if (checking && !isFiniteSum(sum)) return false
    const unripe = Math.min(to, from + period - 1 - this.count)
    for (i = from; i < unripe; i++) out[i] = Number.NaN
    for (i = Math.max(from, to - period); i < to; i++) {
      const place = (age - (to - i)) % period
      values[place < 0 ? place + period : place] = x[i]! * volume[i]!
    }
    keepTail(volumes, age % period, volume, from, to)
    this.count = Math.min(period, this.count + (to - from))
    this.age = age
    this.sum = sum
    this.weight = weight
    this.empty = empty
    return true
  }
}

/** The mean of the last `period` values, each weighing the volume of its candle. */
export const vwma = define({
  id: 'vwma',
  title: 'Volume weighted moving average',
  parameters: [integer('period', 20, 1, 'candles in the window')],
  inputs: ['source', 'volume'],
  outputs: { value: 'weighted mean' },
  warmUp: ({ period }) => period - 1,
  convention: 'As TradingView ta.vwma and Tulip. NaN while nothing was traded in the whole window.',
  create: ({ period }) => new VwmaKernel(period),
})

import { sumOf } from '../sums.ts'
import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { keepTail, newestOf, renewalOf, scratch } from './windows.ts'

class CmfKernel implements Kernel {
  /** Money flows and volumes. */
  readonly flows: Float64Array
  readonly volumes: Float64Array
  /** Rows after which the sums are worked out anew: running sums drift. */
  readonly renewal: number
  /** Rows since then; its remainder by the period is the next place of the rings. */
  age = 0
  count = 0
  flow = 0
  volume = 0
  /** Candles in a row without volume: a window of nothing else weighs nothing, whatever rounding says. */
  empty = 0

  constructor(period: number) {
    this.flows = new Float64Array(period)
    this.volumes = new Float64Array(period)
    this.renewal = renewalOf(period)
  }

  run(inputs: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    this.#rows(inputs, from, to, out!, false)
  }

  attempt(inputs: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.#rows(inputs, from, to, out!, true)
  }

  #rows(inputs: readonly Float64Array[], from: number, to: number, out: Float64Array, checking: boolean): boolean {
    const { flows, volumes, renewal } = this
    const [high, low, close, amounts] = inputs
    const period = flows.length
    const made = scratch(2, to - from)
    flowsOf(high!, low!, close!, amounts!, from, to, made)
    let { age, flow, volume, empty } = this
    let i = from
    while (i < to) {
      const place = age % period
      const early = i < from + period
      const end = (early ? Math.min(to, from + period, i + period - place) : Math.min(to, i + renewal - age)) | 0
      age = (age + end - i) | 0
      if (early) {
        for (let k = place; i < end; i++, k++) {
          const amount = amounts![i]!
          flow += made[i - from]! - flows[k]!
          volume += amount - volumes[k]!
          empty = amount === 0 ? empty + 1 : 0
          out[i] = empty >= period || volume === 0 ? Number.NaN : flow / volume
        }
      } else {
        for (; i < end; i++) {
          const amount = amounts![i]!
          flow += made[i - from]! - made[i - from - period]!
          volume += amount - amounts![i - period]!
          empty = amount === 0 ? empty + 1 : 0
          out[i] = empty >= period || volume === 0 ? Number.NaN : flow / volume
        }
      }
      if (age !== renewal) continue
      if (checking && !isFiniteSum(flow)) return false
      age = 0
      flow = sumOf(newestOf(flows, made, 0, i - from), 0, period)
      volume = sumOf(newestOf(volumes, amounts!, from, i), 0, period)
    }
    if (checking && !isFiniteSum(flow)) return false
    const unripe = Math.min(to, from + period - 1 - this.count)
    for (i = from; i < unripe; i++) out[i] = Number.NaN
    keepTail(flows, age % period, made, 0, to - from)
    keepTail(volumes, age % period, amounts!, from, to)
    this.count = Math.min(period, this.count + (to - from))
    this.age = age
    this.flow = flow
    this.volume = volume
    this.empty = empty
    return true
  }
}

/**
 * Writes from place 0 on: how high the close lies in its candle, -1 to 1, times the volume. Not finite where anything that
 * it reads is not.
 */
function flowsOf(
  high: Float64Array,
  low: Float64Array,
  close: Float64Array,
  amounts: Float64Array,
  from: number,
  to: number,
  flows: Float64Array,
): void {
  for (let i = from; i < to; i++) {
    const h = high[i]!
    const l = low[i]!
    const c = close[i]!
    const amount = amounts[i]!
    flows[i - from] = h === l ? (c - h) * 0 * amount : ((c - l - (h - c)) / (h - l)) * amount
  }
}

/** Whether closes lie high or low in their candles, weighing volume, -1 to 1. */
export const cmf = define({
  id: 'cmf',
  title: 'Chaikin money flow',
  parameters: [integer('period', 20, 1, 'candles in the window')],
  inputs: ['high', 'low', 'close', 'volume'],
  outputs: { value: '-1 to 1' },
  warmUp: ({ period }) => period - 1,
  convention:
    'Marc Chaikin (TradingView, Stock.Indicators). A candle without range counts as the middle; NaN while nothing was traded in the whole window.',
  create: ({ period }) => new CmfKernel(period),
})

import { ConfigError } from '../../model/errors.ts'
import { define, flag, integer, isFiniteSum, type Kernel, optionalDecimal, optionalWord } from './definition.ts'

class EmaKernel implements Kernel {
  readonly alpha: number
  /** Values of which the first average is the mean; 1 starts with the first value. */
  readonly seeds: number
  count = 0
  value = 0

  constructor(alpha: number, seeds: number) {
    this.alpha = alpha
    this.seeds = seeds
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { alpha, seeds } = this
    let { value, count } = this
    let i = from
    for (; i < to && count < seeds; i++) {
      value += x![i]!
      if (++count === seeds) out![i] = value /= seeds
      else out![i] = Number.NaN
    }
    for (; i < to; i++) {
      value += alpha * (x![i]! - value)
      out![i] = value
    }
    this.value = value
    this.count = count
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    if (this.count < this.seeds) return false
    const { alpha } = this
    let { value } = this
    for (let i = from; i < to; i++) {
      value += alpha * (x![i]! - value)
      out![i] = value
    }
    if (!isFiniteSum(value)) return false
    this.value = value
    return true
  }
}

/** Every value so far weighs (1 - alpha)^age, and the weights add up to one from the first value on. */
class AdjustedEmaKernel implements Kernel {
  readonly keep: number
  sum = 0
  weight = 0

  constructor(alpha: number) {
    this.keep = 1 - alpha
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { keep } = this
    let { sum, weight } = this
    for (let i = from; i < to; i++) {
      sum = x![i]! + keep * sum
      weight = 1 + keep * weight
      out![i] = sum / weight
    }
    this.sum = sum
    this.weight = weight
  }
}

/** An average in which a value weighs the less the older it is. */
export const ema = define({
  id: 'ema',
  title: 'Exponential moving average',
  parameters: [
    integer('period', 20, 1, 'alpha is 2 / (period + 1)'),
    optionalDecimal('alpha', 0, 1, 'weight of the newest value, instead of the period'),
    flag('adjust', 'divide by the sum of weights from the first value on, as pandas ewm(adjust=True)'),
    optionalWord('seed', ['sma', 'first'], 'begin with the mean of the first period values, or with the first value'),
  ],
  inputs: ['source'],
  outputs: { value: 'average' },
  warmUp: ({ period, alpha, adjust, seed }) =>
    adjust || (seed ?? (alpha === undefined ? 'sma' : 'first')) === 'first' ? 0 : period - 1,
  convention:
    'Seeded with the simple mean of the first `period` values (TA-Lib EMA, TradingView ta.ema, Stock.Indicators). With alpha, or seed=first, it begins with the first value as pandas ewm(adjust=False) and Tulip do.',
  create({ period, alpha, adjust, seed }) {
    if (alpha === 0)
      throw new ConfigError('ema: alpha is 0, with which the average would never move; use 0 < alpha <= 1.')
    if (adjust && seed === 'sma')
      throw new ConfigError('ema: adjust weighs from the first value on; leave seed=sma out.')
    const weight = alpha ?? 2 / (period + 1)
    if (adjust) return new AdjustedEmaKernel(weight)
    return new EmaKernel(weight, (seed ?? (alpha === undefined ? 'sma' : 'first')) === 'first' ? 1 : period)
  },
})

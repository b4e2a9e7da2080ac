import { define, integer, type Kernel } from './definition.ts'
import { Delay } from './windows.ts'

class RocKernel implements Kernel {
  readonly past: Delay

  constructor(period: number) {
    this.past = new Delay(period)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { past } = this
    // As an integer: an index that may be a float costs a conversion at every use.
    const known = Math.min(to, from + past.ring.length) | 0
    for (let i = from; i < known; i++) {
      const value = x![i]!
      const before = past.next(value)
      out![i] = before === 0 ? Number.NaN : (100 * (value - before)) / before
    }
    this.#rest(x!, known, to, out!)
  }

  /** Rows whose earlier value is one of the run. */
  #rest(x: Float64Array, from: number, to: number, out: Float64Array): void {
    const { past } = this
    const { length } = past.ring
    for (let i = from; i < to; i++) {
      const value = x[i]!
      const before = x[i - length]!
      out[i] = before === 0 ? Number.NaN : (100 * (value - before)) / before
    }
    past.keep(x, from, to)
  }
}

/** Change over `period` rows in percent. */
export const roc = define({
  id: 'roc',
  title: 'Rate of change',
  parameters: [integer('period', 10, 1, 'rows back')],
  inputs: ['source'],
  outputs: { value: 'percent' },
  warmUp: ({ period }) => period,
  convention:
    'In percent (TA-Lib ROC, TradingView ta.roc; Tulip gives the fraction). NaN where the earlier value is 0.',
  create: ({ period }) => new RocKernel(period),
})

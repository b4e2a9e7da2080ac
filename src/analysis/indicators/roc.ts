import { define, integer, type Kernel } from './definition.ts'
import { Delay } from './windows.ts'

class RocKernel implements Kernel {
  readonly past: Delay

  constructor(period: number) {
    this.past = new Delay(period)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { past } = this
    for (let i = from; i < to; i++) {
      const value = x![i]!
      const before = past.next(value)
      out![i] = before === 0 ? Number.NaN : (100 * (value - before)) / before
    }
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

import { define, integer, type Kernel } from './definition.ts'
import { MaxWindow } from './windows.ts'

class MaxKernel implements Kernel {
  readonly window: MaxWindow
  readonly period: number
  count = 0

  constructor(period: number) {
    this.window = new MaxWindow(period)
    this.period = period
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { window, period } = this
    for (let i = from; i < to; i++) {
      const best = window.next(x![i]!)
      if (this.count < period) this.count++
      out![i] = this.count < period ? Number.NaN : best
    }
  }
}

/** The greatest of the last `period` values. */
export const max = define({
  id: 'max',
  title: 'Rolling maximum',
  parameters: [integer('period', 20, 1, 'values in the window')],
  inputs: ['source'],
  outputs: { value: 'greatest value' },
  warmUp: ({ period }) => period - 1,
  convention: 'The newest value counts (TA-Lib MAX, TradingView ta.highest, Tulip max).',
  create: ({ period }) => new MaxKernel(period),
})

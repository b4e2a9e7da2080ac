import { define, integer, type Kernel } from './definition.ts'
import { MinWindow } from './windows.ts'

class MinKernel implements Kernel {
  readonly window: MinWindow
  readonly period: number
  count = 0

  constructor(period: number) {
    this.window = new MinWindow(period)
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

/** The least of the last `period` values. */
export const min = define({
  id: 'min',
  title: 'Rolling minimum',
  parameters: [integer('period', 20, 1, 'values in the window')],
  inputs: ['source'],
  outputs: { value: 'least value' },
  warmUp: ({ period }) => period - 1,
  convention: 'The newest value counts (TA-Lib MIN, TradingView ta.lowest, Tulip min).',
  create: ({ period }) => new MinKernel(period),
})

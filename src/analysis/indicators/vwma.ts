import { define, integer, type Kernel } from './definition.ts'
import { WeightedWindow } from './weighted-window.ts'
import { rowsOf } from './windows.ts'

class VwmaKernel implements Kernel {
  readonly window: WeightedWindow

  constructor(period: number) {
    this.window = new WeightedWindow(period)
  }

  run([x, volume]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    this.window.run(rowsOf(x!, from, to), volume!, from, to, out!, false)
  }

  attempt([x, volume]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.window.run(rowsOf(x!, from, to), volume!, from, to, out!, true)
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

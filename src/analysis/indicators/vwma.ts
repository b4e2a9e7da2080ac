import { define, integer, type Kernel } from './definition.ts'
import { SumWindow } from './windows.ts'

class VwmaKernel implements Kernel {
  readonly value: SumWindow
  readonly volume: SumWindow

  constructor(period: number) {
    this.value = new SumWindow(period)
    this.volume = new SumWindow(period)
  }

  run([x, v]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { value, volume } = this
    for (let i = from; i < to; i++) {
      const amount = v![i]!
      const sum = value.next(x![i]! * amount)
      const weight = volume.next(amount)
      out![i] = volume.count < volume.period || weight === 0 ? Number.NaN : sum / weight
    }
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

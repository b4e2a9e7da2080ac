import { define, integer, type Kernel } from './definition.ts'
import { SumWindow } from './windows.ts'

class CmfKernel implements Kernel {
  readonly flow: SumWindow
  readonly volume: SumWindow

  constructor(period: number) {
    this.flow = new SumWindow(period)
    this.volume = new SumWindow(period)
  }

  run(
    [high, low, close, volumes]: readonly Float64Array[],
    from: number,
    to: number,
    [out]: readonly Float64Array[],
  ): void {
    const { flow, volume } = this
    for (let i = from; i < to; i++) {
      const h = high![i]!
      const l = low![i]!
      const c = close![i]!
      const amount = volumes![i]!
      const place = h === l ? 0 : (c - l - (h - c)) / (h - l)
      const sum = flow.next(place * amount)
      const total = volume.next(amount)
      out![i] = volume.count < volume.period || total === 0 ? Number.NaN : sum / total
    }
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

import { define, integer, type Kernel } from './definition.ts'
import { SumWindow } from './windows.ts'

class MfiKernel implements Kernel {
  readonly inflow: SumWindow
  readonly outflow: SumWindow
  started = false
  before = 0

  constructor(period: number) {
    this.inflow = new SumWindow(period)
    this.outflow = new SumWindow(period)
  }

  run(
    [high, low, close, volume]: readonly Float64Array[],
    from: number,
    to: number,
    [out]: readonly Float64Array[],
  ): void {
    const { inflow, outflow } = this
    for (let i = from; i < to; i++) {
      const typical = (high![i]! + low![i]! + close![i]!) / 3
      const flow = typical * volume![i]!
      const { before } = this
      this.before = typical
      if (!this.started) {
        this.started = true
        out![i] = Number.NaN
        continue
      }
      const into = inflow.next(typical > before ? flow : 0)
      const away = outflow.next(typical < before ? flow : 0)
      out![i] = inflow.count < inflow.period ? Number.NaN : away > 0 ? 100 - 100 / (1 + into / away) : 100
    }
  }
}

/** A relative strength index of money: typical price times volume, 0 to 100. */
export const mfi = define({
  id: 'mfi',
  title: 'Money flow index',
  parameters: [integer('period', 14, 1, 'changes in the window')],
  inputs: ['high', 'low', 'close', 'volume'],
  outputs: { value: '0 to 100' },
  warmUp: ({ period }) => period,
  convention:
    'Quong and Soudack (1989), simple sums (TA-Lib MFI, TradingView, Stock.Indicators). 100 where no money flowed away.',
  create: ({ period }) => new MfiKernel(period),
})

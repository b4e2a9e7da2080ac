import { AtrCell } from './atr-cell.ts'
import { define, flag, integer, type Kernel } from './definition.ts'

class AtrKernel implements Kernel {
  readonly cell: AtrCell

  constructor(period: number, fromFirst: boolean) {
    this.cell = new AtrCell(period, fromFirst)
  }

  run([high, low, close]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { cell } = this
    let i = from
    for (; i < to && !cell.warm; i++) out![i] = cell.next(high![i]!, low![i]!, close![i]!)
    const add = 1 / cell.period
    let { before, value } = cell
    for (; i < to; i++) {
      const h = high![i]!
      const l = low![i]!
      const range = (h > before ? h : before) - (l < before ? l : before)
      before = close![i]!
      value += (range - value) * add
      out![i] = value
    }
    cell.before = before
    cell.value = value
  }
}

/** Wilder's average of the true range: how far the price moves in a candle. */
export const atr = define({
  id: 'atr',
  title: 'Average true range',
  parameters: [
    integer('period', 14, 1, "values in Wilder's average"),
    flag('first', 'count high less low of the first candle, which has no close before it'),
  ],
  inputs: ['high', 'low', 'close'],
  outputs: { value: 'in units of the price' },
  warmUp: ({ period, first }) => (first ? period - 1 : period),
  convention:
    'Wilder (1978): the first is the mean of the first `period` true ranges, which begin with the second candle (TA-Lib ATR, Stock.Indicators); first=true begins with the first candle (TradingView ta.atr, Tulip).',
  create: ({ period, first }) => new AtrKernel(period, first),
})

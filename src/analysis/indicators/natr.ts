import { AtrCell } from './atr-cell.ts'
import { define, flag, integer, type Kernel } from './definition.ts'

class NatrKernel implements Kernel {
  readonly cell: AtrCell

  constructor(period: number, fromFirst: boolean) {
    this.cell = new AtrCell(period, fromFirst)
  }

  run([high, low, close]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { cell } = this
    let i = from
    for (; i < to && !cell.warm; i++) {
      const price = close![i]!
      const range = cell.next(high![i]!, low![i]!, price)
      out![i] = price === 0 ? Number.NaN : (100 * range) / price
    }
    const add = 1 / cell.period
    let { before, value } = cell
    for (; i < to; i++) {
      const h = high![i]!
      const l = low![i]!
      const range = (h > before ? h : before) - (l < before ? l : before)
      before = close![i]!
      value += (range - value) * add
      out![i] = before === 0 ? Number.NaN : (100 * value) / before
    }
    cell.before = before
    cell.value = value
  }
}

/** Average true range in percent of the close, so that prices of any size compare. */
export const natr = define({
  id: 'natr',
  title: 'Normalised average true range',
  parameters: [
    integer('period', 14, 1, "values in Wilder's average"),
    flag('first', 'count high less low of the first candle; see atr'),
  ],
  inputs: ['high', 'low', 'close'],
  outputs: { value: '100 atr / close' },
  warmUp: ({ period, first }) => (first ? period - 1 : period),
  convention: 'TA-Lib NATR; first=true as Tulip. NaN where the close is 0.',
  create: ({ period, first }) => new NatrKernel(period, first),
})

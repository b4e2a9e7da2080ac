import { AtrCell } from './atr-cell.ts'
import { define, flag, integer, isFiniteSum, type Kernel } from './definition.ts'
import { voidInfinite } from './windows.ts'

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
      out![i] = (100 * range) / price
    }
    if (!this.#steady(high!, low!, close!, i, to, out!, false)) voidInfinite(out!, i, to)
    if (i > from) voidInfinite(out!, from, i)
  }

  attempt(
    [high, low, close]: readonly Float64Array[],
    from: number,
    to: number,
    [out]: readonly Float64Array[],
  ): boolean {
    return this.cell.warm && this.#steady(high!, low!, close!, from, to, out!, true)
  }

  /** @returns false where a row has no finite value; with `checking`, nothing is remembered then */
  #steady(
    high: Float64Array,
    low: Float64Array,
    close: Float64Array,
    from: number,
    to: number,
    out: Float64Array,
    checking: boolean,
  ): boolean {
    const { cell } = this
    const add = 1 / cell.period
    let { before, value } = cell
    // A high or low that is no number loses every comparison: it shows in the sum, as a quotient by 0 does.
    let seen = 0
    for (let i = from; i < to; i++) {
      const h = high[i]!
      const l = low[i]!
      const range = (h > before ? h : before) - (l < before ? l : before)
      before = close[i]!
      value += (range - value) * add
      const percent = (100 * value) / before
      seen += h + l + percent
      out[i] = percent
    }
    const finite = isFiniteSum(seen + value + before)
    if (checking && !finite) return false
    cell.before = before
    cell.value = value
    return finite
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

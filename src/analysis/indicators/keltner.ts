import { AtrCell } from './atr-cell.ts'
import { decimal, define, integer, type Kernel } from './definition.ts'
import { EmaCell } from './windows.ts'

class KeltnerKernel implements Kernel {
  readonly average: EmaCell
  readonly range: AtrCell
  readonly width: number

  constructor(period: number, width: number, atrPeriod: number) {
    this.average = new EmaCell(period)
    this.range = new AtrCell(atrPeriod)
    this.width = width
  }

  run(
    [high, low, close]: readonly Float64Array[],
    from: number,
    to: number,
    [middle, upper, lower]: readonly Float64Array[],
  ): void {
    const { average, range, width } = this
    let i = from
    for (; i < to && !(average.warm && range.warm); i++) {
      const price = close![i]!
      const mean = average.next(price)
      const reach = width * range.next(high![i]!, low![i]!, price)
      const warm = !Number.isNaN(reach)
      middle![i] = warm ? mean : Number.NaN
      upper![i] = mean + reach
      lower![i] = mean - reach
    }
    const { alpha } = average
    const add = 1 / range.period
    let mean = average.value
    let { before, value } = range
    for (; i < to; i++) {
      const h = high![i]!
      const l = low![i]!
      const move = (h > before ? h : before) - (l < before ? l : before)
      before = close![i]!
      value += (move - value) * add
      mean += alpha * (before - mean)
      const reach = width * value
      middle![i] = mean
      upper![i] = mean + reach
      lower![i] = mean - reach
    }
    average.value = mean
    range.before = before
    range.value = value
  }
}

/** A band of some average true ranges about an exponential average of the close. */
export const keltner = define({
  id: 'keltner',
  title: 'Keltner channel',
  parameters: [
    integer('period', 20, 1, 'period of the average'),
    decimal('width', 2, 0, 'average true ranges from the average to either band'),
    integer('atrPeriod', 10, 1, 'period of the average true range'),
  ],
  inputs: ['high', 'low', 'close'],
  outputs: { middle: 'average', upper: 'average plus width ranges', lower: 'average less width ranges' },
  warmUp: ({ period, atrPeriod }) => Math.max(period - 1, atrPeriod),
  convention:
    "Linda Raschke's form, as Stock.Indicators and StockCharts: ema(close, period) and Wilder's atr(atrPeriod), each with its own seed.",
  create: ({ period, width, atrPeriod }) => new KeltnerKernel(period, width, atrPeriod),
})

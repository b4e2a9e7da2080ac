import { AtrCell } from './atr-cell.ts'
import { decimal, define, integer, type Kernel } from './definition.ts'

class SupertrendKernel implements Kernel {
  readonly range: AtrCell
  readonly width: number
  started = false
  bullish = true
  upper = 0
  lower = 0
  close = 0

  constructor(period: number, width: number) {
    this.range = new AtrCell(period)
    this.width = width
  }

  run(
    [highs, lows, closes]: readonly Float64Array[],
    from: number,
    to: number,
    [line, direction]: readonly Float64Array[],
  ): void {
    const { range, width } = this
    for (let i = from; i < to; i++) {
      const price = closes![i]!
      const middle = (highs![i]! + lows![i]!) / 2
      const reach = width * range.next(highs![i]!, lows![i]!, price)
      const before = this.close
      this.close = price
      if (Number.isNaN(reach)) {
        line![i] = Number.NaN
        direction![i] = Number.NaN
        continue
      }
      const upper = middle + reach
      const lower = middle - reach
      if (!this.started) {
        this.started = true
        this.bullish = price >= middle
        this.upper = upper
        this.lower = lower
      } else {
        // A band only comes nearer, until a close goes through it.
        if (upper < this.upper || before > this.upper) this.upper = upper
        if (lower > this.lower || before < this.lower) this.lower = lower
      }
      this.bullish = price > (this.bullish ? this.lower : this.upper)
      line![i] = this.bullish ? this.lower : this.upper
      direction![i] = this.bullish ? 1 : -1
    }
  }
}

/** A stop at some average true ranges from the middle of the candle, which only moves towards the price. */
export const supertrend = define({
  id: 'supertrend',
  title: 'SuperTrend',
  parameters: [
    integer('period', 10, 1, 'period of the average true range'),
    decimal('width', 3, 0, 'average true ranges from the middle to either band'),
  ],
  inputs: ['high', 'low', 'close'],
  outputs: { value: 'the band that stops', direction: '1 while the price is above it, -1 while below' },
  warmUp: ({ period }) => period,
  convention:
    "Olivier Seban, with Wilder's atr (TradingView, Stock.Indicators). The first direction is the close's side of the middle.",
  create: ({ period, width }) => new SupertrendKernel(period, width),
})

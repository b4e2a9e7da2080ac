import { AtrCell } from './atr-cell.ts'
import { decimal, define, integer, isFiniteSum, type Kernel } from './definition.ts'

class SupertrendKernel implements Kernel {
  readonly range: AtrCell
  readonly width: number = 0
  started = false
  bullish = true
  upper = 0
  lower = 0

  constructor(period: number, width: number) {
    this.range = new AtrCell(period)
    this.width = width
  }

  run(inputs: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): void {
    let i = from
    for (; i < to && !this.started; i++) this.#begin(inputs, i, outputs)
    this.#steady(inputs, i, to, outputs, false)
  }

  attempt(inputs: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): boolean {
    return this.started && this.#steady(inputs, from, to, outputs, true)
  }

  #begin([high, low, close]: readonly Float64Array[], i: number, [line, direction]: readonly Float64Array[]): void {
    const price = close![i]!
    const middle = (high![i]! + low![i]!) / 2
    const reach = this.width * this.range.next(high![i]!, low![i]!, price)
    if (Number.isNaN(reach)) {
      line![i] = Number.NaN
      direction![i] = Number.NaN
      return
    }
    this.started = true
    this.upper = middle + reach
    this.lower = middle - reach
    this.bullish = price > (price >= middle ? this.lower : this.upper)
    line![i] = this.bullish ? this.lower : this.upper
    direction![i] = this.bullish ? 1 : -1
  }

  /** @returns false where an input is not finite; with `checking`, nothing is remembered then */
  #steady(
    [highs, lows, closes]: readonly Float64Array[],
    from: number,
    to: number,
    [lines, directions]: readonly Float64Array[],
    checking: boolean,
  ): boolean {
    const [high, low, close, line, direction] = [highs!, lows!, closes!, lines!, directions!]
    const { range, width } = this
    const add = 1 / range.period
    let { before, value } = range
    let { upper, lower, bullish } = this
    // A high or low that is no number loses every comparison: it shows in this sum, a close in the average.
    let seen = 0
    for (let i = from; i < to; i++) {
      const h = high[i]!
      const l = low[i]!
      value += ((h > before ? h : before) - (l < before ? l : before) - value) * add
      const middle = (h + l) / 2
      const reach = width * value
      // A band only comes nearer, until a close goes through it.
      if (middle + reach < upper || before > upper) upper = middle + reach
      if (middle - reach > lower || before < lower) lower = middle - reach
      before = close[i]!
      bullish = before > (bullish ? lower : upper)
      line[i] = bullish ? lower : upper
      direction[i] = bullish ? 1 : -1
      seen += middle
    }
    const finite = isFiniteSum(seen + value + before)
    if (checking && !finite) return false
    range.before = before
    range.value = value
    this.upper = upper
    this.lower = lower
    this.bullish = bullish
    return finite
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

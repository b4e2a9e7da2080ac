import { define, integer, type Kernel } from './definition.ts'
import { MaxWindow, MinWindow } from './windows.ts'

class WilliamsRKernel implements Kernel {
  readonly highs: MaxWindow
  readonly lows: MinWindow
  readonly period: number
  count = 0

  constructor(period: number) {
    this.highs = new MaxWindow(period)
    this.lows = new MinWindow(period)
    this.period = period
  }

  run([high, low, close]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { highs, lows, period } = this
    for (let i = from; i < to; i++) {
      const top = highs.next(high![i]!)
      const bottom = lows.next(low![i]!)
      if (this.count < period) this.count++
      out![i] = this.count < period || top === bottom ? Number.NaN : -100 * ((top - close![i]!) / (top - bottom))
    }
  }
}

/** How far the close lies below the highest high, 0 (at it) to -100 (at the lowest low). */
export const williamsR = define({
  id: 'williamsR',
  title: 'Williams %R',
  parameters: [integer('period', 14, 1, 'candles in the window')],
  inputs: ['high', 'low', 'close'],
  outputs: { value: '-100 to 0' },
  warmUp: ({ period }) => period - 1,
  convention: 'Larry Williams (TA-Lib WILLR, TradingView, Stock.Indicators). NaN where the window has no range.',
  create: ({ period }) => new WilliamsRKernel(period),
})

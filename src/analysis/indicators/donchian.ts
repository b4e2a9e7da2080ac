import { define, integer, type Kernel, word } from './definition.ts'
import { MaxWindow, MinWindow } from './windows.ts'

class DonchianKernel implements Kernel {
  readonly highs: MaxWindow
  readonly lows: MinWindow
  /** Rows without a value. */
  readonly warm: number
  readonly delayed: boolean
  count = 0
  top = 0
  bottom = 0

  constructor(period: number, delayed: boolean) {
    this.highs = new MaxWindow(period)
    this.lows = new MinWindow(period)
    this.delayed = delayed
    this.warm = delayed ? period : period - 1
  }

  run(
    [high, low]: readonly Float64Array[],
    from: number,
    to: number,
    [upper, middle, lower]: readonly Float64Array[],
  ): void {
    const { highs, lows, warm, delayed } = this
    for (let i = from; i < to; i++) {
      let { top, bottom } = this
      this.top = highs.next(high![i]!)
      this.bottom = lows.next(low![i]!)
      if (!delayed) {
        top = this.top
        bottom = this.bottom
      }
      const ready = this.count >= warm
      if (!ready) this.count++
      upper![i] = ready ? top : Number.NaN
      middle![i] = ready ? (top + bottom) / 2 : Number.NaN
      lower![i] = ready ? bottom : Number.NaN
    }
  }
}

/** The highest high and the lowest low of `period` candles. */
export const donchian = define({
  id: 'donchian',
  title: 'Donchian channel',
  parameters: [
    integer('period', 20, 1, 'candles in the window'),
    word('window', ['previous', 'current'], 'whether the newest candle counts, or only the ones before it'),
  ],
  inputs: ['high', 'low'],
  outputs: { upper: 'highest high', middle: 'mean of upper and lower', lower: 'lowest low' },
  warmUp: ({ period, window }) => (window === 'previous' ? period : period - 1),
  convention:
    'window=previous: the `period` candles before this one, so that a close can break out of the channel (Richard Donchian, Stock.Indicators). window=current: the newest candle is in it (TradingView, TA-Lib MAX and MIN).',
  create: ({ period, window }) => new DonchianKernel(period, window === 'previous'),
})

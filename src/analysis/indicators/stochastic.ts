import { define, integer, type Kernel } from './definition.ts'
import { MeanWindow } from './mean-window.ts'
import { MaxWindow, MinWindow, scratch } from './windows.ts'

class StochasticKernel implements Kernel {
  readonly highs: MaxWindow
  readonly lows: MinWindow
  readonly smooth: MeanWindow
  readonly signal: MeanWindow
  readonly period: number
  count = 0

  constructor(period: number, signal: number, smooth: number) {
    this.highs = new MaxWindow(period)
    this.lows = new MinWindow(period)
    this.smooth = new MeanWindow(smooth)
    this.signal = new MeanWindow(signal)
    this.period = period
  }

  run(
    [high, low, close]: readonly Float64Array[],
    from: number,
    to: number,
    [kLine, dLine, jLine]: readonly Float64Array[],
  ): void {
    const { highs, lows, smooth, signal, period } = this
    const raw = scratch(1, to - from)
    const k = scratch(2, to - from)
    const d = scratch(3, to - from)
    for (let i = from; i < to; i++) {
      const top = highs.next(high![i]!)
      const bottom = lows.next(low![i]!)
      if (this.count < period) this.count++
      const flat = this.count < period || top === bottom
      // The share first: of a close at the high it is 1, and 100 times that is not 100.00000000000001.
      raw[i - from] = flat ? Number.NaN : 100 * ((close![i]! - bottom) / (top - bottom))
    }
    smooth.run(raw, 0, to - from, k)
    signal.run(k, 0, to - from, d)
    for (let i = from; i < to; i++) {
      kLine![i] = k[i - from]!
      dLine![i] = d[i - from]!
      jLine![i] = 3 * k[i - from]! - 2 * d[i - from]!
    }
  }
}

/** Where the close lies between the lowest low and the highest high, 0 to 100. */
export const stochastic = define({
  id: 'stochastic',
  title: 'Stochastic oscillator',
  parameters: [
    integer('period', 14, 1, 'candles in the window'),
    integer('signal', 3, 1, 'values in the mean that is d'),
    integer('smooth', 3, 1, 'values in the mean that is k; 1 gives the fast form'),
  ],
  inputs: ['high', 'low', 'close'],
  outputs: { k: 'smoothed place of the close', d: 'mean of k', j: '3 k - 2 d' },
  warmUp({ period, signal, smooth }) {
    const k = period - 1 + smooth - 1
    return [k, k + signal - 1, k + signal - 1]
  },
  convention:
    'George Lane, slow form with simple means (TA-Lib STOCH, TradingView, Stock.Indicators). NaN where the window has no range (TradingView; others put 0 or 50 there), and until the means are whole again.',
  create: ({ period, signal, smooth }) => new StochasticKernel(period, signal, smooth),
})

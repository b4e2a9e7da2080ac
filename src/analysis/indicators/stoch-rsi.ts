import { define, integer, type Kernel } from './definition.ts'
import { MeanWindow } from './mean-window.ts'
import { rsi } from './rsi.ts'
import { MaxWindow, MinWindow, scratch } from './windows.ts'

class StochRsiKernel implements Kernel {
  readonly rsi: Kernel
  readonly highs: MaxWindow
  readonly lows: MinWindow
  readonly smooth: MeanWindow
  readonly signal: MeanWindow
  readonly period: number
  count = 0

  constructor(rsiPeriod: number, period: number, signal: number, smooth: number) {
    this.rsi = rsi.create({ period: rsiPeriod, smoothing: 'wilder' })
    this.highs = new MaxWindow(period)
    this.lows = new MinWindow(period)
    this.smooth = new MeanWindow(smooth)
    this.signal = new MeanWindow(signal)
    this.period = period
  }

  run(inputs: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): void {
    const [kLine, dLine] = outputs
    const { highs, lows, smooth, signal, period } = this
    // The strength goes through the row where k will stand; nothing reads it there before.
    this.rsi.run(inputs, from, to, outputs)
    const rows = to - from
    const raws = scratch(1, rows)
    const k = scratch(2, rows)
    const d = scratch(3, rows)
    for (let i = from; i < to; i++) {
      const strength = kLine![i]!
      let raw = Number.NaN
      if (!Number.isNaN(strength)) {
        const top = highs.next(strength)
        const bottom = lows.next(strength)
        if (this.count < period) this.count++
        if (this.count >= period && top > bottom) raw = 100 * ((strength - bottom) / (top - bottom))
      }
      raws[i - from] = raw
    }
    smooth.run(raws, 0, rows, k)
    signal.run(k, 0, rows, d)
    for (let i = from; i < to; i++) {
      kLine![i] = k[i - from]!
      dLine![i] = d[i - from]!
    }
  }
}

/** Where the relative strength index lies between its own lowest and highest, 0 to 100. */
export const stochRsi = define({
  id: 'stochRsi',
  title: 'Stochastic RSI',
  parameters: [
    integer('rsiPeriod', 14, 1, 'period of the relative strength index'),
    integer('period', 14, 1, 'values of it in the window'),
    integer('signal', 3, 1, 'values in the mean that is d'),
    integer('smooth', 1, 1, 'values in the mean that is k'),
  ],
  inputs: ['source'],
  outputs: { k: 'place of the index in its window', d: 'mean of k' },
  warmUp({ rsiPeriod, period, signal, smooth }) {
    const k = rsiPeriod + period - 1 + smooth - 1
    return [k, k + signal - 1]
  },
  convention:
    "Chande and Kroll (1994), 0 to 100, on Wilder's index (Stock.Indicators; TradingView smooths k with 3). NaN where the index stood still for a whole window.",
  create: ({ rsiPeriod, period, signal, smooth }) => new StochRsiKernel(rsiPeriod, period, signal, smooth),
})

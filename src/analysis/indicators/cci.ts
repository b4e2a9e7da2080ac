import { define, integer, type Kernel } from './definition.ts'
import { SumWindow } from './windows.ts'

class CciKernel implements Kernel {
  readonly window: SumWindow

  constructor(period: number) {
    this.window = new SumWindow(period)
  }

  run([high, low, close]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { window } = this
    const { ring, period } = window
    for (let i = from; i < to; i++) {
      const typical = (high![i]! + low![i]! + close![i]!) / 3
      const mean = window.next(typical) / period
      if (window.count < period) {
        out![i] = Number.NaN
        continue
      }
      // The mean that deviations are taken from moves every time, so that all of them change: there is no running form.
      let deviation = 0
      let least = typical
      let most = typical
      for (let j = 0; j < period; j++) {
        const value = ring[j]!
        deviation += Math.abs(value - mean)
        least = value < least ? value : least
        most = value > most ? value : most
      }
      out![i] = least === most ? Number.NaN : (typical - mean) / ((0.015 * deviation) / period)
    }
  }
}

/** How far the typical price is from its mean, in mean deviations over 0.015. */
export const cci = define({
  id: 'cci',
  title: 'Commodity channel index',
  parameters: [integer('period', 20, 2, 'candles in the window')],
  inputs: ['high', 'low', 'close'],
  outputs: { value: 'mostly within -100 and 100' },
  warmUp: ({ period }) => period - 1,
  convention:
    'Donald Lambert (1980) with the mean absolute deviation (TA-Lib CCI, TradingView ta.cci, Stock.Indicators; Tulip smooths otherwise). NaN where the window is constant. An update costs a look at each value of the window, as everywhere.',
  create: ({ period }) => new CciKernel(period),
})

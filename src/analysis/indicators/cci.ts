import { define, integer, type Kernel } from './definition.ts'
import { SumWindow } from './windows.ts'

class CciKernel implements Kernel {
  readonly window: SumWindow
  last = Number.NaN
  /** Equal values in a row. */
  same = 0

  constructor(period: number) {
    this.window = new SumWindow(period)
  }

  run([high, low, close]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { window } = this
    const { ring, period } = window
    for (let i = from; i < to; i++) {
      const typical = (high![i]! + low![i]! + close![i]!) / 3
      const mean = window.next(typical) / period
      this.same = typical === this.last ? this.same + 1 : 1
      this.last = typical
      if (window.count < period) {
        out![i] = Number.NaN
        continue
      }
      const deviation = distances(ring, mean) / period
      out![i] = this.same >= period ? Number.NaN : (typical - mean) / (0.015 * deviation)
    }
  }
}

/**
 * The mean that deviations are taken from moves every time, so that all of them change: there is no running form. Four
 * sums that do not wait for one another.
 */
function distances(ring: Float64Array, mean: number): number {
  const { length } = ring
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let i = 0
  for (; i + 3 < length; i += 4) {
    a += Math.abs(ring[i]! - mean)
    b += Math.abs(ring[i + 1]! - mean)
    c += Math.abs(ring[i + 2]! - mean)
    d += Math.abs(ring[i + 3]! - mean)
  }
  for (; i < length; i++) a += Math.abs(ring[i]! - mean)
  return a + b + c + d
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

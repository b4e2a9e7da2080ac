import { define, integer, type Kernel } from './definition.ts'
import { Delay } from './windows.ts'

class AdxKernel implements Kernel {
  readonly period: number
  readonly past: Delay
  /** Candles so far, up to twice the period. */
  count = 0
  high = 0
  low = 0
  close = 0
  range = 0
  plus = 0
  minus = 0
  adx = 0

  constructor(period: number) {
    this.period = period
    this.past = new Delay(period)
  }

  run(
    [highs, lows, closes]: readonly Float64Array[],
    from: number,
    to: number,
    [plusLine, minusLine, dxLine, adxLine, adxrLine]: readonly Float64Array[],
  ): void {
    const { period, past } = this
    const keep = 1 - 1 / period
    let { count, high, low, close, range, plus, minus, adx } = this
    for (let i = from; i < to; i++) {
      const h = highs![i]!
      const l = lows![i]!
      const before = close
      const up = h - high
      const down = low - l
      high = h
      low = l
      close = closes![i]!
      if (count > 0) {
        const trueRange = (h > before ? h : before) - (l < before ? l : before)
        // Wilder's running sums: the first is plain, later ones lose a share of themselves.
        const factor = count > period ? keep : 1
        range = range * factor + trueRange
        plus = plus * factor + (up > down && up > 0 ? up : 0)
        minus = minus * factor + (down > up && down > 0 ? down : 0)
      }
      if (count < 2 * period) count++
      if (count <= period) {
        plusLine![i] = Number.NaN
        minusLine![i] = Number.NaN
        dxLine![i] = Number.NaN
        adxLine![i] = Number.NaN
        adxrLine![i] = Number.NaN
        continue
      }
      const pdi = range === 0 ? 0 : (100 * plus) / range
      const mdi = range === 0 ? 0 : (100 * minus) / range
      const both = pdi + mdi
      const dx = both === 0 ? 0 : (100 * Math.abs(pdi - mdi)) / both
      plusLine![i] = pdi
      minusLine![i] = mdi
      dxLine![i] = dx
      if (this.ready) adx += (dx - adx) / period
      else {
        adx += dx
        if (count < 2 * period) {
          adxLine![i] = Number.NaN
          adxrLine![i] = Number.NaN
          continue
        }
        adx /= period
        this.ready = true
      }
      adxLine![i] = adx
      adxrLine![i] = (adx + past.next(adx)) / 2
    }
    this.count = count
    this.high = high
    this.low = low
    this.close = close
    this.range = range
    this.plus = plus
    this.minus = minus
    this.adx = adx
  }

  /** Whether `adx` is a mean already, and not the sum that the first mean is made of. */
  ready = false
}

/** Wilder's directional movement: how strong a trend is, and its direction. */
export const adx = define({
  id: 'adx',
  title: 'Average directional index (DMI)',
  parameters: [integer('period', 14, 1, "values in Wilder's averages")],
  inputs: ['high', 'low', 'close'],
  outputs: {
    pdi: 'upward movement in percent of the true range',
    mdi: 'downward movement in percent of the true range',
    dx: 'distance of pdi and mdi in percent of their sum',
    adx: "Wilder's average of dx",
    adxr: 'mean of adx and adx `period` rows ago',
  },
  warmUp: ({ period }) => [period, period, period, 2 * period - 1, 3 * period - 1],
  convention:
    'Wilder (1978), as Stock.Indicators: sums over the candles 1 to period, the first adx is the mean of the first `period` dx. (TA-Lib sums period - 1 candles first and comes near it later.) 0 where nothing moved.',
  create: ({ period }) => new AdxKernel(period),
})

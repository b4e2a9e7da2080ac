import { define, integer, type Kernel } from './definition.ts'
import { keepTail, rowsOf, scratch } from './windows.ts'

/** Places of what a kernel remembers: the candle before, Wilder's sums, and the average of dx (at first their sum). */
const [HIGH, LOW, CLOSE, RANGE, PLUS, MINUS, ADX] = [0, 1, 2, 3, 4, 5, 6]

class AdxKernel implements Kernel {
  readonly period: number
  readonly state = new Float64Array(7)
  /** The newest averages, the oldest of them at `at`; NaN where there is none. */
  readonly ring: Float64Array
  at = 0
  /** Candles so far, up to twice the period. */
  count = 0

  constructor(period: number) {
    this.period = period
    this.ring = new Float64Array(period).fill(Number.NaN)
  }

  run(
    [highs, lows, closes]: readonly Float64Array[],
    from: number,
    to: number,
    [plusLine, minusLine, dxLine, adxLine, adxrLine]: readonly Float64Array[],
  ): void {
    const { period, state, ring, at, count } = this
    const rows = to - from
    // Rows count from 0 here, so that a line that nobody asked for, but that others are made of, may stand elsewhere.
    const high = rowsOf(highs!, from, to)
    const low = rowsOf(lows!, from, to)
    const close = rowsOf(closes!, from, to)
    const pdi = rowsOf(plusLine!, from, to)
    const mdi = minusLine!.length > 0 ? rowsOf(minusLine!, from, to) : scratch(0, rows)
    const dx = rowsOf(dxLine!, from, to)
    const adx = adxLine!.length > 0 ? rowsOf(adxLine!, from, to) : scratch(1, rows)
    const adxr = rowsOf(adxrLine!, from, to)
    // The first candle moves nowhere.
    const still = count === 0 ? 1 : 0
    if (still) {
      state[HIGH] = high[0]!
      state[LOW] = low[0]!
      state[CLOSE] = close[0]!
    }
    // Wilder's running sums are plain at first; later ones lose a share of themselves.
    const plain = Math.max(still, Math.min(rows, period + 1 - count))
    movement(high, low, close, still, plain, 1, pdi, mdi, state)
    movement(high, low, close, plain, rows, 1 - 1 / period, pdi, mdi, state)
    const unripe = Math.max(0, Math.min(rows, period - count))
    for (let i = 0; i < unripe; i++) pdi[i] = mdi[i] = dx[i] = adx[i] = Number.NaN
    // The first average is the mean of all dx before it.
    const unsettled = Math.max(0, Math.min(rows, 2 * period - count))
    for (let i = unripe; i < unsettled; i++) {
      dx[i] = distance(pdi[i]!, mdi[i]!)
      state[ADX]! += distance(pdi[i]!, mdi[i]!)
      adx[i] = Number.NaN
    }
    if (unsettled > 0 && count + unsettled === 2 * period) adx[unsettled - 1] = state[ADX]! /= period
    averages(pdi, mdi, unsettled, rows, 1 / period, dx, adx, state)
    const known = Math.min(rows, period)
    for (let i = 0, k = at; i < known; i++) {
      adxr[i] = (adx[i]! + ring[k]!) / 2
      k = k + 1 === period ? 0 : k + 1
    }
    for (let i = known; i < rows; i++) adxr[i] = (adx[i]! + adx[i - period]!) / 2
    this.at = (at + rows) % period
    this.count = Math.min(2 * period, count + rows)
    keepTail(ring, this.at, adx, 0, rows)
  }
}

/**
 * Directional movements of rows `from` to `to`, whose sums keep the share `keep` of themselves. A function of arrays and
 * numbers: among the fields of an object the compiler runs out of registers.
 */
function movement(
  highs: Float64Array,
  lows: Float64Array,
  closes: Float64Array,
  from: number,
  to: number,
  keep: number,
  pdi: Float64Array,
  mdi: Float64Array,
  state: Float64Array,
): void {
  let high = state[HIGH]!
  let low = state[LOW]!
  let close = state[CLOSE]!
  let range = state[RANGE]!
  let plus = state[PLUS]!
  let minus = state[MINUS]!
  for (let i = from; i < to; i++) {
    const h = highs[i]!
    const l = lows[i]!
    const up = h - high
    const down = low - l
    range = range * keep + ((h > close ? h : close) - (l < close ? l : close))
    // Which of them is greater is anyone's guess, of a processor too: a factor of 1 or 0 spares it the wrong ones.
    plus = plus * keep + up * (Number(up > down) & Number(up > 0))
    minus = minus * keep + down * (Number(down > up) & Number(down > 0))
    const share = range === 0 ? 0 : 100 / range
    pdi[i] = plus * share
    mdi[i] = minus * share
    high = h
    low = l
    close = closes[i]!
  }
  state[HIGH] = high
  state[LOW] = low
  state[CLOSE] = close
  state[RANGE] = range
  state[PLUS] = plus
  state[MINUS] = minus
}

/** Lines of dx and its average, of rows that have an average before them. */
function averages(
  pdi: Float64Array,
  mdi: Float64Array,
  from: number,
  to: number,
  share: number,
  dx: Float64Array,
  adx: Float64Array,
  state: Float64Array,
): void {
  let average = state[ADX]!
  for (let i = from; i < to; i++) {
    const value = distance(pdi[i]!, mdi[i]!)
    dx[i] = value
    average += (value - average) * share
    adx[i] = average
  }
  state[ADX] = average
}

/** Of two movements, in percent of their sum. */
function distance(plus: number, minus: number): number {
  const both = plus + minus
  return both === 0 ? 0 : 100 * (Math.abs(plus - minus) / both)
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

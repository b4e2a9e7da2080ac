import { expect, it } from 'vitest'
import { computeIndicators } from '../../../src/analysis/indicators/index.ts'

const ROWS = 400_000
const PERIOD = 50

/** Prices that jump between tiny and huge: whatever a running sum once rounded away would show for ever. */
function prices(): Float64Array {
  const values = new Float64Array(ROWS)
  let state = 3
  for (let i = 0; i < ROWS; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const size = i % 10_000 < 100 ? 1e12 : i % 997 === 0 ? 1e8 : 1
    values[i] = size * (1 + state / 2 ** 32)
  }
  return values
}

it('rolling sums keep no rounding error for longer than three windows of 50, however long the series', () => {
  const close = prices()
  const other = close.map((value, i) => value * 0.5 + Math.sin(i))
  // The last windows hold small prices only.
  const end = ROWS - 1 - ((ROWS - 1) % 997) - 1
  const window = close.subarray(end + 1 - PERIOD, end + 1)
  const pair = other.subarray(end + 1 - PERIOD, end + 1)
  expect(Math.max(...close.subarray(end - 3 * PERIOD, end + 1))).toBeLessThan(3)

  const n = PERIOD
  const mean = window.reduce((sum, value) => sum + value, 0) / n
  const squares = window.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const middle = (n - 1) / 2
  const slope =
    window.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0) /
    window.reduce((sum, _, i) => sum + (i - middle) ** 2, 0)
  const pairMean = pair.reduce((sum, value) => sum + value, 0) / n
  const pairSquares = pair.reduce((sum, value) => sum + (value - pairMean) ** 2, 0)
  const products = window.reduce((sum, value, i) => sum + (value - mean) * (pair[i]! - pairMean), 0)
  const expected = {
    'sma(50)': mean,
    'wma(50)': window.reduce((sum, value, i) => sum + (i + 1) * value, 0) / ((n * (n + 1)) / 2),
    'std(50)': Math.sqrt(squares / n),
    'bollinger(50, 2).upper': mean + 2 * Math.sqrt(squares / n),
    'zscore(50)': (window[n - 1]! - mean) / Math.sqrt(squares / n),
    'linreg(50).slope': slope,
    'linreg(50).value': mean + slope * middle,
    'correlation(close, open, 50)': products / Math.sqrt(squares * pairSquares),
    'vwma(close, 50)':
      window.reduce((sum, value, i) => sum + value * pair[i]!, 0) / pair.reduce((sum, v) => sum + v, 0),
  }
  const found = computeIndicators({ close, open: other, volume: other }, Object.keys(expected))
  for (const [text, value] of Object.entries(expected)) {
    expect(Math.abs(found[text]![end]! - value), text).toBeLessThan(1e-11)
  }
})

it('a constant window after any history has no deviation at all', () => {
  const close = prices()
  close.fill(0.1, ROWS - PERIOD)
  const found = computeIndicators(close, [
    'std(50)',
    'sma(50)',
    'bollinger(50).upper',
    'zscore(50)',
    'linreg(50).slope',
  ])
  expect(found['std(50)']!.at(-1)).toBe(0)
  expect(found['bollinger(50).upper']!.at(-1)).toBe(0.1)
  expect(found['linreg(50).slope']!.at(-1)).toBe(0)
  expect(found['zscore(50)']!.at(-1)).toBeNaN()
})

it('what a float64 cannot hold has no value, and none is made up', () => {
  const close = [1e160, 2e160, 3e160, 1e160, 2e160]
  const data = { high: close, low: close, close, volume: close }
  const wanted = ['std(3)', 'bollinger(3).upper', 'zscore(3)', 'mfi(2)', 'vwma(2)']
  const found = computeIndicators(data, wanted)
  for (const name of wanted) expect([...found[name]!], name).toEqual(close.map(() => Number.NaN))
})

it('a mean of one value is that value, and the place of a close at the high is 100 exactly', () => {
  const close = prices().subarray(0, 20_000)
  const volume = close.map((value, i) => (i % 3) / 7 + value * 1e-9)
  const low = close.map((value) => value * 0.9)
  const found = computeIndicators({ high: close, low, close, volume }, ['sma(volume, 1)', 'stochastic(5, 3, 1).k'])
  expect(found['sma(volume, 1)']).toEqual(volume)
  const places = found['stochastic(5, 3, 1).k']!.slice(4)
  expect([Math.max(...places), places.some((place) => place > 99.999 && place < 100)]).toEqual([100, false])
  expect(Math.min(...places)).toBeGreaterThanOrEqual(0)
})

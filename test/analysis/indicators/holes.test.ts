import { expect, it } from 'vitest'
import { computeIndicators, IndicatorRunner } from '../../../src/analysis/indicators/index.ts'

/** More rows than are computed before a batch is first taken without a look at its values. */
const ROWS = 18_000

it.each(
  ['std(4)', 'bollinger(4, 2)', 'zscore(4)', 'linreg(5)', 'sma(4)', 'wma(4)', 'cci(4)', 'rsi(4, cutler)'].flatMap(
    (text) => [Number.NaN, Number.POSITIVE_INFINITY].map((hole) => [text, hole] as const),
  ),
)('%s begins anew after a hole of %d, also where as many equal values as a window has come next', (text, hole) => {
  const close = Float64Array.from({ length: ROWS }, (_, i) => Math.sin(i * i))
  for (let i = 17_000, k = 0; i < ROWS; i += 100, k++) {
    close[i] = hole
    close.fill(0.3, i + 1, i + 6 + k)
  }
  const whole = computeIndicators(close, text)
  const names = Object.keys(whole)
  const found = names.map(() => new Float64Array(ROWS))
  const runner = new IndicatorRunner(text)
  for (let i = 0; i < ROWS; i++) {
    runner.push(close[i]!)
    for (const [k, values] of found.entries()) values[i] = runner.values[k]!
  }
  for (const [k, name] of names.entries()) expect(found[k], name).toEqual(whole[name])
})

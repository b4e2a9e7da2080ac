import { describe, expect, it, vi } from 'vitest'
import { pairedRows } from '../../../src/analysis/indicators/correlation-simd.ts'
import { computeIndicators, IndicatorRunner } from '../../../src/analysis/indicators/index.ts'

const ROWS = 13_001

/** Walks, with stretches where one stands still and where both do the same, with huge values, and with a hole. */
function series() {
  let state = 11
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32 - 0.5
  }
  const close = new Float64Array(ROWS)
  const open = new Float64Array(ROWS)
  for (let i = 1; i < ROWS; i++) {
    close[i] = close[i - 1]! + (i % 3000 < 300 ? 0 : random())
    open[i] = i % 2000 < 200 ? 3 * close[i]! : i % 2500 < 5 ? 1e9 : 100 + random()
  }
  // What such values leave in running sums is more than the small ones after them: variances are below 0, of both at once.
  for (let i = 150; i < ROWS; i += 150) close[i] = open[i] = 1e9 * random()
  close[7003] = Number.NaN
  return { close, open }
}

const data = series()
const part = (from: number, to: number) => ({
  close: data.close.subarray(from, to),
  open: data.open.subarray(from, to),
})
/** Short and long, even and odd, and around the number of rows that are copied at a time. */
const PERIODS = [2, 3, 4, 19, 20, 43, 129, 1000, 4095, 4096, 4097, 5001]

describe.each(PERIODS)('a correlation over %d pairs', (period) => {
  const text = `correlation(close, open, ${period})`
  const whole = computeIndicators(data, text)[text]!

  it('gives the same bits in many rows, which are computed two at a time, and in single ones', () => {
    expect(pairedRows()).not.toBeNull()
    const runner = new IndicatorRunner(text)
    const found = whole.map((_, i) => runner.update({ close: data.close[i], open: data.open[i] }))
    expect(found).toEqual(whole)
    expect(whole.some((value) => value > 0 && value < 1)).toBe(true)
  })

  it('gives the same bits in pieces, of which many are hardly worth a copy', () => {
    const runner = new IndicatorRunner(text)
    const found = new Float64Array(ROWS)
    for (let from = 0, turn = 1; from < ROWS; turn++) {
      const most = turn % 10 === 0 ? (turn * turn * 37) % 6007 : period + 62 + ((turn * 7) % 23)
      const to = Math.min(ROWS, from + most)
      found.set(runner.append(part(from, to))[text]!, from)
      from = to
    }
    expect(found).toEqual(whole)
  })

  it.each([period, period + 1, 6001, 12_345])(
    'says the same of the first %d rows whatever comes after them',
    (rows) => {
      expect(computeIndicators(part(0, rows), text)[text]).toEqual(whole.subarray(0, rows))
    },
  )
})

it.each(['close', 'open'] as const)(
  'begins anew after a hole in %s, also where as many equal values as a window has come next',
  (name) => {
    const text = 'correlation(close, open, 5)'
    const close = Float64Array.from({ length: 18_000 }, (_, i) => Math.sin(i * i))
    const columns = { close, open: close.map((value, i) => value * 0.5 + Math.cos(i)) }
    const { length } = close
    for (let i = 17_000, k = 0; i < length; i += 100, k++) {
      columns[name][i] = k % 2 === 0 ? Number.POSITIVE_INFINITY : Number.NaN
      columns[name].fill(0.3, i + 1, i + 6 + k)
    }
    const runner = new IndicatorRunner(text)
    const found = close.map((_, i) => runner.update({ close: close[i], open: columns.open[i] }))
    expect(computeIndicators(columns, text)[text]).toEqual(found)
  },
)

it('needs WebAssembly for speed only', async () => {
  const { WebAssembly } = globalThis as { WebAssembly?: unknown }
  const texts = PERIODS.map((period) => `correlation(close, open, ${period})`)
  const found = computeIndicators(data, texts)
  Reflect.deleteProperty(globalThis, 'WebAssembly')
  try {
    vi.resetModules()
    const without = await import('../../../src/analysis/indicators/index.ts')
    expect(without.computeIndicators(data, texts)).toEqual(found)
    const { pairedRows: none } = await import('../../../src/analysis/indicators/correlation-simd.ts')
    expect(none()).toBeNull()
  } finally {
    Object.assign(globalThis, { WebAssembly })
  }
})

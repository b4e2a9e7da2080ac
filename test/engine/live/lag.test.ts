import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LagHistogram } from '../../../src/engine/live/lag.ts'

describe('lags', () => {
  it('give percentiles that are right to 6 %, whatever their order and sign', () => {
    const lag = fc.oneof(
      fc.double({ min: -5000, max: 5000, noNaN: true }),
      fc.double({ min: 0.2, max: 40, noNaN: true }),
      fc.constantFrom(0, 0.05, 1, 1.0001, 86_400_000),
    )
    fc.assert(
      fc.property(fc.array(lag, { minLength: 1, maxLength: 200 }), (lags) => {
        const histogram = new LagHistogram()
        for (const one of lags) histogram.add(one)
        const sorted = [...lags].sort((a, b) => a - b)
        const summary = histogram.summary()
        expect(summary).toMatchObject({ count: lags.length, min: sorted[0], max: sorted.at(-1) })
        for (const [share, value] of [
          [0.5, summary.p50],
          [0.9, summary.p90],
          [0.99, summary.p99],
        ] as const) {
          const exact = sorted[Math.ceil(share * sorted.length) - 1]!
          expect(Math.abs(value - exact)).toBeLessThanOrEqual(0.06 * Math.abs(exact) + 0.1)
        }
      }),
    )
  })

  it('that are not known do not count', () => {
    const histogram = new LagHistogram()
    histogram.add(Number.NaN)
    expect(histogram.summary()).toMatchObject({ count: 0, p50: Number.NaN })
  })
})

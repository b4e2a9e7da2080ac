import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { greatest, least } from '../../../src/analysis/resample/rows.ts'
import { greatestOfBars, leastOfBars } from '../../../src/analysis/resample/simd.ts'

/** Bars of some lengths, each so many rows behind the one before it. */
function barsOf(shapes: readonly (readonly [length: number, space: number])[]) {
  const count = shapes.length
  const from = new Int32Array(count)
  const to = new Int32Array(count)
  let row = 3
  for (const [b, [length, space]] of shapes.entries()) {
    from[b] = row + space
    to[b] = row = row + space + length
  }
  return { count, from, to, end: row }
}

const value = fc.oneof(
  { weight: 6, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((x) => x + 0 || 0) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY) },
)

describe('the greatest and the least of many bars', () => {
  it('are those of each bar, NaN passed over, whatever the lengths', () => {
    const shapes = fc.array(fc.tuple(fc.integer({ min: 1, max: 70 }), fc.nat(3)), { minLength: 1, maxLength: 256 })
    fc.assert(
      fc.property(shapes, fc.array(value, { minLength: 1, maxLength: 97 }), fc.nat(5), (given, pattern, at) => {
        const bars = barsOf(given)
        const values = Float64Array.from({ length: bars.end }, (_, row) => pattern[(row * 31) % pattern.length]!)
        const [high, low] = [new Float64Array(at + bars.count + 1), new Float64Array(at + bars.count + 1)]
        greatestOfBars(values, bars, high, at)
        leastOfBars(values, bars, low, at)
        const each = (of: (b: number) => number) => [...new Float64Array(at), ...given.map((_, b) => of(b)), 0]
        const { from, to } = bars
        expect([...high]).toEqual(each((b) => greatest(values, from[b]!, to[b]!, Number.NEGATIVE_INFINITY)))
        expect([...low]).toEqual(each((b) => least(values, from[b]!, to[b]!, Number.POSITIVE_INFINITY)))
      }),
      { numRuns: 150 },
    )
  })

  it('are found also of more rows than are copied at a time', () => {
    const bars = barsOf(Array.from({ length: 20 }, () => [3600, 0] as const))
    const values = Float64Array.from({ length: bars.end }, (_, row) => Math.sin(row * row))
    const [high, low] = [new Float64Array(20), new Float64Array(20)]
    greatestOfBars(values, bars, high, 0)
    leastOfBars(values, bars, low, 0)
    for (let b = 0; b < 20; b++) {
      const rows = values.subarray(bars.from[b], bars.to[b])
      expect([high[b], low[b]]).toEqual([Math.max(...rows), Math.min(...rows)])
    }
  })

  it('need WebAssembly for speed only', async () => {
    const { WebAssembly } = globalThis as { WebAssembly?: unknown }
    Reflect.deleteProperty(globalThis, 'WebAssembly')
    try {
      vi.resetModules()
      const without = await import('../../../src/analysis/resample/simd.ts')
      const bars = barsOf(Array.from({ length: 30 }, (_, b) => [b + 1, 1] as const))
      const values = Float64Array.from({ length: bars.end }, (_, row) => Math.sin(row * row))
      const [one, other] = [new Float64Array(30), new Float64Array(30)]
      without.greatestOfBars(values, bars, one, 0)
      greatestOfBars(values, bars, other, 0)
      expect(one).toEqual(other)
      expect(one[0]).toBe(values[bars.from[0]!])
    } finally {
      Object.assign(globalThis, { WebAssembly })
    }
  })
})

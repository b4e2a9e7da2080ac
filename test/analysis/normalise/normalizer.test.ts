import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DataProcessor } from '../../../src/analysis/clean/index.ts'
import { fitNormalizer, LEAST_SPREAD, NORMALISE_METHODS, Normalizer } from '../../../src/analysis/normalise/index.ts'

const { NaN: missing } = Number
const processor = new DataProcessor()
const scaled = (values: number[], method: 'minmax' | 'zscore' | 'robust') => [
  ...processor.normalizeData(values, method).data.columns.value!,
]

describe('normalizeData', () => {
  it('brings a column to exactly [0, 1] by minmax', () => {
    expect(scaled([10, 20, 15], 'minmax')).toEqual([0, 1, 0.5])
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 2 }), (values) => {
        const result = scaled(values, 'minmax')
        const spread = Math.max(...values) - Math.min(...values)
        expect(Math.min(...result)).toBe(0)
        expect(Math.max(...result)).toBe(spread >= LEAST_SPREAD ? 1 : spread)
      }),
    )
  })

  it('brings a column to mean 0 and deviation 1 by zscore', () => {
    expect(scaled([1, 2, 3], 'zscore')).toEqual([-1, 0, 1])
    const { data } = processor.normalizeData([1, 3], 'zscore', { ddof: 0 })
    expect([...data.columns.value!]).toEqual([-1, 1])
  })

  it('brings a column to its median and quartiles by robust', () => {
    // Quartiles 2 and 4, median 3: a value far out moves neither.
    expect(scaled([1, 2, 3, 4, 1000], 'robust')).toEqual([-1, -0.5, 0, 0.5, 498.5])
  })

  it.each(NORMALISE_METHODS)('by %s gives 0 for a constant column, and NaN where nothing is', (method) => {
    expect(scaled([7, 7, 7], method)).toEqual([0, 0, 0])
    expect(scaled([0.1, 0.1, 0.1], method)).toEqual([0, 0, 0])
    expect(scaled([5], method)).toEqual([0])
    expect(scaled([missing, missing], method)).toEqual([missing, missing])
    expect(scaled([1, missing, 3], method)[1]).toBeNaN()
    expect(scaled([], method)).toEqual([])
  })

  it.each(NORMALISE_METHODS)('by %s takes a spread that nothing can be divided by for none', (method) => {
    // 1e6 / 5e-324 is infinite, and nothing brings that back.
    for (const train of [
      [0, 5e-324],
      [1e-151, 0, 0],
      [-0, -5e-324, 0, 2e-310],
    ]) {
      const normalizer = fitNormalizer({ a: train }, { method })
      expect(normalizer.columns.get('a')!.scale).toBe(1)
      for (const x of [0, -8.881784197001252e-16, 1e6]) {
        expect(normalizer.inverseValue('a', normalizer.transformValue('a', x))).toBeCloseTo(x, 25)
      }
    }
    const normalizer = fitNormalizer({ a: [0, 1e-140, 0, 1e-140] }, { method })
    expect(normalizer.columns.get('a')!.scale).toBeLessThan(1e-139)
    expect(normalizer.transformValue('a', 1e6)).toBeGreaterThan(1e140)
  })

  it.each(NORMALISE_METHODS)('by %s refuses values whose distance is no number', (method) => {
    const { MAX_VALUE } = Number
    expect(() => fitNormalizer({ a: [MAX_VALUE, -MAX_VALUE] }, { method })).toThrow('"a" are too far apart')
  })

  it('leaves times alone, and the input', () => {
    const close = Float64Array.of(1, 2)
    const { data } = processor.normalizeData({ length: 2, columns: { open_time: Float64Array.of(5, 6), close } })
    expect(data.columns).toEqual({ open_time: Float64Array.of(5, 6), close: Float64Array.of(0, 1) })
    expect([...close]).toEqual([1, 2])
  })

  it('tells which methods there are', () => {
    expect(() => processor.normalizeData([1], 'log' as never)).toThrow('only minmax, zscore, robust')
    expect(() => fitNormalizer([1], { range: [1, 1] })).toThrow('does not rise')
    expect(() => fitNormalizer([1], { range: [0, Number.POSITIVE_INFINITY] })).toThrow('use two finite numbers')
    expect(() => fitNormalizer([1], { method: 'robust', quantiles: [0.9, 0.1] })).toThrow('quantiles are [0.9, 0.1]')
    expect(() => fitNormalizer([1], { method: 'zscore', ddof: 2 as 1 })).toThrow('ddof is 2; use 0 or 1')
  })
})

describe('a normaliser', () => {
  it('treats live values by the range that it learnt', () => {
    const normalizer = fitNormalizer({ close: [100, 200] })
    expect(normalizer.transformValue('close', 150)).toBe(0.5)
    expect(normalizer.transformValue('close', 300)).toBe(2)
    expect(normalizer.transformRow({ close: 125, symbol: 'A' })).toEqual({ close: 0.25, symbol: 'A' })
    expect(() => normalizer.transformValue('open', 1)).toThrow('Nothing was learnt of "open", only of close.')
  })

  it('knows a column by the name that files give it and by that of live rows', () => {
    const normalizer = fitNormalizer({ close: [100, 200], quote_volume: [0, 1e9] })
    expect(normalizer.transformRow({ openTime: 7, close: 125, quoteVolume: 5e8 })).toEqual({
      ...{ openTime: 7, close: 0.25, quoteVolume: 0.5 },
    })
    expect([...normalizer.transform({ quoteVolume: [5e8] }).columns.quoteVolume!]).toEqual([0.5])
    expect([...normalizer.inverse({ quote_volume: [0.5] }).columns.quote_volume!]).toEqual([5e8])
  })

  it('lets nothing pass for scaled that is not', () => {
    const normalizer = fitNormalizer({ close: [100, 200], volume: [0, 1] })
    const message = 'Nothing was learnt of Close, only of close, volume.'
    expect(() => normalizer.transform({ Close: [150] })).toThrow(message)
    expect(() => normalizer.inverse({ Close: [150] })).toThrow(message)
    expect(() => normalizer.transformRow({ Close: 150 })).toThrow(message)
    expect(() => normalizer.transformRow({ close: '150' })).toThrow('"close" is the text "150": convert it first')
    expect(normalizer.transformRow({ close: null })).toEqual({ close: null })
    expect(fitNormalizer({ open_time: [1, 2] }).transform({ open_time: [1, 2] }).length).toBe(2)
  })

  it('cuts what lies outside only where asked, to any range', () => {
    const normalizer = fitNormalizer({ close: [0, 10] }, { range: [-1, 1], clip: true })
    expect([-5, 0, 5, 10, 15].map((value) => normalizer.transformValue('close', value))).toEqual([-1, -1, 0, 1, 1])
  })

  it('gives the same for a part as for the whole: each value depends on itself alone', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }),
        fc.constantFrom(...NORMALISE_METHODS),
        (values, method) => {
          const normalizer = fitNormalizer({ a: values }, { method })
          const whole = normalizer.transform({ a: values }).columns.a!
          expect(values.map((value) => normalizer.transformValue('a', value))).toEqual([...whole])
        },
      ),
    )
  })

  it('is undone by its inverse, also after a way through JSON', () => {
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1 }),
        value,
        fc.constantFrom(...NORMALISE_METHODS),
        (train, live, method) => {
          const normalizer = fitNormalizer({ a: train }, { method })
          const again = Normalizer.fromJSON(JSON.parse(JSON.stringify(normalizer)))
          for (const x of [...train, live]) {
            const y = normalizer.transformValue('a', x)
            expect(again.transformValue('a', x)).toBe(y)
            const { scale, centre } = normalizer.columns.get('a')!
            const size = Math.abs(x) + Math.abs(centre) + scale
            expect(Math.abs(again.inverseValue('a', y) - x)).toBeLessThanOrEqual(size * 1e-14)
          }
        },
      ),
    )
  })

  it('keeps through JSON what it could not learn', () => {
    const again = Normalizer.fromJSON(JSON.parse(JSON.stringify(fitNormalizer({ a: [missing] }))))
    expect(again.transformValue('a', 1)).toBeNaN()
    expect(() => Normalizer.fromJSON({} as never)).toThrow('is not what Normalizer.toJSON gives')
  })
})

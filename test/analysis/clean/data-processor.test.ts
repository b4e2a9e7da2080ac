import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CAUSAL_STEPS,
  CleanFlag,
  type CleanStep,
  DataProcessor,
  type TableInput,
} from '../../../src/analysis/clean/index.ts'
import { CandleFlag } from '../../../src/model/candle.ts'
import { InvalidRangeError, LookAheadError } from '../../../src/model/errors.ts'

const processor = new DataProcessor()
const { NaN: missing } = Number

function cleaned(values: TableInput, steps?: readonly CleanStep[]): number[] {
  const { data } = processor.cleanData(values, steps === undefined ? {} : { steps })
  return [...data.columns.value!]
}

describe('cleanData', () => {
  // The worked example of issue 5, in every arrangement and size: a NaN and a 200 among 100s.
  it.each([
    ['equal 100s', (_: number) => 100],
    ['about 100', (i: number) => 100 + Math.sin(i * 7) * 2],
  ])('leaves no NaN and nothing above 150 of a NaN and a 200 among %s', (_, around) => {
    for (let length = 5; length <= 60; length++) {
      for (const high of [0, 1, Math.floor(length / 2), length - 1]) {
        for (const gap of [0, 1, 2, high + 1, length - 1]) {
          if (gap === high || gap >= length) continue
          const close = Array.from({ length }, (_value, i) => (i === gap ? missing : i === high ? 200 : around(i)))
          const { data, report } = processor.cleanData({ close, volume: close })
          for (const name of ['close', 'volume']) {
            const values = [...data.columns[name]!]
            expect(
              values.every((value) => value > 90 && value < 150),
              `${length} rows, 200 at ${high}, NaN at ${gap}`,
            ).toBe(true)
          }
          expect(report.missing).toEqual({})
          expect(close[high]).toBe(200)
        }
      }
    }
  })

  it('fills forward, then backward', () => {
    expect(cleaned([missing, missing, 1, missing, 2, missing])).toEqual([1, 1, 1, 1, 2, 2])
    expect(cleaned([null, Number.POSITIVE_INFINITY, 5, undefined])).toEqual([5, 5, 5, 5])
    expect(cleaned([missing, missing])).toEqual([missing, missing])
  })

  it('puts the median in place of what lies beyond three deviations', () => {
    const values = Array.from({ length: 40 }, (_, i) => i)
    expect(cleaned([...values, 1000])).toEqual([...values, 20])
    expect(cleaned(values)).toEqual(values)
  })

  it('reports every change, and flags its row', () => {
    const columns = {
      open_time: Float64Array.of(0, 60, 120, 180, 240, 300),
      close: Float64Array.of(missing, 100, missing, 101, 500, 99),
      flags: Float64Array.of(1, 1, 1, 1, 1, 1),
    }
    const { data, report } = processor.cleanData({ length: 6, columns })
    expect([...data.columns.close!]).toEqual([100, 100, 100, 101, 100, 99])
    expect(report.changes).toEqual([
      { column: 'close', row: 2, time: 120, from: missing, to: 100, step: 'forward-fill', lookAhead: false },
      { column: 'close', row: 0, time: 0, from: missing, to: 100, step: 'backward-fill', lookAhead: true },
      { column: 'close', row: 4, time: 240, from: 500, to: 100, step: 'zscore', lookAhead: true },
    ])
    expect(report).toMatchObject({
      rows: 6,
      columns: ['close'],
      lookAhead: true,
      counts: { 'forward-fill': 1, 'backward-fill': 1, zscore: 1 },
    })
    const { filledBackward, filledForward, outlier } = CleanFlag
    expect([...report.rowFlags]).toEqual([filledBackward, 0, filledForward, 0, outlier, 0])
    const changed = 1 | CandleFlag.cleaned
    expect([...data.columns.flags!]).toEqual([changed, 1, changed, 1, changed, 1])
  })

  it('works on a copy', () => {
    const close = Float64Array.of(1, missing, 3)
    const columns = { close }
    const { data } = processor.cleanData({ length: 3, columns })
    expect([...close]).toEqual([1, missing, 3])
    expect(data.columns.close).not.toBe(close)
  })

  it('reads rows, and leaves times, ids and flags alone unless they are named', () => {
    const rows = [
      { openTime: 1, id: 7, close: 5, symbol: 'A' },
      { openTime: missing, id: missing, close: null, symbol: 'A' },
    ]
    const { data, report } = processor.cleanData(rows)
    expect(report.columns).toEqual(['close'])
    expect(data.columns).toEqual({
      openTime: Float64Array.of(1, missing),
      id: Float64Array.of(7, missing),
      close: Float64Array.of(5, 5),
    })
    expect(processor.cleanData(rows, { columns: ['id'] }).data.columns.id).toEqual(Float64Array.of(7, 7))
  })

  it('reads Arrow tables with nulls', async () => {
    const { tableFromArrays, vectorFromArray, Table, Float64 } = await import('apache-arrow')
    const table = new Table({
      close: vectorFromArray([1, null, 3], new Float64()),
      n: tableFromArrays({ n: Float64Array.of(1, 2, 3) }).getChild('n')!,
    })
    const { data } = processor.cleanData(table as unknown as TableInput)
    expect([...data.columns.close!]).toEqual([1, 1, 3])
  })

  it('keeps long gaps where a limit is set', () => {
    const steps = [{ step: 'forward-fill', limit: 2 }] as const
    const { data, report } = processor.cleanData([1, missing, missing, missing, 5], { steps })
    expect([...data.columns.value!]).toEqual([1, 1, 1, missing, 5])
    expect(report.missing).toEqual({ value: 1 })
  })

  it('of nothing, of one value and of a constant changes nothing', () => {
    expect(cleaned([])).toEqual([])
    expect(cleaned([7])).toEqual([7])
    expect(cleaned([7, 7, 7, 7])).toEqual([7, 7, 7, 7])
    expect(cleaned([0.1, 0.1, 0.1, 0.1, 0.1])).toEqual([0.1, 0.1, 0.1, 0.1, 0.1])
  })

  it('tells what is wrong with a request', () => {
    expect(() => processor.cleanData({ a: [1] }, { columns: ['b'] })).toThrow('There is no column "b", only a.')
    expect(() => processor.cleanData([1], { steps: [{ step: 'magic' } as never] })).toThrow(InvalidRangeError)
    expect(() => processor.cleanData([1], { steps: [{ step: 'hampel', window: 1 }] })).toThrow(
      'window of the step hampel is 1; it must be a whole number at least 2.',
    )
    expect(() => processor.cleanData({ a: [1], b: [1, 2] })).toThrow('a has 1 values, b 2')
    const run = (step: object | string) => () => processor.cleanData([1], { steps: [step as never] })
    expect(run({ step: 'hampel', treshold: 1 })).toThrow('The step hampel has no setting "treshold", only threshold,')
    expect(run({ step: 'zscore', replacement: 'previous' })).toThrow('it must be median, mean, nan.')
    expect(run({ step: 'zscore', ddof: 2 })).toThrow('ddof of the step zscore is 2; it must be 0 or 1.')
    expect(run({ step: 'hampel', window: '30' })).toThrow('window of the step hampel is 30')
    expect(run('forward-fill')).toThrow('A cleaning step is an object, e.g. { step: "forward-fill" }')
    expect(run({ step: 'forward-fill', limit: Number.POSITIVE_INFINITY })).not.toThrow()
  })

  it('takes no text for a value that is missing', () => {
    expect(() => processor.cleanData({ a: [1, '5' as never, 2] })).toThrow('Row 1 of "a" is the text "5"')
    const rows = [{ price: 1, side: 'BUY' }, { price: 2 }]
    expect(Object.keys(processor.cleanData(rows).data.columns)).toEqual(['price'])
  })
})

describe('refusing to look ahead', () => {
  const strict = new DataProcessor({ lookAhead: 'refuse' })

  it('names the first step that does', () => {
    expect(() => strict.cleanData([1, missing])).toThrow(LookAheadError)
    expect(() => strict.cleanData([1, missing])).toThrow('"backward-fill" looks ahead, which is refused')
    expect(() => processor.cleanData([1], { steps: [{ step: 'zscore' }], lookAhead: 'refuse' })).toThrow('"zscore"')
    expect(() => strict.normalizeData([1, 2], 'zscore')).toThrow('"normalise (zscore)" looks ahead')
    expect(() => processor.cleaner({ columns: ['a'], steps: [{ step: 'backward-fill' }] })).toThrow(LookAheadError)
  })

  it.each([undefined, null, 'close', 5])('is not asked where there are no data, but %s', (none) => {
    const processor = new DataProcessor()
    expect(() => processor.cleanData(none as never)).toThrow(InvalidRangeError)
    expect(() => processor.normalizeData(none as never)).toThrow('There are no data: give a batch')
  })

  it('is no word that is misspelt', () => {
    const typo = 'Refuse' as 'refuse'
    expect(() => new DataProcessor({ lookAhead: typo })).toThrow('lookAhead is "Refuse"; use allow or refuse.')
    const processor = new DataProcessor({ lookAhead: 'refuse' })
    expect(() => processor.cleanData([1], { lookAhead: typo })).toThrow('use allow or refuse')
    expect(() => processor.normalizeData([1], 'minmax', { lookAhead: typo })).toThrow('use allow or refuse')
  })

  it('lets the causal steps pass', () => {
    const { report } = strict.cleanData([1, missing], { steps: CAUSAL_STEPS })
    expect(report.lookAhead).toBe(false)
    expect(strict.cleanData([1, missing], { lookAhead: 'allow' }).report.lookAhead).toBe(true)
  })
})

describe('the causal outlier steps', () => {
  const steady = Array.from({ length: 40 }, (_, i) => 100 + (i % 5))
  const spiked = [...steady, 200, ...steady]

  it.each<[CleanStep]>([[{ step: 'rolling-zscore' }], [{ step: 'expanding-zscore' }], [{ step: 'hampel' }]])(
    '%o take a spike out and leave the rest',
    (step) => {
      const { data, report } = processor.cleanData(spiked, { steps: [step] })
      expect(report.changes.map(({ row, from }) => [row, from])).toEqual([[40, 200]])
      expect(data.columns.value![40]).toBeCloseTo(102, 0)
    },
  )

  it.each<[CleanStep['step']]>([['rolling-zscore'], ['expanding-zscore'], ['hampel']])(
    '%s can mark or repeat instead',
    (step) => {
      const at40 = (replacement: 'nan' | 'previous') => cleaned(spiked, [{ step, replacement } as CleanStep])[40]
      expect(at40('nan')).toBeNaN()
      expect(at40('previous')).toBe(steady[39])
    },
  )

  it('take a small move after a still time for what it is', () => {
    const still = [...Array.from({ length: 40 }, () => 100), 100.01, 100.02]
    expect(cleaned(still, [{ step: 'hampel' }])).toEqual(still)
    expect(cleaned(still, [{ step: 'rolling-zscore' }])).toEqual(still)
  })

  it('follow a market that moves to a new level', () => {
    const moved = [...steady, ...steady.map((value) => value + 100)]
    const values = cleaned(moved, [{ step: 'hampel', window: 20 }])
    expect(values.slice(60)).toEqual(moved.slice(60))
  })
})

describe('the causal steps', () => {
  const value = fc.oneof(
    { weight: 8, arbitrary: fc.double({ min: 90, max: 110, noNaN: true }) },
    { weight: 1, arbitrary: fc.constant(missing) },
    { weight: 1, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }) },
  )
  const values = fc.array(value, { maxLength: 120 })
  const step = fc.oneof(
    fc.record({ step: fc.constant('forward-fill' as const) }),
    fc.record({
      step: fc.constantFrom('rolling-zscore' as const, 'hampel' as const),
      window: fc.integer({ min: 2, max: 30 }),
      minimum: fc.integer({ min: 2, max: 12 }),
      replacement: fc.constantFrom('previous' as const, 'nan' as const),
    }),
    fc.record({ step: fc.constant('expanding-zscore' as const), minimum: fc.integer({ min: 2, max: 12 }) }),
  )
  const steps = fc.array(step, { minLength: 1, maxLength: 3 }) as fc.Arbitrary<CleanStep[]>

  it('never change a value for what comes later', () => {
    fc.assert(
      fc.property(values, values, steps, (first, later, chosen) => {
        expect(cleaned([...first, ...later], chosen).slice(0, first.length)).toEqual(cleaned(first, chosen))
      }),
    )
  })

  it('give row by row what they give at once', () => {
    fc.assert(
      fc.property(values, steps, (list, chosen) => {
        const stream = processor.cleaner({ columns: ['close'], steps: chosen })
        const rows = list.map((close) => stream.push({ close, id: 7 }))
        const whole = processor.cleanData({ close: list }, { steps: chosen })
        expect(rows.map(({ row }) => row.close)).toEqual([...whole.data.columns.close!])
        expect(rows.flatMap(({ changes }) => changes)).toHaveLength(whole.report.changes.length)
        expect(rows.every(({ row }) => row.id === 7)).toBe(true)
      }),
    )
  })

  it('know a column of a live row by the name that files give it', () => {
    const steps = [{ step: 'forward-fill' }] as const
    const cleaner = new DataProcessor().cleaner({ columns: ['quote_volume'], steps })
    cleaner.push({ quoteVolume: 5 })
    const { row, changes } = cleaner.push({ quoteVolume: null })
    expect([row, changes.map(({ column, to }) => [column, to])]).toEqual([{ quoteVolume: 5 }, [['quoteVolume', 5]]])
  })

  it('report exactly what they changed', () => {
    fc.assert(
      fc.property(values, steps, (list, chosen) => {
        const { data, report } = processor.cleanData(list, { steps: chosen })
        const replayed = Float64Array.from(list)
        for (const { row, from, to } of report.changes) {
          expect(replayed[row]).toEqual(from)
          replayed[row] = to
        }
        expect(replayed).toEqual(data.columns.value ?? new Float64Array())
      }),
    )
  })
})

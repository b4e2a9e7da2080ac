import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  applyTransforms,
  BatchTransformer,
  defineTransform,
  parseExpression,
  parseTransforms,
  type Row,
  type Transform,
  TransformRegistry,
  TransformStream,
} from '../../../src/analysis/transform/index.ts'
import { ConfigError, LookAheadError, ParseError } from '../../../src/model/errors.ts'

const { NaN: none } = Number

/** A formula over the columns a = 1, 2, 3 and b = 10, 20, 30. */
function computed(formula: string): number[] {
  const columns = { a: Float64Array.of(1, 2, 3), b: Float64Array.of(10, 20, 30) }
  return [...parseExpression(formula).compute(columns, 3)]
}

describe('a formula', () => {
  it.each<[string, number[]]>([
    ['a + b * 2', [21, 42, 63]],
    ['(a + b) * 2', [22, 44, 66]],
    ['b / a - 10', [0, 0, 0]],
    ['10 - 4 - a', [5, 4, 3]],
    ['-a ^ 2', [-1, -4, -9]],
    ['2 ^ 3 ^ a / 2', [4, 256, 67108864]],
    ['2 ^ -a', [0.5, 0.25, 0.125]],
    ['b % 7', [3, 6, 2]],
    ['a >= 2 && b < 30', [0, 1, 0]],
    ['!(a == 2) || a != a', [1, 0, 1]],
    ['if(a > 1, b, -b)', [-10, 20, 30]],
    ['prev(b)', [none, 10, 20]],
    ['a - prev(a, 2)', [none, none, 2]],
    ['prev(prev(a) + a)', [none, none, 3]],
    ['max(a, 2, b / 10)', [2, 2, 3]],
    ['sqrt(abs(-a * a)) + floor(0.5) + .5e0', [1.5, 2.5, 3.5]],
    ['isnan(prev(a)) + isnan(nan)', [2, 1, 1]],
    ['log(exp(a))', [1, 2, 3]],
  ])('%s is computed', (formula, expected) => {
    expect(computed(formula)).toEqual(expected)
  })

  it('knows what it reads and how far it looks back', () => {
    expect(parseExpression('prev(prev(close, 3) / prev(open), 2) + high')).toMatchObject({
      inputs: ['close', 'open', 'high'],
      lookback: 5,
    })
  })

  it.each([
    ['', 'it ends too early'],
    ['a +', 'it ends too early'],
    ['a b', 'something is left over'],
    ['(a', 'a ) is missing'],
    ['a $ b', '"$" means nothing here'],
    ['next(a)', 'there is no function next'],
    ['constructor(a)', 'there is no function constructor'],
    ['abs(a, b)', 'abs takes 1 arguments, not 2'],
    ['prev(a, -1)', 'prev takes a value and a whole number of rows, 1 or more'],
    ['prev(a, 2 + 3)', 'prev takes a value and a whole number'],
    ['prev(a, 0.5)', 'prev takes a value and a whole number'],
  ])('%s is refused', (formula, message) => {
    expect(() => parseExpression(formula, 'f.txt:3')).toThrow(ParseError)
    expect(() => parseExpression(formula, 'f.txt:3')).toThrow(message)
  })

  it('of any depth and length is refused before it hurts', () => {
    expect(() => parseExpression(`${'('.repeat(200)}a`)).toThrow('it is nested too deeply')
    expect(() => parseExpression(`${'-'.repeat(200)}a`)).toThrow('it is nested too deeply')
    expect(() => parseExpression('1+'.repeat(3_000))).toThrow('it is longer than 4000 characters')
    expect(computed(`${'1+'.repeat(1_900)}a`)).toEqual([1901, 1902, 1903])
  })

  it('of any text is computed or refused with a ParseError', () => {
    const word = fc.constantFrom(
      'a',
      'b',
      '1',
      '2.5',
      '(',
      ')',
      '+',
      '-',
      '*',
      '^',
      ',',
      'prev(',
      'if(',
      'max(',
      '<',
      '!',
      ' ',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word).map((words) => words.join('')),
        ),
        (text) => {
          try {
            const { inputs, lookback } = parseExpression(text)
            expect(lookback).toBeGreaterThanOrEqual(0)
            expect(new Set(inputs).size).toBe(inputs.length)
          } catch (error) {
            expect(error).toBeInstanceOf(ParseError)
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })
})

describe('a file of transforms', () => {
  const text = `
    # returns of the close
    return = close / prev(close) - 1   # NaN in the first row
    where !isnan(return)
    up = return > 0
  `

  it('adds columns and drops rows, line by line', () => {
    const close = Float64Array.of(100, 110, 99)
    const table = applyTransforms({ length: 3, columns: { close } }, parseTransforms(text))
    expect(table.length).toBe(2)
    expect([...table.columns.close!]).toEqual([110, 99])
    expect([...table.columns.return!].map((value) => value.toFixed(6))).toEqual(['0.100000', '-0.100000'])
    expect([...table.columns.up!]).toEqual([1, 0])
    expect([...close]).toEqual([100, 110, 99])
  })

  it('is refused with the line of its mistake', () => {
    expect(() => parseTransforms('a = 1\nb == 2', 'my.txt')).toThrow('my.txt:2: "b == 2" is neither')
    expect(() => parseTransforms('a = 1 +', 'my.txt')).toThrow('my.txt:1: it ends too early')
    expect(parseTransforms('\n# nothing\n')).toEqual([])
  })

  it('names the column that is not there', () => {
    expect(() => applyTransforms({ open: [1] }, parseTransforms('x = close + 1'))).toThrow(
      'The transform "x" reads "close", which is not there, only open.',
    )
    expect(() => applyTransforms({ open: [1] }, parseTransforms('x = constructor'))).toThrow('which is not there')
  })

  it('runs on a stream as on all rows at once, and never looks ahead', () => {
    const values = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { maxLength: 40 })
    const line = fc.constantFrom(
      'x = a - prev(a, 3)',
      'a = a * 2',
      'where a > prev(a)',
      'where a > 0',
      'y = prev(prev(a) + a, 2)',
      'z = max(a, prev(a), prev(a, 5))',
    )
    fc.assert(
      fc.property(
        values,
        values,
        fc.array(line, { minLength: 1, maxLength: 4 }),
        fc.nat(40),
        (first, later, lines, cut) => {
          const transforms = parseTransforms(lines.join('\n'))
          const rowsOf = (list: number[]): Row[] => {
            const { length, columns } = applyTransforms({ a: list }, transforms)
            return Array.from({ length }, (_, i) =>
              Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[i]!])),
            )
          }
          const stream = new TransformStream(transforms)
          const streamed = first.map((a) => stream.push({ a })).filter((row) => row !== undefined)
          const alone = rowsOf(first)
          expect(streamed).toEqual(alone)
          const batches = new BatchTransformer(transforms)
          const pieces = [first.slice(0, cut), first.slice(cut)].map((a) =>
            batches.push({ length: a.length, columns: { a: Float64Array.from(a) } }),
          )
          const whole = applyTransforms({ a: first }, transforms)
          expect(pieces[0]!.length + pieces[1]!.length).toBe(whole.length)
          for (const [name, column] of Object.entries(whole.columns)) {
            expect(pieces.flatMap(({ columns }) => [...columns[name]!])).toEqual([...column])
          }
          expect(rowsOf([...first, ...later]).slice(0, alone.length)).toEqual(alone)
        },
      ),
    )
  })
})

describe('transforms in code', () => {
  const spread = defineTransform({
    type: 'column',
    name: 'spread',
    inputs: ['high', 'low'],
    outputs: ['spread'],
    lookback: 0,
    compute: ({ high, low }) => high!.map((value, i) => value - low![i]!),
  })

  it('cannot reach what they read', () => {
    const high = Float64Array.of(5)
    const greedy = defineTransform({
      type: 'column',
      name: 'greedy',
      inputs: ['high'],
      outputs: ['high'],
      compute: (columns) => columns.high!.fill(0),
    })
    const table = applyTransforms({ length: 1, columns: { high, low: Float64Array.of(2) } }, [spread, greedy])
    expect([...table.columns.spread!]).toEqual([3])
    expect([...table.columns.high!]).toEqual([0])
    expect([...high]).toEqual([5])
  })

  it('can work on records, and drop them', () => {
    const halve = defineTransform({
      type: 'record',
      name: 'halve',
      apply: ({ price, ...rest }) => (price! < 0 ? undefined : { ...rest, half: price! / 2 }),
    })
    const table = applyTransforms(
      [
        { price: 4, q: 1 },
        { price: -1, q: 2 },
        { price: 8, q: 3 },
      ],
      [halve],
    )
    expect(table).toEqual({ length: 2, columns: { q: Float64Array.of(1, 3), half: Float64Array.of(2, 4) } })
    const stream = new TransformStream([halve])
    expect([stream.push({ price: 4 }), stream.push({ price: -1 })]).toEqual([{ half: 2 }, undefined])
  })

  it('must give what they promise', () => {
    const wrong = (compute: () => unknown): Transform =>
      ({ type: 'column', name: 'w', inputs: [], outputs: ['w'], lookback: 0, compute }) as Transform
    const run = (compute: () => unknown) => () => applyTransforms({ a: [1, 2] }, [wrong(compute)])
    expect(run(() => new Float64Array(1))).toThrow('The transform "w" gave 1 values of "w" for 2 rows.')
    expect(run(() => ({ v: new Float64Array(2) }))).toThrow('gave no Float64Array for its output "w"')
  })

  it('run on a stream only where their need of other rows is bounded', () => {
    const { lookback: _, ...boundless } = spread
    expect(() => new TransformStream([boundless])).toThrow('has no lookback, so it cannot run on a stream')
    expect(() => new TransformStream([{ ...spread, lookAhead: true }])).toThrow(LookAheadError)
    expect(() => new TransformStream([spread]).push({ high: 1 })).toThrow('reads "low", which a row lacks')
    expect(new TransformStream([spread]).push({ high: 3, low: 1 })).toEqual({ high: 3, low: 1, spread: 2 })
  })

  it('say what they need and what they make', () => {
    const { inputs, outputs } = new BatchTransformer(parseTransforms('x = close - open\nwhere x > 0\ny = x / low'))
    expect(inputs).toEqual(['close', 'open', 'low'])
    expect(outputs).toEqual(['x', 'y'])
    const { lookback: _, ...boundless } = spread
    expect(() => new BatchTransformer([boundless])).toThrow('does not say how many rows it looks back')
    expect(() => new BatchTransformer([{ ...spread, lookAhead: true }])).toThrow(LookAheadError)
  })

  it('are found in a registry by name', () => {
    const registry = new TransformRegistry().register(spread)
    expect(registry.names).toEqual(['spread'])
    expect(registry.resolve(['spread', spread])).toEqual([spread, spread])
    expect(() => registry.register(spread)).toThrow('There is a transform "spread" already')
    expect(() => registry.get('spred')).toThrow(ConfigError)
    expect(() => registry.get('spred')).toThrow('there are spread')
    expect(() => registry.register({ ...spread, name: 'a b' })).toThrow('"a b" is no name')
    const wrong = [
      [
        { name: 'x', type: 'record', map: () => ({}) },
        'The transform "x" has type "record"; use column or filter with',
      ],
      [{ name: 'x', type: 'col', compute: () => [] }, 'The transform "x" has type "col"'],
      [{ name: 'x', type: 'column', inputs: [], compute: () => [] }, 'The transform "x" has no outputs: name the'],
      [{ type: 'column' }, 'A transform needs a name'],
      [undefined, 'A transform needs a name'],
    ] as const
    for (const [given, message] of wrong) {
      const transform = given as never
      expect(() => registry.register(transform)).toThrow(message)
      expect(() => applyTransforms({ close: [1] }, [transform])).toThrow(message)
      expect(() => new TransformStream([transform])).toThrow(message)
      expect(() => new BatchTransformer([transform])).toThrow(message)
    }
    expect(registry.unregister('spread')).toBe(true)
    expect(() => registry.get('spread')).toThrow('none is registered')
  })
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PLAIN_KLINE_REACH, readPlainKline } from '../../../src/exchanges/binance/klines-row.ts'

const T0 = 1_577_836_800_000

/** The row with room behind it, as the parser gives it. */
function read(text: string, behind = ' '): { next: number; values: number[] } {
  const bytes = Buffer.from(text + behind.repeat(PLAIN_KLINE_REACH), 'latin1')
  const row = new Float64Array(11)
  const next = readPlainKline(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, row)
  return { next, values: [...row] }
}

function rowOf(decimals: readonly unknown[], trades: unknown = 493, open: unknown = T0): string {
  const [o, h, l, c, v, q, tb, tq] = decimals
  return JSON.stringify([open, o, h, l, c, v, T0 + 59_999, q, trades, tb, tq, '0'])
}
const PLAIN = Array.from({ length: 8 }, (_, index) => `${index}.50`)

const plainDecimal = fc
  .tuple(fc.nat(9_999_999), fc.nat(99_999_999), fc.nat(8))
  .map(([whole, fraction, digits]) =>
    digits === 0 ? String(whole) : `${whole}.${String(fraction).padStart(8, '0').slice(0, digits)}`,
  )

test('every plain row is taken and read as Number() does', () => {
  fc.assert(
    fc.property(
      fc.array(plainDecimal, { minLength: 8, maxLength: 8 }),
      fc.nat(999_999_999),
      fc.integer({ min: 1e12, max: 9e12 }),
      fc.constantFrom(' ', '0', '9', ',', ']', '"'),
      (decimals, trades, open, behind) => {
        const text = rowOf(decimals, trades, open)
        const { next, values } = read(text, behind)
        expect(next).toBe(text.length)
        expect(values).toEqual((JSON.parse(text) as unknown[]).slice(0, 11).map(Number))
      },
    ),
    { numRuns: 2_000 },
  )
})

test('whatever was changed in a row, what is taken is what JSON.parse reads', () => {
  const plain = rowOf([
    '7195.24',
    '123456789.12345',
    '4',
    '98765432.1234567',
    '0.00000001',
    '371233.51835535',
    '1',
    '2',
  ])
  fc.assert(
    fc.property(fc.nat(plain.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(2), (at, byte, cut) => {
      const text = plain.slice(0, at) + String.fromCharCode(byte) + plain.slice(at + cut)
      const { next, values } = read(text)
      if (next < 0) return
      const cells = JSON.parse(text.slice(0, next)) as unknown[]
      expect(cells).toHaveLength(12)
      expect(cells.map((cell) => typeof cell)).toEqual((JSON.parse(plain) as unknown[]).map((cell) => typeof cell))
      expect(values).toEqual(cells.slice(0, 11).map(Number))
    }),
    { numRuns: 5_000 },
  )
})

test.each([
  ['more than 15 digits', rowOf(['17105727.52864731', ...PLAIN.slice(1)])],
  ['a bare number', rowOf([7195.24, ...PLAIN.slice(1)])],
  ['an empty text', rowOf(['', ...PLAIN.slice(1)])],
  ['a negative number', rowOf(['-1.5', ...PLAIN.slice(1)])],
  ['a point without digits behind it', rowOf(['5.', ...PLAIN.slice(1)])],
  ['an exponent', rowOf(['1e5', ...PLAIN.slice(1)])],
  ['nine decimals', rowOf(['1.123456789', ...PLAIN.slice(1)])],
  ['a quoted trade count', rowOf(PLAIN, '493')],
  ['a trade count with a leading zero', rowOf(PLAIN, 493).replace(',493,', ',0493,')],
  ['half a trade', rowOf(PLAIN, 1.5)],
  ['a time in microseconds', rowOf(PLAIN, 1, T0 * 1000)],
  ['a time with a leading zero', rowOf(PLAIN).replace(`[${T0}`, `[0${String(T0).slice(1)}`)],
  ['blanks', rowOf(PLAIN).replace(',', ', ')],
  ['thirteen members', rowOf(PLAIN).replace(',"0"]', ',"0","0"]')],
  ['eleven members', rowOf(PLAIN).replace(',"0"]', ']')],
])('a row with %s is left to the other reader', (_, text) => {
  expect(read(text).next).toBe(-1)
})

test('a row never makes it look further than it says', () => {
  const text = fc.string({ unit: fc.constantFrom(...'0123456789.,"[]'), maxLength: PLAIN_KLINE_REACH })
  const plain = rowOf(
    Array.from({ length: 8 }, () => '9999999.99999999'),
    999_999_999,
  )
  fc.assert(
    fc.property(fc.nat(plain.length), text, (at, any) => {
      const bytes = Buffer.from((plain.slice(0, at) + any).slice(0, PLAIN_KLINE_REACH).padEnd(PLAIN_KLINE_REACH, '9'))
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      expect(readPlainKline(bytes, view, 0, new Float64Array(11))).toBeLessThanOrEqual(PLAIN_KLINE_REACH)
    }),
    { numRuns: 1_000 },
  )
})

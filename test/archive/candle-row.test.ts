import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PLAIN_ROW_REACH, readPlainRow } from '../../src/archive/candle-row.ts'

interface Read {
  readonly next: number
  readonly row: readonly number[]
}

/** The row with room behind it, as the parser gives it. */
function read(text: string, behind = ' '): Read {
  const bytes = Buffer.from(text + behind.repeat(PLAIN_ROW_REACH), 'latin1')
  const row = new Float64Array(11)
  const next = readPlainRow(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, row)
  return { next, row: [...row] }
}

const TIMES = ['1704067200000', '1704067259999'] as const
function rowOf(decimals: readonly string[], times: readonly string[] = TIMES, end = ',0\n'): string {
  const [o, h, l, c, v, q, n, tb, tq] = decimals
  return `${[times[0], o, h, l, c, v, times[1], q, n, tb, tq].join(',')}${end}`
}
const PLAIN = Array.from({ length: 9 }, (_, index) => `${index}.5`)

const plainDecimal = fc
  .tuple(fc.integer({ min: 0, max: 9_999_999 }), fc.nat(99_999_999), fc.nat(8), fc.boolean())
  .map(([whole, fraction, digits, zeros]) => {
    const text = digits === 0 ? '' : `.${String(fraction).padStart(8, '0').slice(0, digits)}`
    return `${zeros ? String(whole).padStart(7, '0') : whole}${text}`
  })

describe('the reader of plain candle rows', () => {
  it('takes every plain row and reads it as Number() does', () => {
    const time = fc.oneof(fc.integer({ min: 1e12, max: 9e12 }), fc.integer({ min: 1e15, max: 8e15 })).map(String)
    const end = fc.constantFrom(',0\n', ',\n', ',0\r\n', ',\r\n')
    fc.assert(
      fc.property(
        fc.array(plainDecimal, { minLength: 9, maxLength: 9 }),
        fc.tuple(time, time),
        end,
        fc.constantFrom(' ', '0', '9', ',', '\n'),
        (decimals, times, lineEnd, behind) => {
          const text = rowOf(decimals, times, lineEnd)
          const { next, row } = read(text, behind)
          expect(next).toBe(text.length)
          expect(row).toEqual(text.split(',').slice(0, 11).map(Number))
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('takes a row exactly or leaves it to the other reader, whatever was changed in it', () => {
    const plain = rowOf([
      '42283.58000000',
      '42298.6',
      '4',
      '123456789.12345',
      '0.00000001',
      '98765432.1234567',
      '1',
      '2',
      '3',
    ])
    fc.assert(
      fc.property(fc.nat(plain.length - 2), fc.integer({ min: 0, max: 255 }), fc.nat(2), (at, byte, cut) => {
        const text = plain.slice(0, at) + String.fromCharCode(byte) + plain.slice(at + cut)
        const { next, row } = read(text)
        if (next < 0) return
        const line = text.slice(0, text.indexOf('\n'))
        expect(next).toBe(line.length + 1)
        const fields = line.replace(/\r$/, '').split(',')
        expect(fields).toHaveLength(12)
        for (const [index, value] of row.entries()) {
          expect(fields[index]).toMatch(/^\d+(\.\d*)?$/)
          expect(value).toBe(Number(fields[index]))
        }
      }),
      { numRuns: 5_000 },
    )
  })

  it.each([
    ['a number of more than 15 digits', rowOf(['17105727.52864731', ...PLAIN.slice(1)])],
    ['an empty field', rowOf(['', ...PLAIN.slice(1)])],
    ['a negative number', rowOf(['-1.5', ...PLAIN.slice(1)])],
    ['an exponent', rowOf(['1e5', ...PLAIN.slice(1)])],
    ['nine decimals', rowOf(['1.123456789', ...PLAIN.slice(1)])],
    ['ten digits before the point', rowOf(['1234567890', ...PLAIN.slice(1)])],
    ['a time in seconds', rowOf(PLAIN, ['1704067200', TIMES[1]])],
    ['a time of 14 digits', rowOf(PLAIN, ['17040672000000', TIMES[1]])],
    ['eleven fields', rowOf(PLAIN, TIMES, '\n')],
    ['thirteen fields', rowOf(PLAIN, TIMES, ',0,0\n')],
    ['words in the twelfth field', rowOf(PLAIN, TIMES, ',none\n')],
    ['two points', rowOf(['1.2.3', ...PLAIN.slice(1)])],
  ])('leaves a row with %s to the other reader', (_, text) => {
    expect(read(text).next).toBe(-1)
  })

  it('never looks further than it says, so that no row reads behind the bytes', () => {
    const nines = rowOf(
      Array.from({ length: 9 }, () => '9999999.99999999'),
      ['9999999999999999', '9999999999999999'],
    )
    const plain = nines.slice(0, 100)
    const bytes = Buffer.from(nines.padEnd(PLAIN_ROW_REACH, '9'))
    const view = new DataView(bytes.buffer, bytes.byteOffset, PLAIN_ROW_REACH)
    expect(readPlainRow(bytes, view, 0, new Float64Array(11))).toBe(nines.length)
    const text = fc.string({ unit: fc.constantFrom(...'0123456789.,'), minLength: 8, maxLength: PLAIN_ROW_REACH })
    fc.assert(
      fc.property(text, (any) => {
        const random = Buffer.from((plain + any).slice(0, PLAIN_ROW_REACH).padEnd(PLAIN_ROW_REACH, '9'))
        const whole = new DataView(random.buffer, random.byteOffset, random.length)
        expect(readPlainRow(random, whole, 0, new Float64Array(11))).toBe(-1)
      }),
      { numRuns: 500 },
    )
  })
})

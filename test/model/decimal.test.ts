import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addDecimal,
  compareDecimal,
  type Decimal,
  decimalToNumber,
  formatDecimal,
  multiplyDecimal,
  parseDecimal,
  remainderDecimal,
  roundTrips,
  subtractDecimal,
} from '../../src/model/decimal.ts'
import { InvalidRangeError } from '../../src/model/errors.ts'

/** Every value below has at most 18 digits after the point: as whole numbers of 1e-18 BigInt is the oracle. */
const DIGITS = 18
const whole = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n })

/** Text of `units` × 1e-18 with `zeros` more zeros behind. */
function textOf(units: bigint, zeros = 0): string {
  const digits = String(units < 0n ? -units : units).padStart(DIGITS + 1, '0')
  return `${units < 0n ? '-' : ''}${digits.slice(0, -DIGITS)}.${digits.slice(-DIGITS)}${'0'.repeat(zeros)}`
}

function unitsOf(value: Decimal): bigint {
  expect(value.scale).toBeLessThanOrEqual(DIGITS)
  return value.units * 10n ** BigInt(DIGITS - value.scale)
}

describe('parseDecimal', () => {
  it.each([
    ['0.00010000', 10000n, 8],
    ['-1.5', -15n, 1],
    ['+2', 2n, 0],
    ['1e-8', 1n, 8],
    ['1E-8', 1n, 8],
    ['1.5e3', 1500n, 0],
    ['.5', 5n, 1],
    ['5.', 5n, 0],
    [' 42 ', 42n, 0],
    ['-0', 0n, 0],
    ['0.000000000000000001', 1n, 18],
    ['123456789012345678.123456789012345678', 123456789012345678123456789012345678n, 18],
    [1e-8, 1n, 8],
    [1e21, 10n ** 21n, 0],
    [0.1, 1n, 1],
  ])('reads %j exactly', (input, units, scale) => {
    expect(parseDecimal(input)).toEqual({ units, scale })
  })

  it.each([
    '',
    ' ',
    '.',
    '-',
    '+',
    'e5',
    '1e',
    '1e+',
    '--1',
    '1.2.3',
    '1,5',
    '1_000',
    '0x10',
    'NaN',
    'Infinity',
    '1 2',
    '٣',
    '1e99999',
  ])('refuses %j and names it', (text) => {
    expect(() => parseDecimal(text)).toThrow(InvalidRangeError)
    expect(() => parseDecimal(text)).toThrow(`"${text.trim()}" is not a decimal number`)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('refuses the number %s', (number) => {
    expect(() => parseDecimal(number)).toThrow(InvalidRangeError)
  })

  it('reads every finite number by its shortest text, back to the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(decimalToNumber(parseDecimal(number))).toBe(number + 0)
      }),
    )
  })

  it('gives a decimal or an InvalidRangeError for any text, and agrees with Number', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+.0-9eE]{0,12}$/)), (text) => {
        let value: Decimal
        try {
          value = parseDecimal(text)
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidRangeError)
          return
        }
        expect(decimalToNumber(value)).toBe(Number(text) + 0)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('formatDecimal', () => {
  it('writes without exponent and without trailing zeros', () => {
    expect(
      ['1e-8', '-0.00010000', '100', '-0.0', '1.50', '1e20', '.5'].map((text) => formatDecimal(parseDecimal(text))),
    ).toEqual(['0.00000001', '-0.0001', '100', '0', '1.5', '100000000000000000000', '0.5'])
  })

  it('loses nothing, whatever the digits and the zeros behind them', () => {
    fc.assert(
      fc.property(whole, fc.nat(10), (units, zeros) => {
        const written = formatDecimal(parseDecimal(textOf(units, zeros)))
        expect(unitsOf(parseDecimal(written))).toBe(units)
        expect(written).toMatch(/^(0|-?(0|[1-9]\d*)(\.\d*[1-9])?)$/)
      }),
    )
  })
})

describe('arithmetic', () => {
  it('agrees with whole numbers of 1e-18', () => {
    const pair = fc.tuple(whole, fc.nat(5), whole, fc.nat(5))
    fc.assert(
      fc.property(pair, ([a, zerosA, b, zerosB]) => {
        const x = parseDecimal(formatDecimal(parseDecimal(textOf(a, zerosA))))
        const y = parseDecimal(formatDecimal(parseDecimal(textOf(b, zerosB))))
        expect(unitsOf(addDecimal(x, y))).toBe(a + b)
        expect(unitsOf(subtractDecimal(x, y))).toBe(a - b)
        expect(compareDecimal(x, y)).toBe(a < b ? -1 : a > b ? 1 : 0)
        const product = multiplyDecimal(x, y)
        expect(product.units * 10n ** BigInt(2 * DIGITS - product.scale)).toBe(a * b)
        if (b !== 0n) expect(unitsOf(remainderDecimal(x, y))).toBe(a % b)
      }),
    )
  })

  it('finds what a float would hide: 0.3 is a whole number of steps of 0.1', () => {
    const step = parseDecimal('0.1')
    expect(remainderDecimal(parseDecimal('0.3'), step).units).toBe(0n)
    expect(formatDecimal(addDecimal(step, parseDecimal('0.2')))).toBe('0.3')
    expect(formatDecimal(remainderDecimal(parseDecimal('1.00000001'), parseDecimal('0.00000010')))).toBe('0.00000001')
    expect(formatDecimal(remainderDecimal(parseDecimal('-0.35'), step))).toBe('-0.05')
  })

  it('sees equal values of different scale as equal', () => {
    expect(compareDecimal(parseDecimal('1.50000000'), parseDecimal('1.5'))).toBe(0)
    expect(compareDecimal(parseDecimal('-0'), parseDecimal('0.00'))).toBe(0)
  })

  it('refuses a remainder by 0', () => {
    expect(() => remainderDecimal(parseDecimal('1'), parseDecimal('0.00'))).toThrow(InvalidRangeError)
  })
})

describe('roundTrips', () => {
  it.each(['0.00000001', '93576.00000000', '0', '-0', '123456789.12345678', '1e-8', '9007199254740992'])(
    'says that a float64 keeps %j',
    (text) => {
      expect(roundTrips(text)).toBe(true)
    },
  )

  it.each(['9007199254740993', '0.1234567890123456789', '123456789012.123456789', '1e400', '1e-400'])(
    'says that a float64 does not keep %j',
    (text) => {
      expect(roundTrips(text)).toBe(false)
    },
  )

  it.each(['', ' ', 'abc', '0x10', 'NaN', 'Infinity', '1,5'])('says no to %j, which is no decimal', (text) => {
    expect(roundTrips(text)).toBe(false)
  })

  it('holds for every text of up to 15 digits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 15n) + 1n, max: 10n ** 15n - 1n }), fc.nat(20), (units, scale) => {
        expect(roundTrips(formatDecimal({ units, scale }))).toBe(true)
      }),
    )
  })
})

import { InvalidRangeError } from './errors.ts'

/** An exact decimal: `units / 10 ** scale`. Made for prices, quantities and filters, where binary floats are wrong. */
export interface Decimal {
  readonly units: bigint
  /** Digits after the point, 0 or more. */
  readonly scale: number
}

const FORM = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/

/**
 * Reads decimal text (`"0.00010000"`, `"-1.5"`, `"1e-8"`) or a finite number by its shortest text.
 * @throws InvalidRangeError when it is neither.
 */
export function parseDecimal(input: string | number): Decimal {
  const given = typeof input === 'number' ? String(input) : input
  if (typeof given !== 'string')
    throw new InvalidRangeError(`${described(given)} is neither decimal text nor a number.`)
  return parsePlain(given) ?? parseAny(given.trim())
}

/** As many digits make a whole number that a float64 holds exactly. */
const PLAIN_DIGITS = 15

/** Digits with at most one point among them, as exchanges write: many times quicker than the general form. */
function parsePlain(text: string): Decimal | undefined {
  const { length } = text
  if (length > PLAIN_DIGITS + 1) return undefined
  let units = 0
  let point = -1
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit >= 0 && digit <= 9) units = units * 10 + digit
    else if (digit === -2 && point < 0) point = i
    else return undefined
  }
  const digits = point < 0 ? length : length - 1
  if (digits === 0 || digits > PLAIN_DIGITS) return undefined
  return { units: BigInt(units), scale: point < 0 ? 0 : length - 1 - point }
}

function parseAny(text: string): Decimal {
  const form = FORM.exec(text)
  const whole = form?.[2] ?? ''
  const fraction = form?.[3] ?? ''
  if (!form || whole.length + fraction.length === 0) throw new InvalidRangeError(`"${text}" is not a decimal number.`)
  const exponent = form[4] === undefined ? 0 : Number(form[4])
  let units = BigInt(whole + fraction)
  if (form[1] === '-') units = -units
  const scale = fraction.length - exponent
  return scale >= 0 ? { units, scale } : { units: units * 10n ** BigInt(-scale), scale: 0 }
}

/** What a caller without types gave, for the error. */
function described(given: unknown): string {
  return typeof given === 'bigint' ? `The bigint ${given}` : given === null ? 'null' : `A value of type ${typeof given}`
}

function aligned(a: Decimal, b: Decimal): [bigint, bigint, number] {
  const scale = Math.max(a.scale, b.scale)
  return [a.units * 10n ** BigInt(scale - a.scale), b.units * 10n ** BigInt(scale - b.scale), scale]
}

/** -1, 0 or 1. */
export function compareDecimal(a: Decimal, b: Decimal): -1 | 0 | 1 {
  const [x, y] = aligned(a, b)
  return x < y ? -1 : x > y ? 1 : 0
}

export function addDecimal(a: Decimal, b: Decimal): Decimal {
  const [x, y, scale] = aligned(a, b)
  return { units: x + y, scale }
}

export function subtractDecimal(a: Decimal, b: Decimal): Decimal {
  const [x, y, scale] = aligned(a, b)
  return { units: x - y, scale }
}

export function multiplyDecimal(a: Decimal, b: Decimal): Decimal {
  return { units: a.units * b.units, scale: a.scale + b.scale }
}

/** The exact remainder of `a / b`, with the sign of `a`. `b` must not be 0. */
export function remainderDecimal(a: Decimal, b: Decimal): Decimal {
  const [x, y, scale] = aligned(a, b)
  if (y === 0n) throw new InvalidRangeError('A remainder by 0 does not exist.')
  return { units: x % y, scale }
}

/** Plain text without an exponent and without trailing zeros after the point. */
export function formatDecimal(value: Decimal): string {
  const negative = value.units < 0n
  const digits = String(negative ? -value.units : value.units).padStart(value.scale + 1, '0')
  const whole = digits.slice(0, digits.length - value.scale)
  const fraction = digits.slice(digits.length - value.scale).replace(/0+$/, '')
  const text = fraction.length > 0 ? `${whole}.${fraction}` : whole
  return negative && value.units !== 0n ? `-${text}` : text
}

export function decimalToNumber(value: Decimal): number {
  return Number(formatDecimal(value))
}

/** Whether a float64 gives the decimal text back: false for more digits than a float64 keeps, and for other text. */
export function roundTrips(text: string): boolean {
  const number = Number(text)
  // Number also reads '' and 0x10, which are no decimals.
  if (!Number.isFinite(number) || !/\d/.test(text) || !FORM.test(text.trim())) return false
  return compareDecimal(parseDecimal(text), parseDecimal(number)) === 0
}

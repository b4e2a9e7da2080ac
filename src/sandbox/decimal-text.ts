import { type Decimal, formatDecimal } from '../model/decimal.ts'

/** `a / b` cut to some digits after the point. */
export function quotient(a: Decimal, b: Decimal, digits: number): string {
  const scale = digits + b.scale - a.scale
  const units = scale >= 0 ? (a.units * 10n ** BigInt(scale)) / b.units : a.units / 10n ** BigInt(-scale) / b.units
  return padded({ units, scale: digits }, digits)
}

/** With exactly so many digits after the point (or more, where the value has more). */
export function padded(value: Decimal, digits: number): string {
  const text = formatDecimal(value)
  const point = text.indexOf('.')
  const has = point < 0 ? 0 : text.length - point - 1
  if (has >= digits) return text
  return `${text}${point < 0 ? '.' : ''}${'0'.repeat(digits - has)}`
}

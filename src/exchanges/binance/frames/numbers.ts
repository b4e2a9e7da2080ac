import { roundTrips } from '../../../model/decimal.ts'

/** The decimal text that Binance sends; an exponent has been seen in small numbers. */
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$/
/** Smallest instant that can only be microseconds (as milliseconds it would be the year 5138). */
const MICROSECONDS = 1e14
/** No exchange traded before 2009; nothing is dated after 2200. Anything else is a broken time. */
const MIN_TIME = Date.UTC(2009, 0, 1)
const MAX_TIME = Date.UTC(2200, 0, 1)

/** The number that decimal text stands for; NaN for any other text, and for numbers beyond a float64. */
export function decimalOf(text: string): number {
  if (!DECIMAL.test(text)) return Number.NaN
  const value = Number(text)
  return Number.isFinite(value) ? value : Number.NaN
}

/** Whether a float64 gives the decimal text back. The common cases need no big numbers. */
export function isExact(text: string, value: number): boolean {
  // Up to 15 digits always come back, and without an exponent there is no way to underflow in so few.
  if (text.length <= 15 && !/[eE]/.test(text)) return true
  const shortest = String(value)
  if (text.startsWith(shortest)) {
    const rest = text.slice(shortest.length)
    if (/^0*$/.test(rest) ? rest === '' || shortest.includes('.') : /^\.0+$/.test(rest) && !shortest.includes('.')) {
      return true
    }
  }
  return roundTrips(text)
}

/** Wire time to epoch ms: microseconds are told by their size and keep their fraction. */
export function millis(wire: number): number {
  return wire >= MICROSECONDS ? wire / 1000 : wire
}

/** Whether epoch ms lie where an exchange's clock can stand. */
export function isInstant(time: number): boolean {
  return time >= MIN_TIME && time < MAX_TIME
}

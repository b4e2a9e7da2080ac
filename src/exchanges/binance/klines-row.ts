import {
  digitsBefore,
  fewDigits,
  fourDigits,
  POWERS_OF_TEN,
  SAFE_DIGITS,
  strangers,
  ZEROS,
} from '../../model/digits.ts'

const FIELDS = 11
const QUOTE = 34
const COMMA = 44
const ZERO = 48
const OPEN = 91
const CLOSE = 93
/** The point, as its distance from `0`. */
const POINT = -2

/** No row that `readPlainKline` takes, and nothing it looks at behind one, is further away from its start than this. */
export const PLAIN_KLINE_REACH = 288

/**
 * Reads a row as Binance's servers write it: no blanks, times of 13 digits, a trade count of up to 9, decimals in quotes
 * of up to 9 digits before the point, 8 behind it and 15 in all, and `"0"` at the end. Such numbers are exact.
 * Written out in one function on purpose: a call per number costs as much as the number.
 * @param view over the same bytes; `start + PLAIN_KLINE_REACH` must lie inside.
 * @returns the place behind the row's bracket, or -1 for any other row, which may still be a good one.
 */
export function readPlainKline(bytes: Uint8Array, view: DataView, start: number, row: Float64Array): number {
  if (bytes[start] !== OPEN) return -1
  let p = start + 1
  for (let field = 0; field < FIELDS; field++) {
    if (field === 0 || field === 6) {
      const a = view.getInt32(p, true) ^ ZEROS
      const b = view.getInt32(p + 4, true) ^ ZEROS
      const c = view.getInt32(p + 8, true) ^ ZEROS
      const last = bytes[p + 12]! - ZERO
      if ((strangers(a) | strangers(b) | strangers(c)) !== 0 || last < 0 || last > 9) return -1
      // JSON knows no leading zeros.
      if ((a & 0xff) === 0) return -1
      row[field] = (fourDigits(a) * 10_000 + fourDigits(b)) * 1e5 + (fourDigits(c) * 10 + last)
      p += 13
    } else {
      if (field !== 8 && bytes[p++] !== QUOTE) return -1
      const from = p
      let whole = 0
      let c = bytes[p]! - ZERO
      while (c >= 0 && c <= 9) {
        whole = (Math.imul(whole, 10) + c) | 0
        c = bytes[++p]! - ZERO
      }
      if (p === from || p - from > 9) return -1
      if (field === 8) {
        if (bytes[from] === ZERO && p - from > 1) return -1
        row[field] = whole
      } else {
        if (c !== POINT) row[field] = whole
        else {
          const a = view.getInt32(++p, true) ^ ZEROS
          const marks = strangers(a)
          if (marks !== 0) {
            const count = digitsBefore(marks)
            if (count === 0) return -1
            const power = POWERS_OF_TEN[count]!
            row[field] = (whole * power + fewDigits(a, count)) / power
            p += count
          } else {
            const b = view.getInt32(p + 4, true) ^ ZEROS
            const moreMarks = strangers(b)
            let mantissa: number
            if (moreMarks === 0) {
              mantissa = whole * 1e8 + (Math.imul(fourDigits(a), 10_000) + fourDigits(b))
              row[field] = mantissa / 1e8
              p += 8
            } else {
              const count = digitsBefore(moreMarks)
              const power = POWERS_OF_TEN[4 + count]!
              mantissa = whole * power + (fourDigits(a) * POWERS_OF_TEN[count]! + fewDigits(b, count))
              row[field] = mantissa / power
              p += 4 + count
            }
            if (mantissa >= SAFE_DIGITS) return -1
          }
        }
        if (bytes[p++] !== QUOTE) return -1
      }
    }
    if (bytes[p++] !== COMMA) return -1
  }
  if (bytes[p] !== QUOTE || bytes[p + 1] !== ZERO || bytes[p + 2] !== QUOTE || bytes[p + 3] !== CLOSE) return -1
  return p + 4
}

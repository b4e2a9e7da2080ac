import { digitsBefore, fewDigits, fourDigits, POWERS_OF_TEN, SAFE_DIGITS, strangers, ZEROS } from '../model/digits.ts'

const FIELDS = 11
const COMMA = 44
const NEWLINE = 10
const RETURN = 13
const ZERO = 48
/** The point, as its distance from `0`. */
const POINT = -2

/** No row that `readPlainRow` takes, and nothing it looks at behind one, is further away from its start than this. */
export const PLAIN_ROW_REACH = 256

/**
 * Reads a candle row as nearly every file writes it: eleven fields in the standard order, times of 13 or 16 digits,
 * numbers of up to 9 digits before the point, 8 behind it and 15 in all, `0` or nothing in the twelfth.
 * Written out in one function on purpose: a call per number costs as much as the number.
 * @param view over the same bytes; `start + PLAIN_ROW_REACH` must lie inside.
 * @returns where the next line starts, or -1 for any other row, which may still be a good one.
 */
export function readPlainRow(bytes: Uint8Array, view: DataView, start: number, row: Float64Array): number {
  let p = start
  for (let field = 0; field < FIELDS; field++) {
    if (field === 0 || field === 6) {
      const a = view.getInt32(p, true) ^ ZEROS
      const b = view.getInt32(p + 4, true) ^ ZEROS
      const c = view.getInt32(p + 8, true) ^ ZEROS
      if ((strangers(a) | strangers(b) | strangers(c)) !== 0) return -1
      const head = fourDigits(a) * 10_000 + fourDigits(b)
      const d = view.getInt32(p + 12, true) ^ ZEROS
      if (strangers(d) === 0) {
        row[field] = head * 1e8 + (Math.imul(fourDigits(c), 10_000) + fourDigits(d))
        p += 16
      } else {
        const last = d & 0xff
        if (last > 9) return -1
        row[field] = head * 1e5 + (fourDigits(c) * 10 + last)
        p += 13
      }
    } else {
      const from = p
      let whole = 0
      let c = bytes[p]! - ZERO
      while (c >= 0 && c <= 9) {
        whole = (Math.imul(whole, 10) + c) | 0
        c = bytes[++p]! - ZERO
      }
      if (p === from || p - from > 9) return -1
      if (c !== POINT) row[field] = whole
      else {
        const a = view.getInt32(++p, true) ^ ZEROS
        const marks = strangers(a)
        if (marks !== 0) {
          const count = digitsBefore(marks)
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
    }
    if (bytes[p] !== COMMA) return -1
    p++
  }
  if (bytes[p] === ZERO) p++
  if (bytes[p] === RETURN) p++
  return bytes[p] === NEWLINE ? p + 1 : -1
}

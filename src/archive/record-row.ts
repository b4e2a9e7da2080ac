import { digitsBefore, fewDigits, fourDigits, POWERS_OF_TEN, SAFE_DIGITS, strangers, ZEROS } from '../model/digits.ts'

/** What a field of a row is. */
export const SKIP = 0
export const DECIMAL = 1
export const WHOLE = 2
export const TIME = 3
export const BOOLEAN = 4
/** Those below are never plain. */
export const TEXT_TIME = 5
export const SIDE = 6

/** No row that `readPlainRecord` takes, and nothing it looks at behind one, is further away from its start than this. */
export const PLAIN_REACH = 512
/** Fields that are not kept are no longer than this, and there are ten of them at most. */
const MAX_SKIPPED = 40

const COMMA = 44
const NEWLINE = 10
const RETURN = 13
const ZERO = 48
/** The point, as its distance from `0`. */
const POINT = -2
/** `rue` and `alse`, as the four bytes from `t`, `T` and from behind `f`, `F`; little-endian. */
const TRUE_TAIL = 0x657572
const FALSE_TAIL = 0x65736c61

/**
 * Reads a row as nearly every file writes it: all fields, ids and times of digits, decimals of up to 9 digits before the
 * point, 8 behind it and 15 in all, booleans in words. Values go to `row` by field; times stay in the file's unit.
 * Written out in one function on purpose: a call per number costs as much as the number.
 * @param view over the same bytes; `start + PLAIN_REACH` must lie inside.
 * @returns where the next line starts, or -1 for any other row, which may still be a good one.
 */
export function readPlainRecord(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  codes: Uint8Array,
  row: Float64Array,
): number {
  const count = codes.length
  if (count > 10) return -1
  let p = start
  for (let field = 0; field < count; field++) {
    const code = codes[field]!
    if (code === DECIMAL) {
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
          const digits = digitsBefore(marks)
          const power = POWERS_OF_TEN[digits]!
          row[field] = (whole * power + fewDigits(a, digits)) / power
          p += digits
        } else {
          const b = view.getInt32(p + 4, true) ^ ZEROS
          const moreMarks = strangers(b)
          let mantissa: number
          if (moreMarks === 0) {
            mantissa = whole * 1e8 + (Math.imul(fourDigits(a), 10_000) + fourDigits(b))
            row[field] = mantissa / 1e8
            p += 8
          } else {
            const digits = digitsBefore(moreMarks)
            const power = POWERS_OF_TEN[4 + digits]!
            mantissa = whole * power + (fourDigits(a) * POWERS_OF_TEN[digits]! + fewDigits(b, digits))
            row[field] = mantissa / power
            p += 4 + digits
          }
          if (mantissa >= SAFE_DIGITS) return -1
        }
      }
    } else if (code === SKIP) {
      const end = p + MAX_SKIPPED
      let c = bytes[p]!
      while (c !== COMMA && c !== NEWLINE && c !== RETURN && p < end) c = bytes[++p]!
    } else if (code === BOOLEAN) {
      const c = bytes[p]! | 0x20
      if (c === 0x74 && (view.getInt32(p + 1, true) & 0xffffff) === TRUE_TAIL) {
        row[field] = 1
        p += 4
      } else if (c === 0x66 && view.getInt32(p + 1, true) === FALSE_TAIL) {
        row[field] = 0
        p += 5
      } else return -1
    } else {
      // Ids and times: four digits at a time, up to 16 (a longer one may be no exact number).
      const from = p
      let value = 0
      for (;;) {
        const word = view.getInt32(p, true) ^ ZEROS
        const marks = strangers(word)
        if (marks === 0) {
          value = value * 10_000 + fourDigits(word)
          p += 4
          if (p - from > 16) return -1
          continue
        }
        const digits = digitsBefore(marks)
        value = value * POWERS_OF_TEN[digits]! + fewDigits(word, digits)
        p += digits
        break
      }
      if (p === from || value > Number.MAX_SAFE_INTEGER) return -1
      row[field] = value
    }
    if (field < count - 1) {
      if (bytes[p] !== COMMA) return -1
      p++
    }
  }
  if (bytes[p] === RETURN) p++
  return bytes[p] === NEWLINE ? p + 1 : -1
}

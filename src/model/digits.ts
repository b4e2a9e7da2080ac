/**
 * Digits of decimal text, four at a time. A word holds four characters as `DataView.getInt32(at, true)` gives them;
 * `ZEROS` taken off by xor leaves each digit as its value, and any other character as something above 9.
 */
export const ZEROS = 0x30303030

/** The powers of ten that a float64 holds exactly. */
export const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`))

/** Decimals of up to 15 significant digits come back from a float64 unchanged. */
export const SAFE_DIGITS = 1e15

/**
 * Marks what is no digit: bit 7 of each such character, reliable up to the first one and 0 when all four are digits.
 * Adding lifts what is above 9 into that bit; only a character behind the first stranger can be hit by its carry.
 */
export function strangers(word: number): number {
  return ((word + 0x76767676) | word) & -0x7f7f7f80
}

/** How many digits come before the first stranger. */
export function digitsBefore(marks: number): number {
  return (31 - Math.clz32(marks & -marks)) >> 3
}

/** The number that four digits make: pairs first, then the pair of pairs. */
export function fourDigits(word: number): number {
  return Math.imul((Math.imul(word, 2561) >>> 8) & 0x00ff00ff, 6553601) >>> 16
}

/** The number that the first `count` (0 to 3) of four characters make. */
export function fewDigits(word: number, count: number): number {
  // Two shifts, because one by 32 would be none.
  return fourDigits((word << (24 - 8 * count)) << 8)
}

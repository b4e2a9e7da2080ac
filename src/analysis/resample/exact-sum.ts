/** Binance gives quantities and values with eight decimals at most: they are whole numbers of hundred-millionths. */
export const SCALE = 1e8
const DIGITS = 8
/** Whole parts below this, with eight decimals, are exact as one whole number. */
const EXACT = Math.floor(Number.MAX_SAFE_INTEGER / SCALE)

/** Up to here a value times the scale is so near to a whole number that rounding finds it, and sums of such are exact. */
const SMALL = 2 ** 22
/** Added and taken off again, it leaves the nearest whole number of anything below 2^51: quicker than rounding. */
export const ROUND = 1.5 * 2 ** 52
/** Most that rounding to a float64 changes, as a part of the number. */
const HALF_BIT = Number.EPSILON / 2
/** From here on neighbouring float64 are more than a hundred-millionth apart. */
const CLEAR = 2 ** 26

/**
 * Sum of decimals as an exchange would print it: the float64 nearest to the exact decimal sum, where adding float64
 * gives 0.30000000000000004. Wholes and hundred-millionths are added up apart, both as whole numbers. Values with more
 * decimals are noticed by the plain sum beside it, which then counts.
 */
export class ExactSum {
  count = 0
  whole = 0
  parts = 0
  plain = 0

  reset(): void {
    this.count = 0
    this.whole = 0
    this.parts = 0
    this.plain = 0
  }

  add(value: number): void {
    const whole = Math.floor(value)
    this.count++
    this.plain += value
    this.whole += whole
    if (value < SMALL) this.parts += value * SCALE + ROUND - ROUND - whole * SCALE
    else if (value !== whole) {
      this.parts += value < CLEAR ? Math.floor((value - whole) * SCALE + 0.5) : shownParts(value, whole)
    }
  }

  /** Adds hundred-millionths, a sum of so many values with that plain sum: whole numbers up to 2^53, and so exact. */
  addUnits(units: number, plain: number, count: number): void {
    const whole = Math.floor(units / SCALE)
    this.whole += whole
    this.parts += units - whole * SCALE
    this.plain += plain
    this.count += count
  }

  /** Becomes the same sum as another. */
  take(other: ExactSum): void {
    this.count = other.count
    this.whole = other.whole
    this.parts = other.parts
    this.plain = other.plain
  }

  /** The sum so far. */
  get value(): number {
    const { plain } = this
    const carry = Math.floor(this.parts / SCALE)
    const whole = this.whole + carry
    const parts = this.parts - carry * SCALE
    if (!(whole >= 0 && whole <= Number.MAX_SAFE_INTEGER)) return plain
    const exact = whole < EXACT ? (whole * SCALE + parts) / SCALE : Number(decimalText(whole, parts))
    // What rounding can make of so many additions, and of a price times a quantity before them; a greater difference
    // means that there were more decimals.
    const doubt = (this.count + 3) * Number.EPSILON * plain
    return Math.abs(exact - plain) <= doubt ? exact : plain
  }

  /** Whether the decimal sum has more digits than a float64 keeps. */
  get isInexact(): boolean {
    const carry = Math.floor(this.parts / SCALE)
    const whole = this.whole + carry
    if (!(whole >= EXACT)) return false
    const text = decimalText(whole, this.parts - carry * SCALE)
    return whole > Number.MAX_SAFE_INTEGER || Number(text).toFixed(DIGITS) !== text
  }
}

/**
 * Hundred-millionths of so many decimals, which are not negative, out of their plain sum by `sumOf`.
 * @returns NaN where rounding may reach a hundred-millionth, and where the values have more decimals than that
 */
export function decimalSum(plain: number, rows: number): number {
  // Each decimal is half a unit of its last bit off, and so is the scaling; every fourth addition waits for the one
  // before it, and so do the last five.
  const doubt = (rows / 4 + 6) * HALF_BIT * plain * SCALE
  const scaled = plain * SCALE
  const units = scaled + ROUND - ROUND
  return scaled >= 0 && doubt <= 0.25 && Math.abs(scaled - units) <= doubt ? units : Number.NaN
}

/**
 * Hundred-millionths of a large value: those of the shortest text that reads back as it. An exchange's decimal is that
 * text as long as it has 15 digits, and mostly with 16.
 */
function shownParts(value: number, whole: number): number {
  const text = String(value)
  const point = text.indexOf('.')
  if (point < 0 || text.length - point - 1 > DIGITS) return Math.floor((value - whole) * SCALE + 0.5)
  return Number(text.slice(point + 1).padEnd(DIGITS, '0'))
}

function decimalText(whole: number, parts: number): string {
  return `${whole}.${String(parts).padStart(DIGITS, '0')}`
}

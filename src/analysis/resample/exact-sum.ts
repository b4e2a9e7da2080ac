/** Binance gives quantities and values with eight decimals at most. */
const SCALE = 1e8
const DIGITS = 8
/** Whole parts below this, with eight decimals, are exact as one whole number. */
const EXACT = Math.floor(Number.MAX_SAFE_INTEGER / SCALE)

/** Up to here a value times the scale is so near to a whole number that rounding finds it, and sums of such are exact. */
const SMALL = 2 ** 22
/** Added and taken off again, it leaves the nearest whole number of anything below 2^51: quicker than rounding. */
const ROUND = 1.5 * 2 ** 52
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
    if (value < SMALL) {
      const units = value * SCALE + ROUND - ROUND
      this.whole += whole
      this.parts += units - whole * SCALE
    } else {
      this.whole += whole
      this.parts += value < CLEAR ? Math.floor((value - whole) * SCALE + 0.5) : shownParts(value, whole)
    }
  }

  addRows(values: Float64Array, from: number, to: number): void {
    let units = 0
    let { plain } = this
    for (let i = from; i < to; i++) {
      const value = values[i]!
      units += value * SCALE + ROUND - ROUND
      plain += value
    }
    // Each value is small where their sum is, as quantities are not negative; a sum of large ones is done with care.
    const grown = plain - this.plain
    if (grown >= 0 && grown < SMALL) {
      const whole = Math.floor(units / SCALE)
      this.whole += whole
      this.parts += units - whole * SCALE
      this.plain = plain
      this.count += to - from
    } else for (let i = from; i < to; i++) this.add(values[i]!)
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

/** Binance gives quantities and values with eight decimals at most. */
const SCALE = 1e8
const DIGITS = 8
/** Whole parts below this, with eight decimals, are exact as one whole number. */
const EXACT = Math.floor(Number.MAX_SAFE_INTEGER / SCALE)

/** Up to here a value times the scale is so near to a whole number that rounding finds it, and sums of such are exact. */
const SMALL = 2 ** 22
/** Added and taken off again, it leaves the nearest whole number of anything below 2^51: quicker than rounding. */
const ROUND = 1.5 * 2 ** 52
/** Rows that are added up before it is looked whether they were small: a minute of seconds in one go. */
const RUN = 64
/** So many of a run whose sum was not small, before each is added with care. */
const SHORT_RUN = 16
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
  // Every fourth value each, so that no addition waits for the one before it; by place and not by call, so that the bits
  // do not depend on how the rows are cut.
  plain0 = 0
  plain1 = 0
  plain2 = 0
  plain3 = 0

  get plain(): number {
    return this.plain0 + this.plain1 + (this.plain2 + this.plain3)
  }

  reset(): void {
    this.count = 0
    this.whole = 0
    this.parts = 0
    this.plain0 = 0
    this.plain1 = 0
    this.plain2 = 0
    this.plain3 = 0
  }

  add(value: number): void {
    const whole = Math.floor(value)
    switch (this.count & 3) {
      case 0:
        this.plain0 += value
        break
      case 1:
        this.plain1 += value
        break
      case 2:
        this.plain2 += value
        break
      default:
        this.plain3 += value
    }
    this.count++
    if (value < SMALL) {
      const units = value * SCALE + ROUND - ROUND
      this.whole += whole
      this.parts += units - whole * SCALE
    } else {
      this.whole += whole
      this.parts += value < CLEAR ? Math.floor((value - whole) * SCALE + 0.5) : shownParts(value, whole)
    }
  }

  /** Adds wholes and hundred-millionths, each a sum of whole numbers and exact, of so many values with that plain sum. */
  addParts(wholes: number, parts: number, plain: number, count: number): void {
    this.whole += wholes
    this.parts += parts
    this.plain0 += plain
    this.count += count
  }

  addRows(values: Float64Array, from: number, to: number): void {
    let i = from
    while (i < to && (this.count & 3) !== 0) this.add(values[i++]!)
    while (i + 3 < to) {
      const end = Math.min(to, i + RUN) | 0
      const row = this.#addRun(values, i, end)
      i = row > i ? row : this.#addShortRuns(values, i, end)
    }
    for (; i < to; i++) this.add(values[i]!)
  }

  /** As `#addRun` in shorter runs; what is not small in one of them is added with care. */
  #addShortRuns(values: Float64Array, from: number, to: number): number {
    let i = from
    while (i + 3 < to) {
      const end = Math.min(to, i + SHORT_RUN) | 0
      const row = this.#addRun(values, i, end)
      if (row > i) i = row
      else for (const last = i + ((end - i) & ~3); i < last; i++) this.add(values[i]!)
    }
    return i
  }

  /** Takes a multiple of four rows. @returns the row after the last one taken; `from` where they are not small, and none is */
  #addRun(values: Float64Array, from: number, to: number): number {
    let { plain0: a, plain1: b, plain2: c, plain3: d } = this
    const before = a + b + (c + d)
    // Whole numbers, whose sums are exact in any order.
    let unitsA = 0
    let unitsB = 0
    let unitsC = 0
    let unitsD = 0
    let i = from
    for (; i + 3 < to; i += 4) {
      const valueA = values[i]!
      const valueB = values[i + 1]!
      const valueC = values[i + 2]!
      const valueD = values[i + 3]!
      a += valueA
      b += valueB
      c += valueC
      d += valueD
      unitsA += valueA * SCALE + ROUND - ROUND
      unitsB += valueB * SCALE + ROUND - ROUND
      unitsC += valueC * SCALE + ROUND - ROUND
      unitsD += valueD * SCALE + ROUND - ROUND
    }
    // Each value is small where their sum is, as quantities are not negative; a sum of large ones is done with care.
    const grown = a + b + (c + d) - before
    if (!(grown >= 0 && grown < SMALL)) return from
    const units = unitsA + unitsB + (unitsC + unitsD)
    const whole = Math.floor(units / SCALE)
    this.whole += whole
    this.parts += units - whole * SCALE
    this.plain0 = a
    this.plain1 = b
    this.plain2 = c
    this.plain3 = d
    this.count += i - from
    return i
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

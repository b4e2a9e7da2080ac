import { decimalToNumber, formatDecimal, parseDecimal } from '../model/decimal.ts'
import { InvalidRangeError } from '../model/errors.ts'

/** Powers of ten up to here are exact in a float64. */
const MAX_DECIMALS = 22
/** Ticks up to here are found by one multiplication and one rounding: its error stays below a half. */
export const MAX_TICK = 2 ** 50

/** A price increment: decimal text as exchanges write it (`"0.01000000"`), or a number. */
export type TickSize = string | number

/**
 * Turns prices into whole ticks and back, exactly. A tick is `units / power`, both whole numbers; the price of tick n is
 * then `n * units / power`: one division of two exact numbers, so it is the very float64 that the decimal text parses
 * to. That makes "is this price on the grid" an equality, without a tolerance.
 */
export class PriceGrid {
  readonly units: number
  readonly power: number
  /** Ticks per 1 of price, rounded: gives the candidate that the equality then proves. */
  readonly perUnit: number
  /** The tick as decimal text. */
  readonly text: string

  /** @throws InvalidRangeError for a tick that is not a positive decimal of at most 22 places. */
  constructor(tickSize: TickSize) {
    // Through its plain text, which has no trailing zeros.
    const { units, scale } = parseDecimal(formatDecimal(parseDecimal(tickSize)))
    if (units <= 0n || units > BigInt(Number.MAX_SAFE_INTEGER) || scale > MAX_DECIMALS) {
      throw new InvalidRangeError(
        `Tick size "${tickSize}" can not be used: give a positive decimal with at most ${MAX_DECIMALS} places.`,
      )
    }
    this.units = Number(units)
    this.power = 10 ** scale
    this.perUnit = this.power / this.units
    this.text = formatDecimal({ units, scale })
  }

  /** The whole number of ticks in a price; NaN for a price that is not on the grid or not above zero. */
  tickOf(price: number): number {
    const tick = Math.round(price * this.perUnit)
    return tick > 0 && tick <= MAX_TICK && (tick * this.units) / this.power === price ? tick : Number.NaN
  }

  priceOf(tick: number): number {
    return (tick * this.units) / this.power
  }

  /**
   * A grid that holds this one's prices up to `highest` and `price` too.
   * @throws InvalidRangeError for a price that no grid can hold exactly: not finite, not positive, or too many digits.
   */
  widened(price: number, highest: number): PriceGrid {
    if (!(price > 0 && Number.isFinite(price))) {
      throw new InvalidRangeError(`A price of ${price} can not stand in a book: prices are finite and above zero.`)
    }
    const places = Math.max(decimalPlaces(price), parseDecimal(this.text).scale)
    const power = 10 ** places
    if (places > MAX_DECIMALS || Math.max(price, highest) * power > MAX_TICK) {
      throw new InvalidRangeError(
        `A price of ${price} can not stand in a book with ticks of ${this.text}: together its prices need more digits than can be told apart.`,
      )
    }
    return new PriceGrid(formatDecimal({ units: 1n, scale: places }))
  }
}

/** Digits after the point in the shortest text of a number; more than any grid takes when there is no end to them. */
function decimalPlaces(price: number): number {
  for (let places = 0, power = 1; places <= MAX_DECIMALS; places++, power *= 10) {
    if (Math.round(price * power) / power === price) return places
  }
  return MAX_DECIMALS + 1
}

/** The coarsest power of ten that holds every price of the lists (price, quantity, …); 1 where they are whole or none. */
export function gridOf(...sides: readonly (readonly number[])[]): PriceGrid {
  let places = 0
  let power = 1
  for (const pairs of sides) {
    for (let i = 0; i < pairs.length; i += 2) {
      const price = pairs[i]!
      if (!Number.isFinite(price)) continue
      while (places < MAX_DECIMALS && Math.round(price * power) / power !== price) {
        places++
        power = 10 ** places
      }
    }
  }
  return new PriceGrid(formatDecimal({ units: 1n, scale: places }))
}

/**
 * A coarser step in whole ticks.
 * @throws InvalidRangeError for a step that is not a whole multiple of the tick.
 */
export function ticksPerStep(grid: PriceGrid, step: TickSize): number {
  const ticks = grid.tickOf(decimalToNumber(parseDecimal(step)))
  if (Number.isNaN(ticks)) {
    throw new InvalidRangeError(`A step of ${step} is not a whole multiple of the book's tick, ${grid.text}.`)
  }
  return ticks
}

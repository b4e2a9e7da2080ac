import { InvalidRangeError } from '../model/errors.ts'
import { gridOf, PriceGrid, type TickSize, ticksPerStep } from './grid.ts'
import { Ladder } from './ladder.ts'
import type { BookDepth, BookLevel, BookLevels, Fill, Reach, Side } from './levels.ts'

export interface OrderBookOptions {
  /**
   * Price increment, e.g. `"0.01"`. Without it the book takes the coarsest power of ten that holds the first levels.
   * Right or wrong, no price is ever rounded: one that is not on the grid makes the grid finer (`gridChanges`).
   */
  readonly tickSize?: TickSize
}

/**
 * An order book on whole price ticks. It knows levels and prices, not ids or streams: `BookSync` keeps one right.
 *
 * A book that came from a snapshot of limited depth is **unknown** beyond it: levels there appear only when they
 * change. `knownTo` is where that begins, and every answer that reaches beyond says `complete: false`.
 */
export class OrderBook {
  readonly #tickSize: TickSize | undefined
  #grid: PriceGrid
  #isGridSet: boolean
  readonly #bids: Ladder
  readonly #asks: Ladder
  #gridChanges = 0
  #knownSpan = { bid: Number.NaN, ask: Number.NaN }

  /** @throws InvalidRangeError for a tick size that is no positive decimal. */
  constructor(options: OrderBookOptions = {}) {
    this.#tickSize = options.tickSize
    this.#grid = new PriceGrid(options.tickSize ?? 1)
    this.#isGridSet = options.tickSize !== undefined
    this.#bids = new Ladder(-1, this.#grid)
    this.#asks = new Ladder(1, this.#grid)
  }

  /** The price increment that the book works with now, as decimal text. */
  get tickSize(): string {
    return this.#grid.text
  }

  /** How often a price off the grid made it finer. */
  get gridChanges(): number {
    return this.#gridChanges
  }

  /** Highest bid; NaN on an empty side. */
  get bestBid(): number {
    const key = this.#bids.bestKey
    return key === Number.POSITIVE_INFINITY ? Number.NaN : this.#grid.priceOf(-key)
  }

  /** Lowest ask; NaN on an empty side. */
  get bestAsk(): number {
    const key = this.#asks.bestKey
    return key === Number.POSITIVE_INFINITY ? Number.NaN : this.#grid.priceOf(key)
  }

  get bestBidQuantity(): number {
    return this.#bids.bestQuantity
  }

  get bestAskQuantity(): number {
    return this.#asks.bestQuantity
  }

  /** Ask minus bid, on the grid; NaN while a side is empty. */
  get spread(): number {
    const ticks = this.#asks.bestKey + this.#bids.bestKey
    return Number.isFinite(ticks) ? (ticks * this.#grid.units) / this.#grid.power : Number.NaN
  }

  /** Half way between bid and ask; NaN while a side is empty. */
  get mid(): number {
    const ticks = this.#asks.bestKey - this.#bids.bestKey
    return Number.isFinite(ticks) ? (ticks * this.#grid.units) / this.#grid.power / 2 : Number.NaN
  }

  /** Whether the best bid is at or above the best ask, which no exchange's book is: an update was lost. */
  get isCrossed(): boolean {
    return -this.#bids.bestKey >= this.#asks.bestKey
  }

  /** Number of levels of a side. */
  levelCount(side: Side): number {
    return this.#side(side).count
  }

  /** Worst price up to which every level is known; undefined when the whole side is. */
  knownTo(side: Side): number | undefined {
    const { knownKey, sign } = this.#side(side)
    return knownKey === Number.POSITIVE_INFINITY ? undefined : this.#grid.priceOf(knownKey * sign)
  }

  /**
   * How much of the range that was known at the last `reset` still lies ahead of the best price: 1 at first and for a
   * side that is known whole, 0 or less once the best level itself may be hidden.
   */
  knownShare(side: Side): number {
    const { knownKey, bestKey } = this.#side(side)
    if (knownKey === Number.POSITIVE_INFINITY) return 1
    // The first tick counts, so that a book of one level is known to 1 at first.
    return (knownKey - bestKey + 1) / this.#knownSpan[side]
  }

  /**
   * Whether more than `share` of the known range lies ahead on both sides. For every update, so without divisions:
   * false says nothing yet, `knownShare` tells.
   */
  isKnownAbove(share: number): boolean {
    const [bids, asks, span] = [this.#bids, this.#asks, this.#knownSpan]
    return (
      (bids.knownKey - bids.bestKey + 1 > share * span.bid || bids.knownKey === Number.POSITIVE_INFINITY) &&
      (asks.knownKey - asks.bestKey + 1 > share * span.ask || asks.knownKey === Number.POSITIVE_INFINITY) &&
      share < 1
    )
  }

  /**
   * Replaces everything.
   * @throws InvalidRangeError for a price or quantity that can not stand in a book; the book is empty then.
   */
  reset(levels: BookLevels): void {
    const { bids, asks } = levels
    this.#grid = this.#tickSize === undefined ? gridOf(bids, asks) : new PriceGrid(this.#tickSize)
    this.#isGridSet = true
    this.#bids.clear(this.#grid, this.#span(bids))
    this.#asks.clear(this.#grid, this.#span(asks))
    try {
      this.apply(bids, asks)
    } catch (error) {
      this.#bids.clear(this.#grid, 0)
      this.#asks.clear(this.#grid, 0)
      throw error
    }
    this.#limit('bid', bids, levels.depth)
    this.#limit('ask', asks, levels.depth)
  }

  /**
   * Sets absolute quantities; 0 removes a level, and removing one that is not there is normal.
   * @param bids price, quantity, price, quantity, …
   * @throws InvalidRangeError for a price or quantity that can not stand in a book. What stood before it is applied, so
   * the book is good for nothing but `reset`.
   */
  apply(bids: readonly number[], asks: readonly number[]): void {
    this.#applySide(this.#bids, bids)
    this.#applySide(this.#asks, asks)
  }

  /** Sets one level; as `apply`. */
  set(side: Side, price: number, quantity: number): void {
    this.#applySide(this.#side(side), [price, quantity])
  }

  /** What rests at a price, 0 for no level. `known` is false beyond the known range, where 0 may be wrong. */
  quantityAt(side: Side, price: number): { readonly quantity: number; readonly known: boolean } {
    const ladder = this.#side(side)
    const tick = this.#grid.tickOf(price)
    if (Number.isNaN(tick)) return { quantity: 0, known: this.#isKnown(ladder, price) }
    const quantity = ladder.get(tick * ladder.sign)
    return { quantity, known: quantity !== 0 || this.#isKnown(ladder, price) }
  }

  /**
   * Levels of a side, best first: all of them, or as far as `reach` says.
   * @throws InvalidRangeError for a reach that says nothing, or two things.
   */
  depth(side: Side, reach: Reach = { levels: Number.POSITIVE_INFINITY }): BookDepth {
    const ladder = this.#side(side)
    assertReach(reach)
    const levels: BookLevel[] = []
    let quantity = 0
    let value = 0
    let lastKey = Number.NEGATIVE_INFINITY
    const most = 'levels' in reach ? checked(reach.levels, 'levels') : Number.POSITIVE_INFINITY
    const mostQuantity = 'quantity' in reach ? checked(reach.quantity, 'quantity') : Number.POSITIVE_INFINITY
    const mostValue = 'value' in reach ? checked(reach.value, 'value') : Number.POSITIVE_INFINITY
    const bound = this.#boundKey(ladder, reach)
    if (most > 0 && mostQuantity > 0 && mostValue > 0) {
      ladder.walk((key, resting) => {
        if (key > bound) return false
        const price = this.#grid.priceOf(key * ladder.sign)
        levels.push({ price, quantity: resting })
        quantity += resting
        value += price * resting
        lastKey = key
        return levels.length < most && quantity < mostQuantity && value < mostValue
      })
    }
    // Satisfied by what it found, or else it looked as far as the bound.
    const isSatisfied = levels.length >= most || quantity >= mostQuantity || value >= mostValue
    const end = isSatisfied ? lastKey : bound
    // Without a mid price a distance from it says nothing.
    const isMeasured = isSatisfied || bound !== Number.NEGATIVE_INFINITY
    return { levels, quantity, value, complete: isMeasured && end <= ladder.knownKey }
  }

  /**
   * Levels put together at a coarser step: bids at the step below, asks at the step above, best first.
   * @throws InvalidRangeError for a step that is not a whole multiple of the tick.
   */
  grouped(side: Side, step: TickSize, groups = Number.POSITIVE_INFINITY): BookDepth {
    const ladder = this.#side(side)
    const ticks = ticksPerStep(this.#grid, step)
    checked(groups, 'groups')
    const levels: { price: number; quantity: number }[] = []
    let group = Number.NaN
    let quantity = 0
    let value = 0
    ladder.walk((key, resting) => {
      // Keys rise towards worse prices, so rounding up is down for bids and up for asks.
      const at = Math.ceil(key / ticks)
      if (at !== group) {
        if (levels.length >= groups) return false
        levels.push({ price: this.#grid.priceOf(at * ticks * ladder.sign), quantity: 0 })
        group = at
      }
      levels.at(-1)!.quantity += resting
      quantity += resting
      value += resting * this.#grid.priceOf(key * ladder.sign)
      return true
    })
    const end = levels.length >= groups ? group * ticks : Number.POSITIVE_INFINITY
    return { levels, quantity, value, complete: groups <= 0 || end <= ladder.knownKey }
  }

  /** (bids − asks) / (bids + asks) of the quantities within reach, −1 to 1; NaN when there are none. */
  imbalance(reach: Reach = { levels: 5 }): number {
    const bids = this.depth('bid', reach).quantity
    const asks = this.depth('ask', reach).quantity
    return (bids - asks) / (bids + asks)
  }

  /** What it takes to `buy` from the asks or `sell` to the bids: so much quantity, or so much value in quote. */
  fill(action: 'buy' | 'sell', amount: { readonly quantity: number } | { readonly value: number }): Fill {
    if (action !== 'buy' && action !== 'sell') {
      throw new InvalidRangeError(`"${action as string}" can not be filled; use buy or sell.`)
    }
    const ladder = action === 'buy' ? this.#asks : this.#bids
    const isValue = 'value' in amount
    const wanted = isValue ? checked(amount.value, 'value') : checked(amount.quantity, 'quantity')
    let left = wanted
    let quantity = 0
    let value = 0
    let levels = 0
    let lastKey = Number.NEGATIVE_INFINITY
    if (left > 0) {
      ladder.walk((key, resting) => {
        const price = this.#grid.priceOf(key * ladder.sign)
        const here = isValue ? price * resting : resting
        const share = here <= left ? 1 : left / here
        left -= share === 1 ? here : left
        quantity += resting * share
        value += price * resting * share
        levels++
        lastKey = key
        return left > 0
      })
    }
    const filled = left <= 0
    return {
      quantity: filled && !isValue ? wanted : quantity,
      value: filled && isValue ? wanted : value,
      averagePrice: value / quantity,
      worstPrice: levels > 0 ? this.#grid.priceOf(lastKey * ladder.sign) : Number.NaN,
      levels,
      filled,
      complete: (filled ? lastKey : Number.POSITIVE_INFINITY) <= ladder.knownKey,
    }
  }

  /** The levels, at most `depth` per side, as flat lists that `reset` and a `bookSnapshot` record take. */
  levels(depth = Number.POSITIVE_INFINITY): { bids: number[]; asks: number[] } {
    return { bids: this.#flat(this.#bids, depth), asks: this.#flat(this.#asks, depth) }
  }

  /** Number of levels in which two books differ, within what both know. */
  differences(other: OrderBook): number {
    let count = 0
    for (const side of ['bid', 'ask'] as const) {
      const sign = side === 'bid' ? -1 : 1
      const known = (price: number | undefined) => (price === undefined ? Number.POSITIVE_INFINITY : price * sign)
      const end = Math.min(known(this.knownTo(side)), known(other.knownTo(side)))
      const mine = this.#flat(this.#side(side), Number.POSITIVE_INFINITY)
      const theirs = other.#flat(other.#side(side), Number.POSITIVE_INFINITY)
      let j = 0
      for (let i = 0; i < mine.length || j < theirs.length; ) {
        const a = i < mine.length ? mine[i]! * sign : Number.POSITIVE_INFINITY
        const b = j < theirs.length ? theirs[j]! * sign : Number.POSITIVE_INFINITY
        if (Math.min(a, b) > end) break
        if (a !== b || mine[i + 1] !== theirs[j + 1]) count++
        if (a <= b) i += 2
        if (b <= a) j += 2
      }
    }
    return count
  }

  #side(side: Side): Ladder {
    if (side === 'bid') return this.#bids
    if (side === 'ask') return this.#asks
    throw new InvalidRangeError(`side is "${side as string}"; use bid or ask.`)
  }

  #applySide(ladder: Ladder, pairs: readonly number[]): void {
    let at = ladder.apply(pairs, 0)
    while (at < pairs.length) {
      const price = pairs[at]!
      const quantity = pairs[at + 1]
      if (!(quantity !== undefined && quantity >= 0 && quantity < Number.POSITIVE_INFINITY)) {
        throw new InvalidRangeError(
          `A quantity of ${quantity} at ${price} can not stand in a book: quantities are finite and not below zero.`,
        )
      }
      this.#widen(price)
      at = ladder.apply(pairs, at)
    }
  }

  /** Makes the grid fine enough for a price, and moves the levels over to it. */
  #widen(price: number): void {
    const { bids, asks } = this.levels()
    const grid = this.#grid.widened(price, Math.max(bids[0] ?? 0, asks.at(-2) ?? 0))
    const known = [this.#bids, this.#asks].map((ladder) => ladder.knownKey)
    const finer = Math.round(grid.power / this.#grid.power) * this.#grid.units
    if (this.#isGridSet) this.#gridChanges++
    this.#isGridSet = true
    this.#grid = grid
    this.#bids.clear(grid, this.#span(bids))
    this.#asks.clear(grid, this.#span(asks))
    this.#bids.apply(bids, 0)
    this.#asks.apply(asks, 0)
    this.#bids.knownKey = known[0]! * finer
    this.#asks.knownKey = known[1]! * finer
    this.#knownSpan = { bid: this.#knownSpan.bid * finer, ask: this.#knownSpan.ask * finer }
  }

  /** Ticks that all but the deepest levels cover. */
  #span(pairs: readonly number[]): number {
    if (pairs.length === 0) return 0
    const deep = Math.floor(((pairs.length / 2 - 1) * 19) / 20) * 2
    return Math.abs(pairs[deep]! - pairs[0]!) * this.#grid.perUnit
  }

  #limit(side: Side, pairs: readonly number[], depth: number | undefined): void {
    const ladder = this.#side(side)
    if (depth === undefined || pairs.length / 2 < depth) return
    // A snapshot of no levels tells nothing.
    ladder.knownKey = pairs.length === 0 ? Number.NEGATIVE_INFINITY : this.#grid.tickOf(pairs.at(-2)!) * ladder.sign
    this.#knownSpan[side] = ladder.knownKey - ladder.bestKey + 1
  }

  #isKnown(ladder: Ladder, price: number): boolean {
    return price * this.#grid.perUnit * ladder.sign <= ladder.knownKey + 1e-9 * Math.abs(ladder.knownKey)
  }

  #boundKey(ladder: Ladder, reach: Reach): number {
    let price: number
    if ('price' in reach) price = checked(reach.price, 'price')
    else if ('percent' in reach) price = this.mid * (1 + (ladder.sign * checked(reach.percent, 'percent')) / 100)
    else return Number.POSITIVE_INFINITY
    // Without a mid price there is nothing to be near to.
    if (Number.isNaN(price)) return Number.NEGATIVE_INFINITY
    const key = price * this.#grid.perUnit * ladder.sign
    // A price that is on the grid must not be lost to the error of one multiplication.
    const nearest = Math.round(key)
    return Math.abs(key - nearest) < 1e-6 ? nearest : Math.floor(key)
  }

  #flat(ladder: Ladder, depth: number): number[] {
    const pairs: number[] = []
    if (checked(depth, 'depth') === 0) return pairs
    ladder.walk((key, quantity) => {
      pairs.push(this.#grid.priceOf(key * ladder.sign), quantity)
      return pairs.length < depth * 2
    })
    return pairs
  }
}

const REACHES: readonly string[] = ['levels', 'percent', 'price', 'quantity', 'value']

/** A word misspelt would mean the whole side. */
function assertReach(reach: Reach): void {
  const names = typeof reach === 'object' && reach !== null ? Object.keys(reach) : []
  if (names.length === 1 && REACHES.includes(names[0]!)) return
  throw new InvalidRangeError(`A reach of ${JSON.stringify(reach)} says nothing: give one of ${REACHES.join(', ')}.`)
}

function checked(value: number, what: string): number {
  if (value >= 0) return value
  throw new InvalidRangeError(`${what} is ${value}; give a number that is not below zero.`)
}

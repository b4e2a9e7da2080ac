import { MAX_TICK, type PriceGrid } from './grid.ts'

/** Ticks of the window of one side, least and most. A power of two of 32-bit words. */
const MIN_WINDOW = 1024
const MAX_WINDOW = 65_536

/** Called once per level, best first; `key * sign` is its tick. Return false to stop. */
export type LevelVisitor = (key: number, quantity: number) => boolean

/**
 * One side of a book. Levels are kept by **key**: the tick on the ask side, minus the tick on the bid side, so that on
 * both sides a smaller key is a better price.
 *
 * Quantities near the touch stand in a flat window of one slot per tick, with a bitmap of the slots in use; what is
 * deeper stands in a map. Invariants: no level has a key below the window; every level of the map has a key beyond it;
 * while the side has levels, the best of them is inside the window.
 */
export class Ladder {
  readonly sign: 1 | -1
  /** Worst key up to which every level is known; Infinity when the whole side is. */
  knownKey = Number.POSITIVE_INFINITY
  #grid: PriceGrid
  #base = 0
  #size = MIN_WINDOW
  #quantities = new Float64Array(MIN_WINDOW)
  #bits = new Int32Array(MIN_WINDOW >> 5)
  /** Levels inside the window. */
  #count = 0
  #best = Number.POSITIVE_INFINITY
  #far = new Map<number, number>()
  #sortedFar: Float64Array | undefined

  constructor(sign: 1 | -1, grid: PriceGrid) {
    this.sign = sign
    this.#grid = grid
  }

  /** Number of levels. */
  get count(): number {
    return this.#count + this.#far.size
  }

  /** Key of the best level; Infinity on an empty side. */
  get bestKey(): number {
    return this.#best
  }

  /** Quantity of the best level; NaN on an empty side. */
  get bestQuantity(): number {
    return this.#best === Number.POSITIVE_INFINITY ? Number.NaN : this.#quantities[this.#best - this.#base]!
  }

  /** Quantity at a key, 0 where no level stands. */
  get(key: number): number {
    const offset = key - this.#base
    if (offset >= 0 && offset < this.#size) return this.#quantities[offset]!
    return this.#far.get(key) ?? 0
  }

  /** Forgets every level. `span` is how many ticks most of the coming ones cover: the window is made to fit them. */
  clear(grid: PriceGrid, span: number): void {
    this.#grid = grid
    let size = MIN_WINDOW
    while (size < MAX_WINDOW && size < span * 1.5) size *= 2
    if (size !== this.#size) {
      this.#size = size
      this.#quantities = new Float64Array(size)
      this.#bits = new Int32Array(size >> 5)
    } else {
      this.#quantities.fill(0)
      this.#bits.fill(0)
    }
    this.#base = 0
    this.#count = 0
    this.#best = Number.POSITIVE_INFINITY
    this.#far.clear()
    this.#sortedFar = undefined
    this.knownKey = Number.POSITIVE_INFINITY
  }

  /**
   * Sets quantities, 0 removes: price, quantity, price, quantity, … from index `from` on. Stops before a price that is
   * not on the grid or a quantity that is none.
   * @returns the index it stopped at; the length of `pairs` when all is done.
   */
  apply(pairs: readonly number[], from: number): number {
    const { perUnit, units, power } = this.#grid
    const sign = this.sign
    let base = this.#base
    let size = this.#size
    let quantities = this.#quantities
    let bits = this.#bits
    for (let i = from; i < pairs.length; i += 2) {
      const price = pairs[i]!
      const quantity = pairs[i + 1]!
      const tick = Math.round(price * perUnit)
      // Not written as !(a && b): a NaN must fail too.
      if ((tick * units) / power === price && tick > 0 && tick <= MAX_TICK && quantity >= 0) {
        const key = tick * sign
        const offset = key - base
        if (offset >= 0 && offset < size && quantity !== Number.POSITIVE_INFINITY) {
          const at = offset | 0
          // Which levels come and go is anybody's guess, a processor's too: numbers instead of branches.
          const was = Number(quantities[at] !== 0)
          const is = Number(quantity !== 0)
          quantities[at] = quantity
          bits[at >> 5] = (bits[at >> 5]! & ~(1 << (at & 31))) | (is << (at & 31))
          this.#count += is - was
          if (key > this.#best) continue
          if (is === 1) this.#best = key
          else if (was === 1) {
            this.#findBest(at)
            base = this.#base
            size = this.#size
            quantities = this.#quantities
            bits = this.#bits
          }
          continue
        }
        if (quantity !== Number.POSITIVE_INFINITY) {
          this.#setOutside(key, quantity)
          base = this.#base
          size = this.#size
          quantities = this.#quantities
          bits = this.#bits
          continue
        }
      }
      return i
    }
    return pairs.length
  }

  /** Visits the levels, best first. The side must not change meanwhile. */
  walk(visit: LevelVisitor): void {
    const bits = this.#bits
    for (let word = 0; word < bits.length; word++) {
      let rest = bits[word]!
      while (rest !== 0) {
        const lowest = rest & -rest
        const at = (word << 5) + 31 - Math.clz32(lowest)
        if (!visit(this.#base + at, this.#quantities[at]!)) return
        rest ^= lowest
      }
    }
    if (this.#far.size === 0) return
    this.#sortedFar ??= Float64Array.from(this.#far.keys()).sort()
    for (const key of this.#sortedFar) {
      if (!visit(key, this.#far.get(key)!)) return
    }
  }

  /** The best level at `at` is gone: the next one is the best now. */
  #findBest(at: number): void {
    const bits = this.#bits
    let word = at >> 5
    // Nothing better than the best stands in its word, so the whole word can be looked at.
    while (word < bits.length && bits[word] === 0) word++
    if (word < bits.length) {
      const rest = bits[word]!
      const found = (word << 5) + 31 - Math.clz32(rest & -rest)
      this.#best = this.#base + found
      // Near the window's end most levels would soon stand in the map.
      if (found > this.#size * 0.75) this.#move(this.#best, this.#size)
    } else if (this.#far.size > 0) {
      let best = Number.POSITIVE_INFINITY
      for (const key of this.#far.keys()) if (key < best) best = key
      this.#move(best, this.#size)
    } else {
      this.#best = Number.POSITIVE_INFINITY
    }
  }

  #setOutside(key: number, quantity: number): void {
    if (quantity === 0) {
      if (this.#far.delete(key)) this.#sortedFar = undefined
      return
    }
    if (key < this.#best) {
      this.#move(key, this.#size)
      const at = key - this.#base
      this.#quantities[at] = quantity
      this.#bits[at >> 5]! |= 1 << (at & 31)
      this.#count++
      this.#best = key
      return
    }
    const before = this.#far.size
    this.#far.set(key, quantity)
    if (this.#far.size === before) return
    this.#sortedFar = undefined
    // The window is too small for this market: the map is for the few levels that nobody trades at.
    if (this.#far.size > 64 && this.#far.size * 4 > this.#count && this.#size < MAX_WINDOW) {
      this.#move(this.#best, this.#size * 2)
    }
  }

  /** Places the window so that `best` has a quarter of it as room to improve. */
  #move(best: number, size: number): void {
    const keys = new Float64Array(this.#count)
    const quantities = new Float64Array(this.#count)
    let count = 0
    const bits = this.#bits
    for (let word = 0; word < bits.length; word++) {
      let rest = bits[word]!
      while (rest !== 0) {
        const lowest = rest & -rest
        const at = (word << 5) + 31 - Math.clz32(lowest)
        keys[count] = this.#base + at
        quantities[count++] = this.#quantities[at]!
        rest ^= lowest
      }
    }
    if (size === this.#size) {
      this.#quantities.fill(0)
      this.#bits.fill(0)
    } else {
      this.#size = size
      this.#quantities = new Float64Array(size)
      this.#bits = new Int32Array(size >> 5)
    }
    this.#base = best - size / 4
    this.#count = 0
    this.#best = Number.POSITIVE_INFINITY
    for (let i = 0; i < count; i++) {
      if (!this.#take(keys[i]!, quantities[i]!)) this.#far.set(keys[i]!, quantities[i]!)
    }
    for (const [key, quantity] of this.#far) {
      if (this.#take(key, quantity)) this.#far.delete(key)
    }
    this.#sortedFar = undefined
  }

  /** Puts a level into the window if it belongs there. */
  #take(key: number, quantity: number): boolean {
    const at = key - this.#base
    if (at >= this.#size) return false
    this.#quantities[at] = quantity
    this.#bits[at >> 5]! |= 1 << (at & 31)
    this.#count++
    if (key < this.#best) this.#best = key
    return true
  }
}

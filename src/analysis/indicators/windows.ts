/**
 * The greatest of the last `period` values, in two comparisons per value and no branch that depends on the data (van
 * Herk 1992, Gil and Werman 1993): the window is what has come of the block that is being filled, whose greatest is
 * known, and the end of the block before, whose suffix maxima were worked out when it was full.
 */
export class MaxWindow {
  readonly period: number
  /** Up to `at`: values of the current block. From there: suffix maxima of the block before, then -Infinity. */
  readonly block: Float64Array
  at = 0
  prefix = Number.NEGATIVE_INFINITY

  constructor(period: number) {
    this.period = period
    this.block = new Float64Array(period + 1).fill(Number.NEGATIVE_INFINITY)
  }

  next(value: number): number {
    const { block, at, period } = this
    const prefix = value > this.prefix ? value : this.prefix
    const rest = block[at + 1]!
    const best = prefix > rest ? prefix : rest
    block[at] = value
    if (at + 1 < period) {
      this.at = at + 1
      this.prefix = prefix
      return best
    }
    for (let i = period - 2; i >= 0; i--) if (block[i + 1]! > block[i]!) block[i] = block[i + 1]!
    this.at = 0
    this.prefix = Number.NEGATIVE_INFINITY
    return best
  }
}

/** The least of the last `period` values; see `MaxWindow`. */
export class MinWindow {
  readonly period: number
  readonly block: Float64Array
  at = 0
  prefix = Number.POSITIVE_INFINITY

  constructor(period: number) {
    this.period = period
    this.block = new Float64Array(period + 1).fill(Number.POSITIVE_INFINITY)
  }

  next(value: number): number {
    const { block, at, period } = this
    const prefix = value < this.prefix ? value : this.prefix
    const rest = block[at + 1]!
    const best = prefix < rest ? prefix : rest
    block[at] = value
    if (at + 1 < period) {
      this.at = at + 1
      this.prefix = prefix
      return best
    }
    for (let i = period - 2; i >= 0; i--) if (block[i + 1]! < block[i]!) block[i] = block[i + 1]!
    this.at = 0
    this.prefix = Number.POSITIVE_INFINITY
    return best
  }
}

/**
 * Sum of the last `period` values. A running sum drifts; beside it a fresh one grows from zero, holds exactly the
 * window when the ring is full again, and takes the place of the old: no rounding error lives longer than two windows.
 */
export class SumWindow {
  readonly period: number
  readonly ring: Float64Array
  at = 0
  count = 0
  sum = 0
  fresh = 0
  /** Zeros in a row: when the window holds nothing else, its sum is 0 and not what rounding left of it. */
  zeros = 0

  constructor(period: number) {
    this.period = period
    this.ring = new Float64Array(period)
  }

  /** The sum of all values so far while they are fewer than `period`. */
  next(value: number): number {
    const { ring, at } = this
    const fresh = this.fresh + value
    this.zeros = value === 0 ? this.zeros + 1 : 0
    const sum = this.zeros >= this.period ? 0 : this.sum + (value - ring[at]!)
    ring[at] = value
    if (this.count < this.period) this.count++
    if (at + 1 < this.period) {
      this.at = at + 1
      this.fresh = fresh
      this.sum = sum
      return sum
    }
    this.at = 0
    this.fresh = 0
    this.sum = fresh
    return fresh
  }

  reset(): void {
    this.ring.fill(0)
    this.at = 0
    this.count = 0
    this.sum = 0
    this.fresh = 0
    this.zeros = 0
  }
}

/** Mean of the last `period` values: NaN until there are so many, and again after a NaN, which starts it anew. */
export class MeanWindow {
  readonly window: SumWindow

  constructor(period: number) {
    this.window = new SumWindow(period)
  }

  next(value: number): number {
    const { window } = this
    if (Number.isNaN(value)) {
      if (window.count > 0) window.reset()
      return Number.NaN
    }
    const sum = window.next(value)
    return window.count < window.period ? Number.NaN : sum / window.period
  }
}

/** The value `length` steps ago; NaN until there is one. */
export class Delay {
  readonly ring: Float64Array
  at = 0

  constructor(length: number) {
    this.ring = new Float64Array(length).fill(Number.NaN)
  }

  next(value: number): number {
    const { ring, at } = this
    if (ring.length === 0) return value
    const old = ring[at]!
    ring[at] = value
    this.at = at + 1 === ring.length ? 0 : at + 1
    return old
  }
}

/** How an exponential average begins: with the mean of its first `period` values, or with its first value. */
export type EmaSeed = 'sma' | 'first'

/** An exponential average, a step at a time. NaN until it is seeded; a NaN goes through and changes nothing. */
export class EmaCell {
  readonly period: number
  readonly alpha: number
  readonly seed: EmaSeed
  count = 0
  value = 0

  constructor(period: number, alpha = 2 / (period + 1), seed: EmaSeed = 'sma') {
    this.period = period
    this.alpha = alpha
    this.seed = seed
  }

  /** Whether every further step is `value += alpha * (x - value)`. */
  get warm(): boolean {
    return this.count >= this.period
  }

  next(value: number): number {
    if (Number.isNaN(value)) return value
    if (this.count >= this.period) {
      this.value += this.alpha * (value - this.value)
      return this.value
    }
    this.count++
    if (this.seed === 'first') {
      this.value = this.count === 1 ? value : this.value + this.alpha * (value - this.value)
      return this.value
    }
    this.value += value
    if (this.count < this.period) return Number.NaN
    this.value /= this.period
    return this.value
  }
}

/**
 * Puts the newest rows of a run into a ring whose next place is `at`. Inside a run, windows reach back into the input
 * itself, which is quicker than a ring; the ring is for the rows before the run.
 */
export function keepTail(ring: Float64Array, at: number, x: Float64Array, from: number, to: number): void {
  const period = ring.length
  for (let i = Math.max(from, to - period); i < to; i++) {
    const place = at - (to - i)
    ring[place < 0 ? place + period : place] = x[i]!
  }
}

/**
 * Rows after which running sums are replaced by fresh ones: a whole number of windows, and not so few rows that renewing
 * costs more than the sums do.
 */
export function renewalOf(period: number): number {
  return period * Math.ceil(64 / period)
}

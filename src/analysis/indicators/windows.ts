import { sumOf } from '../sums.ts'
import { isFiniteSum } from './definition.ts'

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

/** Rows per value of a window from which on it pays to copy the window first, rather than to look for NaN. */
export const COPY_ROWS = 16

/**
 * Sum of the last `period` values. A running sum drifts, so that it is worked out anew every `renewalOf(period)` values:
 * no rounding error lives longer.
 */
export class SumWindow {
  readonly period: number
  readonly renewal: number
  readonly ring: Float64Array
  /** Values since the sum was last worked out; its remainder by `period` is the next place of the ring. */
  age = 0
  at = 0
  count = 0
  sum = 0
  /** Zeros in a row: when the window holds nothing else, its sum is 0 and not what rounding left of it. */
  zeros = 0

  constructor(period: number) {
    this.period = period
    this.renewal = renewalOf(period)
    this.ring = new Float64Array(period)
  }

  /** The sum of all values so far while they are fewer than `period`. */
  next(value: number): number {
    const { ring, at, period } = this
    // No branch: gains and losses come in an order that no processor foresees.
    this.zeros = Math.imul(this.zeros + 1, Number(value === 0))
    const sum = this.zeros >= period ? 0 : this.sum + (value - ring[at]!)
    ring[at] = value
    if (this.count < period) this.count++
    this.sum = sum
    if (at + 1 < period) {
      this.at = at + 1
      return sum
    }
    return this.#turn()
  }

  /** A window of the same state, to go back to. */
  copy(): SumWindow {
    const copy = new SumWindow(this.period)
    copy.restore(this)
    return copy
  }

  /** Takes over the state of another window of the same period. */
  restore({ ring, age, at, count, sum, zeros }: SumWindow): void {
    this.ring.set(ring)
    this.age = age
    this.at = at
    this.count = count
    this.sum = sum
    this.zeros = zeros
  }

  /** The ring is full: what it holds, from its first place on, is the window. */
  #turn(): number {
    this.at = 0
    this.age += this.period
    if (this.age === this.renewal) {
      this.age = 0
      this.sum = sumOf(this.ring, 0, this.period)
    }
    return this.sum
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
 * Rows after which running sums are worked out anew: a whole number of windows, and not so few rows that it costs more
 * than the sums do.
 */
export function renewalOf(period: number): number {
  return period * Math.ceil(128 / period)
}

/**
 * The newest `ring.length` values before row `i` of a run that began at row `start`, oldest first: of `x`, and before that
 * of the ring, which holds what came before the run and whose next place is the first one.
 */
export function newestOf(ring: Float64Array, x: Float64Array, start: number, i: number, place = 0): Float64Array {
  const period = ring.length
  const values = scratch(place, period)
  const older = Math.max(0, period - (i - start))
  for (let k = 0; k < older; k++) values[k] = ring[k]!
  for (let k = older; k < period; k++) values[k] = x[i - period + k]!
  return values
}

/** The sum of `newestOf`, which for most rows is a sum over `x` itself. */
export function newestSum(ring: Float64Array, x: Float64Array, start: number, i: number): number {
  const { length } = ring
  return i - start < length ? sumOf(newestOf(ring, x, start, i), 0, length) : sumOf(x, i - length, i)
}

/** Rows `from` to `to`; the array itself where those are its first ones, so that a run of one row makes nothing on the heap. */
export function rowsOf(x: Float64Array, from: number, to: number): Float64Array {
  return from === 0 ? x : x.subarray(from, to)
}

/**
 * Whether `length` equal values in a row may end in one of the rows `from` to `to`; the row before `from` is one of the run.
 * So that loops need not count at every row: of so many equal values one is at every such step, and equals the one before.
 */
export function mayStandStill(x: Float64Array, from: number, to: number, length: number): boolean {
  if (length === 1) return true
  const step = length - 1
  for (let i = from; i < to; i += step) if (x[i] === x[i - 1]) return true
  return false
}

/** How many equal values end before row `to`, `most` at most; there are as many rows in the run. */
export function equalsBefore(x: Float64Array, to: number, most: number): number {
  let count = 1
  while (count < most && x[to - 1 - count] === x[to - 1]) count++
  return count
}

/**
 * For quotients whose divisor may be 0: there is no value then, and not an infinite one. Asking at every row costs more
 * than a quotient does; so kernels add up what they find, and come here where the sum is not finite.
 */
export function voidInfinite(out: Float64Array, from: number, to: number): void {
  for (let i = from; i < to; i++) if (!isFiniteSum(out[i]!)) out[i] = Number.NaN
}

const scratches: Float64Array[] = []

/** Places for what a kernel needs within a run; the next run may find anything in them. */
export function scratch(index: number, length: number): Float64Array {
  const known = scratches[index]
  if (known !== undefined && known.length >= length) return known
  const made = new Float64Array(Math.max(length, 1024))
  scratches[index] = made
  return made
}

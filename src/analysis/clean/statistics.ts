/** The finite values, in rising order. */
export function sortedFinite(values: Float64Array): Float64Array {
  return values.filter(Number.isFinite).sort()
}

/** Value below which a share of the values lies, between two of them in proportion (as numpy and pandas do). */
export function quantile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return Number.NaN
  const at = (sorted.length - 1) * share
  const below = Math.floor(at)
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  return low === high ? low : low + (high - low) * (at - below)
}

/** Count, mean and sum of squared distances from the mean of the finite values, in two passes. Exact for a constant. */
export function moments(values: Float64Array): { count: number; mean: number; squares: number } {
  const origin = values.find(Number.isFinite) ?? Number.NaN
  let count = 0
  let sum = 0
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    count++
    sum += value - origin
  }
  const mean = count === 0 ? Number.NaN : origin + sum / count
  let squares = 0
  for (const value of values) if (Number.isFinite(value)) squares += (value - mean) ** 2
  return { count, mean, squares }
}

/** Standard deviation; NaN where there are too few values. `ddof` 1 is the sample's (pandas), 0 the population's. */
export function deviation(count: number, squares: number, ddof: number): number {
  return count > ddof ? Math.sqrt(Math.max(0, squares) / (count - ddof)) : Number.NaN
}

/** The last values that were pushed, in rising order. Bounded; a push costs a search and a move of memory. */
export class SortedWindow {
  readonly #ring: Float64Array
  readonly #sorted: Float64Array
  #count = 0
  #next = 0

  constructor(size: number) {
    this.#ring = new Float64Array(size)
    this.#sorted = new Float64Array(size)
  }

  get length(): number {
    return this.#count
  }

  push(value: number): void {
    const sorted = this.#sorted
    if (this.#count === this.#ring.length) {
      const gone = this.#find(this.#ring[this.#next]!)
      sorted.copyWithin(gone, gone + 1, this.#count)
      this.#count--
    }
    const at = this.#find(value)
    sorted.copyWithin(at + 1, at, this.#count)
    sorted[at] = value
    this.#count++
    this.#ring[this.#next] = value
    this.#next = (this.#next + 1) % this.#ring.length
  }

  get median(): number {
    return middle(this.#sorted, 0, this.#count)
  }

  /** Median distance from the median. */
  get medianDeviation(): number {
    const count = this.#count
    if (count === 0) return Number.NaN
    const centre = this.median
    const sorted = this.#sorted
    // Distances grow from the middle outwards: the smaller half of them is merged from both sides.
    let right = this.#find(centre)
    let left = right - 1
    let distance = 0
    let before = 0
    for (let taken = 0; taken <= count >> 1; taken++) {
      before = distance
      const down = left >= 0 ? centre - sorted[left]! : Number.POSITIVE_INFINITY
      const up = right < count ? sorted[right]! - centre : Number.POSITIVE_INFINITY
      if (down < up) {
        distance = down
        left--
      } else {
        distance = up
        right++
      }
    }
    return count % 2 === 1 ? distance : (before + distance) / 2
  }

  /** Index of the first value at or above `value`. */
  #find(value: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const half = (low + high) >>> 1
      if (this.#sorted[half]! < value) low = half + 1
      else high = half
    }
    return low
  }
}

/** Median of the values from `from` to `to` of a rising array. */
export function middle(sorted: Float64Array, from: number, to: number): number {
  const count = to - from
  if (count === 0) return Number.NaN
  const half = from + (count >> 1)
  return count % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/**
 * Mean and squared distances of the last values pushed. Sums are kept about a moving origin and taken anew once per
 * window, so that no rounding piles up.
 */
export class RollingMoments {
  readonly #ring: Float64Array
  #count = 0
  #next = 0
  #origin = 0
  #sum = 0
  #squares = 0

  constructor(size: number) {
    this.#ring = new Float64Array(size)
  }

  get length(): number {
    return this.#count
  }

  push(value: number): void {
    const size = this.#ring.length
    if (this.#count === size) this.#add(this.#ring[this.#next]!, -1)
    else this.#count++
    this.#ring[this.#next] = value
    this.#next = (this.#next + 1) % size
    if (this.#next === 0 || this.#count === 1) this.#renew()
    else this.#add(value, 1)
  }

  get mean(): number {
    return this.#count === 0 ? Number.NaN : this.#origin + this.#sum / this.#count
  }

  /** Sum of squared distances from the mean. */
  get squares(): number {
    return this.#count === 0 ? 0 : Math.max(0, this.#squares - (this.#sum * this.#sum) / this.#count)
  }

  #add(value: number, sign: 1 | -1): void {
    const distance = value - this.#origin
    this.#sum += sign * distance
    this.#squares += sign * distance * distance
  }

  #renew(): void {
    const held = this.#ring.subarray(0, this.#count)
    this.#origin = held.reduce((sum, value) => sum + value, 0) / this.#count
    this.#sum = 0
    this.#squares = 0
    for (const value of held) this.#add(value, 1)
  }
}

import { deviation, RollingMoments, SortedWindow } from './statistics.ts'
import type { CleanStep, ExpandingZScore, ForwardFill, Hampel, RollingZScore } from './steps.ts'

/** A step that looks at the past only: takes one value after the other and gives back what becomes of it. */
export interface CausalCell {
  push(value: number): number
}

/** Makes the steps that can run on a stream. @returns undefined for those that look ahead */
export function causalCell(step: CleanStep): CausalCell | undefined {
  switch (step.step) {
    case 'forward-fill':
      return new ForwardFillCell(step)
    case 'rolling-zscore':
      return new RollingCell(step)
    case 'expanding-zscore':
      return new ExpandingCell(step)
    case 'hampel':
      return new HampelCell(step)
    default:
      return undefined
  }
}

class ForwardFillCell implements CausalCell {
  readonly #limit: number
  #last = Number.NaN
  #run = 0

  constructor({ limit = Number.POSITIVE_INFINITY }: ForwardFill) {
    this.#limit = limit
  }

  push(value: number): number {
    if (Number.isFinite(value)) {
      this.#last = value
      this.#run = 0
      return value
    }
    this.#run++
    return this.#run <= this.#limit ? this.#last : Number.NaN
  }
}

const DEFAULTS = { threshold: 3, minimum: 10, floor: 1e-4, window: 30 }

/** Judges a value by centre and scale of those before it; what came in is remembered as it came. */
abstract class OutlierCell implements CausalCell {
  readonly #threshold: number
  readonly #minimum: number
  readonly #floor: number
  readonly #replacement: string
  #previous = Number.NaN

  constructor(step: RollingZScore | ExpandingZScore | Hampel, replacement: string) {
    this.#threshold = step.threshold ?? DEFAULTS.threshold
    this.#minimum = step.minimum ?? DEFAULTS.minimum
    this.#floor = step.floor ?? DEFAULTS.floor
    this.#replacement = step.replacement ?? replacement
  }

  abstract readonly count: number
  abstract readonly centre: number
  abstract readonly scale: number
  abstract remember(value: number): void

  push(value: number): number {
    // A missing value is no outlier, and tells nothing about those to come.
    if (!Number.isFinite(value)) return value
    let result = value
    if (this.count >= this.#minimum) {
      const { centre } = this
      const scale = Math.max(this.scale, Math.abs(centre) * this.#floor)
      if (Math.abs(value - centre) > this.#threshold * scale) result = this.#replaced(centre)
    }
    this.remember(value)
    if (Number.isFinite(result)) this.#previous = result
    return result
  }

  #replaced(centre: number): number {
    if (this.#replacement === 'nan') return Number.NaN
    return this.#replacement === 'previous' ? this.#previous : centre
  }
}

class RollingCell extends OutlierCell {
  readonly #moments: RollingMoments
  readonly #ddof: number

  constructor(step: RollingZScore) {
    super(step, 'mean')
    this.#moments = new RollingMoments(step.window ?? DEFAULTS.window)
    this.#ddof = step.ddof ?? 1
  }

  get count(): number {
    return this.#moments.length
  }

  get centre(): number {
    return this.#moments.mean
  }

  get scale(): number {
    return deviation(this.#moments.length, this.#moments.squares, this.#ddof)
  }

  remember(value: number): void {
    this.#moments.push(value)
  }
}

/** Welford's sums: exact enough for any length, in three numbers. */
class ExpandingCell extends OutlierCell {
  readonly #ddof: number
  #count = 0
  #mean = 0
  #squares = 0

  constructor(step: ExpandingZScore) {
    super(step, 'mean')
    this.#ddof = step.ddof ?? 1
  }

  get count(): number {
    return this.#count
  }

  get centre(): number {
    return this.#mean
  }

  get scale(): number {
    return deviation(this.#count, this.#squares, this.#ddof)
  }

  remember(value: number): void {
    this.#count++
    const distance = value - this.#mean
    this.#mean += distance / this.#count
    this.#squares += distance * (value - this.#mean)
  }
}

/** Makes a median deviation comparable with a standard deviation of normal values. */
const NORMAL = 1.4826

class HampelCell extends OutlierCell {
  readonly #window: SortedWindow

  constructor(step: Hampel) {
    super(step, 'median')
    this.#window = new SortedWindow(step.window ?? DEFAULTS.window)
  }

  get count(): number {
    return this.#window.length
  }

  get centre(): number {
    return this.#window.median
  }

  get scale(): number {
    return this.#window.medianDeviation * NORMAL
  }

  remember(value: number): void {
    this.#window.push(value)
  }
}

import { type Decimal, formatDecimal } from '../../model/decimal.ts'

/** What one rule allows of one value: not below `min`, not above `max`, and a whole number of steps from `offset`. */
export interface Bound {
  readonly min?: Decimal
  readonly max?: Decimal
  /** Absent or 0: any value between the limits. */
  readonly step?: Decimal
  /** Where the steps count from; 0 when absent. */
  readonly offset?: Decimal
}

/** Which neighbour a value is rounded to. */
export type RoundingMode = 'down' | 'up' | 'nearest'

const POWERS: bigint[] = Array.from({ length: 64 }, (_, exponent) => 10n ** BigInt(exponent))

export function powerOfTen(exponent: number): bigint {
  return POWERS[exponent] ?? 10n ** BigInt(exponent)
}

/** The units of a value at a scale that is not smaller than its own. */
export function unitsAt(value: Decimal, scale: number): bigint {
  return value.scale === scale ? value.units : value.units * powerOfTen(scale - value.scale)
}

/** Whole numbers `offset + k × step`; every whole number when `step` is 0. */
interface Lattice {
  readonly offset: bigint
  readonly step: bigint
}

/**
 * The value that all bounds allow and that lies at, below or above `value`; what lies beyond the limits becomes the
 * limit (rounded inwards). Positive always. Undefined when no value is allowed.
 */
export function closestAllowed(value: Decimal, bounds: readonly Bound[], mode: RoundingMode): string | undefined {
  let scale = value.scale
  for (const bound of bounds) {
    for (const part of [bound.min, bound.max, bound.step, bound.offset]) {
      if (part !== undefined && part.scale > scale) scale = part.scale
    }
  }
  // Prices and quantities are above 0: the smallest that the scale can hold is the least limit.
  let low = 1n
  let high: bigint | undefined
  let lattice: Lattice | undefined = { offset: 0n, step: 0n }
  for (const { min, max, step, offset } of bounds) {
    if (min !== undefined) low = larger(low, unitsAt(min, scale))
    if (max !== undefined) {
      const limit = unitsAt(max, scale)
      high = high === undefined || limit < high ? limit : high
    }
    if (step !== undefined && step.units > 0n) {
      const other = { offset: offset === undefined ? 0n : unitsAt(offset, scale), step: unitsAt(step, scale) }
      lattice = common(lattice, other)
      if (lattice === undefined) return undefined
    }
  }
  const first = atOrAbove(lattice, low)
  const last = high === undefined ? undefined : atOrBelow(lattice, high)
  if (last !== undefined && last < first) return undefined
  let chosen = pick(lattice, unitsAt(value, scale), mode)
  if (chosen < first) chosen = first
  if (last !== undefined && chosen > last) chosen = last
  return formatDecimal({ units: chosen, scale })
}

function pick(lattice: Lattice, value: bigint, mode: RoundingMode): bigint {
  const below = atOrBelow(lattice, value)
  if (below === value || mode === 'down') return below
  const above = atOrAbove(lattice, value)
  return mode === 'up' || above - value <= value - below ? above : below
}

function atOrBelow({ offset, step }: Lattice, value: bigint): bigint {
  return step === 0n ? value : value - modulo(value - offset, step)
}

function atOrAbove({ offset, step }: Lattice, value: bigint): bigint {
  return step === 0n ? value : value + modulo(offset - value, step)
}

/** The numbers that lie on both lattices (the Chinese remainder theorem); undefined when none does. */
function common(a: Lattice, b: Lattice): Lattice | undefined {
  if (a.step === 0n) return b
  const [divisor, factor] = extendedGcd(a.step, b.step)
  const distance = b.offset - a.offset
  if (distance % divisor !== 0n) return undefined
  const period = b.step / divisor
  const steps = modulo((distance / divisor) * factor, period)
  return { offset: a.offset + steps * a.step, step: a.step * period }
}

/** The greatest common divisor `d` of two positive numbers, and an `x` with `a × x ≡ d` modulo `b`. */
function extendedGcd(a: bigint, b: bigint): [divisor: bigint, factor: bigint] {
  let [rest, next] = [a, b]
  let [x, nextX] = [1n, 0n]
  while (next !== 0n) {
    const quotient = rest / next
    ;[rest, next] = [next, rest - quotient * next]
    ;[x, nextX] = [nextX, x - quotient * nextX]
  }
  return [rest, x]
}

function modulo(a: bigint, b: bigint): bigint {
  const rest = a % b
  return rest < 0n ? rest + b : rest
}

function larger(a: bigint, b: bigint): bigint {
  return a < b ? b : a
}

/** `a / b` at a scale, rounded up or down. `b` is positive. */
export function divideAt(a: Decimal, b: Decimal, scale: number, mode: 'up' | 'down'): Decimal {
  const shift = scale + b.scale - a.scale
  const numerator = shift >= 0 ? a.units * powerOfTen(shift) : a.units
  const denominator = shift >= 0 ? b.units : b.units * powerOfTen(-shift)
  const quotient = numerator / denominator
  const units = mode === 'up' && quotient * denominator < numerator ? quotient + 1n : quotient
  return { units, scale }
}

/** Which part of a bound a value breaks. */
export type BoundPart = 'min' | 'max' | 'step'

/** Checks values against one bound, all of whose parts were brought to one scale once. */
export class BoundCheck {
  readonly bound: Bound
  readonly #scale: number
  readonly #min: bigint | undefined
  readonly #max: bigint | undefined
  readonly #step: bigint
  readonly #offset: bigint

  constructor(bound: Bound) {
    this.bound = bound
    const { min, max, step, offset } = bound
    this.#scale = Math.max(min?.scale ?? 0, max?.scale ?? 0, step?.scale ?? 0, offset?.scale ?? 0)
    this.#min = min === undefined ? undefined : unitsAt(min, this.#scale)
    this.#max = max === undefined ? undefined : unitsAt(max, this.#scale)
    this.#step = step === undefined ? 0n : unitsAt(step, this.#scale)
    this.#offset = offset === undefined ? 0n : unitsAt(offset, this.#scale)
  }

  /** The part that a positive value breaks, if any. */
  broken(value: Decimal): BoundPart | undefined {
    let units: bigint
    // Digits beyond the scale of the rule: the value lies between two units.
    let between = false
    if (value.scale <= this.#scale) units = unitsAt(value, this.#scale)
    else {
      const power = powerOfTen(value.scale - this.#scale)
      units = value.units / power
      between = units * power !== value.units
    }
    if (this.#min !== undefined && units < this.#min) return 'min'
    if (this.#max !== undefined && (units > this.#max || (between && units === this.#max))) return 'max'
    if (this.#step > 0n && (between || (units - this.#offset) % this.#step !== 0n)) return 'step'
    return undefined
  }
}

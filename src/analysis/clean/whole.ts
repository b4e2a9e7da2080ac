import { deviation, middle, moments, sortedFinite } from './statistics.ts'
import type { BackwardFill, ZScore } from './steps.ts'

/** Values in work, and for each the row that it was copied from (its own, where it is not a copy). */
export interface Column {
  readonly values: Float64Array
  readonly origin: Int32Array
}

/** Fills missing values with the next that is there. */
export function backwardFill({ values, origin }: Column, { limit = Number.POSITIVE_INFINITY }: BackwardFill): void {
  let next = -1
  let run = 0
  for (let i = values.length - 1; i >= 0; i--) {
    if (Number.isFinite(values[i]!)) {
      next = i
      run = 0
    } else if (next >= 0 && ++run <= limit) {
      values[i] = values[next]!
      origin[i] = origin[next]!
    }
  }
}

/** Replaces values far from the mean. What was filled in tells nothing new, so it shares the fate of its source. */
export function zScore({ values, origin }: Column, step: ZScore): void {
  const { threshold = 3, ddof = 1, replacement = 'median' } = step
  const observed = values.map((value, i) => (origin[i] === i ? value : Number.NaN))
  const { count, mean, squares } = moments(observed)
  if (count < 3) return
  // No value can be further from a mean that it is part of than this many deviations, however far out it lies.
  const reach = ddof === 1 ? (count - 1) / Math.sqrt(count) : Math.sqrt(count - 1)
  const scale = deviation(count, squares, ddof)
  const isOutlier = (value: number): boolean => {
    if (!Number.isFinite(value)) return false
    const distance = value - mean
    if (reach > threshold) return Math.abs(distance) > threshold * scale
    // Mean and deviation of the others alone.
    const others = mean - distance / (count - 1)
    const rest = squares - (distance * distance * count) / (count - 1)
    // What is left of the squares after rounding is no deviation.
    const spread = rest > squares * 1e-12 ? deviation(count - 1, rest, ddof) : 0
    return Math.abs(value - others) > threshold * spread + Math.abs(others) * 1e-12
  }
  const substitute = replacement === 'nan' ? Number.NaN : replacement === 'mean' ? moments(values).mean : median(values)
  const outliers = observed.map((value) => (isOutlier(value) ? 1 : 0))
  for (let i = 0; i < values.length; i++) if (outliers[origin[i]!] === 1) values[i] = substitute
}

function median(values: Float64Array): number {
  const sorted = sortedFinite(values)
  return middle(sorted, 0, sorted.length)
}

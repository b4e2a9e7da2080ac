import { InvalidRangeError } from '../../model/errors.ts'

/** Copies the last value that was there; nothing where none came before. Looks at the past only. */
export interface ForwardFill {
  readonly step: 'forward-fill'
  /** Longest run of missing values that is filled; without it any. */
  readonly limit?: number
}

/** Copies the next value that will be there. Looks ahead. */
export interface BackwardFill {
  readonly step: 'backward-fill'
  readonly limit?: number
}

/** What takes the place of an outlier. `nan` only marks it. */
export type Replacement = 'median' | 'mean' | 'previous' | 'nan'

/**
 * Outliers by distance from the mean of the whole column, in standard deviations. Looks ahead. Where a column has so few
 * values that none could be so far from a mean that it is part of, each is compared with the others alone.
 */
export interface ZScore {
  readonly step: 'zscore'
  /** Default 3. */
  readonly threshold?: number
  /** 1 (default) for the sample's deviation, 0 for the population's. */
  readonly ddof?: 0 | 1
  /** Default `median`, of the whole column. */
  readonly replacement?: 'median' | 'mean' | 'nan'
}

interface CausalOutliers {
  /** Default 3. */
  readonly threshold?: number
  /** Values that must have come before one is judged. Default 10. */
  readonly minimum?: number
  /**
   * Least deviation, as a share of the level: after a still time the smallest move is no outlier. Default 0.0001.
   */
  readonly floor?: number
}

/** Outliers by distance from the mean of the `window` values before. Looks at the past only. */
export interface RollingZScore extends CausalOutliers {
  readonly step: 'rolling-zscore'
  /** Default 30. */
  readonly window?: number
  readonly ddof?: 0 | 1
  /** Default `mean`, of the window. */
  readonly replacement?: 'mean' | 'previous' | 'nan'
}

/** Outliers by distance from the mean of all values before. Looks at the past only. */
export interface ExpandingZScore extends CausalOutliers {
  readonly step: 'expanding-zscore'
  readonly ddof?: 0 | 1
  /** Default `mean`, of what came before. */
  readonly replacement?: 'mean' | 'previous' | 'nan'
}

/**
 * Outliers by distance from the median of the `window` values before, in median absolute deviations × 1.4826 (Hampel).
 * Looks at the past only, and outliers in the window hardly move it.
 */
export interface Hampel extends CausalOutliers {
  readonly step: 'hampel'
  /** Default 30. */
  readonly window?: number
  /** Default `median`, of the window. */
  readonly replacement?: 'median' | 'previous' | 'nan'
}

export type CleanStep = ForwardFill | BackwardFill | ZScore | RollingZScore | ExpandingZScore | Hampel
export type StepName = CleanStep['step']

/** What `cleanData` does when no steps are named: missing values from both sides, then outliers to the median. */
export const DEFAULT_STEPS: readonly CleanStep[] = [
  { step: 'forward-fill' },
  { step: 'backward-fill' },
  { step: 'zscore', threshold: 3, replacement: 'median' },
]

/** The same intent without a look at what comes later: fit for a live stream and for backtests. */
export const CAUSAL_STEPS: readonly CleanStep[] = [
  { step: 'forward-fill' },
  { step: 'hampel', window: 30, threshold: 3, replacement: 'median' },
]

const LOOK_AHEAD: ReadonlySet<StepName> = new Set(['backward-fill', 'zscore'])

/** Whether a step uses values that come later. */
export function looksAhead(step: CleanStep): boolean {
  return LOOK_AHEAD.has(step.step)
}

interface StepShape {
  /** Its settings, besides its name. */
  readonly keys: readonly string[]
  readonly replacements?: readonly Replacement[]
}

/** What each step understands: a misspelt setting must not be a step with its defaults. */
const SHAPES: Readonly<Record<StepName, StepShape>> = {
  'forward-fill': { keys: ['limit'] },
  'backward-fill': { keys: ['limit'] },
  zscore: { keys: ['threshold', 'ddof', 'replacement'], replacements: ['median', 'mean', 'nan'] },
  'rolling-zscore': {
    keys: ['threshold', 'minimum', 'floor', 'window', 'ddof', 'replacement'],
    replacements: ['mean', 'previous', 'nan'],
  },
  'expanding-zscore': {
    keys: ['threshold', 'minimum', 'floor', 'ddof', 'replacement'],
    replacements: ['mean', 'previous', 'nan'],
  },
  hampel: {
    keys: ['threshold', 'minimum', 'floor', 'window', 'replacement'],
    replacements: ['median', 'previous', 'nan'],
  },
}

/** @throws InvalidRangeError for a step that does not exist, or whose settings make no sense. */
export function checkStep(step: CleanStep): void {
  if (typeof step !== 'object' || step === null) {
    throw new InvalidRangeError(`A cleaning step is an object, e.g. { step: "forward-fill" }, not "${String(step)}".`)
  }
  if (!Object.hasOwn(SHAPES, step.step)) {
    throw new InvalidRangeError(`There is no cleaning step "${step.step}", only ${Object.keys(SHAPES).join(', ')}.`)
  }
  const { keys, replacements } = SHAPES[step.step]
  for (const [name, value] of Object.entries(step)) {
    if (name === 'step' || value === undefined) continue
    if (!keys.includes(name)) {
      throw new InvalidRangeError(`The step ${step.step} has no setting "${name}", only ${keys.join(', ')}.`)
    }
    if (name !== 'replacement') checkNumber(step.step, name, value)
    else if (!replacements?.includes(value)) {
      throw new InvalidRangeError(
        `replacement of the step ${step.step} is "${value}"; it must be ${replacements?.join(', ')}.`,
      )
    }
  }
}

function checkNumber(step: StepName, name: string, value: unknown): void {
  const whole = name === 'window' || name === 'minimum' || name === 'limit' || name === 'ddof'
  const least = name === 'window' || name === 'minimum' ? 2 : name === 'limit' ? 1 : 0
  const fits = typeof value === 'number' && value >= least && (!whole || Number.isInteger(value))
  // A fill without a limit may say so.
  if (name === 'limit' && value === Number.POSITIVE_INFINITY) return
  if (!fits || (name === 'threshold' && value === 0) || (name === 'ddof' && value > 1)) {
    const range = name === 'ddof' ? '0 or 1' : `${whole ? 'a whole number ' : ''}at least ${least}`
    throw new InvalidRangeError(`${name} of the step ${step} is ${String(value)}; it must be ${range}.`)
  }
}

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

const NAMES: readonly StepName[] = [
  'forward-fill',
  'backward-fill',
  'zscore',
  'rolling-zscore',
  'expanding-zscore',
  'hampel',
]

/** @throws InvalidRangeError for a step that does not exist, or whose numbers make no sense. */
export function checkStep(step: CleanStep): void {
  if (!NAMES.includes(step.step)) {
    throw new InvalidRangeError(`There is no cleaning step "${step.step}", only ${NAMES.join(', ')}.`)
  }
  for (const [name, value] of Object.entries(step)) {
    if (typeof value !== 'number') continue
    const whole = name === 'window' || name === 'minimum' || name === 'limit' || name === 'ddof'
    const least = name === 'window' || name === 'minimum' ? 2 : name === 'limit' ? 1 : 0
    if (!(value >= least) || (whole && !Number.isInteger(value)) || (name === 'threshold' && value === 0)) {
      throw new InvalidRangeError(
        `${name} of the step ${step.step} is ${value}; it must be ${whole ? 'a whole number ' : ''}at least ${least}.`,
      )
    }
  }
}

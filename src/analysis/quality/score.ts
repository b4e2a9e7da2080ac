/** What a score is made of. */
export type QualityPart = 'completeness' | 'continuity' | 'validity' | 'timeliness' | 'agreement'

/**
 * Points of 100 that each part can cost. Those of a part that cannot be judged (no second source, no row) are spread over
 * the others.
 */
export const QUALITY_WEIGHTS: Readonly<Record<QualityPart, number>> = {
  /** Candles that are there, of those that the exchange published. */
  completeness: 35,
  /** The longest stretch without a hole, of the day; whatever the cause of the hole. */
  continuity: 15,
  /** Rows that break no rule, of all rows. */
  validity: 25,
  /** Rows that are final and closed at their regular time, of all rows. */
  timeliness: 10,
  /** Rows that a second source (published checksum, larger candles) confirms, of those that one was asked about. */
  agreement: 15,
}

export const QUALITY_PARTS = Object.keys(QUALITY_WEIGHTS) as readonly QualityPart[]

/** Each part as a share from 0 to 1; null where it cannot be judged. */
export type QualityShares = Readonly<Record<QualityPart, number | null>>

/** Why points were lost. */
export interface QualityReason {
  readonly part: QualityPart
  /** Points lost, of 100: what the part lost is shared among its reasons by the rows behind each. */
  readonly points: number
  readonly detail: string
  /** How many rows are behind it: missing ones too. */
  readonly count: number
  /** Open times of the first rows behind it, epoch ms; at most 20. */
  readonly rows: readonly number[]
}

/** From 0 to 100. */
export function scoreOf(shares: QualityShares): number {
  let points = 0
  let weights = 0
  for (const part of QUALITY_PARTS) {
    const share = shares[part]
    if (share === null) continue
    points += QUALITY_WEIGHTS[part] * share
    weights += QUALITY_WEIGHTS[part]
  }
  return weights === 0 ? 100 : (100 * points) / weights
}

/** Points that a part costs when the score is made. */
export function pointsLost(shares: QualityShares, part: QualityPart): number {
  const share = shares[part]
  if (share === null) return 0
  const weights = QUALITY_PARTS.reduce((sum, name) => (shares[name] === null ? sum : sum + QUALITY_WEIGHTS[name]), 0)
  return (100 * QUALITY_WEIGHTS[part] * (1 - share)) / weights
}

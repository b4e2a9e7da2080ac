import type { TimeRange } from '../../model/time.ts'
import { pointsLost, QUALITY_PARTS, type QualityPart, type QualityReason, type QualityShares } from './score.ts'

/** How good the records of one UTC day are. */
export interface DayQuality extends TimeRange {
  /** ISO date. */
  readonly day: string
  /** 0 to 100. */
  readonly score: number
  /** Records that should be there, as far as that is known. */
  readonly expected: number
  readonly rows: number
  readonly missing: number
  /** Records that the exchange never published. */
  readonly unpublished: number
  readonly parts: QualityShares
  readonly reasons: readonly QualityReason[]
}

export interface SeriesQuality {
  /** The days' scores, each weighing as much as it should hold records; null where there is no day to judge. */
  readonly score: number | null
  readonly parts: QualityShares
  readonly expected: number
  readonly rows: number
  readonly days: readonly DayQuality[]
  /** Why parts are null, of those that no day tells anything about: they count neither for the series nor against it. */
  readonly unjudged: Unjudged
}

/** Why parts cannot be judged. */
export type Unjudged = Readonly<Partial<Record<QualityPart, string>>>

const EXAMPLES = 20

/** Rows that share a reason. */
export class Reason {
  count = 0
  /** What they cost beside others of the same part: a row that lacks one of its values less than one that is missing. */
  weight = 0
  readonly rows: number[] = []

  add(time: number, count = 1, weight = count): void {
    this.count += count
    this.weight += weight
    if (this.rows.length < EXAMPLES) this.rows.push(time)
  }
}

interface Tally {
  readonly reasons: Map<string, Reason>
}

/** What a part lost is shared among its reasons by what the rows behind each cost. */
export function reasonsOf(day: Tally, parts: QualityShares): QualityReason[] {
  const weights = new Map<QualityPart, number>()
  const found = [...day.reasons].map(([key, reason]) => {
    const part = key.slice(0, key.indexOf(' ')) as QualityPart
    weights.set(part, (weights.get(part) ?? 0) + reason.weight)
    return { part, detail: key.slice(part.length + 1), reason }
  })
  return found
    .map(({ part, detail, reason: { count, rows, weight } }) => {
      const points = (pointsLost(parts, part) * weight) / weights.get(part)!
      return { part, detail, count, rows, points }
    })
    .sort(
      (a, b) =>
        b.points - a.points ||
        QUALITY_PARTS.indexOf(a.part) - QUALITY_PARTS.indexOf(b.part) ||
        (a.detail < b.detail ? -1 : 1),
    )
}

export function reason(day: Tally, part: QualityPart, detail: string): Reason {
  const key = `${part} ${detail}`
  let found = day.reasons.get(key)
  if (!found) {
    found = new Reason()
    day.reasons.set(key, found)
  }
  return found
}

const UNJUDGED: Readonly<Record<QualityPart, string>> = {
  completeness: 'nothing tells what is missing',
  continuity: 'a day has one record',
  validity: 'there are no records',
  timeliness: 'no record says when it was sent and when it came',
  agreement: 'no second source was asked',
}

/** @param unjudged why parts cannot be judged, where there is more to say than what is usual */
export function seriesQuality(days: readonly DayQuality[], unjudged: Unjudged = {}): SeriesQuality {
  let weights = 0
  let points = 0
  const sums = new Map<QualityPart, { share: number; weight: number }>()
  const known = days.map(({ expected, rows }) => (expected > 0 ? expected : rows)).filter((weight) => weight > 0)
  // Of a day that is lost whole it may not be known what it held: as much as the others.
  const usual = known.reduce((sum, weight) => sum + weight, 0) / Math.max(1, known.length)
  for (const { score, expected, rows, parts } of days) {
    const weight = expected > 0 ? expected : rows > 0 ? rows : usual
    weights += weight
    points += score * weight
    for (const part of QUALITY_PARTS) {
      const share = parts[part]
      if (share === null) continue
      const sum = sums.get(part) ?? { share: 0, weight: 0 }
      sums.set(part, { share: sum.share + share * weight, weight: sum.weight + weight })
    }
  }
  const shareOf = (part: QualityPart): number | null => {
    const sum = sums.get(part)
    return sum === undefined ? null : sum.share / sum.weight
  }
  const parts = Object.fromEntries(QUALITY_PARTS.map((part) => [part, shareOf(part)])) as QualityShares
  const silent = days.length === 0 ? [] : QUALITY_PARTS.filter((part) => parts[part] === null)
  return {
    score: weights === 0 ? null : points / weights,
    parts,
    unjudged: Object.fromEntries(silent.map((part) => [part, unjudged[part] ?? UNJUDGED[part]])),
    expected: days.reduce((sum, { expected }) => sum + expected, 0),
    rows: days.reduce((sum, { rows }) => sum + rows, 0),
    days,
  }
}

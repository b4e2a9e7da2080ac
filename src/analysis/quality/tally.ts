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
  /** The days' scores, each weighing as much as it should hold records. */
  readonly score: number
  readonly parts: QualityShares
  readonly expected: number
  readonly rows: number
  readonly days: readonly DayQuality[]
}

const EXAMPLES = 20

/** Rows that share a reason. */
export class Reason {
  count = 0
  readonly rows: number[] = []

  add(time: number, count = 1): void {
    this.count += count
    if (this.rows.length < EXAMPLES) this.rows.push(time)
  }
}

interface Tally {
  readonly reasons: Map<string, Reason>
}

/** What a part lost is shared among its reasons by the rows behind each. */
export function reasonsOf(day: Tally, parts: QualityShares): QualityReason[] {
  const found = [...day.reasons].map(([key, { count, rows }]) => {
    const part = key.slice(0, key.indexOf(' ')) as QualityPart
    return { part, detail: key.slice(part.length + 1), count, rows }
  })
  const rowsOf = (part: QualityPart) => found.reduce((sum, entry) => (entry.part === part ? sum + entry.count : sum), 0)
  return found
    .map((entry) => ({ ...entry, points: (pointsLost(parts, entry.part) * entry.count) / rowsOf(entry.part) }))
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

export function seriesQuality(days: readonly DayQuality[]): SeriesQuality {
  let weights = 0
  let points = 0
  const sums = new Map<QualityPart, { share: number; weight: number }>()
  for (const { score, expected, rows, parts } of days) {
    const weight = Math.max(expected, rows)
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
  return {
    score: weights === 0 ? 100 : points / weights,
    parts: Object.fromEntries(QUALITY_PARTS.map((part) => [part, shareOf(part)])) as QualityShares,
    expected: days.reduce((sum, { expected }) => sum + expected, 0),
    rows: days.reduce((sum, { rows }) => sum + rows, 0),
    days,
  }
}

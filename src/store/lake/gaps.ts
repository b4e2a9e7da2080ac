import type { Gap, GapCause, Source } from '../../model/coverage.ts'
import { addOpens, ceilOpen, countOpens, type IntervalGrid, nextOpen } from '../../model/interval.ts'
import { intersectRanges, subtractRanges } from '../../model/ranges.ts'
import type { TimeRange } from '../../model/time.ts'

/**
 * The stretches of `range` in which no candle opens though one should, as half-open instants: from the first missing
 * open time to the next one present (or the end of the range).
 * @param openTimes rising open times on the grid; those outside the range are ignored.
 */
export function missingOpens(grid: IntervalGrid, range: TimeRange, openTimes: Iterable<Float64Array>): TimeRange[] {
  const missing: TimeRange[] = []
  let expected = ceilOpen(grid, range.from)
  for (const times of openTimes) {
    for (const time of times) {
      if (time < expected) continue
      if (time >= range.to) break
      if (time > expected) missing.push({ from: expected, to: time })
      expected = nextOpen(grid, time)
    }
  }
  if (expected < range.to) missing.push({ from: expected, to: range.to })
  // A last stretch may hold no open time at all, when the range ends inside a candle.
  return missing.filter((stretch) => countOpens(grid, stretch) > 0)
}

/** Why a stretch is missing, for a caller that has asked. */
export interface GapFinding extends TimeRange {
  readonly cause: GapCause
  readonly checked: readonly Source[]
  readonly note?: string
}

/** Gives each missing stretch the cause that was found for it, cut where the causes change. */
export function explainGaps(grid: IntervalGrid, missing: readonly TimeRange[], findings: readonly GapFinding[]): Gap[] {
  const gaps: Gap[] = []
  for (const stretch of missing) {
    let left: TimeRange[] = [stretch]
    const pieces: Gap[] = []
    for (const finding of findings) {
      if (finding.to <= stretch.from || finding.from >= stretch.to) continue
      for (const part of intersectRanges(left, [finding])) {
        pieces.push({
          ...part,
          cause: finding.cause,
          checked: finding.checked,
          count: countOpens(grid, part),
          ...(finding.note === undefined ? {} : { note: finding.note }),
        })
      }
      left = subtractRanges(left, [finding])
    }
    for (const part of left) pieces.push({ ...part, cause: 'unknown', checked: [], count: countOpens(grid, part) })
    gaps.push(...pieces)
  }
  return joinGaps(grid, gaps)
}

/** Sorts gaps and joins neighbours that have the same cause. */
export function joinGaps(grid: IntervalGrid, gaps: readonly Gap[]): Gap[] {
  const sorted = gaps.filter((gap) => countOpens(grid, gap) > 0).sort((a, b) => a.from - b.from)
  const joined: Gap[] = []
  for (const gap of sorted) {
    const last = joined.at(-1)
    const touches =
      last !== undefined && last.cause === gap.cause && last.note === gap.note && ceilOpen(grid, last.to) >= gap.from
    if (touches) {
      const merged = { from: last.from, to: Math.max(last.to, gap.to) }
      const checked = [...new Set([...last.checked, ...gap.checked])]
      joined[joined.length - 1] = { ...last, ...merged, checked, count: countOpens(grid, merged) }
    } else joined.push(gap)
  }
  return joined
}

/** The open times of a gap, at most `limit` of them. */
export function gapOpens(grid: IntervalGrid, gap: TimeRange, limit = 1000): number[] {
  const first = ceilOpen(grid, gap.from)
  return Array.from({ length: Math.min(limit, countOpens(grid, gap)) }, (_, index) => addOpens(grid, first, index))
}

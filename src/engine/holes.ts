import { COMPLETE_CAUSES, type Gap } from '../model/coverage.ts'
import { countOpens, type IntervalGrid } from '../model/interval.ts'
import { intersectRanges, subtractRanges } from '../model/ranges.ts'
import { DAY, type TimeRange } from '../model/time.ts'
import type { SeriesCoverage } from '../store/lake/coverage-file.ts'

/** Stretches between covered ranges (rising) that nobody has ever asked for. */
export function holesOf(covered: readonly TimeRange[]): TimeRange[] {
  const first = covered[0]
  return first === undefined ? [] : subtractRanges([{ from: first.from, to: covered.at(-1)!.to }], covered)
}

/** A stretch that nobody asked for, of up to this length, is one that an earlier run could not finish. */
const SHORT_HOLE = 7 * DAY

/** The stretches between covered ranges that a run meant to take; longer ones were left out on purpose. */
export function shortHolesOf(covered: readonly TimeRange[]): TimeRange[] {
  return holesOf(covered).filter(({ from, to }) => to - from <= SHORT_HOLE)
}

/** Whether ids are missing for no other reason than that somebody left out the time that they are of. */
export function isLeftOut(gap: Gap, covered: readonly TimeRange[]): boolean {
  if (gap.firstId === undefined) return false
  return intersectRanges(subtractRanges(holesOf(covered), shortHolesOf(covered)), [gap]).length > 0
}

/** Whether nothing is lost by a gap: the exchange never published what is missing. */
export function isHarmless(gap: Gap): boolean {
  return COMPLETE_CAUSES.includes(gap.cause)
}

/** Whether a series has neither holes nor gaps of what the exchange may have published. */
export function isWhole(coverage: { readonly covered: readonly TimeRange[]; readonly gaps: readonly Gap[] }): boolean {
  return coverage.gaps.every(isHarmless) && holesOf(coverage.covered).length === 0
}

/** From the first instant that the lake knows of to the last. Kinds that come when they come are never covered. */
export function heldRange({ covered, files }: Pick<SeriesCoverage, 'covered' | 'files'>): TimeRange {
  const first = files.reduce((least, file) => Math.min(least, file.first), covered[0]?.from ?? Number.POSITIVE_INFINITY)
  if (first === Number.POSITIVE_INFINITY) return { from: 0, to: 0 }
  const last = files.reduce((most, file) => Math.max(most, file.last), Number.NEGATIVE_INFINITY)
  return { from: first, to: Math.max(covered.at(-1)?.to ?? Number.NEGATIVE_INFINITY, Math.floor(last) + 1) }
}

/** The grid that a coverage's candles lie on; undefined for kinds without an interval. */
export function gridOf({ series, origin }: Pick<SeriesCoverage, 'series' | 'origin'>): IntervalGrid | undefined {
  const { interval } = series
  if (interval === undefined) return undefined
  return origin === undefined ? { interval } : { interval, origin }
}

/** What a series lacks of a range. */
export interface Lacks {
  /** Gaps on record, those of what the exchange never published included. */
  readonly gaps: readonly Gap[]
  /** Stretches that nobody has asked for yet. */
  readonly absent: readonly TimeRange[]
}

/** What a series lacks of a range, of the time since it is listed. */
export function lacksOf(coverage: SeriesCoverage, range: TimeRange): Lacks {
  const { covered, gaps: all, listedAt } = coverage
  const gaps = all.filter((gap) => gap.from < range.to && gap.to > range.from)
  const grid = gridOf(coverage)
  // Kinds that come when they come have no coverage in time.
  if (grid === undefined && covered.length === 0) return { gaps, absent: [] }
  const listed = { from: Math.max(range.from, listedAt ?? Number.NEGATIVE_INFINITY), to: range.to }
  const absent = subtractRanges([listed], [...covered, ...gaps])
  return { gaps, absent: grid === undefined ? absent : absent.filter((part) => countOpens(grid, part) > 0) }
}

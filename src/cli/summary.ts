import { COMPLETE_CAUSES, type Gap, type GapCause } from '../model/coverage.ts'
import { countOpens, type IntervalGrid } from '../model/interval.ts'
import { subtractRanges } from '../model/ranges.ts'
import type { TimeRange } from '../model/time.ts'
import { coverageRows, type SeriesCoverage } from '../store/lake/coverage-file.ts'
import { printable } from './render/text.ts'

/** What a coverage says, in numbers. */
export interface CoverageSummary {
  /** From the first instant asked for to the last; undefined when nothing was. */
  readonly range: TimeRange | undefined
  readonly rows: number
  /** Candles that the range would hold without any gap: rows, missing and unpublished together. */
  readonly expected: number
  /** Candles missing that the exchange published, or may have; those never asked for are among them. */
  readonly missing: number
  /** Candles between covered ranges that nobody has asked for yet. */
  readonly notAskedFor: number
  /** Candles that the exchange never published. */
  readonly unpublished: number
  readonly gapsByCause: Readonly<Partial<Record<GapCause, { readonly gaps: number; readonly candles: number }>>>
  /** Stretches between covered ranges that were never asked for. */
  readonly holes: readonly TimeRange[]
  readonly checksByOutcome: Readonly<Record<string, number>>
  readonly complete: boolean
}

/** The grid that a coverage's candles lie on; undefined for kinds without an interval. */
export function gridOf(coverage: SeriesCoverage): IntervalGrid | undefined {
  const { interval } = coverage.series
  if (interval === undefined) return undefined
  return coverage.origin === undefined ? { interval } : { interval, origin: coverage.origin }
}

export function summarise(coverage: SeriesCoverage): CoverageSummary {
  const { covered, gaps } = coverage
  const first = covered[0]
  const range = first === undefined ? undefined : { from: first.from, to: covered.at(-1)!.to }
  const grid = gridOf(coverage)
  const rows = coverageRows(coverage)
  const gapsByCause: Partial<Record<GapCause, { gaps: number; candles: number }>> = {}
  let missing = 0
  let unpublished = 0
  for (const gap of gaps) {
    const candles = gap.count ?? 0
    const known = gapsByCause[gap.cause] ?? { gaps: 0, candles: 0 }
    gapsByCause[gap.cause] = { gaps: known.gaps + 1, candles: known.candles + candles }
    if (COMPLETE_CAUSES.includes(gap.cause)) unpublished += candles
    else missing += candles
  }
  const checksByOutcome: Record<string, number> = {}
  for (const check of coverage.checks) checksByOutcome[check.outcome] = (checksByOutcome[check.outcome] ?? 0) + 1
  const holes = range === undefined ? [] : subtractRanges([range], covered)
  const count = (ranges: readonly TimeRange[]): number =>
    grid ? ranges.reduce((sum, part) => sum + countOpens(grid, part), 0) : 0
  const notAskedFor = count(holes)
  missing += notAskedFor
  return {
    range,
    rows,
    expected: grid ? count(covered) + notAskedFor : rows,
    missing,
    notAskedFor,
    unpublished,
    gapsByCause,
    holes,
    checksByOutcome,
    complete: gaps.every(isHarmless) && holes.length === 0,
  }
}

/** Whether nothing is lost by a gap: the exchange never published what is missing. */
export function isHarmless(gap: Gap): boolean {
  return COMPLETE_CAUSES.includes(gap.cause)
}

const CAUSES: Readonly<Record<GapCause, string>> = {
  'exchange-outage': 'the exchange stood still',
  'no-trades': 'nothing was traded',
  'archive-defect': 'damaged in the archive, and no other source has it',
  'not-listed': 'not traded on the exchange then',
  'own-outage': 'not collected',
  unknown: 'no source could tell why',
}

/** The cause of a gap and what it means, e.g. `exchange-outage, the exchange stood still`. */
export function explainGap(gap: Gap): string {
  return `${gap.cause}, ${gap.note === undefined ? CAUSES[gap.cause] : printable(gap.note)}`
}

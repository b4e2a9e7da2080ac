import { COMPLETE_CAUSES } from '../../model/coverage.ts'
import { countOpens, type IntervalGrid } from '../../model/interval.ts'
import { intersectRanges, subtractRanges } from '../../model/ranges.ts'
import type { TimeRange } from '../../model/time.ts'
import type { SeriesCoverage } from '../../store/lake/coverage-file.ts'
import type { SeriesReport } from '../types.ts'

/** What a run did, besides what the coverage knows. */
export type RunTally = Pick<
  SeriesReport,
  'added' | 'files' | 'bytes' | 'restRequests' | 'durationMs' | 'error' | 'restError'
>

/** How a series stands in a range, told from its coverage. */
export function seriesReport(
  coverage: SeriesCoverage,
  grid: IntervalGrid,
  range: TimeRange,
  tally: RunTally,
): SeriesReport {
  const count = (ranges: readonly TimeRange[]): number => ranges.reduce((sum, part) => sum + countOpens(grid, part), 0)
  const wanted = range.from < range.to ? [range] : []
  const gaps = coverage.gaps.filter((gap) => gap.from < range.to && gap.to > range.from)
  const unsettled = subtractRanges(wanted, coverage.covered).filter((part) => countOpens(grid, part) > 0)
  const expected = count(wanted)
  return {
    series: coverage.series,
    ...range,
    rows: expected - count(intersectRanges(gaps, wanted)) - count(unsettled),
    expected,
    gaps,
    unsettled,
    defects: coverage.defects.filter(({ time }) => time === undefined || (time >= range.from && time < range.to))
      .length,
    complete:
      tally.error === undefined && unsettled.length === 0 && gaps.every((gap) => COMPLETE_CAUSES.includes(gap.cause)),
    ...tally,
  }
}

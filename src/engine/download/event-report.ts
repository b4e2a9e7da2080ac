import { COMPLETE_CAUSES } from '../../model/coverage.ts'
import { subtractRanges } from '../../model/ranges.ts'
import type { TimeRange } from '../../model/time.ts'
import { countRecords } from '../../store/lake/event-count.ts'
import type { EventWriter } from '../../store/lake/event-writer.ts'
import type { SeriesReport } from '../types.ts'
import { goesBeyond } from './event-holes.ts'
import type { RunTally } from './report.ts'

/** How a series of events stands in a range. What is expected is what is there and what is known to be missing. */
export async function eventReport(
  { coverage, kind, folder }: EventWriter,
  range: TimeRange,
  tally: RunTally,
): Promise<SeriesReport> {
  const wanted = range.from < range.to ? [range] : []
  // A hole between two records of one instant has no length.
  const gaps = coverage.gaps.filter(
    (gap) =>
      gap.from < range.to &&
      (gap.to > range.from || gap.from >= range.from) &&
      !goesBeyond(gap, range, coverage.covered),
  )
  const unsettled = subtractRanges(wanted, coverage.covered)
  const rows = wanted.length > 0 ? await countRecords(folder, kind, coverage.files, range) : 0
  return {
    series: coverage.series,
    ...range,
    rows,
    expected: rows + gaps.reduce((sum, gap) => sum + (gap.count ?? 0), 0),
    gaps,
    unsettled,
    defects: coverage.defects.filter(({ time }) => time === undefined || (time >= range.from && time < range.to))
      .length,
    complete:
      tally.error === undefined && unsettled.length === 0 && gaps.every((gap) => COMPLETE_CAUSES.includes(gap.cause)),
    ...tally,
  }
}

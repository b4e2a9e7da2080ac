import { type Batch, columnOf } from '../../model/batch.ts'
import type { Gap } from '../../model/coverage.ts'
import { countOpens, type IntervalGrid, nextOpen } from '../../model/interval.ts'
import type { Kind } from '../../model/kind.ts'
import { intersectRanges, normaliseRanges, subtractRanges } from '../../model/ranges.ts'
import type { SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import type { SeriesChange } from './change.ts'
import { joinCovered, type LakeFile, MAX_DEFECTS, type SeriesCoverage } from './coverage-file.ts'
import { explainGaps, joinGaps, missingOpens } from './gaps.ts'

/** What the coverage after a change is made of. */
export interface CoverageInput {
  readonly kind: Kind
  readonly before: SeriesCoverage
  readonly change: SeriesChange
  /** The data files after the change, rising. */
  readonly files: readonly LakeFile[]
  /** Open times of the periods that the change rewrote, by period. */
  readonly times: ReadonlyMap<string, Float64Array>
  /** Open times of data files that the change left alone, by their names. */
  readonly readTimes: (names: readonly string[]) => Promise<Float64Array>
}

/** The coverage of a series after a change: what is covered now, and what is missing in it. */
export async function nextCoverage(input: CoverageInput): Promise<SeriesCoverage> {
  const { kind, before, change, files } = input
  const origin = before.origin ?? files[0]?.first
  const grid: IntervalGrid = gridOf(before, origin)
  const added = change.covered ?? []
  const uncover = change.uncover ?? []
  const covered = joinCovered([
    ...added,
    ...before.covered.flatMap((range) =>
      subtractRanges([range], [...added, ...uncover]).map((rest) => ({ ...range, ...rest })),
    ),
  ])
  // Where rows changed or ranges were added, what is missing is looked up anew; elsewhere nothing has changed.
  const changed = normaliseRanges([
    ...added,
    ...(change.clear ?? []),
    ...(change.batches ?? [])
      .filter((batch) => batch.length > 0)
      .map((batch) => spanOf(kind, grid, before.series, batch)),
    ...(change.staged ?? []).map(({ file }) => ({ from: file.first, to: after(grid, before.series, file.last) })),
  ])
  const findings = [...(change.findings ?? []), ...before.gaps.filter((gap) => gap.cause !== 'unknown')]
  const gaps: Gap[] = [
    ...before.gaps.flatMap((gap) =>
      subtractRanges([gap], [...changed, ...uncover]).map((rest) => ({
        ...gap,
        ...rest,
        count: countOpens(grid, rest),
      })),
    ),
  ]
  if (before.series.interval !== undefined) {
    const missing: TimeRange[] = []
    for (const range of intersectRanges(covered, changed)) missing.push(...(await findMissing(grid, range, input)))
    gaps.push(...explainGaps(grid, missing, findings))
  }
  const paths = new Set([...(change.forget ?? []), ...(change.checks ?? []).map((check) => check.path)])
  const defects = [...before.defects, ...(change.defects ?? [])].slice(-MAX_DEFECTS)
  return {
    ...before,
    revision: before.revision + 1,
    updatedAt: new Date().toISOString(),
    ...(before.series.interval === '3d' && origin !== undefined ? { origin } : {}),
    ...(change.listedAt === undefined ? {} : { listedAt: change.listedAt }),
    covered,
    files,
    gaps: joinGaps(grid, gaps),
    checks: [...before.checks.filter((check) => !paths.has(check.path)), ...(change.checks ?? [])].sort((a, b) =>
      a.path < b.path ? -1 : 1,
    ),
    defects,
    defectCount: before.defectCount + (change.defects?.length ?? 0) + (change.moreDefects ?? 0),
    inexactValues: before.inexactValues + (change.inexactValues ?? 0),
  }
}

/** What is missing in a covered range, from the open times in memory, of staged parts, and of the files on disk. */
async function findMissing(grid: IntervalGrid, range: TimeRange, input: CoverageInput): Promise<TimeRange[]> {
  const { change, files, times, readTimes } = input
  const asStaged = (change.staged ?? []).filter((part) => !times.has(part.period.name))
  const known = asStaged.map((part) => part.period)
  const missing = asStaged.flatMap((part) => intersectRanges(part.missing, [range]))
  for (const rest of subtractRanges([range], known)) {
    const open: Float64Array[] = []
    const seen = new Set<string>()
    for (const file of files) {
      if (file.last < rest.from || file.first >= rest.to || seen.has(file.period)) continue
      seen.add(file.period)
      const inMemory = times.get(file.period)
      if (inMemory) open.push(inMemory)
      else {
        const names = files.filter((other) => other.period === file.period).map((other) => other.name)
        open.push(await readTimes(names))
      }
    }
    missing.push(...missingOpens(grid, rest, open))
  }
  return missing
}

function spanOf(kind: Kind, grid: IntervalGrid, series: SeriesId, batch: Batch): TimeRange {
  const keys = columnOf(batch, kind.sortKey)
  return { from: keys[0]!, to: after(grid, series, keys[batch.length - 1]!) }
}

/** The grid of a series; `origin` stands in until the series has one of its own. */
export function gridOf(coverage: SeriesCoverage, origin?: number): IntervalGrid {
  const interval = coverage.series.interval ?? '1s'
  const phase = coverage.origin ?? origin
  return phase === undefined ? { interval } : { interval, origin: phase }
}

/** The first instant that a record at `last` no longer speaks for. */
function after(grid: IntervalGrid, series: SeriesId, last: number): number {
  return series.interval === undefined ? last + 1 : nextOpen(grid, last)
}

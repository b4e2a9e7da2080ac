import { intersectRanges, normaliseRanges, rangesLength, subtractRanges } from '../model/ranges.ts'
import { DAY, type TimeRange } from '../model/time.ts'
import type { ListedFile } from './listing.ts'

export interface ArchivePlanInput {
  /** What is missing. */
  readonly wanted: readonly TimeRange[]
  readonly monthly: readonly ListedFile[]
  readonly daily: readonly ListedFile[]
  /** The archive is used for what lies before this instant only. */
  readonly archiveUntil: number
  /** Paths that were tried and are no good. */
  readonly excluded?: ReadonlySet<string>
}

/** A file to fetch and the parts of the wanted ranges that it is to fill. */
export interface PlannedFile {
  readonly file: ListedFile
  readonly ranges: readonly TimeRange[]
}

export interface ArchivePlan {
  /** In the order of time. */
  readonly files: readonly PlannedFile[]
  /** What no archive file holds. */
  readonly rest: readonly TimeRange[]
}

/** What one more request costs, in bytes that could have been transferred meanwhile. */
const REQUEST_BYTES = 64 * 1024

/**
 * Chooses the archive files that fill the wanted ranges: a month's file where it serves, the days' files where fewer
 * bytes do (or where the month is not published), nothing twice. Pure.
 */
export function planArchive(input: ArchivePlanInput): ArchivePlan {
  const excluded = input.excluded ?? new Set<string>()
  const usable = (file: ListedFile): boolean => !excluded.has(file.path)
  const older = intersectRanges(input.wanted, [{ from: Number.NEGATIVE_INFINITY, to: input.archiveUntil }])
  const daily = input.daily.filter(usable)
  const planned: PlannedFile[] = []
  let left = older
  for (const month of input.monthly.filter(usable)) {
    const need = intersectRanges(left, [month])
    if (need.length === 0) continue
    const days = daily.filter((day) => intersectRanges(need, [day]).length > 0)
    const daysSuffice = subtractRanges(need, days).length === 0
    if (daysSuffice && cost(days) < cost([month])) continue
    planned.push({ file: month, ranges: need })
    left = subtractRanges(left, need)
  }
  for (const day of daily) {
    const need = intersectRanges(left, [day])
    if (need.length === 0) continue
    planned.push({ file: day, ranges: need })
    left = subtractRanges(left, need)
  }
  planned.sort((a, b) => a.file.from - b.file.from)
  const newer = intersectRanges(input.wanted, [{ from: input.archiveUntil, to: Number.POSITIVE_INFINITY }])
  return { files: planned, rest: normaliseRanges([...left, ...newer]) }
}

function cost(files: readonly ListedFile[]): number {
  return files.reduce((sum, file) => sum + file.bytes + REQUEST_BYTES, 0)
}

/** Listings of separate stretches of days; beyond this one listing of all of them is cheaper. */
const MAX_STRETCHES = 8

/** The days whose files may be needed beside the monthly ones: those of months that lack a file or are wanted in part. */
export function dailyRanges(
  wanted: readonly TimeRange[],
  monthly: readonly ListedFile[],
  archiveUntil: number,
): TimeRange[] {
  const older = intersectRanges(wanted, [{ from: Number.NEGATIVE_INFINITY, to: archiveUntil }])
  const partly = older.flatMap((range) =>
    monthly.filter((month) => {
      const part = intersectRanges([range], [month])
      return part.length > 0 && rangesLength(part) < month.to - month.from
    }),
  )
  const open = [...subtractRanges(older, monthly), ...intersectRanges(older, partly)]
  const days = normaliseRanges(
    open.map(({ from, to }) => ({ from: Math.floor(from / DAY) * DAY, to: Math.ceil(to / DAY) * DAY })),
  )
  return days.length <= MAX_STRETCHES ? days : [{ from: days[0]!.from, to: days.at(-1)!.to }]
}

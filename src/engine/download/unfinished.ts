import type { Gap } from '../../model/coverage.ts'
import { kindOf } from '../../model/kinds.ts'
import { intersectRanges, normaliseRanges } from '../../model/ranges.ts'
import { DAY, floorDay, type TimeRange } from '../../model/time.ts'
import type { SeriesCoverage } from '../../store/lake/coverage-file.ts'
import { holesOf } from '../holes.ts'
import { mayBeFilled } from './event-lack.ts'

/** The archive has published what it will ever have of a day after so long. */
const PUBLISHED = 60 * DAY
/** A stretch that nobody asked for, of up to this length, is one that an earlier run could not finish. */
const SHORT_HOLE = 7 * DAY
/** Causes that no file of the archive can say more about. */
const FINAL: readonly string[] = ['not-listed', 'delisted']

/**
 * Whether a gap is one that the archive may fill by now: it was found missing while the archive had no file of it yet.
 * @param archiveUntil the archive is used for what is older.
 */
export function awaitsArchive(gap: Gap, now: number, archiveUntil: number): boolean {
  return (
    !gap.checked.includes('archive') &&
    !FINAL.includes(gap.cause) &&
    gap.to <= archiveUntil &&
    gap.from > now - PUBLISHED
  )
}

/**
 * What earlier runs left of a series: gaps that nobody was asked about, or that a source may fill by now, and short
 * stretches between what it holds. Joined where only covered time lies between, so that a request is a stretch.
 * @param recentMs the archive is used for what is older.
 */
export function unfinishedRanges(coverage: SeriesCoverage, now: number, recentMs: number): TimeRange[] {
  const isEvents = !kindOf(coverage.series.kind).hasInterval
  const archiveUntil = floorDay(now - recentMs)
  const isOpen = (gap: Gap): boolean => {
    if (awaitsArchive(gap, now, archiveUntil) || mayBeFilled(gap)) return true
    if (gap.cause !== 'unknown') return false
    // Of events only a gap with ids is one that REST can be asked about.
    return isEvents ? gap.checked.length === 0 && gap.firstId !== undefined : !gap.checked.includes('rest')
  }
  const gaps = coverage.gaps.filter(isOpen).map(({ from, to }) => ({ from, to: isEvents ? to + 1 : to }))
  const holes = holesOf(coverage.covered).filter(({ from, to }) => to - from <= SHORT_HOLE)
  const open = normaliseRanges([...gaps, ...holes])
  const stretches = normaliseRanges([...coverage.covered, ...holes])
  return stretches.flatMap((stretch) => {
    const inside = intersectRanges(open, [stretch])
    const [first, last] = [inside[0], inside.at(-1)]
    return first && last ? [{ from: first.from, to: last.to }] : []
  })
}

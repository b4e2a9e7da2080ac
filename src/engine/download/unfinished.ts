import { columnOf } from '../../model/batch.ts'
import { CandleFlag } from '../../model/candle.ts'
import type { Gap } from '../../model/coverage.ts'
import { kindOf } from '../../model/kinds.ts'
import { intersectRanges, normaliseRanges, subtractRanges } from '../../model/ranges.ts'
import { DAY, floorDay, type TimeRange } from '../../model/time.ts'
import type { SeriesCoverage } from '../../store/lake/coverage-file.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { isLeftOut, shortHolesOf } from '../holes.ts'
import { mayBeFilled } from './event-lack.ts'

/** The archive has published what it will ever have of a day after so long. */
const PUBLISHED = 60 * DAY
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
 * stretches between what it holds; also what came after. Joined where only covered time lies between, so that a request is a stretch.
 * @param recentMs the archive is used for what is older.
 * @param unclosed what `unclosedCandles` found.
 * @param interrupted what runs wanted that have not come to their end, however long it is.
 */
export function unfinishedRanges(
  coverage: SeriesCoverage,
  now: number,
  recentMs: number,
  unclosed: readonly TimeRange[] = [],
  interrupted: readonly TimeRange[] = [],
): TimeRange[] {
  const isEvents = !kindOf(coverage.series.kind).hasInterval
  const archiveUntil = floorDay(now - recentMs)
  const isOpen = (gap: Gap): boolean => {
    if (awaitsArchive(gap, now, archiveUntil) || mayBeFilled(gap)) return true
    if (gap.cause !== 'unknown') return false
    // Of events only a gap with ids is one that REST can be asked about.
    return isEvents ? gap.checked.length === 0 && gap.firstId !== undefined : !gap.checked.includes('rest')
  }
  const holes = shortHolesOf(coverage.covered)
  const covered = coverage.covered.at(-1)?.to ?? 0
  const tail = { from: Math.min(covered, now), to: now }
  const wanted = intersectRanges(interrupted, [{ from: 0, to: now }])
  const stretches = normaliseRanges([...coverage.covered, ...holes, ...wanted, tail])
  const gaps = coverage.gaps
    .filter((gap) => isOpen(gap) && !isLeftOut(gap, coverage.covered))
    .map(({ from, to }) => ({ from, to: isEvents ? to + 1 : to }))
  const left = subtractRanges(wanted, coverage.covered)
  const open = normaliseRanges([...gaps, ...holes, ...left, ...unclosed, tail])
  return stretches.flatMap((stretch) => {
    const inside = intersectRanges(open, [stretch])
    const [first, last] = [inside[0], inside.at(-1)]
    return first && last ? [{ from: first.from, to: last.to }] : []
  })
}

/** Candles of the newest file that were not closed yet when somebody stored them, as ranges of their open times. */
export async function unclosedCandles(
  lake: Lake,
  { series, files }: SeriesCoverage,
  signal?: AbortSignal,
): Promise<TimeRange[]> {
  const newest = files.at(-1)
  if (newest === undefined || !kindOf(series.kind).hasInterval) return []
  const found: TimeRange[] = []
  const { sortKey } = kindOf(series.kind)
  const columns = [sortKey, 'flags']
  for await (const batch of lake.read(series, { from: newest.first, columns, ...(signal ? { signal } : {}) })) {
    const flags = columnOf(batch, 'flags')
    const times = columnOf(batch, sortKey)
    for (let i = 0; i < batch.length; i++)
      if ((flags[i]! & CandleFlag.unfinished) !== 0) found.push({ from: times[i]!, to: times[i]! + 1 })
  }
  return found
}

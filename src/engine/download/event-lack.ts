import type { Gap } from '../../model/coverage.ts'
import { intersectRanges } from '../../model/ranges.ts'
import { DAY, formatDay, type TimeRange } from '../../model/time.ts'
import type { EventDownload } from './event-download.ts'
import { knownGapsOf } from './gap-cause.ts'

/** Files come hours to days late: until then a day without one is no gap yet. */
const LATE = 7 * DAY
/** An archive whose last file is older than this has ended. */
const ENDED = 30 * DAY
/** What is said of days that lack a file: it may come, so each download looks for it again. */
const NO_FILE = 'the archive has no file of it that could be read, though of days before and after'

/** Whether a gap is one that a file may fill that was not there when it was looked for. */
export function mayBeFilled({ cause, note }: Gap): boolean {
  return cause === 'archive-defect' && note === NO_FILE
}

/** Puts on record why nobody has what no archive file holds and REST does not give. */
export async function explainLack(download: EventDownload, left: readonly TimeRange[]): Promise<void> {
  const { archive, now, rest } = download
  const settled = intersectRanges(left, [{ from: 0, to: Math.min(now - LATE, rest.everOldest(now)) }])
  const recent = intersectRanges(left, [{ from: now - LATE, to: Math.min(now, rest.everOldest(now)) }])
  if (settled.length + recent.length === 0 || !archive.answered) return
  const span = await archive.whole()
  const gaps: Gap[] = []
  const add = (ranges: readonly TimeRange[], within: TimeRange, about: Pick<Gap, 'cause' | 'note'>): void => {
    for (const range of intersectRanges(ranges, [within])) gaps.push({ ...range, ...about, checked: ['archive'] })
  }
  const first = span?.from ?? Number.POSITIVE_INFINITY
  const last = span?.to ?? 0
  if (span) {
    const note = `the archive's files begin with ${formatDay(first)}`
    add(settled, { from: 0, to: first }, { cause: 'not-published', note })
    add(settled, { from: first, to: last }, { cause: 'archive-defect', note: NO_FILE })
  }
  // Where it was collected as it happened, what lies behind is nothing that the archive has to explain: somebody may be
  // collecting it now, or know why nobody did.
  const collectedFrom = Math.min(
    Number.POSITIVE_INFINITY,
    ...download.writer.coverage.covered.flatMap(({ source, from }) => (source === 'stream' ? [from] : [])),
  )
  const end = endOf(download, span)
  if (end && last < collectedFrom) add([...settled, ...recent], { from: last, to: collectedFrom }, end)
  if (gaps.length > 0)
    await download.note({ covered: gaps.map(({ from, to }) => ({ from, to, source: 'archive' as const })), gaps })
}

/** Why there is nothing behind the last file; undefined where something may come. */
function endOf(
  { rest, now, traits }: EventDownload,
  span: TimeRange | undefined,
): Pick<Gap, 'cause' | 'note'> | undefined {
  if (span && rest.unknown)
    return { cause: 'delisted', note: 'the archive ends here, and REST no longer knows the symbol' }
  const endedAt = traits?.endedAt
  if (endedAt !== undefined && now > endedAt + LATE) {
    const ended = `such files ceased to be published about ${formatDay(endedAt)}`
    return { cause: 'not-published', note: span ? ended : `${ended}, and the archive has none any more` }
  }
  if (!span) return { cause: 'not-published', note: 'the archive has no such files of the symbol' }
  if (now - span.to < ENDED) return undefined
  return { cause: 'not-published', note: `the archive's last file is that of ${formatDay(span.to - 1)}` }
}

/** Why an archive file says nothing about a stretch of its own time. */
export function explainSilence(download: EventDownload, stretch: TimeRange): Gap {
  const { series, traits, rest, archive } = download
  const checked = ['archive'] as const
  const known = knownGapsOf(series).find(
    ({ from, to }) => stretch.from >= from - DAY / 24 && stretch.to <= to + DAY / 24,
  )
  if (known) return { ...stretch, cause: known.cause, checked, note: known.note }
  if (traits?.endedAt !== undefined && stretch.from >= traits.endedAt) {
    const note = `the files end here: they ceased to be published about ${formatDay(traits.endedAt)}`
    return { ...stretch, cause: 'not-published', checked, note }
  }
  if (rest.unknown && stretch.to >= (archive.span?.to ?? Number.POSITIVE_INFINITY))
    return {
      ...stretch,
      cause: 'delisted',
      checked,
      note: 'the archive ends here, and REST no longer knows the symbol',
    }
  return { ...stretch, cause: 'archive-defect', checked, note: 'the file of this time has nothing here' }
}

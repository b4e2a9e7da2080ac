import type { Gap } from '../../model/coverage.ts'
import { intersectRanges, subtractRanges } from '../../model/ranges.ts'
import { formatTime, HOUR, type TimeRange } from '../../model/time.ts'
import { numbersOf } from '../../store/lake/event-columns.ts'
import { readEventFiles } from '../../store/lake/event-read.ts'
import type { EventDownload } from './event-download.ts'
import { takeEventRange } from './event-range.ts'

/** Hours between two fundings where no row tells them. */
const USUAL_HOURS = 8
/** Fundings are paid some milliseconds off the hour. */
const SLACK = HOUR / 2

/** Asks REST for fundings where the time between two stored ones is longer than their interval. */
export async function fillSilences(download: EventDownload, range: TimeRange): Promise<void> {
  const { writer, rest } = download
  const known = intersectRanges([range], subtractRanges(writer.coverage.covered, writer.coverage.gaps))
  for (const silence of await silences(download, known)) {
    if (rest.usable) await takeEventRange(download, silence)
    const around = { from: silence.from - 1, to: silence.to + 1 }
    if ((await silences(download, [around])).length === 0) continue
    const gap: Gap = rest.usable
      ? {
          ...silence,
          cause: 'exchange-outage',
          checked: ['archive', 'rest'],
          note: 'no source has a funding in between',
        }
      : { ...silence, cause: 'unknown', checked: ['archive'], note: `nothing since ${formatTime(silence.from)}` }
    await download.note({ gaps: [gap] })
  }
}

/** The stretches of ranges in which a funding is missing. */
async function silences({ writer }: EventDownload, ranges: readonly TimeRange[]): Promise<TimeRange[]> {
  const { kind, folder, coverage } = writer
  const columns = kind.columns.filter(({ name }) => name === kind.sortKey || name === 'interval_hours')
  const found: TimeRange[] = []
  for (const range of ranges) {
    let before: { time: number; hours: number } | undefined
    for await (const batch of readEventFiles(folder, kind, coverage.files, { columns, ...range })) {
      const times = numbersOf(batch, kind.sortKey)
      const intervals = numbersOf(batch, 'interval_hours')
      for (let i = 0; i < batch.length; i++) {
        const time = times[i]!
        const hours = Number.isNaN(intervals[i]!) ? USUAL_HOURS : intervals[i]!
        // Where the interval changes, the longer one counts.
        const longest = before ? Math.max(before.hours, hours) * HOUR : 0
        if (before && time - before.time > longest + SLACK) found.push({ from: before.time + 1, to: time })
        before = { time, hours }
      }
    }
  }
  return found
}

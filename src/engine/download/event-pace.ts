import type { Gap } from '../../model/coverage.ts'
import type { Kind } from '../../model/kind.ts'
import { intersectRanges, subtractRanges } from '../../model/ranges.ts'
import { formatTime, HOUR, type TimeRange } from '../../model/time.ts'
import { type EventBatch, numbersOf } from '../../store/lake/event-columns.ts'
import { readEventFiles } from '../../store/lake/event-read.ts'
import type { EventDownload } from './event-download.ts'
import { takeEventRange } from './event-range.ts'
import { knownGapsOf } from './gap-cause.ts'

/** Hours between two fundings where no row tells them. */
const USUAL_HOURS = 8
/** Fundings are paid some milliseconds off the hour. */
const SLACK = HOUR / 2

/** What is missing where rows should follow each other at a pace. */
interface Silence extends TimeRange {
  /** Rows that should be there, where that is known. */
  readonly count?: number
}

/** How it shows that rows of a kind are missing. */
interface Pace {
  readonly columns: readonly string[]
  /** How far around a silence the rows must be looked at to see it, ms. */
  readonly reach: number
  silences(batches: AsyncIterable<EventBatch>, range: TimeRange): AsyncIterable<Silence>
}

/** Asks REST for what is missing where two stored records stand further apart than their pace allows. */
export async function fillSilences(download: EventDownload, range: TimeRange): Promise<void> {
  const { writer, rest, now } = download
  const pace = paceOf(writer.kind)
  if (!pace) return
  // What was found missing while REST could not be asked is looked at again when it can be.
  const isAsked = ({ cause, checked }: Gap): boolean => cause !== 'unknown' || checked.includes('rest') || !rest.usable
  const { covered, gaps } = writer.coverage
  const known = intersectRanges([range], subtractRanges(covered, gaps.filter(isAsked)))
  for (const silence of await silences(download, pace, known)) {
    const asked = rest.usable ? intersectRanges([silence], [{ from: rest.oldest(now), to: now }]) : []
    for (const part of asked) await takeEventRange(download, part)
    const around = { from: silence.from - 1, to: silence.to + 1 }
    const left =
      asked.length === 0 ? [silence] : await silences(download, pace, [pace.columns.length > 1 ? around : silence])
    for (const stretch of left)
      await download.note({ gaps: [explain(download, stretch, asked.length > 0 && rest.usable)] })
  }
}

function explain({ series, writer, rest, now }: EventDownload, { from, to, count }: Silence, isAsked: boolean): Gap {
  const stretch = { from, to, ...(count === undefined ? {} : { count }) }
  const known = knownGapsOf(series).find((gap) => from >= gap.from - HOUR && to <= gap.to + HOUR)
  if (known)
    return { ...stretch, cause: known.cause, checked: isAsked ? ['archive', 'rest'] : ['archive'], note: known.note }
  const name = writer.kind.id === 'fundingRate' ? 'funding' : 'record'
  if (isAsked) {
    const note = `no source has a ${name} in between`
    return { ...stretch, cause: 'exchange-outage', checked: ['archive', 'rest'], note }
  }
  if (to <= rest.everOldest(now)) {
    const note = `the archive has no ${name} in between, and REST does not go back so far`
    return { ...stretch, cause: 'archive-defect', checked: ['archive'], note }
  }
  return { ...stretch, cause: 'unknown', checked: ['archive'], note: `nothing since ${formatTime(from)}` }
}

/** The stretches of ranges in which a record is missing. */
async function silences({ writer }: EventDownload, pace: Pace, ranges: readonly TimeRange[]): Promise<Silence[]> {
  const { kind, folder, coverage } = writer
  const columns = kind.columns.filter(({ name }) => pace.columns.includes(name))
  const found: Silence[] = []
  for (const range of ranges) {
    const batches = readEventFiles(folder, kind, coverage.files, { columns, ...range })
    for await (const silence of pace.silences(batches, range)) found.push(silence)
  }
  return found
}

function paceOf({ id, sortKey, continuity }: Kind): Pace | undefined {
  if (id === 'fundingRate')
    return { columns: [sortKey, 'interval_hours'], reach: 1, silences: (batches) => ofFundings(sortKey, batches) }
  if (continuity.rule !== 'step') return undefined
  const { stepMs } = continuity
  return { columns: [sortKey], reach: 0, silences: (batches, range) => ofSteps(sortKey, stepMs, batches, range) }
}

/** Fundings, whose interval their own rows tell. */
async function* ofFundings(sortKey: string, batches: AsyncIterable<EventBatch>): AsyncGenerator<Silence, void, void> {
  let before: { time: number; hours: number } | undefined
  for await (const batch of batches) {
    const times = numbersOf(batch, sortKey)
    const intervals = numbersOf(batch, 'interval_hours')
    for (let i = 0; i < batch.length; i++) {
      const time = times[i]!
      const hours = Number.isNaN(intervals[i]!) ? USUAL_HOURS : intervals[i]!
      // Where the interval changes, the longer one counts.
      const longest = before ? Math.max(before.hours, hours) * HOUR : 0
      if (before && time - before.time > longest + SLACK) yield { from: before.time + 1, to: time }
      before = { time, hours }
    }
  }
}

/** Records of which there is one for each step from the epoch on; one that stands a little off its place counts. */
async function* ofSteps(
  sortKey: string,
  stepMs: number,
  batches: AsyncIterable<EventBatch>,
  range: TimeRange,
): AsyncGenerator<Silence, void, void> {
  let expected = Math.ceil(range.from / stepMs)
  for await (const batch of batches) {
    const times = numbersOf(batch, sortKey)
    for (let i = 0; i < batch.length; i++) {
      const step = Math.floor(times[i]! / stepMs)
      if (step > expected) yield { from: expected * stepMs, to: step * stepMs, count: step - expected }
      expected = Math.max(expected, step + 1)
    }
  }
  const end = Math.ceil(range.to / stepMs)
  if (end > expected) yield { from: expected * stepMs, to: Math.min(range.to, end * stepMs), count: end - expected }
}

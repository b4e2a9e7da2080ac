import type { Gap } from '../../model/coverage.ts'
import { addId, countIds } from '../../model/live/ids.ts'
import type { LiveRecord, RecordId } from '../../model/live/index.ts'
import { intersectRanges, subtractRanges } from '../../model/ranges.ts'
import { HOUR, type TimeRange } from '../../model/time.ts'
import { IdRanges, type IdSpan, readId, type StoredId, storeId } from '../../store/lake/ids.ts'
import type { EventDownload } from './event-download.ts'
import { takeEventRange, timeOf } from './event-range.ts'

/** Holes that lie so close are asked for together: a page has that many records. */
const PAGE = 1000
/** Records that are collected from REST before they are stored. */
const COMMIT_RECORDS = 50_000

/**
 * Asks for the records right before the first and right behind the last one of what is covered: a file that begins
 * late or ends early shows it in no other way.
 */
export async function fillEdges(download: EventDownload, range: TimeRange): Promise<void> {
  const { writer, rest, now } = download
  for (const stretch of intersectRanges([range], writer.coverage.covered)) {
    const held = (writer.held ?? []).filter(({ from, to }) => to >= stretch.from && from < stretch.to)
    const oldest = rest.oldest(now)
    const first = held[0]
    const last = held.at(-1)
    if (!first || !last) continue
    if (first.from >= Math.max(stretch.from, oldest) && first.first > 0) {
      const before = await recordAt(download, addId(first.first, -1))
      if (before !== undefined && before >= stretch.from)
        await takeEventRange(download, {
          from: Math.max(stretch.from, oldest),
          to: Math.min(stretch.to, first.from + 1),
        })
    }
    if (last.to < stretch.to && last.to >= oldest) {
      const after = await recordAt(download, addId(last.last, 1))
      if (after !== undefined && after < stretch.to) await takeEventRange(download, { from: last.to, to: stretch.to })
    }
  }
}

/** When the record with an id happened; undefined when REST does not have it. */
async function recordAt(download: EventDownload, id: RecordId): Promise<number | undefined> {
  const { rest, writer } = download
  const property = writer.kind.columns.find((spec) => spec.name === writer.kind.timeColumn)!.property
  for await (const page of rest.byId(id, id)) for (const record of page) return timeOf(record, property)
  return undefined
}

/** A gap that names the missing ids. */
type HoleGap = Gap & { readonly firstId: StoredId; readonly lastId: StoredId }

/**
 * Asks REST for the ids that are missing in a range, and puts on record why those are that it does not have.
 * @param unsettled what the archive may have later: there only REST's answer is one.
 */
export async function fillIdHoles(
  download: EventDownload,
  range: TimeRange,
  unsettled: readonly TimeRange[] = [],
): Promise<void> {
  const { rest, writer, now } = download
  const open = writer.coverage.gaps.filter(
    (gap): gap is HoleGap =>
      gap.firstId !== undefined &&
      gap.lastId !== undefined &&
      gap.cause === 'unknown' &&
      !gap.checked.includes('rest') &&
      gap.from < range.to &&
      gap.to >= range.from &&
      !goesBeyond(gap, range, writer.coverage.covered),
  )
  if (open.length === 0) return
  const oldest = rest.oldest(now)
  const recent = open.filter((gap) => gap.to >= oldest)
  // Who can't be asked now may be later: such holes stay open.
  const old = rest.down ? [] : open.filter((gap) => gap.to < oldest && !isIn(unsettled, gap))
  const seen = new IdRanges()
  for (const group of grouped(recent)) {
    const first = readId(group[0]!.firstId)
    // One more than is missing: that one exists, so REST shows by it that it goes back so far.
    const behind = addId(readId(group.at(-1)!.lastId), 1)
    for await (const page of rest.byId(first, behind)) {
      for (const record of page) {
        const { id } = record as LiveRecord & { readonly id: RecordId }
        seen.add(id, id, 0)
        writer.append(record)
      }
      if (writer.pendingRecords >= COMMIT_RECORDS) await download.note({})
    }
    if (!rest.usable) break
  }
  const held = new IdRanges(writer.held ?? [])
  const gaps: Gap[] = []
  for (const gap of [...(rest.usable ? recent : []), ...old]) {
    const span = { first: readId(gap.firstId), last: readId(gap.lastId) }
    for (const left of held.missing(span)) {
      const asked = gap.to >= oldest
      gaps.push(explain(download, gap, left, asked, asked && seen.has(addId(span.last, 1))))
    }
  }
  await download.note({ gaps })
}

/**
 * Whether a hole by id lies in time that nobody has asked for, outside of a range: all that happened between a download
 * of March and one of May is one hole, which neither of them is about.
 */
export function goesBeyond(gap: Gap, range: TimeRange, covered: readonly TimeRange[]): boolean {
  return gap.firstId !== undefined && subtractRanges([gap], [...covered, range]).length > 0
}

function isIn(ranges: readonly TimeRange[], { from, to }: TimeRange): boolean {
  return intersectRanges(ranges, [{ from, to: to + 1 }]).length > 0
}

/** Holes that one walk through REST answers. */
function grouped(holes: readonly HoleGap[]): HoleGap[][] {
  const groups: HoleGap[][] = []
  for (const hole of holes) {
    const group = groups.at(-1)
    if (group && countIds(readId(group[0]!.firstId), readId(hole.lastId)) < PAGE) group.push(hole)
    else groups.push([hole])
  }
  return groups
}

/** Says why ids are missing although everyone who may have them was asked. */
function explain(download: EventDownload, gap: HoleGap, left: IdSpan, asked: boolean, hasNext: boolean): Gap {
  const { request, writer } = download
  const about = { from: gap.from, to: gap.to, firstId: storeId(left.first), lastId: storeId(left.last) }
  if (hasNext) {
    const note = 'REST has the record right after, but none with these ids'
    return { ...about, cause: 'no-trades', checked: ['archive', 'rest'], note }
  }
  const broken = writer.coverage.defects.some(
    ({ type, time }) => type === 'bad-row' && (time === undefined || Math.abs(time - gap.from) < HOUR),
  )
  if (broken) {
    const note = 'garbled in the archive, and REST does not go back so far'
    return { ...about, cause: 'archive-defect', checked: ['archive'], note }
  }
  if (request.series.market !== 'spot' && gap.firstId === gap.lastId) {
    const note = 'one id between two published trades: the exchange withholds those of its insurance fund'
    return { ...about, cause: 'no-trades', checked: ['archive'], note }
  }
  const note = asked ? 'REST does not have it either' : 'missing in the archive, and REST does not go back so far'
  return { ...about, cause: 'unknown', checked: asked ? ['archive', 'rest'] : ['archive'], note }
}

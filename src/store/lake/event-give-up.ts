import { join } from 'node:path'
import type { Gap } from '../../model/coverage.ts'
import type { Kind } from '../../model/kind.ts'
import { kindOf } from '../../model/kinds.ts'
import { countIds } from '../../model/live/ids.ts'
import type { SeriesId } from '../../model/series.ts'
import { commitChange, recoverCommit } from './commit.ts'
import { type LakeFile, readCoverage, type SeriesCoverage } from './coverage-file.ts'
import { holdLocal } from './depot/local-copies.ts'
import { hasHeldIds, isFinding, nextEventCoverage, readHeld } from './event-coverage.ts'
import { describeEventFile } from './event-inspect.ts'
import { type HeldIds, IdRanges, type IdSpan, readId, storeId } from './ids.ts'
import { LOCK_FILE } from './lake.ts'
import { lockFile } from './lock.ts'

/** In the note of gaps whose records were stored once and can be asked for again. */
export const LOST = 'stored once, lost with a damaged file'
/** In the note of gaps whose records were stored once and can not be had again. */
const LOST_FOR_GOOD = 'stored once, lost with a damaged file; no source gives them again'
const BESIDE = 'never stored, beside a damaged file'
/** Ends the name of a damaged file that was set aside. Not `.parquet`: outside readers take all of those. */
const ASIDE = '.damaged-'

/**
 * Gives up damaged files of a series of events: they are set aside, the ids that only they held are no longer held, and
 * gaps say so. With `again` those are open, so that whoever fills holes asks for them; else they are final. The ids are
 * read anew from the files that stay: what a damaged file claims is not trusted.
 */
export async function giveUpEventFiles(
  folder: string,
  series: SeriesId,
  damaged: readonly LakeFile[],
  options: { readonly again: boolean; readonly signal?: AbortSignal },
): Promise<void> {
  const { again, signal } = options
  await using _lock = await lockFile(join(folder, LOCK_FILE), { waitMs: 30_000, ...(signal ? { signal } : {}) })
  await recoverCommit(folder)
  const before = await readCoverage(folder)
  const isLost = (file: LakeFile): boolean =>
    // Another writer may have merged it into a new one of the same name meanwhile.
    damaged.some(({ name, sha256 }) => name === file.name && sha256 === file.sha256)
  const lost = before?.files.filter(isLost) ?? []
  if (!before || lost.length === 0) return
  const files = before.files.filter((file) => !isLost(file))
  const kind = kindOf(series.kind)
  const held = hasHeldIds(kind) ? await heldIn(folder, kind, files, signal) : undefined
  const about = again
    ? ({ cause: 'unknown', checked: [], note: LOST } as const)
    : ({ cause: 'own-outage', checked: [], note: LOST_FOR_GOOD } as const)
  const gaps = held
    ? lostIds(kind, before, lost, held).map(({ note, ...gap }) => ({ ...gap, ...about, ...(note ? { note } : {}) }))
    : lost.map((file) => ({ from: file.first, to: file.last + 1, count: file.records ?? file.rows, ...about }))
  const coverage = nextEventCoverage(kind, before, {
    files,
    held: held?.ranges,
    gaps,
    defects: lost.map((file) => ({
      time: file.first,
      type: 'lost-file' as const,
      where: file.name,
      detail: `damaged in the lake; its ${file.rows} rows were given up${again ? ' and asked for again' : ''}`,
      kept: 'none' as const,
    })),
  })
  const now = Date.now()
  const renames = lost.map(({ name }) => [name, `${name}${ASIDE}${now}`] as const)
  await commitChange(folder, { renames, removes: [], coverage }, () => {})
}

async function heldIn(folder: string, kind: Kind, files: readonly LakeFile[], signal?: AbortSignal): Promise<IdRanges> {
  const held = new IdRanges()
  using _held = await holdLocal(folder, files, signal)
  for (const { name } of files) {
    signal?.throwIfAborted()
    await describeEventFile(folder, name, kind, held)
  }
  return held
}

type Lost = Pick<Gap, 'from' | 'to' | 'count' | 'firstId' | 'lastId' | 'note'>

/**
 * The ids that were held and are no longer. Of the ends of a series also the holes that nobody has explained: they are
 * no longer between held ids, where they would speak for themselves.
 */
function lostIds(kind: Kind, before: SeriesCoverage, lost: readonly LakeFile[], held: IdRanges): Lost[] {
  const former: readonly HeldIds[] = before.ids
    ? readHeld(before.ids)
    : lost.map(({ firstKey = 0, lastKey = 0, first, last }) => ({
        ...{ first: readId(firstKey), last: readId(lastKey) },
        ...{ from: first, to: last },
      }))
  const gaps: Lost[] = []
  for (const range of former) for (const span of held.missing(range)) gaps.push(gapOf(kind, span, range))
  const [first, last] = [held.ranges[0]?.first, held.last]
  const explained = new IdRanges()
  for (const { firstId, lastId, ...gap } of before.gaps)
    if (firstId !== undefined && lastId !== undefined && isFinding(gap))
      explained.add(readId(firstId), readId(lastId), gap.from, gap.to)
  for (const hole of new IdRanges(former).holes()) {
    if (first !== undefined && last !== undefined && hole.first > first && hole.last < last) continue
    for (const span of explained.missing(hole)) gaps.push({ ...gapOf(kind, span, hole), note: BESIDE })
  }
  return gaps
}

function gapOf(kind: Kind, { first, last }: IdSpan, within: HeldIds): Lost {
  return {
    from: within.from,
    to: Math.max(within.from, within.to),
    // Ids of book updates are not records.
    ...(kind.continuity.rule === 'consecutive-id' ? { count: countIds(first, last) } : {}),
    firstId: storeId(first),
    lastId: storeId(last),
  }
}

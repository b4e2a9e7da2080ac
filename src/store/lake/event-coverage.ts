import type { CoveredRange, Defect, FileCheck, Gap } from '../../model/coverage.ts'
import type { Kind } from '../../model/kind.ts'
import { addId, countIds, maxId, minId } from '../../model/live/ids.ts'
import type { BookDelta, LiveRecord, RecordId } from '../../model/live/index.ts'
import { intersectRanges, subtractRanges } from '../../model/ranges.ts'
import type { TimeRange } from '../../model/time.ts'
import {
  joinCovered,
  type LakeFile,
  MAX_DEFECTS,
  type SeriesCoverage,
  type SpoolMark,
  type StoredIds,
} from './coverage-file.ts'
import { type HeldIds, type IdHole, IdRanges, type IdSpan, readId, storeId } from './ids.ts'

/** What is known of a series besides its records. */
export interface EventFacts {
  /** Time ranges in which every record that the exchange published was received or asked for. */
  readonly covered?: readonly CoveredRange[]
  /** Why records are missing: by ids (`firstId`, `lastId`) where those are counted, else by time. */
  readonly gaps?: readonly Gap[]
  /** Time ranges that no longer count as covered. */
  readonly uncover?: readonly TimeRange[]
  readonly checks?: readonly FileCheck[]
  /** Archive paths whose checks no longer hold. */
  readonly forget?: readonly string[]
  readonly defects?: readonly Defect[]
  /** Defects seen beyond those listed. */
  readonly moreDefects?: number
  /** First instant that the exchange has data for. */
  readonly listedAt?: number
}

/** Whether there is anything to put on record. */
export function hasFacts(facts: EventFacts): boolean {
  const lists = [facts.covered, facts.gaps, facts.uncover, facts.checks, facts.forget, facts.defects]
  return facts.listedAt !== undefined || lists.some((list) => list !== undefined && list.length > 0)
}

/** Whether the held ids of a kind are kept: its ids are counted one by one, or each record names the one before it. */
export function hasHeldIds(kind: Kind): boolean {
  return kind.continuity.rule === 'consecutive-id' || kind.continuity.rule === 'chained-id'
}

/** The ids that a record accounts for: its own, or those of an update from the one before it on. */
export function idSpanOf(kind: Kind, record: LiveRecord): IdSpan | undefined {
  if (kind.continuity.rule === 'consecutive-id') {
    const { id } = record as LiveRecord & { readonly id: RecordId }
    return { first: id, last: id }
  }
  if (kind.continuity.rule !== 'chained-id') return undefined
  const { firstUpdateId, lastUpdateId, previousUpdateId } = record as BookDelta
  // Futures leave out ids that changed nothing here: the record says itself which one came before it.
  return { first: previousUpdateId >= 0 ? addId(previousUpdateId, 1) : firstUpdateId, last: lastUpdateId }
}

export function readHeld(stored: readonly StoredIds[] | undefined): HeldIds[] {
  return (stored ?? []).map(({ first, last, from, to }) => ({ first: readId(first), last: readId(last), from, to }))
}

export function storeHeld(held: readonly HeldIds[]): StoredIds[] {
  return held.map(({ first, last, from, to }) => ({ first: storeId(first), last: storeId(last), from, to }))
}

/** The coverage of a series of events after a change. */
export function nextEventCoverage(
  kind: Kind,
  before: SeriesCoverage,
  change: EventFacts & {
    readonly files: readonly LakeFile[]
    readonly held?: readonly HeldIds[] | undefined
    readonly spool?: SpoolMark | undefined
    readonly inexactValues?: number
  },
): SeriesCoverage {
  const added = change.covered ?? []
  const uncover = change.uncover ?? []
  const covered = joinCovered([
    ...added,
    ...before.covered.flatMap((range) =>
      subtractRanges([range], [...added, ...uncover]).map((rest) => ({ ...rest, source: range.source })),
    ),
  ])
  const held = change.held
  const gaps = held ? gapsInIds(kind, held, before.gaps, change) : gapsInTime(before.gaps, change)
  const spool = change.spool ?? before.spool
  const paths = new Set([...(change.forget ?? []), ...(change.checks ?? []).map((check) => check.path)])
  return {
    ...before,
    revision: before.revision + 1,
    updatedAt: new Date().toISOString(),
    covered,
    files: sortFiles(change.files),
    gaps,
    checks: [...before.checks.filter((check) => !paths.has(check.path)), ...(change.checks ?? [])].sort((a, b) =>
      a.path < b.path ? -1 : 1,
    ),
    defects: [...before.defects, ...(change.defects ?? [])].slice(-MAX_DEFECTS),
    defectCount: before.defectCount + (change.defects?.length ?? 0) + (change.moreDefects ?? 0),
    inexactValues: before.inexactValues + (change.inexactValues ?? 0),
    ...(change.listedAt === undefined ? {} : { listedAt: change.listedAt }),
    ...(held ? { ids: storeHeld(held) } : {}),
    ...(spool ? { spool } : {}),
  }
}

/** Files in the order of their rows. */
export function sortFiles(files: readonly LakeFile[]): LakeFile[] {
  const key = (file: LakeFile): RecordId => readId(file.firstKey ?? file.first)
  return [...files].sort((a, b) => (key(a) < key(b) ? -1 : key(b) < key(a) ? 1 : a.name < b.name ? -1 : 1))
}

/** The gaps of a kind with counted ids: the holes, and what is known to be missing before, behind or without any ids. */
function gapsInIds(kind: Kind, held: readonly HeldIds[], before: readonly Gap[], change: EventFacts): Gap[] {
  const findings = [...(change.gaps ?? []), ...before]
  const holes = new IdRanges(held).holes()
  const gaps = gapsOfHoles(kind, holes, findings)
  const inTime = (list: readonly Gap[]) =>
    list.filter((gap) => gap.firstId === undefined && !holes.some((hole) => spanOfGap(gap, hole) !== undefined))
  gaps.push(...gapsInTime(inTime(before), { ...change, gaps: inTime(change.gaps ?? []) }))
  const outside = new IdRanges()
  for (const gap of findings) {
    if (gap.firstId === undefined || gap.lastId === undefined || !isFinding(gap)) continue
    // Between the held ids the holes speak for themselves.
    for (const part of outsideOf({ first: readId(gap.firstId), last: readId(gap.lastId) }, held)) {
      for (const span of outside.missing(part)) {
        outside.add(span.first, span.last, gap.from, gap.to)
        gaps.push(gapOf(kind, { ...span, from: gap.from, to: gap.to }, span, gap))
      }
    }
  }
  return gaps.sort((a, b) => a.from - b.from || a.to - b.to)
}

/**
 * A gap for each hole, so that every id between the first and the last held one is stored or on record. Holes that
 * nobody has explained have the cause `unknown`; earlier findings count before later ones.
 */
export function gapsOfHoles(kind: Kind, holes: readonly IdHole[], findings: readonly Gap[]): Gap[] {
  const gaps: Gap[] = []
  const whole = new Map(findings.toReversed().map((finding) => [`${finding.firstId}-${finding.lastId}`, finding]))
  for (const hole of holes) {
    // Most holes are those of the coverage before: with thousands of them, looking through all would be slow.
    const known = whole.get(`${hole.first}-${hole.last}`)
    if (known && isFinding(known)) {
      gaps.push(gapOf(kind, hole, hole, known))
      continue
    }
    let left: IdSpan[] = [{ first: hole.first, last: hole.last }]
    const pieces: (IdSpan & { readonly finding: Gap | undefined })[] = []
    for (const finding of findings) {
      if (left.length === 0) break
      if (!isFinding(finding)) continue
      const span = spanOfGap(finding, hole)
      if (span === undefined || span.last < hole.first || span.first > hole.last) continue
      const rest: IdSpan[] = []
      for (const part of left) {
        const first = maxId(part.first, span.first)
        const last = minId(part.last, span.last)
        if (first > last) {
          rest.push(part)
          continue
        }
        pieces.push({ first, last, finding })
        if (part.first < first) rest.push({ first: part.first, last: addId(first, -1) })
        if (last < part.last) rest.push({ first: addId(last, 1), last: part.last })
      }
      left = rest
    }
    for (const part of left) pieces.push({ ...part, finding: undefined })
    pieces.sort((a, b) => (a.first < b.first ? -1 : 1))
    for (const piece of pieces) gaps.push(gapOf(kind, hole, piece, piece.finding))
  }
  return gaps
}

function gapOf(kind: Kind, hole: IdHole, { first, last }: IdSpan, finding: Gap | undefined): Gap {
  return {
    from: hole.from,
    to: Math.max(hole.to, hole.from),
    cause: finding?.cause ?? 'unknown',
    // Ids of book updates are not records: how many are missing can't be known.
    ...(kind.continuity.rule === 'consecutive-id' ? { count: countIds(first, last) } : {}),
    checked: finding?.checked ?? [],
    ...(finding?.note === undefined ? {} : { note: finding.note }),
    firstId: storeId(first),
    lastId: storeId(last),
  }
}

/** The parts of a span that lie below and above the held ids; all of it without any. */
function outsideOf(span: IdSpan, held: readonly HeldIds[]): IdSpan[] {
  const [first, last] = [held[0]?.first, held.at(-1)?.last]
  if (first === undefined || last === undefined) return [span]
  return [
    { first: span.first, last: minId(span.last, addId(first, -1)) },
    { first: maxId(span.first, addId(last, 1)), last: span.last },
  ].filter((part) => part.first <= part.last)
}

/** Whether a gap says more than that something is missing. */
export function isFinding(gap: Pick<Gap, 'cause' | 'checked' | 'note'>): boolean {
  return gap.cause !== 'unknown' || gap.checked.length > 0 || gap.note !== undefined
}

/** The ids that a finding speaks of; one without ids speaks of every hole that lies in its time. */
function spanOfGap(finding: Gap, hole: IdHole): IdSpan | undefined {
  if (finding.firstId !== undefined && finding.lastId !== undefined)
    return { first: readId(finding.firstId), last: readId(finding.lastId) }
  return finding.from <= hole.to && finding.to >= hole.from ? hole : undefined
}

/** Gaps of kinds without counted ids: what is covered now is none any more, but for what the change itself says. */
function gapsInTime(before: readonly Gap[], change: EventFacts): Gap[] {
  const added = change.gaps ?? []
  const settled = [...(change.covered ?? []), ...(change.uncover ?? []), ...added]
  const kept = before.flatMap((gap) => subtractRanges([gap], settled).map((rest) => withoutCount(gap, rest)))
  return [...kept, ...added].sort((a, b) => a.from - b.from)
}

function withoutCount(gap: Gap, rest: TimeRange): Gap {
  if (rest.from === gap.from && rest.to === gap.to) return gap
  const { count: _, ...others } = gap
  return { ...others, ...rest }
}

/** The parts of a time range that no covered range holds, and those that gaps lie in: what is not known for sure. */
export function uncoveredRanges(coverage: Pick<SeriesCoverage, 'covered' | 'gaps'>, range: TimeRange): TimeRange[] {
  const gaps = intersectRanges(
    [range],
    coverage.gaps.filter((gap) => gap.from < gap.to),
  )
  return subtractRanges([range], subtractRanges(coverage.covered, gaps))
}

/** The holes between the held ids of a series that no gap of its coverage explains. */
export function unrecordedHoles(coverage: Pick<SeriesCoverage, 'ids' | 'gaps'>): IdSpan[] {
  const explained = new IdRanges(readHeld(coverage.ids))
  const holes = explained.holes()
  const gaps = new IdRanges()
  for (const gap of coverage.gaps) {
    if (gap.firstId !== undefined && gap.lastId !== undefined)
      gaps.add(readId(gap.firstId), readId(gap.lastId), gap.from, gap.to)
  }
  return holes.flatMap((hole) => gaps.missing(hole))
}

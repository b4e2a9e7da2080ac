import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Gap } from '../model/coverage.ts'
import { isTicklakeError } from '../model/errors.ts'
import { nextOpen } from '../model/interval.ts'
import { kindOf } from '../model/kinds.ts'
import type { Log } from '../model/log.ts'
import { intersectRanges, normaliseRanges, subtractRanges } from '../model/ranges.ts'
import { type SeriesId, seriesKey } from '../model/series.ts'
import { formatTime, type TimeRange } from '../model/time.ts'
import { commitChange } from '../store/lake/commit.ts'
import {
  COVERAGE_FILE,
  coverageRows,
  emptyCoverage,
  type LakeFile,
  type SeriesCoverage,
} from '../store/lake/coverage-file.ts'
import { hasHeldIds, nextEventCoverage } from '../store/lake/event-coverage.ts'
import { giveUpEventFiles, LOST } from '../store/lake/event-give-up.ts'
import type { HeldIds } from '../store/lake/ids.ts'
import { inspectFile, rebuildFiles, strayFiles } from '../store/lake/inspect.ts'
import type { Lake } from '../store/lake/lake.ts'
import { LOCK_FILE } from '../store/lake/lake.ts'
import { lockFile } from '../store/lake/lock.ts'
import { gridOf } from '../store/lake/next-coverage.ts'
import type { SeriesWriter } from '../store/lake/series-writer.ts'
import { hasHistory } from './history.ts'
import { holesOf, isLeftOut, isWhole } from './holes.ts'
import type { PublishedHashes, Replaced } from './published-hashes.ts'
import { type ReconcileContext, reconcile } from './reconcile/index.ts'
import type { DownloadRequest, SeriesReport, VerifyProblem, VerifyReport } from './types.ts'

export interface VerifyContext {
  readonly lake: Lake
  /** Whom to ask for replaced files; undefined asks nobody. */
  readonly published: PublishedHashes | undefined
  readonly repair: boolean
  /** Take in archive files that were published anew, whether or not anything else is repaired. */
  readonly takeReplaced: boolean
  readonly log: Log
  readonly signal: AbortSignal | undefined
  readonly download: (requests: readonly DownloadRequest[]) => Promise<SeriesReport[]>
  /** Told how far it is: of files, and of candles that are held against a witness. */
  readonly onProgress?: (doing: string, done: number, total: number) => void
  /** How candles are held against other sources; undefined leaves that out. */
  readonly reconcile?: Pick<ReconcileContext, 'compare' | 'rest' | 'archive'>
}

/** Checks one series: coverage, every data file byte for byte, stray files, and the archive's present checksums. */
export async function verifySeries(series: SeriesId, context: VerifyContext): Promise<VerifyReport> {
  const folder = context.lake.folder(series)
  const problems: VerifyProblem[] = []
  let coverage: SeriesCoverage | undefined
  try {
    coverage = await context.lake.coverage(series)
  } catch (error) {
    if (!isTicklakeError(error)) throw error
    const repaired = context.repair && error.code === 'DAMAGED_COVERAGE'
    if (repaired) await rebuildCoverage(series, folder, context)
    problems.push({
      type: 'damaged-coverage',
      path: join(seriesKey(series), COVERAGE_FILE),
      detail: error.message,
      repaired,
    })
    if (!repaired) return { ...NOTHING, series, problems, ok: false }
    coverage = await context.lake.coverage(series)
  }
  if (!coverage) {
    const stray = await strayFiles(folder, undefined)
    if (stray.length > 0) {
      if (context.repair) await rebuildCoverage(series, folder, context)
      problems.push({
        type: 'damaged-coverage',
        path: join(seriesKey(series), COVERAGE_FILE),
        detail: `the coverage is missing beside ${stray.length} data files`,
        repaired: context.repair,
      })
      coverage = await context.lake.coverage(series)
    }
    if (!coverage) {
      const ok = problems.length === 0
      return { ...NOTHING, series, problems, complete: ok, ok }
    }
  }

  const damaged: { file: LakeFile; problem: VerifyProblem }[] = []
  for (const [index, file] of coverage.files.entries()) {
    context.signal?.throwIfAborted()
    const found = await inspectFile(folder, file, coverage, context.signal)
    context.onProgress?.('files', index + 1, coverage.files.length)
    if (found) damaged.push({ file, problem: { ...found, path: join(seriesKey(series), file.name), repaired: false } })
  }
  const published = await context.published?.compare(coverage.checks)
  const { replaced, unchecked } = published ?? { replaced: [], unchecked: [] }
  const lost = coverage.gaps.filter(isLost)
  const isEvents = !kindOf(series.kind).hasInterval
  // What streams missed and nobody has asked for yet is no fault of the lake, but a repair asks for it.
  const open = isEvents ? openGaps(coverage).filter((gap) => !isLost(gap)) : []
  const findings: Findings = {
    damaged: context.repair ? damaged.filter(isMendable).map(({ file }) => file) : [],
    replaced: context.repair || context.takeReplaced ? replaced : [],
    lost: context.repair ? [...lost, ...open] : [],
  }
  const mended = await mend(series, coverage, findings, context)
  const still = (mended ? await context.lake.coverage(series) : undefined)?.gaps.filter(isLost) ?? []
  // Of events both ends of a gap are instants of records around it: files may touch it there, and it may have no length.
  const reach = ({ from, to }: TimeRange): TimeRange => ({ from, to: isEvents ? to + 1 : to })
  const isMended = (range: TimeRange): boolean =>
    context.repair && mended !== undefined && intersectRanges([reach(range)], still.map(reach)).length === 0
  problems.push(
    ...damaged.map(({ file, problem }) => ({
      ...problem,
      repaired: isMendable({ problem }) && isMended(spanOf(file, coverage)),
    })),
    ...lost.map(
      (gap): VerifyProblem => ({
        type: 'not-covered',
        path: seriesKey(series),
        detail: `${gap.count ?? 'some'} rows from ${formatTime(gap.from)} to ${formatTime(gap.to)} were in a damaged file and have not been fetched again`,
        repaired: isMended(gap),
      }),
    ),
    ...replaced.map(
      (check): VerifyProblem => ({
        type: 'replaced-in-archive',
        path: check.path,
        detail: check.detail,
        repaired: mended?.replaced ?? false,
      }),
    ),
    ...unchecked.map(({ path, detail }): VerifyProblem => ({ type: 'not-checked', path, detail, repaired: false })),
  )
  for (const name of await strayFiles(folder, (await context.lake.coverage(series)) ?? coverage)) {
    problems.push({
      type: 'stray-file',
      path: join(seriesKey(series), name),
      detail: 'the coverage does not know this file; it is not read. Move it away, or delete it.',
      repaired: false,
    })
  }
  const readable = !problems.some(({ repaired, type }) => !repaired && UNREADABLE.includes(type))
  const { reports: reconciled, unanswered } =
    context.reconcile && readable
      ? await reconcile(series, { ...context, ...context.reconcile })
      : { reports: [], unanswered: [] }
  for (const detail of unanswered)
    problems.push({ type: 'not-checked', path: seriesKey(series), detail, repaired: false })
  const after = (await context.lake.coverage(series)) ?? coverage
  return {
    series,
    files: after.files.length,
    rows: coverageRows(after),
    bytes: after.files.reduce((sum, file) => sum + file.bytes, 0),
    problems,
    gaps: after.gaps,
    holes: holesOf(after.covered),
    reconciled,
    compared: published?.compared,
    complete: isWhole(after),
    ok: problems.every((problem) => problem.repaired || problem.type === 'stray-file'),
  }
}

/** The report of a series of which nothing can be read. */
const NOTHING = {
  files: 0,
  rows: 0,
  bytes: 0,
  gaps: [],
  holes: [],
  reconciled: [],
  compared: undefined,
  complete: false,
} as const
/** With these there is nothing to compare. */
const UNREADABLE: readonly VerifyProblem['type'][] = [
  ...(['missing-file', 'out-of-reach', 'damaged-file', 'hash-mismatch', 'damaged-coverage', 'row-count'] as const),
]

/** What is on a disk that is away must not be given up. */
function isMendable({ problem }: { readonly problem: VerifyProblem }): boolean {
  return problem.type !== 'out-of-reach'
}

interface Findings {
  readonly damaged: readonly LakeFile[]
  readonly replaced: readonly Replaced[]
  readonly lost: readonly Gap[]
}

/** What a verify after a failed repair still finds: rows that were stored once. */
function isLost(gap: Gap): boolean {
  return gap.note === LOST
}

/** Nobody has asked for what is missing. */
function isOpen({ cause, checked, firstId, note }: Gap): boolean {
  return cause === 'unknown' && checked.length === 0 && (firstId !== undefined || note === LOST)
}

function openGaps({ gaps, covered }: SeriesCoverage): Gap[] {
  return gaps.filter((gap) => isOpen(gap) && !isLeftOut(gap, covered))
}

function spanOf(file: LakeFile, coverage: SeriesCoverage): TimeRange {
  // Of events `first` and `last` are instants; what lies at the last one is inside too.
  if (!kindOf(coverage.series.kind).hasInterval) return { from: file.first, to: file.last + 1 }
  return { from: file.first, to: nextOpen(gridOf(coverage, coverage.files[0]?.first), file.last) }
}

/** Does what can be done about the findings. Undefined when nothing was, or nothing had to be. */
async function mend(
  series: SeriesId,
  coverage: SeriesCoverage,
  findings: Findings,
  context: VerifyContext,
): Promise<{ readonly replaced: boolean } | undefined> {
  const { damaged, replaced, lost } = findings
  if (damaged.length + replaced.length + lost.length === 0) return undefined
  if (hasHistory(series.kind, series.market)) return await refetch(series, coverage, findings, context)
  if (damaged.length === 0) return undefined
  await giveUpEventFiles(context.lake.folder(series), series, damaged, { again: false, ...signalOf(context) })
  return { replaced: false }
}

/**
 * Gives up damaged files, and asks again for all that they and the replaced archive files were about. Nothing is given
 * up before a source is known to answer; what can't be had again after all stays on record as a gap.
 * @returns undefined when no source could be reached and nothing was done; else whether the replaced files were taken in.
 */
async function refetch(
  series: SeriesId,
  coverage: SeriesCoverage,
  { damaged, replaced, lost }: Findings,
  context: VerifyContext,
): Promise<{ readonly replaced: boolean } | undefined> {
  const spans = damaged.map((file) => spanOf(file, coverage))
  const renewed = normaliseRanges(intersectRanges(replaced, coverage.covered))
  const ranges = normaliseRanges([...spans, ...renewed, ...lost])
  const request = (range: TimeRange): DownloadRequest => ({ series, from: range.from, to: range.to, source: 'auto' })
  const failed = (reports: readonly SeriesReport[]): boolean => {
    // What could not be settled because REST was silent is no better than an error.
    const errors = reports.flatMap(
      ({ error, restError, unsettled }) => error ?? (unsettled.length > 0 ? (restError ?? []) : []),
    )
    for (const error of errors)
      context.log.error({ symbol: series.symbol, interval: series.interval, error }, 'not repaired')
    return errors.length > 0
  }
  // A range that is settled already: the download only asks what time it is, and fails when nobody answers.
  // Not one whose rows would be counted in a damaged file.
  const settled = subtractRanges(coverage.covered, spans)[0] ?? coverage.covered[0]
  const probe = settled ? { from: settled.from, to: Math.min(settled.to, settled.from + 1) } : undefined
  if (probe && !lost.some((gap) => gap.from < probe.to && gap.to > probe.from)) {
    if (failed(await context.download([request(probe)]))) return undefined
  }
  if (!kindOf(series.kind).hasInterval) {
    const folder = context.lake.folder(series)
    await giveUpEventFiles(folder, series, damaged, { again: true, ...signalOf(context) })
    // Between two records of one instant a gap has no length.
    const now = await context.lake.coverage(series)
    const gaps = now ? openGaps(now) : []
    const missing = normaliseRanges(gaps.map(({ from, to }) => ({ from, to: to + 1 })))
    const isFilled = !failed(await context.download(missing.map(request)))
    return { replaced: isFilled && (replaced.length === 0 || (await renew(series, replaced, context))) }
  }
  await withWriter(series, context, (writer) =>
    writer.commit({
      drop: damaged.map((file) => file.name),
      clear: spans,
      uncover: renewed,
      forget: replaced.map(({ path }) => path),
      // The range stays covered, with a gap that the next download asks for again.
      covered: subtractRanges(spans, coverage.covered).map((range) => ({ ...range, source: 'archive' as const })),
      findings: subtractRanges(spans, coverage.gaps).map((range) => ({
        ...range,
        cause: 'unknown' as const,
        checked: [],
        note: LOST,
      })),
      defects: damaged.map((file) => ({
        time: file.first,
        type: 'lost-file' as const,
        where: file.name,
        detail: `damaged in the lake; its ${file.rows} rows were given up and asked for again`,
        kept: 'none' as const,
      })),
    }),
  )
  const ok = !failed(await context.download(ranges.map(request)))
  if (!ok && replaced.length > 0) {
    // The rows of the former version are still there, and stand until the new one can be had.
    await withWriter(series, context, (writer) => {
      const open = subtractRanges(renewed, writer.coverage.covered)
      return writer.commit({
        covered: open.map((range) => ({ ...range, source: 'archive' as const })),
        findings: coverage.gaps.filter((gap) => !isLost(gap)),
        // With the former checks the next verify --archive notices again.
        checks: coverage.checks.filter(({ path }) =>
          replaced.some((one) => one.path === path && intersectRanges([one], open).length > 0),
        ),
      })
    })
  }
  return { replaced: ok }
}

/** Compares stored records with archive files that were published anew. @returns whether all of those were taken in. */
async function renew(series: SeriesId, replaced: readonly Replaced[], context: VerifyContext): Promise<boolean> {
  const checked = async () =>
    new Map((await context.lake.coverage(series))?.checks.map((one) => [one.path, one.sha256]))
  const before = await checked()
  const paths = replaced.map(({ path }) => path)
  const from = Math.min(...replaced.map((file) => file.from))
  const to = Math.max(...replaced.map((file) => file.to))
  await context.download([{ series, from, to, source: 'auto', renew: paths }])
  const after = await checked()
  return paths.every((path) => after.get(path) !== undefined && after.get(path) !== before.get(path))
}

async function withWriter(
  series: SeriesId,
  context: VerifyContext,
  work: (writer: SeriesWriter) => Promise<void>,
): Promise<void> {
  await using writer = await context.lake.writer(series, signalOf(context))
  await work(writer)
}

function signalOf({ signal }: VerifyContext): { signal?: AbortSignal } {
  return signal ? { signal } : {}
}

/** Sets the damaged coverage aside and writes one that says what the data files hold. */
async function rebuildCoverage(series: SeriesId, folder: string, context: VerifyContext): Promise<void> {
  await using _lock = await lockFile(join(folder, LOCK_FILE), {
    waitMs: 30_000,
    ...signalOf(context),
  })
  const { files, covered, unreadable, held } = await rebuildFiles(folder, series)
  const path = join(folder, COVERAGE_FILE)
  await rename(path, `${path}.damaged-${Date.now()}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  const first = files[0]?.first
  const coverage: SeriesCoverage = {
    ...emptyCoverage(series),
    revision: 1,
    updatedAt: new Date().toISOString(),
    ...(series.interval === '3d' && first !== undefined ? { origin: first } : {}),
    covered: normaliseRanges(covered).map((range) => ({ ...range, source: 'user' as const })),
    files,
    defects: unreadable.map((name) => ({
      type: 'lost-file' as const,
      where: name,
      detail: 'unreadable when the coverage was rebuilt',
      kept: 'none' as const,
    })),
    defectCount: unreadable.length,
  }
  const whole = kindOf(series.kind).hasInterval ? coverage : eventCoverage(series, coverage, held.ranges)
  await commitChange(folder, { renames: [], removes: [], coverage: whole }, () => {})
}

/**
 * The coverage of events whose files are all that is known. Where ids are counted they tell what is missing between the
 * first and the last of them; elsewhere nobody knows any more when nothing was received, and a gap says so.
 */
function eventCoverage(series: SeriesId, coverage: SeriesCoverage, ids: readonly HeldIds[]): SeriesCoverage {
  const kind = kindOf(series.kind)
  const { files } = coverage
  if (files.length === 0) return coverage
  const from = Math.min(...files.map((file) => file.first))
  const span = { from, to: Math.max(...files.map((file) => file.last)) + 0.001 }
  const held = hasHeldIds(kind)
  const note = 'the coverage was lost: what was missed in this time is no longer known'
  return nextEventCoverage(kind, coverage, {
    files,
    held: held ? ids : undefined,
    covered: [{ ...span, source: 'user' }],
    gaps: held ? [] : [{ ...span, cause: 'unknown', checked: [], note }],
  })
}

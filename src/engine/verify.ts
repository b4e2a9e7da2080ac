import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { fetchChecksum } from '../archive/checksum.ts'
import { isTicklakeError } from '../model/errors.ts'
import { nextOpen } from '../model/interval.ts'
import type { Log } from '../model/log.ts'
import { intersectRanges, normaliseRanges } from '../model/ranges.ts'
import { type SeriesId, seriesKey } from '../model/series.ts'
import type { TimeRange } from '../model/time.ts'
import type { HttpClient } from '../net/http.ts'
import { commitChange } from '../store/lake/commit.ts'
import {
  COVERAGE_FILE,
  coverageRows,
  emptyCoverage,
  type LakeFile,
  type SeriesCoverage,
} from '../store/lake/coverage-file.ts'
import { inspectFile, rebuildFiles, strayFiles } from '../store/lake/inspect.ts'
import type { Lake } from '../store/lake/lake.ts'
import { LOCK_FILE } from '../store/lake/lake.ts'
import { lockFile } from '../store/lake/lock.ts'
import { gridOf } from '../store/lake/series-writer.ts'
import type { ArchiveAccess } from './download/context.ts'
import type { DownloadRequest, SeriesReport, VerifyProblem, VerifyReport } from './types.ts'

export interface VerifyContext {
  readonly lake: Lake
  readonly http: HttpClient
  /** Where to ask for replaced files; undefined asks nobody. */
  readonly archive: ArchiveAccess | undefined
  readonly repair: boolean
  readonly log: Log
  readonly signal: AbortSignal | undefined
  readonly download: (requests: readonly DownloadRequest[]) => Promise<SeriesReport[]>
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
    if (!repaired) return { series, files: 0, rows: 0, bytes: 0, problems, gaps: [], ok: false }
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
    if (!coverage) return { series, files: 0, rows: 0, bytes: 0, problems, gaps: [], ok: problems.length === 0 }
  }

  const damaged: { file: LakeFile; problem: VerifyProblem }[] = []
  for (const file of coverage.files) {
    context.signal?.throwIfAborted()
    const found = await inspectFile(folder, file, coverage, context.signal)
    if (found) damaged.push({ file, problem: { ...found, path: join(seriesKey(series), file.name), repaired: false } })
  }
  const replaced = context.archive ? await findReplaced(coverage, context.archive, context) : []
  const redo = [...damaged.map(({ file }) => file), ...replaced]
  const repaired =
    context.repair && redo.length > 0 ? await refetch(series, coverage, damaged, replaced, context) : false
  problems.push(...damaged.map(({ problem }) => ({ ...problem, repaired })))
  problems.push(
    ...replaced.map(
      (check): VerifyProblem => ({ type: 'replaced-in-archive', path: check.path, detail: check.detail, repaired }),
    ),
  )
  for (const name of await strayFiles(folder, (await context.lake.coverage(series)) ?? coverage)) {
    problems.push({
      type: 'stray-file',
      path: join(seriesKey(series), name),
      detail: 'the coverage does not know this file; it is not read. Move it away, or delete it.',
      repaired: false,
    })
  }
  const after = (await context.lake.coverage(series)) ?? coverage
  return {
    series,
    files: after.files.length,
    rows: coverageRows(after),
    bytes: after.files.reduce((sum, file) => sum + file.bytes, 0),
    problems,
    gaps: after.gaps,
    ok: problems.every((problem) => problem.repaired || problem.type === 'stray-file'),
  }
}

interface Replaced extends TimeRange {
  readonly path: string
  readonly detail: string
}

/** Archive files whose published hash is no longer the one that was checked when they were taken in. */
async function findReplaced(
  coverage: SeriesCoverage,
  archive: ArchiveAccess,
  context: VerifyContext,
): Promise<Replaced[]> {
  const replaced: Replaced[] = []
  for (const check of coverage.checks) {
    const about = archive.layout.parseFile(check.path)
    if (!about || check.sha256 === undefined) continue
    const url = `${archive.url}/${check.path.split('/').map(encodeURIComponent).join('/')}.CHECKSUM`
    const published = await fetchChecksum(context.http, url, context.signal ? { signal: context.signal } : {})
    if (published !== undefined && published !== check.sha256 && published !== check.published) {
      replaced.push({
        ...about,
        path: check.path,
        detail: `the archive now publishes ${published}; ${check.sha256} was taken in`,
      })
    }
  }
  return replaced
}

/** Gives up damaged files, and asks again for all that they and the replaced archive files were about. */
async function refetch(
  series: SeriesId,
  coverage: SeriesCoverage,
  damaged: readonly { readonly file: LakeFile }[],
  replaced: readonly Replaced[],
  context: VerifyContext,
): Promise<boolean> {
  const grid = gridOf(coverage, coverage.files[0]?.first)
  const spans = damaged.map(({ file }) => ({ from: file.first, to: nextOpen(grid, file.last) }))
  const ranges = normaliseRanges(intersectRanges([...spans, ...replaced], coverage.covered))
  const dropped = new Set(damaged.map(({ file }) => file.name))
  {
    await using writer = await context.lake.writer(series, context.signal ? { signal: context.signal } : {})
    await writer.commit({ drop: [...dropped], uncover: ranges })
  }
  const reports = await context.download(ranges.map((range) => ({ series, ...range, source: 'auto' as const })))
  for (const report of reports) {
    if (report.error !== undefined)
      context.log.error({ symbol: series.symbol, interval: series.interval, error: report.error }, 'not repaired')
  }
  return reports.every((report) => report.error === undefined && report.rows + report.gaps.length > 0)
}

/** Sets the damaged coverage aside and writes one that says what the data files hold. */
async function rebuildCoverage(series: SeriesId, folder: string, context: VerifyContext): Promise<void> {
  await using _lock = await lockFile(join(folder, LOCK_FILE), {
    waitMs: 30_000,
    ...(context.signal ? { signal: context.signal } : {}),
  })
  const { files, covered, unreadable } = await rebuildFiles(folder, series)
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
  await commitChange(folder, { renames: [], removes: [], coverage }, () => {})
}

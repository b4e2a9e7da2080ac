import { ABSURD_RATIO } from '../../archive/candle-zip.ts'
import { fetchFile } from '../../archive/fetch-file.ts'
import type { ListedFile } from '../../archive/listing.ts'
import { type Batch, clipBatch, columnOf, concatBatches, mergeBatches } from '../../model/batch.ts'
import { CandleFlag, candle } from '../../model/candle.ts'
import type { Defect, FileCheck } from '../../model/coverage.ts'
import { isTicklakeError } from '../../model/errors.ts'
import type { Kind } from '../../model/kind.ts'
import { isPriceCandle, premiumCandle } from '../../model/price-candle.ts'
import type { TimeRange } from '../../model/time.ts'
import type { SeriesChange, StagedRows } from '../../store/lake/change.ts'
import { type GapFinding, missingOpens } from '../../store/lake/gaps.ts'
import { compareBatches, differences } from './compare.ts'
import { checkOf, hashProblem, lostFile, type ReadFile } from './file-check.ts'
import { FileRows, withFlag } from './file-rows.ts'
import type { SeriesDownload } from './series-download.ts'

/** Differences put on record per file; more are only counted. */
const MAX_DIFFERENCES = 200

/**
 * Fetches one archive file, checks it, and commits what is good of it for the given ranges.
 * @returns whether the ranges are settled; if not, another source has to serve them.
 */
export async function takeArchiveFile(
  download: SeriesDownload,
  file: ListedFile,
  ranges: readonly TimeRange[],
): Promise<boolean> {
  const { context, writer } = download
  const rows = new FileRows(writer, file, ranges, context.permits)
  let committed = false
  try {
    const fetched = await fetchFile(
      { path: file.path, bytes: file.bytes, etag: file.etag },
      { path: file.path, kind: download.writer.kind.id, interval: download.interval, from: file.from, to: file.to },
      rows,
      {
        http: context.http,
        pool: context.pool,
        baseUrl: context.archive!.url,
        partsFolder: writer.partsFolder,
        retry: { attempts: context.attempts, onRetry: (retry) => download.onRetry({ ...retry, what: file.path }) },
        stallMs: context.stallMs,
        onBytes: (bytes) => download.received(file.path, bytes),
        ...(context.signal ? { signal: context.signal } : {}),
      },
    )
    await rows.finish()
    if (fetched.state === 'missing' || fetched.state === 'unreadable') {
      await download.commit({ checks: [checkOf(file, fetched, fetched.state)], defects: [lostFile(file, fetched)] })
      return false
    }
    const change =
      fetched.state === 'verified'
        ? await verifiedChange(download, file, ranges, rows, fetched)
        : await doubtfulChange(download, file, ranges, rows, fetched)
    committed = true
    await download.commit(change)
    return true
  } catch (error) {
    if (context.signal?.aborted || !isTicklakeError(error) || !error.retryable) throw error
    // The archive does not give this file out now. The run goes on; REST may have it.
    context.log.warn(
      { ...download.logFields(), file: file.path, error: error.message },
      'the archive file could not be fetched',
    )
    await download.commit({ defects: [{ type: 'lost-file', where: file.path, detail: error.message, kept: 'none' }] })
    return false
  } finally {
    if (!committed) await rows.reset()
    rows.release()
  }
}

/** The file is what was published: its rows stand, what is missing in it is looked for elsewhere. */
async function verifiedChange(
  download: SeriesDownload,
  file: ListedFile,
  ranges: readonly TimeRange[],
  rows: FileRows,
  fetched: ReadFile,
): Promise<SeriesChange> {
  const batch = rows.batch()
  const missing = findMissing(download, ranges, batch, rows.staged)
  const filled = await download.fillHoles(missing)
  const doubts = await checkSuspects(download, file, rows.suspects)
  const filledTimes = new Set(filled.batches.flatMap((part) => [...columnOf(part, candle.sortKey)]))
  return {
    batches: [batch, ...filled.batches, ...doubts.batches],
    staged: rows.staged,
    covered: ranges.map((range) => ({ ...range, source: 'archive' as const })),
    findings: filled.findings,
    checks: [withNote(checkOf(file, fetched, 'verified'), filledNote(filledTimes.size))],
    defects: [...markFilled(fetched.result.defects, filledTimes), ...doubts.defects],
    moreDefects: fetched.result.defectCount - fetched.result.defects.length,
    inexactValues: fetched.result.inexactValues,
  }
}

/**
 * The file's hash is wrong, or none is published. Its rows are compared with REST: where both agree they stand, where
 * they differ REST's stand; when REST can't say, the rows are kept and flagged as unverified.
 */
async function doubtfulChange(
  download: SeriesDownload,
  file: ListedFile,
  ranges: readonly TimeRange[],
  rows: FileRows,
  fetched: ReadFile,
): Promise<SeriesChange> {
  const { kind } = download.writer
  const reason = hashProblem(fetched)
  const batches: Batch[] = []
  const defects: Defect[] = [...fetched.result.defects]
  const findings: GapFinding[] = []
  let differing = 0
  let compared = 0
  let unverified = 0
  for await (const { range, batch } of parts(download, ranges, rows)) {
    const found = await download.rest.rows(range)
    if (found === undefined) {
      unverified += batch.length
      batches.push(withFlag(batch, CandleFlag.unverified))
      findings.push(
        ...(await download.fillHoles(missingOpens(download.grid, range, [columnOf(batch, candle.sortKey)]))).findings,
      )
      continue
    }
    const rest = concatBatches(kind, found)
    const comparison = compareBatches(kind, batch, rest)
    compared += comparison.shared
    differing += comparison.differing.length + comparison.onlyFirst.length
    const limit = Math.max(0, MAX_DIFFERENCES - defects.length)
    defects.push(
      ...differences(kind, { source: 'archive', batch }, { source: 'rest', batch: rest }, 'rest', file.path, limit),
    )
    for (const time of comparison.onlyFirst.slice(0, limit)) {
      defects.push({
        time,
        type: 'difference',
        where: file.path,
        detail: 'the archive has this candle, REST does not',
        kept: 'archive',
      })
    }
    // A row that only the doubtful file has is better than none, but it is nobody's word but the file's.
    const only = rowsAt(batch, new Set(comparison.onlyFirst))
    const agreed = dropRows(batch, new Set([...comparison.differing, ...comparison.onlyFirst]))
    const replaced = rowsAt(rest, new Set([...comparison.differing, ...comparison.onlySecond]))
    const merged = mergeBatches(kind, withFlag(only, CandleFlag.unverified), mergeBatches(kind, agreed, replaced))
    batches.push(merged)
    findings.push(
      ...(await download.fillHoles(missingOpens(download.grid, range, [columnOf(merged, candle.sortKey)]))).findings,
    )
  }
  const outcome =
    unverified > 0 ? 'unverified' : differing > 0 ? 'mismatch-replaced-by-rest' : 'mismatch-confirmed-by-rest'
  const note =
    unverified > 0
      ? `${reason}; REST could not be asked; ${unverified} rows are flagged as unverified`
      : `${reason}; ${compared} rows compared with REST, ${differing} differ`
  await rows.reset()
  return {
    batches,
    covered: ranges.map((range) => ({ ...range, source: 'archive' as const })),
    findings,
    checks: [{ ...checkOf(file, fetched, outcome), note }],
    defects,
    moreDefects: fetched.result.defectCount - fetched.result.defects.length,
    inexactValues: fetched.result.inexactValues,
  }
}

/** Asks REST about rows that break a rule. */
async function checkSuspects(
  download: SeriesDownload,
  file: ListedFile,
  suspects: readonly Batch[],
): Promise<{ batches: Batch[]; defects: Defect[] }> {
  const { kind } = download.writer
  const batches: Batch[] = []
  const defects: Defect[] = []
  for (const row of suspects) {
    const time = columnOf(row, candle.sortKey)[0]!
    const found = await download.rest.rows({ from: time, to: time + 1 })
    const rest = concatBatches(kind, found ?? [])
    const sane = rest.length === 1 && (columnOf(rest, 'flags')[0]! & CandleFlag.suspect) === 0 && isSane(rest, kind)
    const [difference] = differences(
      kind,
      { source: 'archive', batch: row },
      { source: 'rest', batch: rest },
      'rest',
      file.path,
      1,
    )
    if (sane) batches.push(withFlag(rest, CandleFlag.revised))
    const rule = 'prices not positive or absurd, high or low not the extreme, or a negative volume'
    defects.push({
      time,
      type: 'suspect',
      where: file.path,
      detail: sane
        ? `the row breaks a rule (${rule}); REST gives another: ${difference?.detail ?? 'the same values'}`
        : `the row breaks a rule (${rule}), and REST has no better one`,
      kept: sane ? 'rest' : 'archive',
    })
  }
  return { batches, defects }
}

function isSane(row: Batch, kind: Kind): boolean {
  const signed = kind.id === premiumCandle.id
  const value = (name: string): number => columnOf(row, name)[0]!
  const low = value('low')
  const high = value('high')
  return (
    (low > 0 || signed) &&
    low <= value('open') &&
    low <= value('close') &&
    high >= value('open') &&
    high >= value('close') &&
    (high <= low * ABSURD_RATIO || signed) &&
    (isPriceCandle(kind.id) || value('volume') >= 0)
  )
}

function findMissing(
  download: SeriesDownload,
  ranges: readonly TimeRange[],
  batch: Batch,
  staged: readonly StagedRows[],
): TimeRange[] {
  if (staged.length === 0) {
    const times = [columnOf(batch, candle.sortKey)]
    const origin = batch.length > 0 ? times[0]![0]! : undefined
    const grid = download.grid.interval === '3d' && origin !== undefined ? { ...download.grid, origin } : download.grid
    return ranges.flatMap((range) => missingOpens(grid, range, times))
  }
  return download.missingAroundStaged(ranges, staged)
}

/** The file's rows by stretch: one stretch per wanted range, or per staged period of it. */
async function* parts(
  download: SeriesDownload,
  ranges: readonly TimeRange[],
  rows: FileRows,
): AsyncGenerator<{ range: TimeRange; batch: Batch }, void, void> {
  if (rows.staged.length === 0) {
    const batch = rows.batch()
    for (const range of ranges) yield { range, batch: clipBatch(candle, batch, range.from, range.to) }
    return
  }
  yield* download.writer.readStaged(rows.staged, ranges)
}

function rowsAt(batch: Batch, times: ReadonlySet<number>): Batch {
  return pick(batch, (time) => times.has(time))
}

function dropRows(batch: Batch, times: ReadonlySet<number>): Batch {
  return times.size === 0 ? batch : pick(batch, (time) => !times.has(time))
}

function pick(batch: Batch, wanted: (time: number) => boolean): Batch {
  const times = columnOf(batch, candle.sortKey)
  const picks: number[] = []
  for (let i = 0; i < batch.length; i++) if (wanted(times[i]!)) picks.push(i)
  const columns: Record<string, Float64Array> = {}
  for (const [name, values] of Object.entries(batch.columns))
    columns[name] = Float64Array.from(picks, (index) => values[index]!)
  return { length: picks.length, columns }
}

/** Rows that the file garbled and REST gave are no longer lost. */
function markFilled(defects: readonly Defect[], filled: ReadonlySet<number>): Defect[] {
  return defects.map((defect) =>
    defect.time !== undefined && filled.has(defect.time) ? { ...defect, kept: 'rest' as const } : defect,
  )
}

function filledNote(count: number): string | undefined {
  return count === 0 ? undefined : `${count} ${count === 1 ? 'candle' : 'candles'} missing in the file came from REST`
}

function withNote(check: FileCheck, note: string | undefined): FileCheck {
  return note === undefined ? check : { ...check, note: check.note === undefined ? note : `${check.note}; ${note}` }
}

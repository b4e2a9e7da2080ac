import { readFile, stat } from 'node:fs/promises'
import { parseChecksum } from '../../archive/checksum.ts'
import { ParsePool } from '../../archive/parse-pool.ts'
import type { Exchange } from '../../exchanges/exchange.ts'
import { exchangeOf } from '../../exchanges/index.ts'
import { CandleFlag } from '../../model/candle.ts'
import type { FileCheck } from '../../model/coverage.ts'
import { isTicklakeError, ParseError, StorageError } from '../../model/errors.ts'
import { kindOf } from '../../model/kinds.ts'
import { seriesKey } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import type { SeriesChange } from '../../store/lake/change.ts'
import type { Lake } from '../../store/lake/lake.ts'
import type { SeriesWriter } from '../../store/lake/series-writer.ts'
import { changeRows, joinChanges } from '../download/commit-queue.ts'
import { Permits } from '../limiter.ts'
import { type FoundFile, findFiles } from './find-files.ts'
import { identifyFile } from './identify.ts'
import { readArchive } from './read-archive.ts'
import { readArrow } from './read-arrow.ts'
import { readCcxt } from './read-ccxt.ts'
import { readFreqtrade } from './read-freqtrade.ts'
import { readParquetFile } from './read-parquet.ts'
import { readTardis } from './read-tardis.ts'
import { readCsv, readJsonl, type TableContext } from './read-text.ts'
import { CandleImport } from './take-candles.ts'
import { EventImport } from './take-events.ts'
import type { ImportFormat, ImportHints, ImportReport, ImportTarget, OnBatch, ReadFacts } from './types.ts'

export interface ImportOptions {
  readonly lake: Lake
  /** Files, and folders that stand for all files of data in them. */
  readonly paths: readonly string[]
  /** Folder that relative paths begin at; default: that of the process. */
  readonly cwd?: string
  /** What the names of files do not tell. */
  readonly hints?: Partial<ImportHints>
  readonly signal?: AbortSignal
  /** Called as soon as a file is done with. */
  readonly onReport?: (report: ImportReport) => void
  /** How many files there are, before the first is read. */
  readonly onFound?: (files: number) => void
}

/**
 * Takes files that are on disk already into a lake, through the same parsers and checks as a download: zips and CSVs of
 * the exchange's archive, candles of ccxt and freqtrade, datasets of tardis.dev, and whatever `export` writes. What fails in
 * one file stands in its report and does not stop the others; each file counts wholly or not at all.
 * @throws StorageError for a path that does not exist, or a series that cannot be written.
 */
export async function importFiles(options: ImportOptions): Promise<ImportReport[]> {
  const { lake, signal } = options
  const exchange = exchangeOf(options.hints?.exchange ?? 'binance')
  const hints: ImportHints = { ...options.hints, exchange: exchange.id }
  const files = await findFiles(options.paths, options.cwd ?? process.cwd())
  options.onFound?.(files.length)
  const reports: ImportReport[] = []
  const tell = (report: ImportReport): void => {
    reports.push(report)
    options.onReport?.(report)
  }
  const targets = new Map<string, ImportTarget[]>()
  for (const file of files) {
    signal?.throwIfAborted()
    const target = await tryToIdentify(file, exchange, hints)
    if ('outcome' in target) tell(target)
    else {
      const key = seriesKey(target.series)
      targets.set(key, [...(targets.get(key) ?? []), target])
    }
  }
  await using pool = new ParsePool()
  const permits = new Permits(FILES_AT_ONCE + 1)
  const context: Context = { lake, exchange, pool, permits, signal, columns: hints.columns }
  for (const same of targets.values()) {
    const before = reports.length
    try {
      await importSeries(same, context, tell)
    } catch (error) {
      if (signal?.aborted || !isTicklakeError(error) || !OWN.includes(error.code)) throw error
      // The series can not be written; the others are not to suffer.
      const told = new Set(reports.slice(before).map(({ path }) => path))
      for (const { path, series, format } of same)
        if (!told.has(path)) tell({ ...NOTHING, path, series, format, outcome: 'failed', error: error.message })
    }
  }
  return reports
}

/** Codes of what stands in the way of one series only. */
const OWN: readonly string[] = ['LAKE_LOCKED', 'DAMAGED_COVERAGE', 'NEWER_COVERAGE']

interface Context {
  readonly lake: Lake
  readonly exchange: Exchange
  readonly pool: ParsePool
  readonly permits: Permits
  readonly signal: AbortSignal | undefined
  /** Of CSV without a line of names. */
  readonly columns: readonly string[] | undefined
}

async function tryToIdentify(
  { path }: FoundFile,
  exchange: Exchange,
  hints: ImportHints,
): Promise<ImportTarget | ImportReport> {
  try {
    return await identifyFile(path, exchange, hints)
  } catch (error) {
    if (!isTicklakeError(error)) throw error
    return { ...NOTHING, path, outcome: 'failed', error: error.message }
  }
}

const NOTHING = { rows: 0, added: 0, same: 0, differing: 0, lacking: 0, defects: 0 } as const

/** Takes the files of one series in, under one lock, in the order of their time. */
async function importSeries(
  targets: readonly ImportTarget[],
  context: Context,
  tell: (report: ImportReport) => void,
): Promise<void> {
  const { lake, signal } = context
  const { series } = targets[0]!
  const start = ({ range }: ImportTarget): number => range?.from ?? Number.POSITIVE_INFINITY
  const ordered = [...targets].sort((a, b) => start(a) - start(b) || (a.path < b.path ? -1 : 1))
  const waiting = signal ? { signal } : {}
  if (!kindOf(series.kind).hasInterval) {
    await using writer = await lake.eventWriter(series, waiting)
    for (const target of ordered) {
      const one = await importOne(target, context, () => new EventImport(target, writer, lake))
      tell(one.report)
    }
    await writer.tidy(Date.now(), signal)
    return
  }
  await using writer = await lake.writer(series, waiting)
  await using batch = new ChangeBatch(writer, tell)
  for (const target of ordered) {
    // A file is compared with what the lake has: what came before it in its range must be there.
    if (batch.touches(target.range)) await batch.commit()
    const one = await importOne(target, context, () => new CandleImport(target, writer, lake, context.permits))
    if (one.change && one.rows instanceof CandleImport) await batch.add(target, one.change, one.rows, one.report)
    else {
      await batch.commit()
      tell(one.report)
    }
  }
  await batch.commit()
}

/** Files committed together: each commit writes the periods that it touches whole. */
const FILES_AT_ONCE = 64
const ROWS_AT_ONCE = 100_000

/** Changes of several files on their way into one commit. */
class ChangeBatch implements AsyncDisposable {
  readonly #writer: SeriesWriter
  readonly #tell: (report: ImportReport) => void
  #waiting: { target: ImportTarget; change: SeriesChange; rows: CandleImport; report: ImportReport }[] = []
  #count = 0

  constructor(writer: SeriesWriter, tell: (report: ImportReport) => void) {
    this.#writer = writer
    this.#tell = tell
  }

  /** Whether a change that waits is about a range, as far as that is known. */
  touches(range: TimeRange | undefined): boolean {
    return this.#waiting.some(
      ({ target }) => !range || !target.range || (target.range.from < range.to && range.from < target.range.to),
    )
  }

  async add(target: ImportTarget, change: SeriesChange, rows: CandleImport, report: ImportReport): Promise<void> {
    this.#waiting.push({ target, change, rows, report })
    this.#count += changeRows(change)
    if (this.#waiting.length >= FILES_AT_ONCE || this.#count >= ROWS_AT_ONCE) await this.commit()
  }

  async commit(): Promise<void> {
    const taken = this.#waiting
    if (taken.length === 0) return
    const change = joinChanges(taken.map((one) => one.change))
    // What is missing in a file is no news of a gap that was known.
    await this.#writer.commit({ ...change, findings: this.#writer.coverage.gaps })
    this.#waiting = []
    this.#count = 0
    for (const { rows, report } of taken) {
      rows.release()
      this.#tell(report)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { rows } of this.#waiting.splice(0)) await rows.discard()
  }
}

interface Imported {
  readonly report: ImportReport
  /** Of candles: what is still to be committed, and who holds its rows. */
  readonly change?: SeriesChange
  readonly rows?: CandleImport | EventImport
}

async function importOne(
  target: ImportTarget,
  context: Context,
  open: () => CandleImport | EventImport,
): Promise<Imported> {
  const { path, series, format } = target
  const about = { path, series, format }
  context.signal?.throwIfAborted()
  let rows: CandleImport | EventImport | undefined
  try {
    const published = await publishedHash(path)
    const into = open()
    rows = into
    // Before it is read nobody knows whether the hash will fit: a file that does not fit is not taken at all.
    if (format === 'archive' && published === undefined)
      into.mark(CandleFlag.unverified | (target.archivePath === undefined ? CandleFlag.user : 0))
    const facts = await read(target, context, (batch) => into.add(batch))
    if (published !== undefined && published !== facts.sha256) {
      throw new ParseError(
        path,
        `SHA-256 is ${facts.sha256}, but its .CHECKSUM says ${published}: it is damaged, or one of them was replaced. Nothing of it was taken. Fetch it again, or move the .CHECKSUM away to take it as unverified`,
      )
    }
    const [firstDefect] = facts.defects
    const shown = firstDefect === undefined ? undefined : `${firstDefect.where}: ${firstDefect.detail}`
    if (facts.rows === 0 && facts.defectCount > 0) throw new ParseError(path, `holds no row that can be read; ${shown}`)
    const check = checkOf(target, facts, published)
    const { taken, ...rest } = await into.finish({
      checks: [check],
      defects: facts.defects,
      moreDefects: facts.defectCount - facts.defects.length,
      inexactValues: facts.inexactValues,
    })
    rows = undefined
    const noted = shown === undefined ? {} : { firstDefect: shown }
    const counts = { rows: facts.rows, ...taken, defects: facts.defectCount, ...noted }
    return { report: { ...about, outcome: 'taken', check, ...counts }, rows: into, ...rest }
  } catch (error) {
    context.signal?.throwIfAborted()
    const readable = fileError(path, error)
    // A lake that cannot be written is no matter of one file.
    if (!readable || (error instanceof StorageError && !error.path.startsWith(path))) throw error
    return { report: { ...NOTHING, ...about, outcome: 'failed', error: readable.message } }
  } finally {
    await rows?.discard()
  }
}

function fileError(path: string, error: unknown): Error | undefined {
  if (isTicklakeError(error)) return error
  const { code, path: failed } = error as NodeJS.ErrnoException
  return code !== undefined && failed === path
    ? new StorageError(path, `cannot be read (${(error as Error).message}).`)
    : undefined
}

async function read(target: ImportTarget, context: Context, onBatch: OnBatch): Promise<ReadFacts> {
  const { signal } = context
  const { format, path } = target
  if (format === 'archive') return readArchive(target, onBatch, context)
  if (format === 'tardis') return readTardis(target, onBatch, signal)
  const until = Math.min((await stat(path)).mtimeMs, Date.now())
  if (format === 'csv') return readCsv(target, onBatch, { until, signal, columns: context.columns })
  return READERS[format](target, onBatch, { until, signal })
}

type TableReader = (target: ImportTarget, onBatch: OnBatch, context: TableContext) => Promise<ReadFacts>

const READERS = {
  ccxt: readCcxt,
  freqtrade: readFreqtrade,
  jsonl: readJsonl,
  parquet: readParquetFile,
  arrow: readArrow,
} as const satisfies Partial<Record<ImportFormat, TableReader>>

/** The hash in the `.CHECKSUM` beside a file; undefined without one. @throws ParseError when it holds anything else. */
async function publishedHash(path: string): Promise<string | undefined> {
  const beside = `${path}.CHECKSUM`
  const text = await readFile(beside, 'latin1').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new StorageError(beside, `cannot be read (${error.message}).`)
  })
  return text === undefined ? undefined : parseChecksum(text, beside)
}

/** What goes on record of a file: under the archive's own path where it has one, so that `verify --archive` knows it. */
function checkOf(target: ImportTarget, facts: ReadFacts, published: string | undefined): FileCheck {
  const { path, archivePath, format } = target
  const outcome = published !== undefined ? 'verified' : format === 'archive' ? 'unverified' : 'imported'
  const why = outcome === 'unverified' ? ['no .CHECKSUM beside it'] : []
  return {
    path: archivePath ?? path,
    outcome,
    sha256: facts.sha256,
    ...(published === undefined ? {} : { published }),
    rows: facts.rows,
    at: new Date().toISOString(),
    note: [`imported from ${path}`, ...why, ...facts.notes].join('; '),
  }
}

import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBValueConverter, JS } from '@duckdb/node-api'
import { isAbortError, TicklakeError } from '../../model/errors.ts'
import { KINDS } from '../../model/kinds.ts'
import { type SeriesId, seriesKey } from '../../model/series.ts'
import { readCoverage } from './coverage-file.ts'
import { connectDuck, quote, quoteName } from './duckdb.ts'
import { storageError } from './errors.ts'
import { AwayViews } from './query-away.ts'
import { lockForReading } from './reader-lock.ts'
import { findSeries } from './scan.ts'
import { SQL_TYPE } from './vectors.ts'

export interface QueryColumn {
  readonly name: string
  /** DuckDB's type, e.g. `DOUBLE`, `TIMESTAMP WITH TIME ZONE`. */
  readonly type: string
}

export interface QueryResult {
  readonly columns: readonly QueryColumn[]
  /**
   * Rows as arrays in the order of the columns. Times are epoch milliseconds with a fraction down to the microsecond;
   * whole numbers are numbers up to 2^53 and BigInts beyond.
   */
  readonly rows: AsyncIterable<readonly unknown[]>
}

/** A question that DuckDB could not answer. */
export class QueryError extends TicklakeError {
  constructor(message: string, cause?: unknown) {
    super('QUERY', message, cause === undefined ? {} : { cause })
  }
}

/** SQL over a lake. Each kind of data is a view with its own columns and exchange, market, symbol and interval. */
export interface LakeQuery extends Disposable {
  /** Runs one statement. @throws QueryError with DuckDB's words. */
  run(sql: string, options?: { readonly signal?: AbortSignal }): Promise<QueryResult>
}

/** Opens a lake for SQL: the views show the data files that the coverage of each series names now. */
export async function openQuery(dataDir: string): Promise<LakeQuery> {
  const connection = await connectDuck()
  let eventFiles: readonly string[] = []
  const away = new AwayViews()
  const defineViews = async (): Promise<void> => {
    const series = await findSeries(dataDir)
    const files: string[] = []
    away.clear()
    for (const kind of Object.keys(KINDS)) await connection.run(await viewSql(dataDir, kind, series, files, away))
    eventFiles = files
  }
  const open = new Set<AsyncDisposable>()
  /** Keeps merges of a collector away while a question is answered, and makes the views anew where one came before. */
  const hold = async (): Promise<() => void> => {
    if (eventFiles.length === 0) return () => {}
    const lock = await lockForReading(dataDir)
    if (lock) open.add(lock)
    const there = await Promise.all(
      eventFiles.map((path) =>
        access(path).then(
          () => true,
          () => false,
        ),
      ),
    )
    if (there.includes(false)) await defineViews()
    return () => {
      if (lock && open.delete(lock)) void lock[Symbol.asyncDispose]()
    }
  }
  try {
    await defineViews()
  } catch (error) {
    connection.closeSync()
    throw storageError(dataDir, 'the views could not be made', error)
  }
  return {
    run: async (sql, options = {}) => {
      const { signal } = options
      signal?.throwIfAborted()
      const stop = (): void => connection.interrupt()
      signal?.addEventListener('abort', stop)
      const release = await hold()
      const held: Disposable[] = []
      const free = (): void => {
        release()
        for (const copies of held.splice(0)) copies[Symbol.dispose]()
      }
      try {
        if (await away.bring(sql, held, signal)) await defineViews()
        const result = await connection.stream(sql)
        const columns = result.columnNames().map((name, index) => ({ name, type: String(result.columnType(index)) }))
        return { columns, rows: readRows(result, signal, stop, free) }
      } catch (cause) {
        free()
        signal?.removeEventListener('abort', stop)
        signal?.throwIfAborted()
        throw new QueryError(cause instanceof Error ? cause.message : String(cause), cause)
      }
    },
    [Symbol.dispose]: () => {
      connection.closeSync()
      for (const lock of open) void lock[Symbol.asyncDispose]()
    },
  }
}

type StreamingResult = Awaited<ReturnType<Awaited<ReturnType<typeof connectDuck>>['stream']>>

async function* readRows(
  result: StreamingResult,
  signal: AbortSignal | undefined,
  stop: () => void,
  free: () => void,
): AsyncGenerator<readonly unknown[], void, void> {
  const toJs = await jsConverter()
  try {
    for (;;) {
      signal?.throwIfAborted()
      const chunk = await result.fetchChunk()
      if (!chunk || chunk.rowCount === 0) return
      yield* chunk.convertRows(toJs)
    }
  } catch (cause) {
    signal?.throwIfAborted()
    if (isAbortError(cause)) throw cause
    throw new QueryError(cause instanceof Error ? cause.message : String(cause), cause)
  } finally {
    free()
    signal?.removeEventListener('abort', stop)
  }
}

/** DuckDB's own conversion, but for times (its Dates lose the microseconds) and for whole numbers that fit a number. */
async function jsConverter(): Promise<DuckDBValueConverter<JS>> {
  const { DuckDBTypeId, JSDuckDBValueConverter } = await import('@duckdb/node-api')
  const toJs: DuckDBValueConverter<JS> = (value, type, self) => {
    if (typeof value === 'bigint') return BigInt.asIntN(54, value) === value ? Number(value) : value
    if (value !== null && (type.typeId === DuckDBTypeId.TIMESTAMP || type.typeId === DuckDBTypeId.TIMESTAMP_TZ)) {
      return Number((value as { readonly micros: bigint }).micros) / 1000
    }
    return JSDuckDBValueConverter(value, type, self)
  }
  return toJs
}

/**
 * One branch per series, with its names as constants: a filter on symbol or interval then opens that series' files and
 * no others.
 */
async function viewSql(
  dataDir: string,
  kindId: string,
  all: readonly SeriesId[],
  eventFiles: string[],
  away: AwayViews,
): Promise<string> {
  const kind = KINDS[kindId]!
  const names = kind.columns.map((spec) => quoteName(spec.name)).join(', ')
  const branches: string[] = []
  for (const series of all.filter((candidate) => candidate.kind === kindId)) {
    const folder = join(dataDir, seriesKey(series))
    const coverage = await readCoverage(folder)
    if (!coverage || coverage.files.length === 0) continue
    const present = await away.show(series, folder, coverage.files)
    if (present.length === 0) continue
    const paths = present.map((file) => join(folder, file.name))
    if (!kind.hasInterval) eventFiles.push(...paths)
    const files = paths.map(quote).join(', ')
    const constants = `${quote(series.exchange)} AS exchange, ${quote(series.market)} AS market, ${quote(series.symbol)} AS symbol`
    const interval = kind.hasInterval ? `, ${quote(series.interval ?? '')} AS "interval"` : ''
    branches.push(`SELECT ${constants}${interval}, ${names} FROM read_parquet([${files}])`)
  }
  const body = branches.length > 0 ? branches.join('\nUNION ALL\n') : emptyView(kindId)
  return `CREATE OR REPLACE TEMP VIEW ${quoteName(kindId)} AS ${body}`
}

function emptyView(kindId: string): string {
  const kind = KINDS[kindId]!
  const keys = ['exchange', 'market', 'symbol', ...(kind.hasInterval ? ['interval'] : [])]
  const columns = [
    ...keys.map((name) => `NULL::VARCHAR AS ${quoteName(name)}`),
    ...kind.columns.map((spec) => `NULL::${SQL_TYPE[spec.type]} AS ${quoteName(spec.name)}`),
  ]
  return `SELECT ${columns.join(', ')} WHERE false`
}

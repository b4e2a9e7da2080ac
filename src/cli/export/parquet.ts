import { stat } from 'node:fs/promises'
import { StorageError } from '../../model/errors.ts'
import type { Kind } from '../../model/kind.ts'
import { connectDuck, quote, quoteName } from '../../store/lake/duckdb.ts'
import { type Compression, sqlTime } from '../../store/lake/parquet.ts'
import type { NamedColumn, TimeFormat } from './rows.ts'

export interface ParquetExport {
  readonly kind: Kind
  /** Files of the lake in the order of their rows. */
  readonly paths: readonly string[]
  readonly columns: readonly NamedColumn[]
  readonly from: number
  readonly to: number
  /** Leave out for timestamps in µs, UTC; else whole numbers. */
  readonly time: TimeFormat | undefined
  readonly compression: Compression
  readonly target: string
  readonly signal: AbortSignal
}

/** Writes a range of a series as one Parquet file and gives its rows and bytes. DuckDB streams: memory is bounded. */
export async function writeParquetFile(job: ParquetExport): Promise<{ rows: number; bytes: number }> {
  using connection = await connectDuck()
  const stop = (): void => connection.interrupt()
  job.signal.addEventListener('abort', stop)
  try {
    job.signal.throwIfAborted()
    const compression = job.compression === 'none' ? 'uncompressed' : job.compression
    const result = await connection.runAndReadAll(
      `COPY (${selectAll(job)}) TO ${quote(job.target)} (FORMAT parquet, COMPRESSION ${compression}, PARQUET_VERSION v2)`,
    )
    return { rows: Number(result.getRows()[0]?.[0] ?? 0), bytes: (await stat(job.target)).size }
  } catch (cause) {
    job.signal.throwIfAborted()
    throw new StorageError(job.target, `the Parquet file could not be written (${(cause as Error).message}).`, {
      cause,
    })
  } finally {
    job.signal.removeEventListener('abort', stop)
  }
}

function selectAll(job: ParquetExport): string {
  const key = quoteName(job.kind.sortKey)
  const columns = job.columns.map(({ spec, name }) => {
    const column = quoteName(spec.name)
    if (spec.type !== 'time' || job.time === undefined) return `${column} AS ${quoteName(name)}`
    return `${job.time === 'ms' ? 'epoch_ms' : 'epoch_us'}(${column}) AS ${quoteName(name)}`
  })
  if (job.paths.length === 0) {
    const types = {
      time: job.time === undefined ? 'TIMESTAMPTZ' : 'BIGINT',
      float64: 'DOUBLE',
      integer: 'BIGINT',
      flags: 'INTEGER',
      id: 'BIGINT',
      boolean: 'BOOLEAN',
    }
    return `SELECT ${job.columns.map(({ spec, name }) => `NULL::${types[spec.type]} AS ${quoteName(name)}`).join(', ')} WHERE false`
  }
  return `SELECT ${columns.join(', ')} FROM read_parquet([${job.paths.map(quote).join(', ')}]) WHERE ${key} >= ${sqlTime(job.from)} AND ${key} < ${sqlTime(job.to)}`
}

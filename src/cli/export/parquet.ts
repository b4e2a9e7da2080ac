import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StorageError } from '../../model/errors.ts'
import type { Kind } from '../../model/kind.ts'
import type { LakeFile } from '../../store/lake/coverage-file.ts'
import { holdLocal } from '../../store/lake/depot/local-copies.ts'
import { connectPacker, quote, quoteName } from '../../store/lake/duckdb.ts'
import { systemCode } from '../../store/lake/errors.ts'
import { boundsSql, orderedSql } from '../../store/lake/event-read.ts'
import { type Compression, sqlTime } from '../../store/lake/parquet.ts'
import { SQL_TYPE } from '../../store/lake/vectors.ts'
import type { NamedColumn, TimeFormat } from './rows.ts'

export interface ParquetExport {
  readonly kind: Kind
  /** Folder of the series. */
  readonly folder: string
  /** Those of its files that may hold rows of the range. */
  readonly files: readonly LakeFile[]
  readonly columns: readonly NamedColumn[]
  readonly from: number
  readonly to: number
  /** Leave out for timestamps in µs, UTC; else whole numbers. */
  readonly time: TimeFormat | undefined
  readonly compression: Compression
  readonly target: string
  readonly signal: AbortSignal
}

/**
 * Writes a range of a series as one Parquet file and gives its rows and bytes. DuckDB streams, with one thread: several
 * that keep the rows in their order hold groups for one another, 250 MB of them.
 */
export async function writeParquetFile(job: ParquetExport): Promise<{ rows: number; bytes: number }> {
  using connection = await connectPacker()
  const stop = (): void => connection.interrupt()
  job.signal.addEventListener('abort', stop)
  try {
    job.signal.throwIfAborted()
    using _held = await holdLocal(job.folder, job.files, job.signal)
    const compression = job.compression === 'none' ? 'uncompressed' : job.compression
    // The target is a temporary file of ours already: DuckDB's own would stay behind where the disk is full.
    const result = await connection.runAndReadAll(
      `COPY (${selectAll(job)}) TO ${quote(job.target)} (FORMAT parquet, COMPRESSION ${compression}, PARQUET_VERSION v2, USE_TMP_FILE false)`,
    )
    return { rows: Number(result.getRows()[0]?.[0] ?? 0), bytes: (await stat(job.target)).size }
  } catch (cause) {
    job.signal.throwIfAborted()
    const code = systemCode(cause)
    throw new StorageError(job.target, `the Parquet file could not be written (${(cause as Error).message}).`, {
      ...{ cause, ...(code === undefined ? {} : { code }) },
    })
  } finally {
    job.signal.removeEventListener('abort', stop)
  }
}

function selectAll(job: ParquetExport): string {
  const { kind, folder, files, from, to } = job
  const columns = job.columns.map(({ spec, name }) => {
    const column = quoteName(spec.name)
    if (spec.type !== 'time' || job.time === undefined) return `${column} AS ${quoteName(name)}`
    return `${job.time === 'ms' ? 'epoch_ms' : 'epoch_us'}(${column}) AS ${quoteName(name)}`
  })
  if (files.length === 0) {
    const types = { ...SQL_TYPE, ...(job.time === undefined ? {} : { time: 'BIGINT' }) }
    return `SELECT ${job.columns.map(({ spec, name }) => `NULL::${types[spec.type]} AS ${quoteName(name)}`).join(', ')} WHERE false`
  }
  if (!kind.hasInterval) {
    const where = ` WHERE ${boundsSql(kind, from, to)}`
    return `SELECT ${columns.join(', ')} FROM (${orderedSql(folder, kind, files, kind.columns, where)})`
  }
  const key = quoteName(kind.sortKey)
  const paths = files.map((file) => quote(join(folder, file.name))).join(', ')
  return `SELECT ${columns.join(', ')} FROM read_parquet([${paths}]) WHERE ${key} >= ${sqlTime(from)} AND ${key} < ${sqlTime(to)}`
}

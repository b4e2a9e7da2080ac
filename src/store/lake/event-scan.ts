import type { DuckDBConnection } from '@duckdb/node-api'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import type { LakeFile } from './coverage-file.ts'
import { connectDuck, loadDuck, quoteName } from './duckdb.ts'
import { storageError } from './errors.ts'
import { boundsSql, groupOverlapping, orderedSql } from './event-read.ts'
import { readId } from './ids.ts'

/** Columns of one chunk of rows, by name. They lie in DuckDB's memory and are gone with the next chunk. */
export interface ScannedChunk {
  readonly length: number
  readonly columns: Readonly<Record<string, Float64Array>>
  /** A byte per row, 1 for true. */
  readonly flags: Readonly<Record<string, Uint8Array>>
}

/** What to read of a series of events, as numbers. */
export interface ScanQuery {
  /** Names, and SQL over the kind's columns that gives a DOUBLE. */
  readonly values: Readonly<Record<string, string>>
  /** As `values`, of what is a BOOLEAN. */
  readonly flags?: Readonly<Record<string, string>>
  /** The columns that the SQL mentions. */
  readonly columns: readonly ColumnSpec[]
  /** Range of the kind's time column, half-open, epoch ms. */
  readonly from: number
  readonly to: number
  readonly signal?: AbortSignal
}

/** SQL for an instant as epoch ms. */
export const MILLISECONDS = (column: string): string => `epoch_us(${quoteName(column)})::DOUBLE / 1000`

/** Rows that DuckDB unpacks in one go; a stream would cost a turn of its threads per 2048 rows. */
const SLICE_ROWS = 500_000
/** Slices that are unpacked ahead while one is worked on. */
const AHEAD = 2

/**
 * Rows in the order of the sort key for those who look at each once: several times as fast as reading them, since nothing
 * is copied out of DuckDB's memory and the next files are unpacked meanwhile.
 */
export async function* scanEventFiles(
  folder: string,
  kind: Kind,
  files: readonly LakeFile[],
  query: ScanQuery,
): AsyncGenerator<ScannedChunk, void, void> {
  const { bindings } = await loadDuck()
  const slices = sliceSql(folder, kind, files, query)
  const names = Object.keys(query.values)
  const flagNames = Object.keys(query.flags ?? {})
  const connections: (DuckDBConnection & Disposable)[] = []
  const stop = (): void => {
    for (const connection of connections) connection.interrupt()
  }
  query.signal?.addEventListener('abort', stop)
  const under: ReturnType<DuckDBConnection['run']>[] = []
  try {
    for (let i = 0; i < Math.min(AHEAD, slices.length); i++) connections.push(await connectDuck())
    const start = (slice: number): void => {
      const sql = slices[slice]
      if (sql === undefined) return
      const running = connections[slice % AHEAD]!.run(sql)
      // It is awaited later, perhaps never: a failure must not end the process meanwhile.
      running.catch(() => {})
      under[slice] = running
    }
    for (let i = 0; i < AHEAD; i++) start(i)
    for (let slice = 0; slice < slices.length; slice++) {
      query.signal?.throwIfAborted()
      const result = await under[slice]!
      delete under[slice]
      // At once, so that DuckDB's threads have work while this one has.
      start(slice + AHEAD)
      const count = result.chunkCount
      for (let index = 0; index < count; index++) {
        const { chunk, rowCount } = result.getChunk(index)
        const data = (at: number, size: number): Uint8Array =>
          bindings.vector_get_data(bindings.data_chunk_get_vector(chunk, at), rowCount * size)
        const columns: Record<string, Float64Array> = {}
        const flags: Record<string, Uint8Array> = {}
        names.forEach((name, at) => {
          const bytes = data(at, 8)
          columns[name] = new Float64Array(bytes.buffer, bytes.byteOffset, rowCount)
        })
        flagNames.forEach((name, at) => {
          flags[name] = data(names.length + at, 1)
        })
        yield { length: rowCount, columns, flags }
      }
    }
  } catch (cause) {
    query.signal?.throwIfAborted()
    throw storageError(folder, 'the data could not be read', cause)
  } finally {
    query.signal?.removeEventListener('abort', stop)
    await Promise.allSettled(Object.values(under))
    for (const connection of connections) connection[Symbol.dispose]()
  }
}

/** SQL for stretches of rows that are unpacked in one go, in their order. */
function sliceSql(folder: string, kind: Kind, files: readonly LakeFile[], query: ScanQuery): string[] {
  const { from, to, columns, values, flags } = query
  const key = quoteName(kind.sortKey)
  const wanted = Object.entries({ ...values, ...flags }).map(([name, sql]) => `${sql} AS ${quoteName(name)}`)
  const slices: string[] = []
  for (const group of joinSmall(groupOverlapping(files.filter((file) => file.last >= from && file.first < to)))) {
    const isInside = group.every((file) => file.first >= from && file.last < to)
    const bounds = isInside ? [] : [boundsSql(kind, from, to)]
    for (const keys of keyRanges(kind, group)) {
      const where = [...bounds, ...keys]
      const rows = orderedSql(folder, kind, group, columns, where.length > 0 ? ` WHERE ${where.join(' AND ')}` : '')
      slices.push(`SELECT ${wanted.join(', ')} FROM (${rows})`)
    }
  }
  return slices

  /** Bounds of the ids of each part of a group that is too large for one go. */
  function* keyRanges(of: Kind, group: readonly LakeFile[]): Generator<string[], void, void> {
    const rows = group.reduce((sum, file) => sum + file.rows, 0)
    const parts = Math.ceil(rows / SLICE_ROWS)
    if (parts < 2 || of.continuity.rule !== 'consecutive-id') {
      yield []
      return
    }
    const ids = group.flatMap((file) => [BigInt(readId(file.firstKey ?? 0)), BigInt(readId(file.lastKey ?? 0))])
    const first = ids.reduce((a, b) => (a < b ? a : b))
    const last = ids.reduce((a, b) => (a > b ? a : b))
    const step = (last - first) / BigInt(parts) + 1n
    for (let at = first; at <= last; at += step) yield [`${key} >= ${at}`, `${key} < ${at + step}`]
  }
}

/** Groups that are in order one after the other, several together where they have few rows: a question has its price. */
function joinSmall(groups: readonly LakeFile[][]): LakeFile[][] {
  const joined: LakeFile[][] = []
  let room = 0
  for (const group of groups) {
    const rows = group.reduce((sum, file) => sum + file.rows, 0)
    if (rows <= room) joined.at(-1)!.push(...group)
    else {
      joined.push([...group])
      room = SLICE_ROWS
    }
    room -= rows
  }
  return joined
}

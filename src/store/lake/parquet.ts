import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import type { DataChunk } from '@duckdb/node-bindings'
import { type Batch, columnOf } from '../../model/batch.ts'
import { StorageError } from '../../model/errors.ts'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { connectDuck, type DuckModules, loadDuck, quote, quoteName, withWriteSlot } from './duckdb.ts'
import { storageError } from './errors.ts'
import { CHUNK, packColumn, SQL_TYPE, TWO_32, vectorType } from './vectors.ts'

export type Compression = 'zstd' | 'snappy' | 'none'

/** One row group holds a whole period of most series; larger periods get several, so parts of them can be read. */
const ROW_GROUP = 131_072

/** What writing needs, made once per kind: DuckDB's objects are freed by the garbage collector, which knows not their size. */
interface WriteTools {
  readonly connection: DuckDBConnection
  readonly chunk: DuckDBDataChunk
  readonly scratch: ArrayBuffer
}

/** Tools that no write uses now, by kind. */
const idleTools = new Map<string, WriteTools[]>()

async function takeTools(kind: Kind, api: DuckModules['api']): Promise<WriteTools> {
  const idle = idleTools.get(kind.id)?.pop()
  if (idle) return idle
  return {
    connection: await connectDuck(),
    chunk: api.DuckDBDataChunk.create(kind.columns.map((spec) => vectorType(api, spec.type))),
    scratch: new ArrayBuffer(CHUNK * 8),
  }
}

function giveTools(kind: Kind, tools: WriteTools): void {
  idleTools.set(kind.id, [...(idleTools.get(kind.id) ?? []), tools])
}

/** What DuckDB is told of a file of candles to write. */
export function candleCopyOptions(compression: Compression): string {
  const codec = compression === 'none' ? 'uncompressed' : compression
  return `(FORMAT parquet, COMPRESSION ${codec}, PARQUET_VERSION v2, ROW_GROUP_SIZE ${ROW_GROUP})`
}

let tableNumber = 0

/**
 * Writes batches to one Parquet file (format v2: byte-stream split and delta encodings, smaller and faster than v1).
 * The file is complete and closed when this resolves; making it durable and visible is the caller's business.
 */
export async function writeParquet(
  path: string,
  kind: Kind,
  batches: readonly Batch[],
  compression: Compression,
): Promise<void> {
  await withWriteSlot(() => writeNow(path, kind, batches, compression))
}

async function writeNow(path: string, kind: Kind, batches: readonly Batch[], compression: Compression): Promise<void> {
  const { api, bindings } = await loadDuck()
  const tools = await takeTools(kind, api)
  const { connection, chunk, scratch } = tools
  const table = `write_${++tableNumber}`
  const columns = kind.columns.map((spec) => `${quoteName(spec.name)} ${SQL_TYPE[spec.type]} NOT NULL`)
  try {
    await connection.run(`CREATE TEMP TABLE ${table} (${columns.join(', ')})`)
    const appender = await connection.createAppender(table)
    for (const batch of batches) {
      for (let offset = 0; offset < batch.length; offset += CHUNK) {
        const rows = Math.min(CHUNK, batch.length - offset)
        chunk.reset()
        chunk.rowCount = rows
        kind.columns.forEach((spec, index) => {
          const vector = bindings.data_chunk_get_vector(chunk.chunk, index)
          const values = columnOf(batch, spec.name)
          if (spec.type === 'float64') {
            bindings.copy_data_to_vector(
              vector,
              0,
              values.buffer as ArrayBuffer,
              values.byteOffset + offset * 8,
              rows * 8,
            )
          } else {
            const bytes = packColumn(values, offset, rows, spec.type, scratch)
            bindings.copy_data_to_vector(vector, 0, scratch, 0, bytes)
          }
        })
        appender.appendDataChunk(chunk)
      }
    }
    appender.closeSync()
    await connection.run(`COPY ${table} TO ${quote(path)} ${candleCopyOptions(compression)}`)
  } catch (cause) {
    throw storageError(path, 'the Parquet file could not be written', cause)
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${table}`).catch(() => {})
    giveTools(kind, tools)
  }
}

/** Which rows and columns to read. */
export interface ParquetQuery {
  /** Files in the order of their rows. */
  readonly paths: readonly string[]
  readonly columns: readonly ColumnSpec[]
  /** Range of the sort key, half-open, epoch ms. */
  readonly from?: number
  readonly to?: number
  /** At most this many rows will come; keeps the buffers of small reads small. */
  readonly rowsHint?: number
  /** Rows per batch; all of `rowsHint` in one with Infinity. */
  readonly blockRows?: number
  readonly signal?: AbortSignal
}

/** Rows per batch that a read gives. */
const READ_ROWS = 131_072
/**
 * Up to so many values DuckDB may hold a whole answer (24 MB): each of its chunks is then a call, where a stream costs
 * a turn of its threads per 2048 rows, several times what unpacking them costs.
 */
const WHOLE_VALUES = 3 * 2 ** 20
/** Chunks taken in one go. In between, other work gets its turn and memory of chunks is freed. */
const CHUNKS_PER_TURN = 128

/**
 * Reads the named columns of the rows in the range, as batches of bounded size in the files' order. Row groups outside
 * the range and columns not named are not read.
 * @throws StorageError naming the file when one is missing or damaged.
 */
export async function* readParquet(kind: Kind, query: ParquetQuery): AsyncGenerator<Batch, void, void> {
  if (query.paths.length === 0) return
  const { bindings } = await loadDuck()
  using connection = await connectDuck()
  const stop = (): void => connection.interrupt()
  query.signal?.addEventListener('abort', stop)
  try {
    query.signal?.throwIfAborted()
    const capacity = Math.max(1, Math.min(query.blockRows ?? READ_ROWS, query.rowsHint ?? READ_ROWS))
    let rows = newColumns(query.columns, capacity)
    let length = 0
    const whole = (query.rowsHint ?? Number.POSITIVE_INFINITY) * query.columns.length <= WHOLE_VALUES
    for await (const chunk of (whole ? wholeChunks : chunks)(connection, selectSql(kind, query))) {
      query.signal?.throwIfAborted()
      const count = bindings.data_chunk_get_size(chunk)
      let taken = 0
      while (taken < count) {
        const take = Math.min(count - taken, capacity - length)
        query.columns.forEach((spec, index) => {
          copyColumn(bindings, chunk, index, spec, count, taken, take, rows[index]!, length, query.paths)
        })
        length += take
        taken += take
        if (length === capacity) {
          yield toBatch(query.columns, rows, length)
          rows = newColumns(query.columns, capacity)
          length = 0
        }
      }
    }
    if (length > 0) yield toBatch(query.columns, rows, length)
  } catch (cause) {
    query.signal?.throwIfAborted()
    throw storageError(damagedPath(query.paths, cause), 'the data could not be read', cause)
  } finally {
    query.signal?.removeEventListener('abort', stop)
  }
}

/** The SQL that reads the rows and columns of a query, in the order of the files. */
export function selectSql(kind: Kind, query: ParquetQuery): string {
  const names = query.columns.map((spec) => quoteName(spec.name)).join(', ')
  const key = quoteName(kind.sortKey)
  const bounds: string[] = []
  if (query.from !== undefined && Number.isFinite(query.from)) bounds.push(`${key} >= ${sqlTime(query.from)}`)
  if (query.to !== undefined && Number.isFinite(query.to)) bounds.push(`${key} < ${sqlTime(query.to)}`)
  const where = bounds.length > 0 ? ` WHERE ${bounds.join(' AND ')}` : ''
  return `SELECT ${names} FROM read_parquet([${query.paths.map(quote).join(', ')}])${where}`
}

/** SQL text of an instant. */
export function sqlTime(time: number): string {
  return `make_timestamptz(${Math.round(time * 1000)}::BIGINT)`
}

async function* chunks(connection: DuckDBConnection, sql: string): AsyncGenerator<DataChunk, void, void> {
  const result = await connection.stream(sql)
  for (;;) {
    const chunk = await result.fetchChunk()
    if (!chunk || chunk.rowCount === 0) return
    yield chunk.chunk
  }
}

/** The same of an answer that DuckDB holds as a whole. */
async function* wholeChunks(connection: DuckDBConnection, sql: string): AsyncGenerator<DataChunk, void, void> {
  const result = await connection.run(sql)
  const count = result.chunkCount
  for (let index = 0; index < count; index++) {
    if (index % CHUNKS_PER_TURN === CHUNKS_PER_TURN - 1) await nextTurn()
    yield result.getChunk(index).chunk
  }
}

function copyColumn(
  bindings: DuckModules['bindings'],
  chunk: DataChunk,
  index: number,
  spec: ColumnSpec,
  count: number,
  from: number,
  take: number,
  target: Float64Array,
  offset: number,
  paths: readonly string[],
): void {
  const vector = bindings.data_chunk_get_vector(chunk, index)
  const validity = bindings.vector_get_validity(vector, Math.ceil(count / 64) * 8) as Uint8Array | null
  if (validity !== null && hasNull(validity, count)) {
    throw new StorageError(paths[0] ?? '', `column ${spec.name} holds NULL, which ticklake never writes`, {
      code: 'DAMAGED_FILE',
    })
  }
  if (spec.type === 'flags') {
    const bytes = bindings.vector_get_data(vector, count * 4)
    const values = new Int32Array(bytes.buffer, bytes.byteOffset, count)
    for (let i = 0; i < take; i++) target[offset + i] = values[from + i]!
    return
  }
  const bytes = bindings.vector_get_data(vector, count * 8)
  if (spec.type === 'float64') {
    target.set(new Float64Array(bytes.buffer, bytes.byteOffset + from * 8, take), offset)
    return
  }
  const low = new Uint32Array(bytes.buffer, bytes.byteOffset, count * 2)
  const high = new Int32Array(bytes.buffer, bytes.byteOffset, count * 2)
  if (spec.type === 'time') {
    for (let i = 0, j = from * 2; i < take; i++, j += 2) target[offset + i] = (high[j + 1]! * TWO_32 + low[j]!) / 1000
  } else {
    for (let i = 0, j = from * 2; i < take; i++, j += 2) target[offset + i] = high[j + 1]! * TWO_32 + low[j]!
  }
}

function hasNull(validity: Uint8Array, count: number): boolean {
  for (let row = 0; row < count; row++) if (((validity[row >> 3]! >> (row & 7)) & 1) === 0) return true
  return false
}

function newColumns(columns: readonly ColumnSpec[], rows: number): Float64Array[] {
  return columns.map(() => new Float64Array(rows))
}

function toBatch(columns: readonly ColumnSpec[], rows: readonly Float64Array[], length: number): Batch {
  return { length, columns: Object.fromEntries(columns.map((spec, i) => [spec.name, rows[i]!.subarray(0, length)])) }
}

/** The file that DuckDB's message names, else the only candidate, else the folder. */
function damagedPath(paths: readonly string[], cause: unknown): string {
  const text = cause instanceof Error ? cause.message : ''
  return (
    paths.find((path) => text.includes(path)) ??
    (paths.length === 1 ? paths[0]! : `${paths[0]} … (${paths.length} files)`)
  )
}

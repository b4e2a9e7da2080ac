import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { connectDuck, connectPacker, type DuckModules, loadDuck, quote, quoteName, withWriteSlot } from './duckdb.ts'
import { storageError } from './errors.ts'
import type { EventBatch, EventColumn } from './event-columns.ts'
import type { Compression } from './parquet.ts'
import { CHUNK, packColumn, SQL_TYPE, TWO_32, vectorType } from './vectors.ts'

/** How chunks and compacted days are packed: chunks are soon rewritten, days stay. */
export type Packing = 'chunk' | 'day'

/** Rows of a group: parts of a file can be read, and few values stand in more than one group's statistics. */
const ROW_GROUP: Readonly<Record<Packing, number>> = { chunk: 122_880, day: 245_760 }
const DAY_LEVEL = 9
/** A dictionary of more values, as a share of a group's rows, saves nothing. */
const DICTIONARY_SHARE = 0.3

/**
 * What DuckDB is told of a file to write. Measured on recorded books and trades: quantities are decimals whose float64
 * bytes look random, but the same ones come again and again. Byte-stream split hides that from zstd and doubles the file;
 * plain values (format v1 without dictionaries) or a dictionary show it. Ids that step by one and the times beside them
 * are smallest as deltas (format v2), which a dictionary must not forestall: its limit is a share of the rows.
 */
export function copyOptions(kind: Kind, compression: Compression, packing: Packing, rows: number): string {
  const codec = compression === 'none' ? 'uncompressed' : compression
  const level = compression === 'zstd' && packing === 'day' ? `, COMPRESSION_LEVEL ${DAY_LEVEL}` : ''
  const group = ROW_GROUP[packing]
  const encoding =
    kind.continuity.rule === 'consecutive-id'
      ? `PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT ${Math.ceil(Math.min(rows, group) * DICTIONARY_SHARE)}`
      : 'PARQUET_VERSION v1, DICTIONARY_SIZE_LIMIT 0'
  return `(FORMAT parquet, COMPRESSION ${codec}${level}, ${encoding}, ROW_GROUP_SIZE ${group})`
}

/** What writing needs, made once per kind: DuckDB's objects are freed by the garbage collector, which knows not their size. */
interface WriteTools {
  readonly connection: DuckDBConnection
  readonly chunk: DuckDBDataChunk
  readonly scratch: ArrayBuffer
  readonly validity: ArrayBuffer
}

const idleTools = new Map<string, WriteTools[]>()
let tableNumber = 0

/** Writes a batch to a Parquet file. It is complete and closed when this resolves, but not yet durable. */
export async function writeEvents(
  path: string,
  kind: Kind,
  batch: EventBatch,
  compression: Compression,
): Promise<void> {
  await withWriteSlot(() => writeNow(path, kind, batch, compression))
}

async function writeNow(path: string, kind: Kind, batch: EventBatch, compression: Compression): Promise<void> {
  const { api, bindings } = await loadDuck()
  const tools = await takeTools(kind, api)
  const { connection, chunk, scratch, validity } = tools
  const table = `events_${++tableNumber}`
  const columns = kind.columns.map((spec) => `${quoteName(spec.name)} ${SQL_TYPE[spec.type]}`)
  try {
    await connection.run(`CREATE TEMP TABLE ${table} (${columns.join(', ')})`)
    const appender = await connection.createAppender(table)
    for (let offset = 0; offset < batch.length; offset += CHUNK) {
      const rows = Math.min(CHUNK, batch.length - offset)
      chunk.reset()
      chunk.rowCount = rows
      kind.columns.forEach((spec, index) => {
        const vector = bindings.data_chunk_get_vector(chunk.chunk, index)
        const values = batch.columns[spec.name]!
        if (values instanceof BigInt64Array || spec.type === 'float64') {
          const start = values.byteOffset + offset * 8
          bindings.copy_data_to_vector(vector, 0, values.buffer as ArrayBuffer, start, rows * 8)
        } else {
          const bytes = packColumn(values, offset, rows, spec.type, scratch)
          bindings.copy_data_to_vector(vector, 0, scratch, 0, bytes)
        }
        if (spec.isOptional && markValid(values, offset, rows, validity)) {
          bindings.vector_ensure_validity_writable(vector)
          bindings.copy_data_to_vector_validity(vector, 0, validity, 0, Math.ceil(rows / 64) * 8)
        }
      })
      appender.appendDataChunk(chunk)
    }
    appender.closeSync()
    await connection.run(`COPY ${table} TO ${quote(path)} ${copyOptions(kind, compression, 'chunk', batch.length)}`)
  } catch (cause) {
    throw storageError(path, 'the Parquet file could not be written', cause)
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${table}`).catch(() => {})
    idleTools.set(kind.id, [...(idleTools.get(kind.id) ?? []), tools])
  }
}

async function takeTools(kind: Kind, api: DuckModules['api']): Promise<WriteTools> {
  const idle = idleTools.get(kind.id)?.pop()
  if (idle) return idle
  return {
    connection: await connectPacker(),
    chunk: api.DuckDBDataChunk.create(kind.columns.map((spec) => vectorType(api, spec.type))),
    scratch: new ArrayBuffer(CHUNK * 8),
    validity: new ArrayBuffer(CHUNK / 8),
  }
}

/** Sets the bits of the rows that have a value. False when all have one. */
export function markValid(values: EventColumn, offset: number, rows: number, validity: ArrayBuffer): boolean {
  const bits = new Uint8Array(validity).fill(255)
  let lacks = false
  for (let i = 0; i < rows; i++) {
    const value = values[offset + i]!
    // No exchange counts ids below 0.
    if (typeof value === 'bigint' ? value >= 0n : !Number.isNaN(value)) continue
    bits[i >> 3]! &= ~(1 << (i & 7))
    lacks = true
  }
  return lacks
}

/** Rows per batch that a read gives, unless it is told otherwise. */
const READ_ROWS = 65_536

/**
 * Runs a query whose columns are those given and yields its rows as batches of bounded size.
 * @param most rows of a batch; never fewer than come at a time
 */
export async function* readEventSql(
  sql: string,
  columns: readonly ColumnSpec[],
  path: string,
  signal?: AbortSignal,
  most = READ_ROWS,
): AsyncGenerator<EventBatch, void, void> {
  const { bindings } = await loadDuck()
  using connection = await connectDuck()
  const stop = (): void => connection.interrupt()
  signal?.addEventListener('abort', stop)
  try {
    signal?.throwIfAborted()
    const result = await connection.stream(sql)
    const capacity = Math.max(CHUNK, most)
    let rows = newRows(columns, capacity)
    let length = 0
    for (;;) {
      signal?.throwIfAborted()
      const chunk = await result.fetchChunk()
      if (!chunk || chunk.rowCount === 0) break
      const count = chunk.rowCount
      if (length + count > capacity) {
        yield cut(columns, rows, length)
        rows = newRows(columns, capacity)
        length = 0
      }
      columns.forEach((spec, index) => {
        const vector = bindings.data_chunk_get_vector(chunk.chunk, index)
        const target = rows[index]!
        unpack(bindings, vector, spec, count, target, length)
        const validity = bindings.vector_get_validity(vector, Math.ceil(count / 64) * 8) as Uint8Array | null
        if (validity !== null) markLacking(validity, target, length, count)
      })
      length += count
    }
    if (length > 0) yield cut(columns, rows, length)
  } catch (cause) {
    signal?.throwIfAborted()
    throw storageError(path, 'the data could not be read', cause)
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

function newRows(columns: readonly ColumnSpec[], length: number): EventColumn[] {
  return columns.map((spec) => (spec.type === 'id' ? new BigInt64Array(length) : new Float64Array(length)))
}

function cut(columns: readonly ColumnSpec[], rows: readonly EventColumn[], length: number): EventBatch {
  // A small result must not hold the memory of a large one.
  const take = (values: EventColumn) =>
    length * 4 < values.length ? values.slice(0, length) : values.subarray(0, length)
  return { length, columns: Object.fromEntries(columns.map((spec, i) => [spec.name, take(rows[i]!)])) }
}

function unpack(
  bindings: DuckModules['bindings'],
  vector: Parameters<DuckModules['bindings']['vector_get_data']>[0],
  spec: ColumnSpec,
  count: number,
  target: EventColumn,
  offset: number,
): void {
  const width = spec.type === 'boolean' ? 1 : spec.type === 'flags' ? 4 : 8
  const { buffer, byteOffset } = bindings.vector_get_data(vector, count * width)
  if (target instanceof BigInt64Array) {
    target.set(new BigInt64Array(buffer as ArrayBuffer, byteOffset, count), offset)
  } else if (spec.type === 'float64') {
    target.set(new Float64Array(buffer, byteOffset, count), offset)
  } else if (width === 1) {
    target.set(new Uint8Array(buffer, byteOffset, count), offset)
  } else if (width === 4) {
    target.set(new Int32Array(buffer, byteOffset, count), offset)
  } else {
    const low = new Uint32Array(buffer, byteOffset, count * 2)
    const high = new Int32Array(buffer, byteOffset, count * 2)
    const scale = spec.type === 'time' ? 1000 : 1
    for (let i = 0; i < count; i++) target[offset + i] = (high[2 * i + 1]! * TWO_32 + low[2 * i]!) / scale
  }
}

function markLacking(validity: Uint8Array, target: EventColumn, offset: number, count: number): void {
  for (let row = 0; row < count; row++) {
    if (((validity[row >> 3]! >> (row & 7)) & 1) !== 0) continue
    if (target instanceof BigInt64Array) target[offset + row] = -1n
    else target[offset + row] = Number.NaN
  }
}

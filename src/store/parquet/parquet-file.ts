import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ColumnType } from '../../model/kind.ts'
import { ByteSink } from './byte-sink.ts'
import { type ColumnChunk, type ColumnSource, PHYSICAL, PHYSICAL_OF, writeColumn } from './column-chunk.ts'
import { ThriftWriter } from './thrift.ts'

const MAGIC = new TextEncoder().encode('PAR1')
const CREATED_BY = 'ticklake'
const FORMAT_VERSION = 2
const REQUIRED = 0
const OPTIONAL = 1
const UNCOMPRESSED = 0
/** Types that readers of the first format version know a column by. */
const CONVERTED = { timestampMicros: 10, int32: 17, int64: 18 } as const

/** One page for all writers: each column is written in one go. */
const page = new ByteSink(1 << 16)

/**
 * Writes columns as one Parquet file of one row group, all of it in `out`. There is no compression but by encoding:
 * dictionaries, differences and runs, each column in the shortest. All columns are nullable, as in DuckDB's files.
 * Between columns others get their turn, so neither the values nor `out` may be touched until this resolves.
 */
export async function writeParquetFile(columns: readonly ColumnSource[], rows: number, out: ByteSink): Promise<void> {
  out.clear()
  out.append(MAGIC)
  const chunks: ColumnChunk[] = []
  for (const column of columns) {
    chunks.push(writeColumn(column, rows, out, page))
    await nextTurn()
  }
  const start = out.length
  writeFooter(columns, chunks, rows, out)
  out.uint32(out.length - start)
  out.append(MAGIC)
}

function writeFooter(columns: readonly ColumnSource[], chunks: readonly ColumnChunk[], rows: number, out: ByteSink) {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes, 0)
  const schema: readonly (ColumnSource | undefined)[] = [undefined, ...columns]
  new ThriftWriter(out)
    .i32(1, FORMAT_VERSION)
    .structs(2, schema, (element, column) => {
      if (column) describeColumn(element, column.name, column.type)
      else element.i32(3, REQUIRED).text(4, 'schema').i32(5, columns.length)
    })
    .i64(3, rows)
    .structs(4, rows > 0 ? [chunks] : [], (group) =>
      group
        .structs(1, chunks, (column, chunk) => column.i64(2, 0).struct(3, (meta) => describeChunk(meta, chunk)))
        .i64(2, bytes)
        .i64(3, rows)
        .i64(5, MAGIC.length)
        .i64(6, bytes),
    )
    .text(6, CREATED_BY)
    // Says that the ranges of values are in the order of their types.
    .structs(7, columns, (order) => order.struct(1))
    .end()
}

function describeColumn(element: ThriftWriter, name: string, type: ColumnType): void {
  const physical = PHYSICAL_OF[type]
  element.i32(1, physical).i32(3, OPTIONAL).text(4, name)
  if (type === 'time') {
    element
      .i32(6, CONVERTED.timestampMicros)
      // In UTC, in microseconds.
      .struct(10, (logical) => logical.struct(8, (time) => time.bool(1, true).struct(2, (unit) => unit.struct(2))))
  } else if (physical === PHYSICAL.int64) element.i32(6, CONVERTED.int64)
  else if (physical === PHYSICAL.int32) element.i32(6, CONVERTED.int32)
}

function describeChunk(meta: ThriftWriter, chunk: ColumnChunk): void {
  const { range, dictionaryAt } = chunk
  meta
    .i32(1, chunk.physical)
    .i32s(2, chunk.encodings)
    .texts(3, [chunk.name])
    .i32(4, UNCOMPRESSED)
    .i64(5, chunk.rows)
    .i64(6, chunk.bytes)
    .i64(7, chunk.bytes)
    .i64(9, chunk.dataAt)
  if (dictionaryAt !== undefined) meta.i64(11, dictionaryAt)
  meta.struct(12, (statistics) => {
    statistics.i64(3, chunk.lacking)
    if (range) statistics.binary(5, range.greatest).binary(6, range.least)
  })
}

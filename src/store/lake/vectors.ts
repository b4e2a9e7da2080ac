import type { DuckDBType } from '@duckdb/node-api'
import type { ColumnType } from '../../model/kind.ts'
import type { DuckModules } from './duckdb.ts'

/** DuckDB's vectors hold this many rows. */
export const CHUNK = 2048
/** Halves of 64-bit integers in memory: little-endian on every platform Node runs on. */
export const TWO_32 = 4_294_967_296

/** What a column is in SQL and in Parquet. */
export const SQL_TYPE: Readonly<Record<ColumnType, string>> = {
  time: 'TIMESTAMPTZ',
  float64: 'DOUBLE',
  integer: 'BIGINT',
  flags: 'INTEGER',
  id: 'BIGINT',
  boolean: 'BOOLEAN',
}

/** The type of a column's vectors. */
export function vectorType(api: DuckModules['api'], type: ColumnType): DuckDBType {
  const types: Readonly<Record<ColumnType, DuckDBType>> = {
    time: api.TIMESTAMPTZ,
    float64: api.DOUBLE,
    integer: api.BIGINT,
    flags: api.INTEGER,
    id: api.BIGINT,
    boolean: api.BOOLEAN,
  }
  return types[type]
}

/** Puts values into `scratch` as a vector holds them and gives their length in bytes. Not for float64, which needs no packing. */
export function packColumn(
  values: Float64Array,
  offset: number,
  rows: number,
  type: ColumnType,
  scratch: ArrayBuffer,
): number {
  if (type === 'flags') {
    const target = new Int32Array(scratch)
    for (let i = 0; i < rows; i++) target[i] = values[offset + i]!
    return rows * 4
  }
  if (type === 'boolean') {
    const target = new Uint8Array(scratch)
    for (let i = 0; i < rows; i++) target[i] = values[offset + i]!
    return rows
  }
  // A BigInt per value would be ten times slower than splitting a whole number below 2^53 into two halves.
  const halves = new Int32Array(scratch)
  const scale = type === 'time' ? 1000 : 1
  for (let i = 0; i < rows; i++) {
    const value = Math.round(values[offset + i]! * scale)
    const high = Math.floor(value / TWO_32)
    halves[2 * i] = value - high * TWO_32
    halves[2 * i + 1] = high
  }
  return rows * 8
}

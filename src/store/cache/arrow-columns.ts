import type { Field, RecordBatch, Schema } from 'apache-arrow'
import type { ColumnSpec } from '../../model/kind.ts'

export type ArrowModule = typeof import('apache-arrow')

let arrow: ArrowModule | undefined

/** Arrow's own module, loaded at first use. */
export async function loadArrow(): Promise<ArrowModule> {
  arrow ??= await import('apache-arrow')
  return arrow
}

/** Values as an Arrow column holds them. */
export type ColumnValues = Float64Array | Int32Array | BigInt64Array

export interface ArrowOptions {
  /**
   * Type of whole-number columns. `float64` (default) gives JS numbers without copying; `int64` is what other languages
   * expect in a file, and gives BigInt in JS.
   */
  readonly integers?: 'float64' | 'int64'
}

/** The schema of a table of these columns: times are `Timestamp(us, UTC)`, flags 32-bit integers, all else floats. */
export function arrowSchema(
  arrow: ArrowModule,
  columns: readonly ColumnSpec[],
  options: ArrowOptions = {},
  metadata?: Map<string, string>,
): Schema {
  const typeOf = (spec: ColumnSpec) => {
    if (spec.type === 'time') return new arrow.Timestamp(arrow.TimeUnit.MICROSECOND, 'UTC')
    if (spec.type === 'flags') return new arrow.Int32()
    if (spec.type === 'integer' && options.integers === 'int64') return new arrow.Int64()
    return new arrow.Float64()
  }
  const fields = columns.map((spec) => new arrow.Field(spec.name, typeOf(spec), false, new Map([['unit', spec.unit]])))
  return new arrow.Schema(fields, metadata)
}

/** A record batch whose columns are the arrays given, in the schema's order: nothing is copied. */
export function recordBatchOf(
  arrow: ArrowModule,
  schema: Schema,
  values: readonly ColumnValues[],
  length: number,
): RecordBatch {
  const children = schema.fields.map((field: Field, index) =>
    arrow.makeData({ type: field.type, length, nullCount: 0, data: values[index] } as never),
  )
  const struct = new arrow.Struct(schema.fields)
  return new arrow.RecordBatch(schema, arrow.makeData({ type: struct, length, nullCount: 0, children }))
}

const TWO_32 = 4_294_967_296

/** Values of a batch as Arrow holds them. Floats are the same array, not a copy. */
export function toArrowValues(values: Float64Array, spec: ColumnSpec, options: ArrowOptions = {}): ColumnValues {
  if (spec.type === 'flags') return Int32Array.from(values)
  if (spec.type === 'time' || (spec.type === 'integer' && options.integers === 'int64')) {
    // Two halves per value: a BigInt for each would cost ten times as much.
    const scale = spec.type === 'time' ? 1000 : 1
    const words = new Int32Array(values.length * 2)
    for (let i = 0; i < values.length; i++) {
      const value = Math.round(values[i]! * scale)
      const high = Math.floor(value / TWO_32)
      words[2 * i] = value - high * TWO_32
      words[2 * i + 1] = high
    }
    return new BigInt64Array(words.buffer)
  }
  return values
}

/** The way back: times as epoch ms, all else as it is. Floats are the same array, not a copy. */
export function fromArrowValues(values: ColumnValues, spec: ColumnSpec): Float64Array {
  if (values instanceof Float64Array) return values
  if (values instanceof Int32Array) return Float64Array.from(values)
  const scale = spec.type === 'time' ? 1000 : 1
  const low = new Uint32Array(values.buffer, values.byteOffset, values.length * 2)
  const high = new Int32Array(values.buffer, values.byteOffset, values.length * 2)
  const numbers = new Float64Array(values.length)
  for (let i = 0; i < numbers.length; i++) numbers[i] = (high[2 * i + 1]! * TWO_32 + low[2 * i]!) / scale
  return numbers
}

/** Bytes of one value of a column as Arrow holds it. */
export function bytesPerValue(spec: ColumnSpec): number {
  return spec.type === 'flags' ? 4 : 8
}

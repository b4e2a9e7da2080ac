import type { Table } from 'apache-arrow'
import { type Batch, columnOf } from '../model/batch.ts'
import type { ColumnSpec } from '../model/kind.ts'

export interface ArrowOptions {
  /**
   * Type of whole-number columns. `float64` (default) gives JS numbers without copying; `int64` is what other languages
   * expect in a file, and gives BigInt in JS.
   */
  readonly integers?: 'float64' | 'int64'
}

/**
 * An Arrow table of batches, one record batch each. Float columns are views on the batch, not copies; times become
 * `Timestamp(us, UTC)`, which reads as epoch milliseconds in JS.
 */
export async function batchesToTable(
  columns: readonly ColumnSpec[],
  batches: readonly Batch[],
  options: ArrowOptions = {},
): Promise<Table> {
  const arrow = await import('apache-arrow')
  const typeOf = (spec: ColumnSpec) => {
    if (spec.type === 'time') return new arrow.Timestamp(arrow.TimeUnit.MICROSECOND, 'UTC')
    if (spec.type === 'flags') return new arrow.Int32()
    if (spec.type === 'integer' && options.integers === 'int64') return new arrow.Int64()
    return new arrow.Float64()
  }
  const fields = columns.map((spec) => new arrow.Field(spec.name, typeOf(spec), false, new Map([['unit', spec.unit]])))
  const schema = new arrow.Schema(fields)
  const struct = new arrow.Struct(fields)
  const records = (batches.length > 0 ? batches : [{ length: 0, columns: {} }]).map((batch) => {
    const children = fields.map((field, index) => {
      const spec = columns[index]!
      const values = batch.length === 0 ? new Float64Array(0) : columnOf(batch, spec.name).subarray(0, batch.length)
      return arrow.makeData({
        type: field.type,
        length: batch.length,
        nullCount: 0,
        data: arrowValues(values, spec, options),
      } as never)
    })
    return new arrow.RecordBatch(schema, arrow.makeData({ type: struct, length: batch.length, nullCount: 0, children }))
  })
  return new arrow.Table(schema, records)
}

const TWO_32 = 4_294_967_296

function arrowValues(
  values: Float64Array,
  spec: ColumnSpec,
  options: ArrowOptions,
): Float64Array | Int32Array | BigInt64Array {
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

import type { Table } from 'apache-arrow'
import { type Batch, columnOf } from '../model/batch.ts'
import type { ColumnSpec } from '../model/kind.ts'
import { type ArrowOptions, arrowSchema, recordBatchOf, toArrowValues } from '../store/cache/arrow-columns.ts'

export type { ArrowOptions } from '../store/cache/arrow-columns.ts'

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
  const schema = arrowSchema(arrow, columns, options)
  const records = (batches.length > 0 ? batches : [{ length: 0, columns: {} }]).map((batch) => {
    const values = columns.map((spec) =>
      batch.length === 0 ? new Float64Array(0) : columnOf(batch, spec.name).subarray(0, batch.length),
    )
    return recordBatchOf(
      arrow,
      schema,
      values.map((column, index) => toArrowValues(column, columns[index]!, options)),
      batch.length,
    )
  })
  return new arrow.Table(schema, records)
}

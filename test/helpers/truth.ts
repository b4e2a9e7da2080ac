import { type Batch, columnOf } from '../../src/model/batch.ts'
import { candle } from '../../src/model/candle.ts'

/** Columns that every source must agree on, in the order of a REST row. */
export const VALUE_COLUMNS = candle.columns.map((spec) => spec.name).filter((name) => name !== 'flags')

/** Rows as plain numbers, in the order of a REST row. */
export function valuesOf(batch: Batch): number[][] {
  const columns = VALUE_COLUMNS.map((name) => columnOf(batch, name))
  return Array.from({ length: batch.length }, (_, i) => columns.map((values) => values[i]!))
}

/** Rows of the sandbox's truth or of REST as plain numbers. */
export function truthValues(rows: readonly (readonly (string | number)[])[]): number[][] {
  return rows.map((row) => row.slice(0, VALUE_COLUMNS.length).map(Number))
}

/** The first difference between two lists of rows, for a readable message; undefined when they are equal. */
export function firstDifference(actual: readonly number[][], expected: readonly number[][]): string | undefined {
  for (let i = 0; i < Math.max(actual.length, expected.length); i++) {
    const a = actual[i]?.join()
    const b = expected[i]?.join()
    if (a !== b) return `row ${i} of ${actual.length}/${expected.length}: stored ${a}, true ${b}`
  }
  return undefined
}

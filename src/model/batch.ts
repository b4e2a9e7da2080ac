import { InvalidRangeError } from './errors.ts'
import type { Kind } from './kind.ts'

/** Many records of one kind as columns. Times are epoch ms, ids and counts whole numbers below 2^53. */
export interface Batch {
  readonly length: number
  /** One array per column of the kind, all of `length` values, rising by the kind's sort key. */
  readonly columns: Readonly<Record<string, Float64Array>>
}

/** A column of a batch. @throws InvalidRangeError when the batch was read without it. */
export function columnOf(batch: Batch, name: string): Float64Array {
  const values = batch.columns[name]
  if (!values)
    throw new InvalidRangeError(`The batch has no column "${name}", only ${Object.keys(batch.columns).join(', ')}.`)
  return values
}

export function emptyBatch(kind: Kind): Batch {
  return { length: 0, columns: Object.fromEntries(kind.columns.map((spec) => [spec.name, new Float64Array(0)])) }
}

/** Rows `from` (inside) to `to` (outside), as far as they exist, as views: no value is copied. */
export function sliceBatch(batch: Batch, from: number, to: number): Batch {
  // Clamped here, because `subarray` would count a negative index from the end.
  const start = Math.min(Math.max(0, from), batch.length)
  const end = Math.max(start, Math.min(to, batch.length))
  const columns: Record<string, Float64Array> = {}
  for (const [name, values] of Object.entries(batch.columns)) columns[name] = values.subarray(start, end)
  return { length: end - start, columns }
}

/** Index of the first row whose `key` is at or after `value`. The key column must be rising. */
export function lowerBound(keys: Float64Array, value: number, length = keys.length): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/** The rows whose sort key lies in [from, to), as views. */
export function clipBatch(kind: Kind, batch: Batch, from: number, to: number): Batch {
  const keys = columnOf(batch, kind.sortKey)
  const start = lowerBound(keys, from, batch.length)
  const end = lowerBound(keys, to, batch.length)
  return start === 0 && end === batch.length ? batch : sliceBatch(batch, start, end)
}

/** Rows in order of the batches given. */
export function concatBatches(kind: Kind, batches: readonly Batch[]): Batch {
  const filled = batches.filter((batch) => batch.length > 0)
  if (filled.length === 0) return emptyBatch(kind)
  if (filled.length === 1) return filled[0]!
  const length = filled.reduce((sum, batch) => sum + batch.length, 0)
  const columns: Record<string, Float64Array> = {}
  for (const { name } of kind.columns) {
    const values = new Float64Array(length)
    let offset = 0
    for (const batch of filled) {
      values.set(columnOf(batch, name).subarray(0, batch.length), offset)
      offset += batch.length
    }
    columns[name] = values
  }
  return { length, columns }
}

/** Joins two batches that are each sorted and free of duplicates. Where both hold a key, the row of `winner` stays. */
export function mergeBatches(kind: Kind, winner: Batch, other: Batch): Batch {
  if (other.length === 0) return winner
  if (winner.length === 0) return other
  const a = columnOf(winner, kind.sortKey)
  const b = columnOf(other, kind.sortKey)
  if (a[winner.length - 1]! < b[0]!) return concatBatches(kind, [winner, other])
  if (b[other.length - 1]! < a[0]!) return concatBatches(kind, [other, winner])
  // Rows are picked by index first, so that each column is then filled in one tight pass.
  const picks = new Int32Array(winner.length + other.length)
  let i = 0
  let j = 0
  let count = 0
  while (i < winner.length || j < other.length) {
    const x = i < winner.length ? a[i]! : Number.POSITIVE_INFINITY
    const y = j < other.length ? b[j]! : Number.POSITIVE_INFINITY
    if (x <= y) {
      picks[count++] = i++
      if (x === y) j++
    } else picks[count++] = ~j++
  }
  const columns: Record<string, Float64Array> = {}
  for (const { name } of kind.columns) {
    const left = columnOf(winner, name)
    const right = columnOf(other, name)
    const values = new Float64Array(count)
    for (let k = 0; k < count; k++) {
      const pick = picks[k]!
      values[k] = pick >= 0 ? left[pick]! : right[~pick]!
    }
    columns[name] = values
  }
  return { length: count, columns }
}

/** One row as an object keyed by column name. */
export function rowAt(batch: Batch, index: number): Record<string, number> {
  const row: Record<string, number> = {}
  for (const [name, values] of Object.entries(batch.columns)) row[name] = values[index]!
  return row
}

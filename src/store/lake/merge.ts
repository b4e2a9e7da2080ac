import { type Batch, clipBatch, columnOf, concatBatches, mergeBatches } from '../../model/batch.ts'
import type { Kind } from '../../model/kind.ts'
import { subtractRanges } from '../../model/ranges.ts'
import type { TimeRange } from '../../model/time.ts'

/** Merges rising batches; of rows with the same key the one of the later batch stays. */
export function mergeAll(kind: Kind, batches: readonly Batch[]): Batch {
  let merged: Batch | undefined
  let run: Batch[] = []
  const flush = (): void => {
    if (run.length === 0) return
    const joined = concatBatches(kind, run)
    merged = merged === undefined ? joined : mergeBatches(kind, joined, merged)
    run = []
  }
  for (const batch of batches) {
    if (batch.length === 0) continue
    const last = run.at(-1)
    // Batches that follow one another are joined in one go; only real overlaps cost a merge.
    if (last && columnOf(last, kind.sortKey)[last.length - 1]! >= columnOf(batch, kind.sortKey)[0]!) flush()
    run.push(batch)
  }
  flush()
  return merged ?? concatBatches(kind, [])
}

/** The rows outside the given ranges, in rising pieces. */
export function subtractFrom(kind: Kind, batch: Batch, ranges: readonly TimeRange[]): Batch[] {
  if (ranges.length === 0) return [batch]
  return subtractRanges([{ from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }], ranges)
    .map((range) => clipBatch(kind, batch, range.from, range.to))
    .filter((part) => part.length > 0)
}

import { type Batch, columnOf } from '../../model/batch.ts'
import type { Defect, Source } from '../../model/coverage.ts'
import type { Kind } from '../../model/kind.ts'

/** How two batches of the same range differ. Flags are not compared: they say where a row came from. */
export interface Comparison {
  /** Keys in both. */
  readonly shared: number
  /** Keys in both whose values differ. */
  readonly differing: readonly number[]
  readonly onlyFirst: readonly number[]
  readonly onlySecond: readonly number[]
}

/** Walks two rising batches side by side. */
export function compareBatches(kind: Kind, first: Batch, second: Batch): Comparison {
  const a = columnOf(first, kind.sortKey)
  const b = columnOf(second, kind.sortKey)
  const names = comparedColumns(kind)
  const pairs = names.map((name) => [columnOf(first, name), columnOf(second, name)] as const)
  const differing: number[] = []
  const onlyFirst: number[] = []
  const onlySecond: number[] = []
  let shared = 0
  for (let i = 0, j = 0; i < first.length || j < second.length; ) {
    const x = i < first.length ? a[i]! : Number.POSITIVE_INFINITY
    const y = j < second.length ? b[j]! : Number.POSITIVE_INFINITY
    if (x < y) {
      onlyFirst.push(x)
      i++
    } else if (y < x) {
      onlySecond.push(y)
      j++
    } else {
      shared++
      if (pairs.some(([left, right]) => left[i] !== right[j])) differing.push(x)
      i++
      j++
    }
  }
  return { shared, differing, onlyFirst, onlySecond }
}

/** Defects that put on record where two sources disagree, at most `limit` of them. */
export function differences(
  kind: Kind,
  first: { readonly source: Source; readonly batch: Batch },
  second: { readonly source: Source; readonly batch: Batch },
  kept: 'archive' | 'rest',
  where: string,
  limit: number,
): Defect[] {
  const { differing } = compareBatches(kind, first.batch, second.batch)
  return differing.slice(0, limit).map((time) => {
    const i = columnOf(first.batch, kind.sortKey).indexOf(time)
    const j = columnOf(second.batch, kind.sortKey).indexOf(time)
    const parts = comparedColumns(kind)
      .map((name) => [name, columnOf(first.batch, name)[i]!, columnOf(second.batch, name)[j]!] as const)
      .filter(([, left, right]) => left !== right)
      .map(([name, left, right]) => `${name}: ${first.source} ${left}, ${second.source} ${right}`)
    return { time, type: 'difference', where, detail: parts.join('; '), kept }
  })
}

function comparedColumns(kind: Kind): string[] {
  return kind.columns.filter((spec) => spec.type !== 'flags' && spec.name !== kind.sortKey).map((spec) => spec.name)
}

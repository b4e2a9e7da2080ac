import { type Batch, columnOf, lowerBound } from '../../model/batch.ts'
import { CandleFlag, candle } from '../../model/candle.ts'
import type { Defect } from '../../model/coverage.ts'
import type { Kind } from '../../model/kind.ts'

/**
 * Looks for stored rows whose values a change replaces with others, and flags the new ones as revised: a candle never
 * changes in silence. What a user saves is the user's will, and is not noted.
 * @param stored rising pieces that were in the lake; @param merged what comes in their place, changed in place.
 * @returns how many rows changed, and a defect with the former and the new values for the first `limit` of them.
 */
export function markRevised(
  kind: Kind,
  stored: readonly Batch[],
  merged: Batch,
  where: string,
  limit: number,
): { count: number; defects: Defect[] } {
  const defects: Defect[] = []
  let count = 0
  const hasFlags = kind.id === candle.id
  const names = kind.columns
    .filter((spec) => spec.type !== 'flags' && spec.name !== kind.sortKey)
    .map((spec) => spec.name)
  const keys = columnOf(merged, kind.sortKey)
  for (const old of stored) {
    if (old.length === 0) continue
    const oldKeys = columnOf(old, kind.sortKey)
    const pairs = names.map((name) => [name, columnOf(old, name), columnOf(merged, name)] as const)
    for (let i = 0, j = lowerBound(keys, oldKeys[0]!, merged.length); i < old.length && j < merged.length; ) {
      if (oldKeys[i]! < keys[j]!) i++
      else if (oldKeys[i]! > keys[j]!) j++
      else {
        if (pairs.some(([, left, right]) => left[i] !== right[j])) {
          const flags = hasFlags ? columnOf(merged, 'flags') : undefined
          const flag = flags?.[j] ?? 0
          if ((flag & CandleFlag.user) === 0) {
            if (flags) flags[j] = flag | CandleFlag.revised
            count++
            if (defects.length < limit) {
              const changes = pairs
                .filter(([, left, right]) => left[i] !== right[j])
                .map(([name, left, right]) => `${name}: stored ${left[i]}, now ${right[j]}`)
              const kept = flag & CandleFlag.rest ? 'rest' : flag & CandleFlag.stream ? 'stream' : 'archive'
              defects.push({ time: keys[j]!, type: 'difference', where, detail: changes.join('; '), kept })
            }
          }
        }
        i++
        j++
      }
    }
  }
  return { count, defects }
}

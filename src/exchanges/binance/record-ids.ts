import type { RecordId } from '../../model/live/index.ts'

/** `id + count`, exact: a number as long as a number holds it. */
export function plusId(id: RecordId, count: number): RecordId {
  if (typeof id === 'number' && Number.isSafeInteger(id + count)) return id + count
  const sum = BigInt(id) + BigInt(count)
  return sum <= Number.MAX_SAFE_INTEGER ? Number(sum) : sum
}

/** How many ids there are from `first` to `last`, both included. */
export function countIds(first: RecordId, last: RecordId): number {
  return typeof first === 'number' && typeof last === 'number'
    ? last - first + 1
    : Number(BigInt(last) - BigInt(first)) + 1
}

export function leastId(one: RecordId, other: RecordId): RecordId {
  return one < other ? one : other
}

export function greatestId(one: RecordId, other: RecordId): RecordId {
  return one > other ? one : other
}

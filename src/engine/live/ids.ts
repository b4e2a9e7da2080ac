import type { RecordId } from '../../model/live/index.ts'

/** The id after one. Exact beyond 2^53, where it becomes a bigint. */
export function nextId(id: RecordId): RecordId {
  if (typeof id === 'number' && id < Number.MAX_SAFE_INTEGER) return id + 1
  return BigInt(id) + 1n
}

/** The id before one; a number again as soon as that is exact. */
export function previousId(id: RecordId): RecordId {
  if (typeof id === 'number') return id - 1
  return narrowId(id - 1n)
}

/** A number where that is exact, else the bigint. */
export function narrowId(id: RecordId): RecordId {
  if (typeof id === 'number') return id
  return id <= BigInt(Number.MAX_SAFE_INTEGER) && id >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(id) : id
}

/** Whether two ids are the same, whatever they are held as. */
export function sameId(a: RecordId, b: RecordId): boolean {
  // `<` compares a number with a bigint by value; `===` does not.
  return a === b || (typeof a !== typeof b && !(a < b) && !(b < a))
}

/** How many ids lie in first…last, both included; a number that may be rounded beyond 2^53. */
export function countIds(first: RecordId, last: RecordId): number {
  if (typeof first === 'number' && typeof last === 'number') return last - first + 1
  return Number(BigInt(last) - BigInt(first) + 1n)
}

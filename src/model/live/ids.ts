import type { RecordId } from './record.ts'

/** A number where that is exact, else the bigint. */
export function narrowId(id: RecordId): RecordId {
  if (typeof id === 'number') return id
  return BigInt.asIntN(54, id) === id ? Number(id) : id
}

/** The id `step` further on. Exact: a number as long as a number holds it, a bigint beyond. */
export function addId(id: RecordId, step: number): RecordId {
  if (typeof id === 'number') {
    const sum = id + step
    if (Number.isSafeInteger(sum)) return sum
  }
  return narrowId(BigInt(id) + BigInt(step))
}

/** The id after one. */
export function nextId(id: RecordId): RecordId {
  return addId(id, 1)
}

/** The id before one. */
export function previousId(id: RecordId): RecordId {
  return addId(id, -1)
}

/** Whether two ids are the same, whatever they are held as: `<` compares a number with a bigint by value, `===` does not. */
export function sameId(a: RecordId, b: RecordId): boolean {
  return a === b || (typeof a !== typeof b && a <= b && a >= b)
}

/** How many ids there are from `first` to `last`, both included; a number that may be rounded beyond 2^53. */
export function countIds(first: RecordId, last: RecordId): number {
  if (typeof first === 'number' && typeof last === 'number') return last - first + 1
  return Number(BigInt(last) - BigInt(first)) + 1
}

export function minId(a: RecordId, b: RecordId): RecordId {
  return b < a ? b : a
}

export function maxId(a: RecordId, b: RecordId): RecordId {
  return a < b ? b : a
}

import { addId, maxId, minId, narrowId } from '../../model/live/ids.ts'
import type { RecordId } from '../../model/live/index.ts'

/** An id in `series.json`: a number as long as it is exact, decimal text beyond 2^53. */
export type StoredId = number | string

export function storeId(id: RecordId): StoredId {
  const normal = narrowId(id)
  return typeof normal === 'number' ? normal : String(normal)
}

export function readId(id: StoredId): RecordId {
  return typeof id === 'number' ? id : narrowId(BigInt(id))
}

/** Ids from `first` to `last`, both included. */
export interface IdSpan {
  readonly first: RecordId
  readonly last: RecordId
}

/** Ids without a hole, and when the first and the last of their records happened, epoch ms. */
export interface HeldIds extends IdSpan {
  readonly from: number
  readonly to: number
}

/** Ids that are missing between held ones. `from` and `to` are the instants of the records around them. */
export type IdHole = HeldIds

/**
 * Which ids are held: rising ranges with holes between them. Ids come nearly in order, so adding one is nearly always a
 * step of the last range.
 */
export class IdRanges {
  readonly #ranges: { first: RecordId; last: RecordId; from: number; to: number }[] = []

  constructor(ranges: Iterable<HeldIds> = []) {
    for (const { first, last, from, to } of ranges) this.add(first, last, from, to)
  }

  get ranges(): readonly HeldIds[] {
    return this.#ranges
  }

  /** The highest id held; undefined when there is none. */
  get last(): RecordId | undefined {
    return this.#ranges.at(-1)?.last
  }

  has(id: RecordId): boolean {
    const last = this.#ranges.at(-1)
    if (last === undefined || id > last.last) return false
    if (id >= last.first) return true
    const range = this.#ranges[this.#find(id)]
    return range !== undefined && range.first <= id
  }

  /** The first held id above one that is not held. */
  after(id: RecordId): RecordId | undefined {
    return this.#ranges[this.#find(id)]?.first
  }

  /** Adds ids `first` to `last`, of records between the instants `from` and `to`. */
  add(first: RecordId, last: RecordId, from: number, to = from): void {
    const newest = this.#ranges.at(-1)
    if (newest !== undefined && first >= newest.first) {
      // The usual step: the next id, or a new range behind a hole.
      if (first <= newest.last || addId(newest.last, 1) >= first) {
        if (last > newest.last) {
          newest.last = last
          newest.to = Math.max(newest.to, to)
        }
      } else this.#ranges.push({ first, last, from, to })
      return
    }
    // Ranges that overlap or touch become one.
    const start = this.#find(addId(first, -1))
    let end = start
    const joined = { first, last, from, to }
    for (; end < this.#ranges.length && this.#ranges[end]!.first <= addId(last, 1); end++) {
      const range = this.#ranges[end]!
      joined.first = minId(joined.first, range.first)
      joined.last = maxId(joined.last, range.last)
      joined.from = Math.min(joined.from, range.from)
      joined.to = Math.max(joined.to, range.to)
    }
    this.#ranges.splice(start, end - start, joined)
  }

  /** The ids missing between the held ranges. */
  holes(): IdHole[] {
    return this.#ranges.slice(1).map((range, index) => {
      const before = this.#ranges[index]!
      return { first: addId(before.last, 1), last: addId(range.first, -1), from: before.to, to: range.from }
    })
  }

  /** The parts of a span that are not held. */
  missing(span: IdSpan): IdSpan[] {
    const missing: IdSpan[] = []
    let next = span.first
    for (let index = this.#find(span.first); index < this.#ranges.length && next <= span.last; index++) {
      const range = this.#ranges[index]!
      if (range.first > span.last) break
      if (range.first > next) missing.push({ first: next, last: addId(range.first, -1) })
      next = maxId(next, addId(range.last, 1))
    }
    if (next <= span.last) missing.push({ first: next, last: span.last })
    return missing
  }

  /** Index of the first range that does not end before an id. */
  #find(id: RecordId): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ranges[middle]!.last < id) low = middle + 1
      else high = middle
    }
    return low
  }
}

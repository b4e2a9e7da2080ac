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
  /**
   * How far the last range was extended, in numbers that need no memory of their own: the id that would follow, the
   * last one, and its instant. NaN where there is no such number.
   */
  readonly #front = new Float64Array([Number.NaN, Number.NaN, Number.NaN])
  /** The last range does not know yet how far it was extended. */
  #isAhead = false

  constructor(ranges: Iterable<HeldIds> = []) {
    for (const { first, last, from, to } of ranges) this.add(first, last, from, to)
  }

  /** The id that follows the highest one held; NaN when none is held, or when it is too high for a number. */
  get next(): number {
    return this.#front[0]!
  }

  /** Adds the id that is `next`: what `add` does, without any object. */
  extend(id: number, time: number): void {
    const front = this.#front
    front[0] = id < Number.MAX_SAFE_INTEGER ? id + 1 : Number.NaN
    front[1] = id
    if (!(front[2]! >= time)) front[2] = time
    this.#isAhead = true
  }

  #settle(): void {
    if (!this.#isAhead) return
    this.#isAhead = false
    const newest = this.#ranges[this.#ranges.length - 1]!
    newest.last = this.#front[1]!
    newest.to = this.#front[2]!
  }

  get ranges(): readonly HeldIds[] {
    this.#settle()
    return this.#ranges
  }

  /** The highest id held; undefined when there is none. */
  get last(): RecordId | undefined {
    this.#settle()
    return this.#ranges.at(-1)?.last
  }

  has(id: RecordId): boolean {
    this.#settle()
    const last = this.#ranges.at(-1)
    if (last === undefined || id > last.last) return false
    if (id >= last.first) return true
    const range = this.#ranges[this.#find(id)]
    return range !== undefined && range.first <= id
  }

  /** The first held id above one that is not held. */
  after(id: RecordId): RecordId | undefined {
    this.#settle()
    return this.#ranges[this.#find(id)]?.first
  }

  /** Adds ids `first` to `last`, of records between the instants `from` and `to`. */
  add(first: RecordId, last: RecordId, from: number, to = from): void {
    this.#settle()
    this.#insert(first, last, from, to)
    const newest = this.#ranges[this.#ranges.length - 1]!
    const next = addId(newest.last, 1)
    this.#front[0] = typeof next === 'number' ? next : Number.NaN
    this.#front[2] = newest.to
  }

  #insert(first: RecordId, last: RecordId, from: number, to: number): void {
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
    this.#settle()
    return this.#ranges.slice(1).map((range, index) => {
      const before = this.#ranges[index]!
      return { first: addId(before.last, 1), last: addId(range.first, -1), from: before.to, to: range.from }
    })
  }

  /** The parts of a span that are not held. */
  missing(span: IdSpan): IdSpan[] {
    this.#settle()
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

import { countIds, nextId, previousId, sameId } from '../../model/live/ids.ts'
import type { RecordId } from '../../model/live/index.ts'

/** How positions of a series follow one another: ids count by one, candles by their interval. */
export interface Sequence {
  next(position: RecordId): RecordId
  previous(position: RecordId): RecordId
  /** Positions in first…last, both included. */
  count(first: RecordId, last: RecordId): number
}

export const ID_SEQUENCE: Sequence = { next: nextId, previous: previousId, count: countIds }

/** Missing positions, both ends included. */
export interface Hole {
  readonly first: RecordId
  readonly last: RecordId
}

export type Arrival =
  /** Follows the last one. */
  | 'next'
  /** Leaves a hole behind it. */
  | 'ahead'
  /** Belongs into a hole. */
  | 'late'
  /** Was there already. */
  | 'duplicate'

/**
 * Which positions of a series were seen. What is missing between the first and the last one is a hole, from the moment
 * that a later one arrives. Memory is one entry per hole, whatever the number of records.
 */
export class IdLedger {
  readonly sequence: Sequence
  /** Rising, apart from one another. */
  readonly #holes: { first: RecordId; last: RecordId }[] = []
  #first: RecordId | undefined
  #last: RecordId | undefined
  #next: RecordId | undefined
  #seen = 0
  #duplicates = 0

  constructor(sequence: Sequence = ID_SEQUENCE) {
    this.sequence = sequence
  }

  get first(): RecordId | undefined {
    return this.#first
  }

  get last(): RecordId | undefined {
    return this.#last
  }

  /** Records taken in. */
  get seen(): number {
    return this.#seen
  }

  get duplicates(): number {
    return this.#duplicates
  }

  get holes(): readonly Hole[] {
    return this.#holes
  }

  /** Positions in holes. */
  get missing(): number {
    return this.#holes.reduce((sum, hole) => sum + this.sequence.count(hole.first, hole.last), 0)
  }

  /**
   * Says what is on disk already: the series goes on after `last`, what lies between there and the next arrival is a
   * hole, and so are `holes`, rising, which an earlier run could not fill. Only before the first record.
   */
  resume(last: RecordId, holes: readonly Hole[] = []): void {
    if (this.#last !== undefined) return
    for (const hole of holes) this.#holes.push({ ...hole })
    this.#last = last
    this.#next = this.sequence.next(last)
  }

  /** Takes in one position. */
  accept(id: RecordId): Arrival {
    if (id === this.#next) {
      this.#advance(id)
      return 'next'
    }
    const last = this.#last
    if (last === undefined) {
      this.#advance(id)
      return 'next'
    }
    if (id > last) {
      const next = this.#next as RecordId
      if (!sameId(id, next)) {
        this.#holes.push({ first: next, last: this.sequence.previous(id) })
        this.#advance(id)
        return 'ahead'
      }
      this.#advance(id)
      return 'next'
    }
    if (this.#punch(id)) {
      this.#seen++
      if (this.#first === undefined || id < this.#first) this.#first = id
      return 'late'
    }
    this.#duplicates++
    return 'duplicate'
  }

  /** Says that everything before `id` exists, though `id` itself did not arrive; a hole opens when some of it is missing. */
  reach(id: RecordId): boolean {
    const next = this.#next
    if (next === undefined || !(id > next)) return false
    const last = this.sequence.previous(id)
    this.#holes.push({ first: next, last })
    this.#last = last
    this.#next = this.sequence.next(last)
    return true
  }

  /** Gives up what is missing in first…last: it is no hole any more. Returns how many positions that were. */
  giveUp(first: RecordId, last: RecordId): number {
    let given = 0
    for (let index = this.find(first); index < this.#holes.length; ) {
      const hole = this.#holes[index] as Hole
      if (hole.first > last) break
      const from = hole.first < first ? first : hole.first
      const to = hole.last > last ? last : hole.last
      given += this.sequence.count(from, to)
      const rest: Hole[] = []
      if (hole.first < from) rest.push({ first: hole.first, last: this.sequence.previous(from) })
      if (hole.last > to) rest.push({ first: this.sequence.next(to), last: hole.last })
      this.#holes.splice(index, 1, ...rest)
      index += rest.length
    }
    return given
  }

  /** The position before one. */
  previousOf(position: RecordId): RecordId {
    return this.sequence.previous(position)
  }

  /** The position after one. */
  nextOf(position: RecordId): RecordId {
    return this.sequence.next(position)
  }

  /** Positions in first…last, both included. */
  countOf(first: RecordId, last: RecordId): number {
    return this.sequence.count(first, last)
  }

  /** Whether a position lies in a hole. */
  isMissing(id: RecordId): boolean {
    const hole = this.#holes[this.find(id)]
    return hole !== undefined && id >= hole.first
  }

  /** Whether anything is still missing inside first…last. */
  isAnyMissing(first: RecordId, last: RecordId): boolean {
    const hole = this.#holes[this.find(first)]
    return hole !== undefined && hole.first <= last
  }

  /** What is still missing inside first…last. */
  missingIn(first: RecordId, last: RecordId): Hole[] {
    const missing: Hole[] = []
    for (let index = this.find(first); index < this.#holes.length; index++) {
      const hole = this.#holes[index] as Hole
      if (hole.first > last) break
      missing.push({
        first: hole.first < first ? first : hole.first,
        last: hole.last > last ? last : hole.last,
      })
    }
    return missing
  }

  #advance(id: RecordId): void {
    if (this.#first === undefined) this.#first = id
    this.#last = id
    this.#next = this.sequence.next(id)
    this.#seen++
  }

  /** Takes one position out of a hole. False when it is in none. */
  #punch(id: RecordId): boolean {
    const low = this.find(id)
    const hole = this.#holes[low]
    if (!hole || id < hole.first) return false
    const atFirst = sameId(hole.first, id)
    const atLast = sameId(hole.last, id)
    if (atFirst && atLast) this.#holes.splice(low, 1)
    else if (atFirst) hole.first = this.sequence.next(id)
    else if (atLast) hole.last = this.sequence.previous(id)
    else {
      this.#holes.splice(low + 1, 0, { first: this.sequence.next(id), last: hole.last })
      hole.last = this.sequence.previous(id)
    }
    return true
  }

  /** Index in `holes` of the first one that does not end before a position. */
  find(id: RecordId): number {
    let low = 0
    let high = this.#holes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#holes[middle] as Hole).last < id) low = middle + 1
      else high = middle
    }
    return low
  }
}

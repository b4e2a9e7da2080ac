import type { LiveRecord, RecordId } from '../../model/live/index.ts'

/** Kinds whose positions follow one another by a rule, so that what is missing between two is known. */
export type CountedKind = 'trade' | 'aggTrade' | 'candle'

export function isCounted(kind: string): kind is CountedKind {
  return kind === 'trade' || kind === 'aggTrade' || kind === 'candle'
}

/** Where a record stands in its series: an id, an open time, or the instant that tells it from others. */
export function positionOf(record: LiveRecord): RecordId {
  switch (record.kind) {
    case 'candle':
      return record.openTime
    case 'trade':
    case 'aggTrade':
      return record.id
    case 'quote':
      return record.updateId
    case 'bookDelta':
    case 'bookSnapshot':
      return record.lastUpdateId
    case 'fundingRate':
      return record.fundingTime
    case 'liquidation':
      return record.time
    default:
      return record.eventTime
  }
}

/** What tells two records of a series apart: the position, but for liquidations, of which several may share an instant. */
export function identityOf(record: LiveRecord): RecordId | string {
  if (record.kind !== 'liquidation') return positionOf(record)
  const { time, side, price, quantity, filledQuantity } = record
  return `${time}/${side}/${price}/${quantity}/${filledQuantity}`
}

/** Records in the order of their positions, never more than `bound` of them. What comes in order costs one step. */
export class Window {
  readonly bound: number
  #records: (LiveRecord | undefined)[] = []
  #head = 0

  constructor(bound: number) {
    this.bound = bound
  }

  get size(): number {
    return this.#records.length - this.#head
  }

  get isFull(): boolean {
    return this.size >= this.bound
  }

  /** The lowest position held. */
  get first(): LiveRecord | undefined {
    return this.#records[this.#head]
  }

  /** The highest position held. */
  get last(): LiveRecord | undefined {
    return this.size === 0 ? undefined : this.#records[this.#records.length - 1]
  }

  /** Holds a record; one that stands in the same place is replaced. The caller minds the bound. */
  put(record: LiveRecord): void {
    const position = positionOf(record)
    const at = this.#find(position)
    const there = this.#records[at]
    if (there !== undefined && !(positionOf(there) > position)) this.#records[at] = record
    else if (at === this.#records.length) this.#records.push(record)
    else this.#records.splice(at, 0, record)
  }

  has(position: RecordId): boolean {
    const there = this.#records[this.#find(position)]
    return there !== undefined && !(positionOf(there) > position)
  }

  /** Takes out the lowest. */
  shift(): LiveRecord | undefined {
    const record = this.#records[this.#head]
    if (record === undefined) return undefined
    this.#records[this.#head++] = undefined
    // The front is cut off now and then, so that a step stays a step.
    if (this.#head > 1024 && this.#head * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#head)
      this.#head = 0
    }
    return record
  }

  /** Takes out the highest. */
  pop(): LiveRecord | undefined {
    return this.size === 0 ? undefined : this.#records.pop()
  }

  clear(): void {
    this.#records = []
    this.#head = 0
  }

  /** Index of the first record that does not stand before a position. */
  #find(position: RecordId): number {
    const last = this.last
    if (last === undefined || positionOf(last) < position) return this.#records.length
    let low = this.#head
    let high = this.#records.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (positionOf(this.#records[middle]!) < position) low = middle + 1
      else high = middle
    }
    return low
  }
}

import { addOpens, countOpens, type IntervalGrid, nextOpen } from '../../model/interval.ts'
import { sameId } from '../../model/live/ids.ts'
import type { BookDelta, LiveRecord, RecordId } from '../../model/live/index.ts'
import { type Arrival, ID_SEQUENCE, IdLedger, type Sequence } from './id-ledger.ts'

/** What a tracker says of a record. `break`: the chain is torn and can not be mended. */
export type Verdict = Arrival | 'break'

/** Sees every record of one series once and says whether it is new. */
export interface Tracker {
  accept(record: LiveRecord): Verdict
  /** Records taken in. */
  readonly seen: number
  readonly duplicates: number
}

/** Open times of candles as positions of a ledger. */
export function candleSequence(grid: IntervalGrid): Sequence {
  return {
    next: (open) => nextOpen(grid, Number(open)),
    previous: (open) => addOpens(grid, Number(open), -1),
    count: (first, last) => countOpens(grid, { from: Number(first), to: Number(last) + 1 }),
  }
}

/** Kinds whose ids count by one. */
export class IdTracker implements Tracker {
  readonly ledger: IdLedger

  constructor(ledger: IdLedger = new IdLedger(ID_SEQUENCE)) {
    this.ledger = ledger
  }

  get seen(): number {
    return this.ledger.seen
  }

  get duplicates(): number {
    return this.ledger.duplicates
  }

  accept(record: LiveRecord): Verdict {
    return this.ledger.accept((record as unknown as { readonly id: RecordId }).id)
  }
}

/** Closed candles, by open time. A candle in progress proves that the ones before it are closed. */
export class CandleTracker implements Tracker {
  readonly ledger: IdLedger

  constructor(grid: IntervalGrid) {
    this.ledger = new IdLedger(candleSequence(grid))
  }

  get seen(): number {
    return this.ledger.seen
  }

  get duplicates(): number {
    return this.ledger.duplicates
  }

  accept(record: LiveRecord): Verdict {
    return this.ledger.accept((record as { readonly openTime: number }).openTime)
  }
}

/** Book deltas: each names the one before it. */
export class ChainTracker implements Tracker {
  seen = 0
  duplicates = 0
  breaks = 0
  first: RecordId | undefined
  last: RecordId | undefined
  /** Event time of the last delta taken in, epoch ms. */
  lastTime = Number.NaN

  accept(record: LiveRecord): Verdict {
    const delta = record as BookDelta
    const last = this.last
    if (last !== undefined && delta.lastUpdateId <= last) {
      this.duplicates++
      return 'duplicate'
    }
    this.seen++
    const torn = last !== undefined && !follows(delta, last)
    if (torn) this.breaks++
    this.first ??= delta.firstUpdateId
    this.last = delta.lastUpdateId
    this.lastTime = delta.eventTime
    return torn ? 'break' : 'next'
  }
}

/** Futures deltas say which id they follow; spot's first id is the one after it. */
function follows(delta: BookDelta, last: RecordId): boolean {
  if (delta.previousUpdateId >= 0) return sameId(delta.previousUpdateId, last)
  return delta.firstUpdateId <= ID_SEQUENCE.next(last)
}

/** Positions that a `RisingTracker` remembers: overlapping connections and records out of order are never further apart. */
const REMEMBERED = 512

/**
 * Kinds whose position rises and jumps: quotes by update id, tickers and mark prices by event time. One that comes late
 * is told from one that comes again by those seen last; what is older than these counts as seen.
 */
export class RisingTracker implements Tracker {
  seen = 0
  duplicates = 0
  first: RecordId | undefined
  last: RecordId | undefined
  readonly #position: (record: LiveRecord) => RecordId
  /** The positions seen last, in the order of arrival. */
  readonly #ring: RecordId[] = []
  #at = 0

  constructor(position: (record: LiveRecord) => RecordId) {
    this.#position = position
  }

  accept(record: LiveRecord): Verdict {
    const position = this.#position(record)
    const isLate = this.last !== undefined && position <= this.last
    if (isLate && this.#wasSeen(position)) {
      this.duplicates++
      return 'duplicate'
    }
    this.seen++
    this.#ring[this.#at] = position
    this.#at = (this.#at + 1) % REMEMBERED
    if (this.first === undefined || position < this.first) this.first = position
    if (!isLate) this.last = position
    return isLate ? 'late' : 'next'
  }

  /** Whether a position is one of those seen last. */
  remembers(position: RecordId): boolean {
    return this.#ring.some((one) => sameId(one, position))
  }

  /** Whether a position that is not above the last was seen, or is too old to tell. */
  #wasSeen(position: RecordId): boolean {
    const ring = this.#ring
    let isOlder = ring.length === REMEMBERED
    for (let index = 0; index < ring.length; index++) {
      const one = ring[index]!
      if (sameId(one, position)) return true
      if (one <= position) isOlder = false
    }
    return isOlder
  }
}

/** Remembered records of a `RecentTracker`: overlapping connections are never further apart than that. */
const RECENT = 256

/** Kinds without any order: equal records within the last few are one. */
export class RecentTracker implements Tracker {
  seen = 0
  duplicates = 0
  first: RecordId | undefined
  last: RecordId | undefined
  readonly #keys = new Set<string>()
  readonly #key: (record: LiveRecord) => string
  readonly #time: (record: LiveRecord) => number

  constructor(key: (record: LiveRecord) => string, time: (record: LiveRecord) => number) {
    this.#key = key
    this.#time = time
  }

  accept(record: LiveRecord): Verdict {
    const key = this.#key(record)
    if (this.#keys.has(key)) {
      this.duplicates++
      return 'duplicate'
    }
    this.#keys.add(key)
    // A Set keeps the order of insertion: its first entry is the oldest.
    if (this.#keys.size > RECENT) this.#keys.delete(this.#keys.values().next().value as string)
    this.seen++
    const time = this.#time(record)
    if (this.first === undefined || time < this.first) this.first = time
    if (this.last === undefined || time > this.last) this.last = time
    return 'next'
  }
}

/** The tracker that fits a kind. `grid` is needed for candles only. */
export function createTracker(kind: LiveRecord['kind'], grid: IntervalGrid | undefined): Tracker {
  switch (kind) {
    case 'trade':
    case 'aggTrade':
      return new IdTracker()
    case 'candle':
      return new CandleTracker(grid ?? { interval: '1m' })
    case 'bookDelta':
      return new ChainTracker()
    case 'quote':
      return new RisingTracker((record) => (record as { updateId: RecordId }).updateId)
    case 'bookSnapshot':
      return new RisingTracker((record) => (record as { lastUpdateId: RecordId }).lastUpdateId)
    case 'ticker':
    case 'markPrice':
      return new RisingTracker((record) => record.eventTime)
    case 'fundingRate':
      return new RisingTracker((record) => (record as { fundingTime: number }).fundingTime)
    case 'liquidation':
      return new RecentTracker(
        (record) => {
          const { time, side, price, quantity, filledQuantity } = record as Extract<
            LiveRecord,
            { readonly kind: 'liquidation' }
          >
          return `${time}/${side}/${price}/${quantity}/${filledQuantity}`
        },
        (record) => (record as { time: number }).time,
      )
  }
}

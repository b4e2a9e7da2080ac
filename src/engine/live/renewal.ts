import { type LiveKind, type LiveRecord, RecordFlag, type RecordId, type TradeRecord } from '../../model/live/index.ts'
import { formatTime, SECOND } from '../../model/time.ts'
import { RisingTracker, type Tracker } from './tracker.ts'

/**
 * An exchange began to count its ids anew: a test exchange that was reset, or another one at the same address. What is
 * stored has ids that now mean other records.
 */
export interface Renewal {
  /** The highest id of before, and when its record happened, epoch ms. */
  readonly last: RecordId
  readonly lastTime: number
  /** The first id that can't be what it says, and when its record happened, epoch ms. */
  readonly id: RecordId
  readonly time: number
  /** Local clock when it was found, epoch ms. */
  readonly at: number
  /** What happened, what becomes of the records and what to do. */
  readonly detail: string
}

/** So many in a row must contradict what was there before. */
const WITNESSES = 3
/** How far times of the exchange may run against its ids, ms; it is below 100 in fact. */
export const DISORDER = SECOND
/**
 * The same for kinds that only we tell the time of. A new connection may be served by a machine of the exchange that
 * lags; one that stood still for long delivers its backlog late.
 */
const SERVER_LAG = 5 * SECOND
const BACKLOG = 60 * SECOND
/** So many records in a row, over `BACKLOG`, without one that is new: nothing that comes again comes so often. */
const STANDSTILL = 50

interface Place {
  id: RecordId
  time: number
}

/** The id that a record is counted by; undefined for kinds without. */
function idOf(record: LiveRecord): RecordId | undefined {
  switch (record.kind) {
    case 'trade':
    case 'aggTrade':
      return record.id
    case 'bookDelta':
    case 'bookSnapshot':
      return record.lastUpdateId
    case 'quote':
      return record.updateId
    default:
      return undefined
  }
}

function instantOf(record: LiveRecord): number {
  if (record.kind === 'quote') return record.receiveTime
  return record.kind === 'bookDelta' ? record.eventTime : (record as TradeRecord).time
}

/** Whether a kind's records have ids that can begin anew. */
export function hasIds(kind: LiveKind): boolean {
  return ['trade', 'aggTrade', 'bookDelta', 'quote', 'bookSnapshot'].includes(kind)
}

/**
 * Looks for records of one series that can't be: with an id that was reached before, at a time clearly after it. One
 * that comes again has its former time, one that comes late an earlier one, so neither is mistaken. Such records are
 * withheld until there are enough of them in a row.
 */
export class RenewalWatch {
  /** What an earlier run stored last. */
  #stored: Place | undefined
  /** The highest id of this run, and its last instant. */
  #reached: Place | undefined
  #withheld: LiveRecord[] = []
  /** Records in a row that were not above the highest id. */
  #below = 0
  #belowSince = Number.NaN

  /** Says what the lake has: the highest id of it and its last instant, epoch ms. */
  stored(id: RecordId, time: number): void {
    this.#stored = { id, time }
  }

  /**
   * Looks at a record before it is taken in. `fine`: take it. `withheld`: it is kept here. Else the ids began anew:
   * what was kept has to be taken in anew, and this record behind it.
   */
  look(record: LiveRecord, tracker: Tracker, now: number): 'fine' | 'withheld' | Renewed {
    const id = idOf(record)
    if (id === undefined) return 'fine'
    const time = instantOf(record)
    const still = this.#standsStill(record, id, tracker, now)
    if (still !== undefined) return { ...renewalOf(still, { id, time }, now), withheld: [] }
    const before = this.#contradicted(record.kind, id, time, tracker)
    if (before === undefined) {
      const reached = this.#reached
      if (reached === undefined) this.#reached = { id, time }
      else if (id > reached.id) {
        reached.id = id
        if (time > reached.time) reached.time = time
      }
      if (this.#withheld.length > 0) this.#withheld = []
      return 'fine'
    }
    const records = [...this.#withheld, record]
    if (records.length < WITNESSES) {
      this.#withheld = records
      return 'withheld'
    }
    this.#withheld = []
    const first = { id: idOf(records[0]!)!, time: instantOf(records[0]!) }
    return { ...renewalOf(before, first, now), withheld: records.slice(0, -1) }
  }

  /** Whether nothing but old ids came for so long that they can't be old: `time` need not be after that of the others. */
  #standsStill(record: LiveRecord, id: RecordId, tracker: Tracker, now: number): Place | undefined {
    const highest = this.#highest()
    const isRising = tracker instanceof RisingTracker
    if (highest === undefined || id > highest.id) {
      this.#below = 0
      return undefined
    }
    // What REST fills in is old, and the last id may be told again.
    if ((record.flags & RecordFlag.rest) !== 0 || (isRising && id === highest.id)) return undefined
    if (this.#below++ === 0) this.#belowSince = now
    return this.#below >= STANDSTILL && now - this.#belowSince >= BACKLOG ? highest : undefined
  }

  #highest(): Place | undefined {
    const [stored, reached] = [this.#stored, this.#reached]
    if (stored === undefined || reached === undefined) return stored ?? reached
    return reached.id > stored.id ? reached : stored
  }

  /** What a record can't come after, if there is such a thing. */
  #contradicted(kind: LiveKind, id: RecordId, time: number, tracker: Tracker): Place | undefined {
    const [stored, reached] = [this.#stored, this.#reached]
    if ((reached === undefined || id > reached.id) && (stored === undefined || id > stored.id)) {
      // Times of trades are the exchange's own, and never fall while the ids rise. Those of other kinds are of sending.
      const highest = this.#highest()
      const isEarlier = highest !== undefined && time < highest.time - DISORDER
      return isEarlier && (kind === 'trade' || kind === 'aggTrade') ? highest : undefined
    }
    const isRising = tracker instanceof RisingTracker
    // Of rising kinds the last id may be told again later: nothing has changed since.
    const isBehind = (last: RecordId): boolean => (isRising ? id < last : id <= last)
    if (stored && isBehind(stored.id) && time > stored.time + (isRising ? SERVER_LAG : DISORDER)) return stored
    if (!reached || !isBehind(reached.id) || !(time > reached.time + (isRising ? BACKLOG : DISORDER))) return undefined
    return isRising && tracker.remembers(id) ? undefined : reached
  }
}

/** What is to be said when a record that can't be came after one that was known. */
export function renewalOf(before: Readonly<Place>, first: Readonly<Place>, at: number): Renewal {
  const what = `id ${first.id} of ${told(first.time)} comes after id ${before.id} of ${told(before.time)}`
  const detail = `the ids begin anew: ${what}. This is another exchange, or one that was reset. From now on the records are passed on but not stored: they would mix with those that are. Collect them into another folder (--data-dir).`
  return { last: before.id, lastTime: before.time, ...first, at, detail }
}

/** A renewal, and the records that showed it before the last of them. */
export type Renewed = Renewal & { readonly withheld: readonly LiveRecord[] }

function told(time: number): string {
  return Number.isFinite(time) ? formatTime(Math.floor(time)) : 'an unknown time'
}

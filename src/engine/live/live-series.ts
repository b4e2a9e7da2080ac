import type { Gap, GapCause } from '../../model/coverage.ts'
import type { IntervalGrid } from '../../model/interval.ts'
import { type LiveKind, type LiveRecord, RecordFlag, type RecordId } from '../../model/live/index.ts'
import { type SeriesId, seriesKey } from '../../model/series.ts'
import type { Anchor } from './anchor.ts'
import type { Hole, IdLedger } from './id-ledger.ts'
import { LagHistogram, type LagSummary } from './lag.ts'
import { hasIds, type Renewal, RenewalWatch, renewalOf } from './renewal.ts'
import type { Resume } from './series-sink.ts'
import { CandleTracker, ChainTracker, createTracker, IdTracker, type Tracker, type Verdict } from './tracker.ts'

/** Finished holes and gaps kept for the report; more are counted only. */
const MAX_KEPT = 1000

/** Why nobody received what came for a while, as gaps say it. */
export type Absence =
  | 'the collector was not running'
  | 'the connection was down'
  | 'it was not subscribed'
  | 'frames were refused for want of memory'
  | 'the stream was silent'

/** Those of which it is certain that something may have been missed; a silent stream may have had nothing to tell. */
const LOST: ReadonlySet<Absence> = new Set(['the connection was down', 'frames were refused for want of memory'])

/** A hole from its discovery to its end. Positions are ids, or open times of candles. */
export interface HoleReport {
  readonly first: RecordId
  readonly last: RecordId
  readonly count: number
  /** Instants of the records around it, epoch ms. */
  readonly from: number
  readonly to: number
  /** Local clock, epoch ms. */
  readonly openedAt: number
  closedAt?: number
  /** How many came in after all: from REST, or late over a stream. */
  filled: number
  /** Why nobody received them, where that is known. */
  readonly missed?: Absence
  /** Why the rest is gone, where some is. */
  cause?: GapCause
  note?: string
}

/** What is known of a series in this run. */
export interface SeriesStatus {
  readonly series: string
  readonly kind: LiveKind
  readonly symbol: string
  /** First and last id or time of this run. */
  readonly first: RecordId | undefined
  readonly last: RecordId | undefined
  /** Instants of the first and last record, epoch ms; NaN without any. */
  readonly firstTime: number
  readonly lastTime: number
  readonly records: number
  /** Records removed because they were there already. */
  readonly duplicates: number
  /** Records that REST filled in. */
  readonly filled: number
  /** Records that arrived late over a stream, into a hole. */
  readonly late: number
  /** Closed candles that came again with other values. */
  readonly revised: number
  /** Broken chains of book deltas. */
  readonly breaks: number
  /** Times that no connection carried it any more. */
  readonly outages: number
  /**
   * Time of the last record before a connection was lost or frames were refused, epoch ms, as long as no record has come
   * since: until then nobody knows what is missing. NaN else.
   */
  readonly unknownSince: number
  readonly holesFound: number
  readonly holesOpen: number
  /** Positions missing now. */
  readonly missing: number
  readonly holes: readonly HoleReport[]
  readonly gaps: readonly Gap[]
  /** Set once the exchange counted its ids anew: from then on nothing of the series is stored. */
  readonly renewal: Renewal | undefined
  readonly lag: LagSummary
  /** Local clock at the last record of a stream, epoch ms; NaN before the first. */
  readonly lastReceiveTime: number
}

/** One series of live records: sees each record once, keeps the books on holes and gaps. Knows nothing of I/O. */
export class LiveSeries {
  readonly id: SeriesId
  readonly key: string
  readonly kind: LiveKind
  readonly lag = new LagHistogram()
  /** Told of each hole once, when it opens; with the record before it where nobody watched what came in between. */
  onHole: (hole: Hole, anchor?: Anchor) => void = () => {}
  /** Told of each gap once it is certain. */
  onGap: (gap: Gap) => void = () => {}
  /** Told when the ids begin anew, with records that were withheld and have to be taken in again. */
  onRenewal: (renewal: Renewal, withheld: readonly LiveRecord[]) => void = () => {}
  /** It goes on behind what an earlier run stored, and nobody asked yet whether the exchange is still the same. */
  isUnproved = false
  filled = 0
  late = 0
  revised = 0
  firstTime = Number.NaN
  lastTime = Number.NaN
  lastReceiveTime = Number.NaN
  #tracker: Tracker
  readonly #grid: IntervalGrid | undefined
  #watch: RenewalWatch | undefined
  #renewal: Renewal | undefined
  #outages = 0
  #holesFound = 0
  readonly #open: HoleReport[] = []
  readonly #done: HoleReport[] = []
  readonly #gaps: Gap[] = []
  /** Nobody watched since the last record: the exchange may be another one by now. */
  #isDoubtful = false
  /** Since this instant nobody receives it, and why; undefined while somebody does. */
  #absence: { readonly since: number; readonly why: Absence } | undefined
  /** Values of the last closed candles, to tell a revision from a repetition. */
  readonly #closed = new Map<number, string>()

  /** @param stored what the lake has of it: ids that begin anew are told from that. */
  constructor(id: SeriesId, grid?: IntervalGrid, stored?: Resume) {
    this.id = id
    this.key = seriesKey(id)
    this.kind = id.kind as LiveKind
    this.#grid = grid
    this.#tracker = createTracker(this.kind, grid)
    this.#watch = hasIds(this.kind) ? new RenewalWatch() : undefined
    if (stored?.highest !== undefined) this.#watch?.stored(stored.highest, stored.lastTime)
  }

  /** The last record, of which the exchange can be asked by its id; undefined without one, and for other kinds. */
  get anchor(): Anchor | undefined {
    const { ledger, kind, lastTime } = this
    if ((kind !== 'trade' && kind !== 'aggTrade') || ledger?.last === undefined || Number.isNaN(lastTime))
      return undefined
    return ledger.isMissing(ledger.last) ? undefined : { id: ledger.last, time: lastTime }
  }

  get tracker(): Tracker {
    return this.#tracker
  }

  /** Set once the exchange counted its ids anew: what comes since must not be stored with what came before. */
  get renewal(): Renewal | undefined {
    return this.#renewal
  }

  /** The ledger, where positions can be counted. */
  get ledger(): IdLedger | undefined {
    const { tracker } = this
    return tracker instanceof IdTracker || tracker instanceof CandleTracker ? tracker.ledger : undefined
  }

  /**
   * Takes a record in. True when it is new and has to be stored and published. `now` is the local clock, epoch ms.
   * A candle in progress is never taken in, but shows which candles before it must exist.
   */
  take(record: LiveRecord, now: number): boolean {
    if (record.kind === 'candle') {
      if (!record.closed) {
        this.#received(record, now)
        // The candle that is in progress at the start belongs to the series, also when its last message is missed.
        if (this.ledger?.last === undefined) this.ledger?.resume(this.ledger.previousOf(record.openTime))
        else if (this.ledger.reach(record.openTime)) this.#opened(now, this.lastTime, record.openTime)
        return false
      }
      const verdict = this.tracker.accept(record)
      if (verdict === 'duplicate') return this.#isRevision(record)
      this.#remember(record)
      return this.#took(record, verdict, now)
    }
    if (this.#watch !== undefined) {
      const seen = this.#watch.look(record, this.#tracker, now)
      if (seen === 'withheld') return false
      if (seen !== 'fine') {
        const { withheld, ...renewal } = seen
        this.renew(renewal, withheld)
      }
    }
    const verdict = this.#tracker.accept(record)
    if (verdict === 'duplicate') return false
    return this.#took(record, verdict, now)
  }

  /** The ids began anew: holes of before stay as they are on disk, and everything is counted from here on. */
  renew(renewal: Renewal, withheld: readonly LiveRecord[] = []): void {
    const now = Date.now()
    this.#renewal ??= renewal
    this.#tracker = createTracker(this.kind, this.#grid)
    this.#watch = hasIds(this.kind) ? new RenewalWatch() : undefined
    for (const hole of this.#open) {
      hole.cause = 'unknown'
      hole.note = 'the ids began anew before it was filled'
    }
    while (this.#open.length > 0) this.#close(0, now)
    this.firstTime = Number.NaN
    this.lastTime = Number.NaN
    this.onRenewal(renewal, withheld)
  }

  /** The exchange tells another record under an id that was seen. What is missing of a hole behind it can't be had. */
  contradicted(anchor: Anchor, time: number, hole?: Hole): void {
    if (this.#renewal) return
    const renewal = renewalOf(anchor, { id: anchor.id, time }, Date.now())
    if (hole) {
      const note = 'the ids began anew meanwhile: those behind it are of another count'
      this.giveUp(hole.first, hole.last, 'unknown', note, this.around(hole.first, hole.last))
    }
    this.renew(renewal)
  }

  /** Nobody receives the series any more. Kinds that REST can't repeat lose what comes until the next record. */
  down(at: number, why: Absence = 'the connection was down'): void {
    this.#isDoubtful = true
    if (this.#absence !== undefined) return
    this.#outages++
    this.#absence = { since: Number.isNaN(this.lastTime) ? at : this.lastTime, why }
  }

  /** Goes on behind what an earlier run stored: only before the first record. */
  resume(last: RecordId, holes: readonly Hole[]): void {
    if (this.tracker instanceof ChainTracker) this.tracker.last ??= last
    else this.ledger?.resume(last, holes)
  }

  /** Goes on behind an earlier run, and takes up the holes that it left. */
  takeUp({ last, lastTime, holes }: Resume, now: number): void {
    this.lastTime = lastTime
    this.isUnproved = this.#isDoubtful = !Number.isNaN(lastTime)
    if (last !== undefined) this.resume(last, holes)
    for (const { first, last: end, from, to } of holes) {
      this.reopen({ first, last: end }, { from, to }, now)
      this.onHole({ first, last: end })
    }
  }

  /** Nobody collected since the last record of an earlier run: what came meanwhile and can't be asked for is lost. */
  away(): void {
    if (Number.isNaN(this.lastTime) || this.kind === 'bookSnapshot' || this.kind === 'fundingRate') return
    this.#absence ??= { since: this.lastTime, why: 'the collector was not running' }
  }

  /** Gives up what is still missing in first…last: it becomes a gap. */
  giveUp(first: RecordId, last: RecordId, cause: GapCause, note: string, range: { from: number; to: number }): void {
    const { ledger } = this
    if (!ledger) return
    for (const hole of ledger.missingIn(first, last)) {
      const missed = cause === 'own-outage' ? this.#open[this.#find(hole.first)]?.missed : undefined
      const count = ledger.giveUp(hole.first, hole.last)
      this.#gap({
        ...range,
        cause,
        count,
        checked: ['stream', 'rest'],
        note: missed === undefined ? note : `${missed}; ${note}`,
        firstId: storedId(hole.first),
        lastId: storedId(hole.last),
      })
    }
    for (let index = this.#find(first); index < this.#open.length; ) {
      const hole = this.#open[index] as HoleReport
      if (hole.first > last) break
      hole.cause = cause
      hole.note = note
      if (this.#isOver(hole)) this.#close(index, Date.now())
      else index++
    }
  }

  /** Takes up a hole that an earlier run left. */
  reopen(hole: Hole, range: { from: number; to: number }, now: number): void {
    if (!this.ledger) return
    this.#holesFound++
    const count = this.ledger.countOf(hole.first, hole.last)
    this.#open.splice(this.#find(hole.first), 0, { ...hole, ...range, count, openedAt: now, filled: 0 })
  }

  /** The instants between which first…last must lie, by the records around the hole. */
  around(first: RecordId, last: RecordId): { from: number; to: number } {
    const hole = this.#open.find((open) => open.first <= first && last <= open.last)
    return { from: hole?.from ?? this.firstTime, to: hole?.to ?? this.lastTime }
  }

  status(): SeriesStatus {
    const { tracker, ledger } = this
    const positions = ledger ?? (tracker as { readonly first?: RecordId; readonly last?: RecordId })
    const isLost = this.#absence !== undefined && LOST.has(this.#absence.why)
    return {
      series: this.key,
      kind: this.kind,
      symbol: this.id.symbol,
      // What an earlier run reached is no record of this one.
      first: tracker.seen === 0 ? undefined : positions.first,
      last: tracker.seen === 0 ? undefined : positions.last,
      firstTime: this.firstTime,
      lastTime: this.lastTime,
      records: tracker.seen,
      duplicates: tracker.duplicates,
      filled: this.filled,
      late: this.late,
      revised: this.revised,
      breaks: tracker instanceof ChainTracker ? tracker.breaks : 0,
      outages: this.#outages,
      unknownSince: isLost ? this.#absence!.since : Number.NaN,
      holesFound: this.#holesFound,
      holesOpen: this.#open.length,
      missing: ledger?.missing ?? 0,
      holes: [...this.#done, ...this.#open].map((hole) => ({ ...hole })),
      gaps: [...this.#gaps],
      renewal: this.#renewal,
      lag: this.lag.summary(),
      lastReceiveTime: this.lastReceiveTime,
    }
  }

  #took(record: LiveRecord, verdict: Verdict, now: number): boolean {
    const time = timeOf(record)
    const before = this.lastTime
    if (verdict === 'late') {
      if ((record.flags & RecordFlag.rest) !== 0) this.filled++
      else this.late++
      this.#countFill(record, now)
    } else {
      if (!(time < this.lastTime)) this.lastTime = time
    }
    if (!(time > this.firstTime)) this.firstTime = time
    this.#received(record, now)
    if (verdict === 'next') this.#isDoubtful = false
    if (verdict === 'ahead') this.#opened(now, before, time)
    else if (verdict === 'break') {
      this.#gap({
        from: before,
        to: time,
        cause: 'own-outage',
        checked: ['stream'],
        note: this.#absence?.why ?? 'the chain of update ids is torn',
      })
      this.#absence = undefined
    } else if (this.#absence !== undefined) this.#up(record, time)
    return true
  }

  /** The first record after an outage: what a ledger or a chain can't tell was lost in between. */
  #up(record: LiveRecord, time: number): void {
    const { since, why } = this.#absence!
    // A record of REST says nothing about the connection.
    if ((record.flags & RecordFlag.rest) !== 0) return
    this.#absence = undefined
    if (this.ledger || this.tracker instanceof ChainTracker || !(time > since)) return
    this.#gap({ from: since, to: time, cause: 'own-outage', checked: ['stream'], note: why })
  }

  #received(record: LiveRecord, now: number): void {
    if (Number.isNaN(record.receiveTime)) return
    this.lastReceiveTime = now
    this.lag.add(record.receiveTime - record.eventTime)
  }

  #opened(now: number, from: number, to: number): void {
    const hole = this.ledger?.holes.at(-1)
    if (!hole || !this.ledger) return
    this.#holesFound++
    const { first, last } = hole
    const missed = this.#absence && { missed: this.#absence.why }
    this.#absence = undefined
    const count = this.ledger.countOf(first, last)
    this.#open.push({ first, last, count, from, to, openedAt: now, filled: 0, ...missed })
    const before = this.ledger.previousOf(first)
    const isKnown = this.kind !== 'candle' && this.#isDoubtful && !Number.isNaN(from) && !this.ledger.isMissing(before)
    this.#isDoubtful = false
    this.onHole({ first, last }, isKnown ? { id: before, time: from } : undefined)
  }

  #countFill(record: LiveRecord, now: number): void {
    const position = record.kind === 'candle' ? record.openTime : (record as { id: RecordId }).id
    const index = this.#find(position)
    const hole = this.#open[index]
    if (!hole || hole.first > position) return
    hole.filled++
    if (this.#isOver(hole)) this.#close(index, now)
  }

  /** Index of the first open hole that does not end before a position. */
  #find(position: RecordId): number {
    let low = 0
    let high = this.#open.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#open[middle] as HoleReport).last < position) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Nothing of it is missing any more: it is filled, or the rest was given up. */
  #isOver({ first, last, filled, count, cause }: HoleReport): boolean {
    return filled >= count || (cause !== undefined && this.ledger?.missingIn(first, last).length === 0)
  }

  #close(index: number, now: number): void {
    const [hole] = this.#open.splice(index, 1)
    if (!hole) return
    hole.closedAt = now
    if (this.#done.length < MAX_KEPT) this.#done.push(hole)
  }

  #gap(gap: Gap): void {
    if (this.#gaps.length < MAX_KEPT) this.#gaps.push(gap)
    this.onGap(gap)
  }

  #isRevision(record: Extract<LiveRecord, { kind: 'candle' }>): boolean {
    const known = this.#closed.get(record.openTime)
    const values = valuesOf(record)
    if (known === undefined || known === values) return false
    this.#closed.set(record.openTime, values)
    record.flags |= RecordFlag.revised
    this.revised++
    return true
  }

  #remember(record: Extract<LiveRecord, { kind: 'candle' }>): void {
    this.#closed.set(record.openTime, valuesOf(record))
    if (this.#closed.size > 8) this.#closed.delete(this.#closed.keys().next().value as number)
  }
}

/** An id as the coverage holds it. */
function storedId(id: RecordId): number | string {
  return typeof id === 'bigint' ? String(id) : id
}

function valuesOf(candle: Extract<LiveRecord, { kind: 'candle' }>): string {
  const { open, high, low, close, volume, quoteVolume, trades, takerBuyVolume, takerBuyQuoteVolume } = candle
  return [open, high, low, close, volume, quoteVolume, trades, takerBuyVolume, takerBuyQuoteVolume].join()
}

/** The instant that a record belongs to, epoch ms: what the kind's `timeColumn` holds. */
export function timeOf(record: LiveRecord): number {
  switch (record.kind) {
    case 'candle':
      return record.openTime
    case 'trade':
    case 'aggTrade':
    case 'bookSnapshot':
    case 'liquidation':
      return record.time
    case 'fundingRate':
      return record.fundingTime
    case 'quote':
      return record.receiveTime
    default:
      return record.eventTime
  }
}

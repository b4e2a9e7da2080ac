import type { BookDelta } from '../model/live/book-delta.ts'
import type { BookSnapshot } from '../model/live/book-snapshot.ts'
import { sameId } from '../model/live/ids.ts'
import type { QuoteRecord } from '../model/live/quote.ts'
import type { RecordId } from '../model/live/record.ts'
import { badIds, isExact, standing } from './chain.ts'
import { DeltaBuffer } from './delta-buffer.ts'
import { IdWatch } from './id-watch.ts'
import { applyTo, badSnapshot, knownLevels, load } from './load.ts'
import { OrderBook } from './order-book.ts'
import { QuoteRing } from './quote-ring.ts'
import { Refresh, type RefreshOutcome } from './refresh.ts'
import { SyncCounters } from './sync-counters.ts'
import type {
  BookListener,
  BookReason,
  BookState,
  BookStats,
  BookSyncOptions,
  BookTop,
  SyncedBy,
} from './sync-types.ts'
import { BookTeller, crossedText, gapText } from './teller.ts'
import { badQuote, differenceTo, topOfBook, topOfQuote } from './top.ts'
import { SnapshotWishes } from './wishes.ts'

/**
 * What is being waited for. `idle`: the first update. `waiting`: a snapshot. `bridging`: an update that chains to the
 * snapshot in the book. `live`: nothing.
 */
type Phase = 'idle' | 'waiting' | 'bridging' | 'live'

/**
 * Keeps one book right, or says that it is not. A state machine without I/O and without a clock of its own: records go
 * in, wishes for snapshots and changes of state come out through the listener, and `tick` brings the time.
 *
 * The promise: while `state` is `synced`, `book` holds exactly what the exchange's book held at `lastUpdateId`, within
 * the range that the snapshot knew. Whatever could break that (a missing, impossible or crossing update, a quote of the
 * same id that says otherwise, a lost connection) makes it `stale` in the same call.
 */
export class BookSync {
  readonly market: BookSyncOptions['market']
  readonly symbol: string
  /** The levels. Always the same object; trust it while `state` is `synced`. */
  readonly book: OrderBook
  readonly #options: Required<Omit<BookSyncOptions, 'market' | 'symbol' | 'tickSize'>>
  readonly #bookOptions: { tickSize?: NonNullable<BookSyncOptions['tickSize']> }
  readonly #listener: BookListener
  readonly #buffer: DeltaBuffer
  readonly #quotes = new QuoteRing()
  readonly #counters = new SyncCounters()
  readonly #teller: BookTeller
  readonly #wishes: SnapshotWishes
  #phase: Phase = 'idle'
  #state: BookState = 'syncing'
  /** Update that the levels are at. */
  #id: RecordId | undefined
  /** Event time of that update. */
  #time = Number.NaN
  /** The levels were right when the connection was lost: an update that chains to them makes them right again. */
  #isResumable = false
  /** A live book waits for a snapshot to start from anew. */
  #refresh: Refresh | undefined
  readonly #ids = new IdWatch()
  #liveSince = Number.NaN
  /** When the subscription began or anything last arrived. */
  #heardAt = Number.NaN

  constructor(options: BookSyncOptions, listener: BookListener) {
    this.market = options.market
    this.symbol = options.symbol
    this.#bookOptions = options.tickSize === undefined ? {} : { tickSize: options.tickSize }
    this.#options = {
      maxBufferedUpdates: options.maxBufferedUpdates ?? 5000,
      maxBufferedChanges: options.maxBufferedChanges ?? 50_000,
      quietMs: options.quietMs ?? 3000,
      snapshotTimeoutMs: options.snapshotTimeoutMs ?? 120_000,
      refreshBelow: options.refreshBelow ?? 0.25,
      steadyMs: options.steadyMs ?? 30_000,
    }
    this.#listener = listener
    this.#teller = new BookTeller(this, listener, this.#counters)
    this.#wishes = new SnapshotWishes(listener, this.#counters, this.#options)
    this.book = new OrderBook(this.#bookOptions)
    this.#buffer = this.#newBuffer()
  }

  get state(): BookState {
    return this.#state
  }

  /** Update that the levels are at; undefined before the first snapshot. */
  get lastUpdateId(): RecordId | undefined {
    return this.#id
  }

  /** The stream is subscribed (again). Only quiet markets need it: others start with their first update. */
  connected(at: number): void {
    this.#counters.since(this.#state, at)
    this.#heardAt = at
  }

  /** The connection is gone, and no other one carries the stream. */
  disconnected(reason: string, at: number): void {
    this.#counters.since(this.#state, at)
    this.#counters.dropped += this.#buffer.length
    this.#buffer.clear()
    this.#quotes.clear()
    this.#refresh = undefined
    this.#heardAt = Number.NaN
    // A book that was right until the connection went has no fault of its own to wait for.
    if (this.#phase === 'live') this.#wishes.fulfilled()
    if (this.#phase === 'live' || this.#phase === 'bridging') this.#isResumable = true
    this.#phase = 'idle'
    this.#change('stale', 'disconnected', reason, at)
  }

  /** The exchange counts its ids anew: nothing of before can be compared with what comes. */
  renewed(reason: string, at: number): void {
    this.disconnected(reason, at)
    this.#isResumable = false
    this.#ids.seen = undefined
    this.#heardAt = at
  }

  /** An update arrived. `at` is the local clock, epoch ms. */
  delta(delta: BookDelta, at: number = delta.receiveTime): void {
    this.#counters.since(this.#state, at)
    if (delta.market !== this.market || delta.symbol !== this.symbol) {
      this.#teller.foreign(delta, at)
      return
    }
    const problem = badIds(delta)
    if (problem !== undefined) {
      this.#badUpdate(problem, at)
      return
    }
    this.#heardAt = at
    const anew = this.#ids.saw(delta.lastUpdateId)
    if (anew !== undefined) {
      this.#quotes.clear()
      this.#teller.odd('gap', anew, at)
      this.#broken('gap', anew, at, delta)
      return
    }
    if (this.#phase === 'live' || this.#phase === 'bridging') {
      this.#follow(delta, at)
      return
    }
    if (this.#isResumable && this.#buffer.length === 0 && this.#resumed(delta, at)) return
    const pushed = this.#push(delta, at)
    if (pushed !== 'old' && this.#phase === 'idle') this.#wish(this.#id === undefined ? 'start' : 'disconnected', at)
  }

  /** A snapshot arrived, wished for or not. */
  snapshot(snapshot: BookSnapshot, at: number = snapshot.receiveTime): void {
    this.#counters.since(this.#state, at)
    if (snapshot.market !== this.market || snapshot.symbol !== this.symbol) {
      this.#teller.foreign(snapshot, at)
      return
    }
    if (this.#phase === 'live') {
      if (this.#refresh) this.#settle(this.#refresh.settle(snapshot, this.book, this.#id!, this.#bookOptions), at)
      else this.#counters.snapshotsUnused++
      return
    }
    // Unasked it is taken only where the stream is subscribed and there is nothing to lose: what it does not reach to,
    // the first update shows.
    const isWelcome = this.#phase === 'idle' && !this.#isResumable && !Number.isNaN(this.#heardAt)
    if (this.#phase !== 'waiting' && !isWelcome) {
      this.#counters.snapshotsUnused++
      return
    }
    const id = snapshot.lastUpdateId
    const first = this.#buffer.first
    // With nothing buffered it must hold at least what was seen already.
    if (first ? standing(first, id) === 'gap' : this.#ids.seen !== undefined && id < this.#ids.seen) {
      this.#counters.snapshotsTooOld++
      this.#wish('snapshot-too-old', at)
      return
    }
    const problem = badSnapshot(snapshot)
    if (problem !== undefined) {
      this.#badSnapshot(problem, at)
      return
    }
    this.#isResumable = false
    this.#id = undefined
    const unheld = load(this.book, snapshot)
    if (unheld !== undefined) {
      this.#badSnapshot(unheld, at)
      return
    }
    this.#id = id
    this.#time = snapshot.time
    this.#phase = 'bridging'
    this.#heardAt = at
    this.#counters.snapshotsAdopted++
    this.#listener.adopted?.(snapshot, at)
    const quote = this.#quotes.passed(id)
    if (quote && !this.#compare(quote, at)) return
    const waiting = this.#buffer.length
    const rest = this.#buffer.take(id)
    this.#counters.duplicates += waiting - rest.length
    for (const [i, delta] of rest.entries()) {
      // Synced only with the last of them: the others are known to be past.
      if (!this.#apply(delta, at)) {
        for (const later of rest.slice(i + 1)) this.#push(later, at)
        return
      }
    }
    // A snapshot that ends where the stream is now needs no update to be proved.
    if (rest.length > 0 || (this.#ids.seen !== undefined && sameId(this.#ids.seen, id))) this.#live('bridged', at)
  }

  /** A quote (best bid and offer) arrived: it sharpens `top`, and is compared where its id is the book's. */
  quote(quote: QuoteRecord, at: number = quote.receiveTime): void {
    if (quote.market !== this.market || quote.symbol !== this.symbol) {
      this.#teller.foreign(quote, at)
      return
    }
    const problem = badQuote(quote)
    if (problem !== undefined) {
      this.#counters.quotesBad++
      this.#teller.odd('bad-quote', `quote ${quote.updateId} has ${problem}`, at)
      return
    }
    if (this.#id === undefined || quote.updateId > this.#id) this.#quotes.push(quote)
    else if (this.#phase === 'live' && sameId(quote.updateId, this.#id)) this.#compare(quote, at)
  }

  /** Brings the time: call it about once a second. */
  tick(now: number): void {
    this.#counters.since(this.#state, now)
    const quietMs = now - this.#heardAt
    const isQuiet = quietMs >= this.#options.quietMs
    if (this.#phase === 'idle') {
      if (isQuiet) this.#wish('quiet', now)
    } else if (this.#phase === 'bridging' && isQuiet) {
      this.#live('quiet', now)
    } else if ((this.#phase !== 'live' || this.#refresh) && this.#wishes.isOverdue(now)) {
      this.#wish('overdue', now)
    }
  }

  /**
   * Wishes for a snapshot to start from anew while the book stays synced. The book is compared with it: a difference
   * makes it stale.
   */
  refresh(at: number): void {
    if (this.#phase !== 'live' || this.#refresh) return
    this.#refresh = new Refresh(this.#newBuffer())
    this.#wish('refresh', at)
  }

  /** Best bid and offer: of a quote that is newer than the book, else of the book; undefined while there is neither. */
  top(): BookTop | undefined {
    const quote = this.#quotes.newest
    if (quote) return topOfQuote(quote, this.#state)
    return this.#id === undefined ? undefined : topOfBook(this.book, this.#id, this.#time, this.#state)
  }

  /** The book as a record, at most `depth` levels a side; undefined unless it is synced. `time` is the last update's. */
  toSnapshot(at: number, depth?: number): BookSnapshot | undefined {
    if (this.#state !== 'synced' || this.#id === undefined) return undefined
    return {
      kind: 'bookSnapshot',
      market: this.market,
      symbol: this.symbol,
      eventTime: this.#time,
      receiveTime: at,
      flags: 0,
      lastUpdateId: this.#id,
      time: Number.isNaN(this.#time) ? at : this.#time,
      ...knownLevels(this.book, depth),
    }
  }

  /** What happened so far; `now` is the local clock, epoch ms. */
  stats(now: number): BookStats {
    this.#counters.since(this.#state, now)
    return this.#counters.stats({
      state: this.#state,
      lastUpdateId: this.#id,
      buffered: this.#buffer.length,
      overflowed: this.#buffer.overflowed,
      gridChanges: this.book.gridChanges,
    })
  }

  #newBuffer(): DeltaBuffer {
    return new DeltaBuffer(this.#options.maxBufferedUpdates, this.#options.maxBufferedChanges)
  }

  /** An update for a book that has levels. */
  #follow(delta: BookDelta, at: number): void {
    const where = standing(delta, this.#id!)
    if (where === 'old') {
      this.#counters.duplicates++
      return
    }
    if (where === 'gap') {
      const detail = gapText(delta, this.#id!)
      this.#teller.odd('gap', detail, at)
      this.#broken('gap', detail, at, delta)
      return
    }
    const isBridge = this.#phase === 'bridging'
    if (!isBridge && !isExact(delta, this.#id!)) this.#teller.overlap(delta, this.#id!, at)
    if (!this.#apply(delta, at)) return
    if (isBridge) this.#live('bridged', at)
    else this.#afterApply(delta, at)
  }

  /** Puts an update that is known to chain into the book. @returns false when that broke it. */
  #apply(delta: BookDelta, at: number): boolean {
    const impossible = applyTo(this.book, delta)
    if (impossible !== undefined) {
      this.#counters.badUpdates++
      this.#teller.odd('bad-update', impossible, at)
      this.#broken('bad-update', impossible, at)
      return false
    }
    this.#id = delta.lastUpdateId
    this.#time = Number.isNaN(delta.eventTime) ? delta.receiveTime : delta.eventTime
    if (this.book.isCrossed) {
      const detail = crossedText(this.book, delta.lastUpdateId)
      this.#teller.odd('crossed', detail, at)
      this.#broken('crossed', detail, at)
      return false
    }
    if (!this.book.isKnownAbove(0) && this.#lostRange(at)) return false
    this.#counters.applied++
    this.#listener.applied?.(delta, at)
    const quote = this.#quotes.passed(delta.lastUpdateId)
    return quote === undefined || this.#compare(quote, at)
  }

  /** The best price of a side that is not known whole left the known range: a better one may be hidden. */
  #lostRange(at: number): boolean {
    for (const side of ['bid', 'ask'] as const) {
      if (this.book.knownShare(side) > 0) continue
      this.#broken('range', `no ${side} is left of those that the snapshot knew`, at)
      return true
    }
    return false
  }

  #afterApply(delta: BookDelta, at: number): void {
    if (this.#refresh) {
      this.#settle(this.#refresh.applied(delta, this.book, this.#bookOptions), at)
      return
    }
    const below = this.#options.refreshBelow
    if (this.book.isKnownAbove(below)) return
    if (this.book.knownShare('bid') < below || this.book.knownShare('ask') < below) this.refresh(at)
  }

  #settle(outcome: RefreshOutcome | undefined, at: number): void {
    if (outcome === undefined || outcome.type === 'ahead') return
    if (outcome.type === 'too-old') {
      this.#counters.snapshotsTooOld++
      this.#wish('snapshot-too-old', at)
    } else if (outcome.type === 'bad') {
      this.#badSnapshot(outcome.detail, at)
    } else if (outcome.type === 'different') {
      this.#teller.odd('mismatch', outcome.detail, at)
      this.#broken('refresh-mismatch', outcome.detail, at)
    } else {
      this.#refresh = undefined
      this.#wishes.fulfilled()
      this.#counters.snapshotsAdopted++
      this.#listener.refreshed?.(outcome.snapshot, at)
    }
  }

  /** @returns false when the quote and the book of the same id differ, which makes the book stale. */
  #compare(quote: QuoteRecord, at: number): boolean {
    this.#counters.quotesChecked++
    const detail = differenceTo(quote, this.book)
    if (detail === undefined) return true
    this.#counters.quotesMismatched++
    this.#teller.odd('mismatch', detail, at)
    this.#broken('quote-mismatch', detail, at)
    return false
  }

  /** After a lost connection: whether the update shows that nothing was missed. */
  #resumed(delta: BookDelta, at: number): boolean {
    const where = standing(delta, this.#id!)
    if (where === 'gap') {
      this.#isResumable = false
      return false
    }
    if (where === 'old') {
      this.#counters.duplicates++
      return true
    }
    this.#phase = 'live'
    if (this.#apply(delta, at)) this.#live('resumed', at)
    return true
  }

  #push(delta: BookDelta, at: number): 'old' | 'next' | 'gap' {
    const before = this.#buffer.length
    const pushed = this.#buffer.push(delta)
    if (pushed === 'old') this.#counters.duplicates++
    if (pushed === 'gap') {
      this.#counters.dropped += before
      this.#teller.odd('gap', `an update is missing before ${delta.firstUpdateId}, while waiting for a snapshot`, at)
    }
    return pushed
  }

  #live(by: SyncedBy, at: number): void {
    this.#phase = 'live'
    this.#isResumable = false
    this.#liveSince = at
    const detail = by === 'quiet' ? 'a snapshot, and no update since' : `at update ${this.#id}`
    this.#change('synced', by, detail, at)
  }

  /** The book can not be trusted: asks for a snapshot. `delta` is the first update after what is missing. */
  #broken(reason: BookReason, detail: string, at: number, delta?: BookDelta): void {
    if (this.#phase === 'live') this.#wishes.troubled(this.#liveSince, at)
    this.#counters.dropped += this.#buffer.length
    this.#refresh = undefined
    this.#isResumable = false
    this.#buffer.clear()
    if (delta) this.#buffer.push(delta)
    this.#change('stale', reason, detail, at)
    this.#wish(reason, at)
  }

  #badUpdate(problem: string, at: number): void {
    this.#counters.badUpdates++
    this.#teller.odd('bad-update', problem, at)
    if (this.#phase === 'live' || this.#phase === 'bridging') this.#broken('bad-update', problem, at)
    else {
      this.#counters.dropped += this.#buffer.length
      this.#buffer.clear()
      // What it was to say is lost, so what comes next can not chain to the old levels.
      this.#isResumable = false
    }
  }

  #badSnapshot(problem: string, at: number): void {
    this.#counters.snapshotsBad++
    this.#teller.odd('bad-snapshot', problem, at)
    this.#wish('snapshot-bad', at)
  }

  #wish(reason: BookReason, at: number): void {
    if (!this.#refresh) this.#phase = 'waiting'
    this.#wishes.wish(reason, at)
  }

  #change(to: BookState, reason: BookReason | SyncedBy, detail: string, at: number): void {
    const from = this.#state
    // A book that never was right has nothing that could be stale.
    if (from === to || (from === 'syncing' && to === 'stale')) return
    this.#state = to
    if (from === 'synced') this.#counters.resync(reason as BookReason)
    this.#listener.stateChange?.({ from, to, reason, detail, at, lastUpdateId: this.#id })
  }
}

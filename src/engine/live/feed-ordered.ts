import type { Gap } from '../../model/coverage.ts'
import { BufferOverflowError, SequenceGapError } from '../../model/errors.ts'
import { maxId, sameId } from '../../model/live/ids.ts'
import { type LiveCandle, type LiveRecord, RecordFlag, type RecordId } from '../../model/live/index.ts'
import { readId } from '../../store/lake/ids.ts'
import type { SeriesHistory } from './event-history.ts'
import { Alarm, type FeedOverflow, type Flow, type FlowGap } from './feed-flow.ts'
import { positionOf, Window } from './feed-window.ts'
import type { Sequence } from './id-ledger.ts'
import { type LiveSeries, timeOf } from './live-series.ts'
import type { Tracker } from './tracker.ts'

export interface OrderedOptions {
  readonly name: string
  readonly sequence: Sequence
  /** What the collector knows of the series. */
  readonly live: () => LiveSeries | undefined
  readonly history: SeriesHistory
  /** First instant wanted, epoch ms; without it what comes from now on. */
  readonly from: number | undefined
  readonly bound: number
  readonly overflow: FeedOverflow
  /** Longest time that records wait for those before them, ms. */
  readonly waitMs: number
  readonly includeOpen: boolean
  readonly onGap: (gap: Gap) => void
  readonly onRevised: ((record: LiveCandle) => void) | undefined
}

/** Given-up stretches remembered; what is forgotten is found again by reading history. */
const MAX_GIVEN_UP = 1000

/**
 * Records whose positions follow one another, in that order and each once, whatever order they arrive in. One that
 * arrives before its turn waits for those before it: the collector fetches them, or gives them up. What came before the
 * subscription, or did not fit into memory, is read from the lake and REST.
 */
export class OrderedFlow implements Flow {
  dropped = 0
  readonly #options: OrderedOptions
  readonly #sequence: Sequence
  readonly #window: Window
  readonly #alarm = new Alarm()
  #givenUp: FlowGap[] = []
  /** The position whose turn it is; undefined before the first is known. */
  #next: RecordId | undefined
  /** An instant before it, to look it up by. */
  #since: number
  /** From here on nothing is held until the window was emptied: it will be read again. */
  #limit: RecordId | undefined
  #open: LiveCandle | undefined
  /** Of the series, as long as its ids are of one count. */
  #tracker: Tracker | undefined
  #failure: Error | undefined
  #ended = false

  constructor(options: OrderedOptions) {
    this.#options = options
    this.#sequence = options.sequence
    this.#window = new Window(options.bound)
    this.#since = options.from ?? Date.now()
    const series = options.live()
    const last = series?.ledger?.last
    // Only where records flow: what an earlier run stored says nothing about now.
    if (options.from === undefined && last !== undefined && !Number.isNaN(series!.lastReceiveTime)) {
      this.#next = this.#sequence.next(last)
    }
  }

  get size(): number {
    return this.#window.size
  }

  offer(record: LiveRecord): void {
    if (this.#ended || this.#failure) return
    if (record.kind === 'candle') {
      if (!record.closed) {
        this.#offerOpen(record)
        return
      }
      if ((record.flags & RecordFlag.revised) !== 0) this.#options.onRevised?.(record)
    }
    const position = positionOf(record)
    if (this.#next === undefined && this.#options.from === undefined) {
      // What REST fills in lies before now.
      if ((record.flags & RecordFlag.rest) !== 0) return
      this.#next = position
    }
    if (this.#next !== undefined && position < this.#next) {
      // Told already, or of another count: the reader looks.
      this.#alarm.ring()
      return
    }
    if (this.#limit !== undefined && !(position < this.#limit)) return
    if (this.#window.isFull && !this.#window.has(position) && !this.#makeRoom(position)) return
    this.#window.put(record)
    this.#alarm.ring()
  }

  gap(gap: Gap): void {
    if (gap.firstId === undefined || gap.lastId === undefined) return
    this.#giveUp({ first: readId(gap.firstId), last: readId(gap.lastId), gap })
    this.#alarm.ring()
  }

  end(): void {
    this.#ended = true
    this.#alarm.ring()
  }

  fail(error: Error): void {
    this.#failure ??= error
    this.#alarm.ring()
  }

  leave(): void {
    this.end()
    this.#window.clear()
    this.#givenUp = []
    this.#open = undefined
  }

  async *items(): AsyncGenerator<LiveRecord, void, void> {
    await this.#begin()
    // Without a start in the past there is nothing to catch up with.
    let isCaughtUp = this.#options.from === undefined
    let stuck: { at: RecordId; end: RecordId; since: number } | undefined
    for (;;) {
      const next = this.#next
      const first = this.#window.first
      const position = first && positionOf(first)
      if (next === undefined || position === undefined) {
        // Everything held was handed out: from here on it fits again.
        this.#limit = undefined
      }
      if (next !== undefined && position !== undefined && !(position > next)) {
        this.#window.shift()
        if (position < next) continue
        this.#advance(first!, next)
        yield first!
        continue
      }
      if (next !== undefined && this.#skip(next)) continue
      if (this.#open !== undefined && this.#open.openTime === next) {
        const open = this.#open
        this.#open = undefined
        yield open
        continue
      }
      this.#failure ??= this.#renewed(next)
      if (this.#failure) throw this.#failure
      if (next !== undefined) {
        const end = position === undefined ? this.#reached(next) : this.#sequence.previous(position)
        if (end !== undefined) {
          const missing = this.#options.live()?.ledger?.missingIn(next, end)[0]
          if (missing === undefined || missing.first > next) {
            yield* this.#past(next, missing === undefined ? end : this.#sequence.previous(missing.first))
            continue
          }
          // The collector is fetching it: as long as the hole shrinks, at either end, the wait begins anew.
          if (stuck === undefined || !sameId(stuck.at, next) || !sameId(stuck.end, missing.last)) {
            stuck = { at: next, end: missing.last, since: performance.now() }
          }
          const left = stuck.since + this.#options.waitMs - performance.now()
          if (this.#ended || left <= 0) this.#pass(next, missing.last)
          else await this.#alarm.wait(left)
          continue
        }
        if (!isCaughtUp) {
          isCaughtUp = true
          const newest = await this.#tolerant(this.#options.history.newest())
          if (newest !== undefined && !(newest < next)) yield* this.#past(next, newest)
          continue
        }
      }
      if (this.#ended) return
      await this.#alarm.wait()
    }
  }

  /** Finds the first position, where the start lies in the past. */
  async #begin(): Promise<void> {
    const { from, history } = this.#options
    if (from === undefined) return
    let start = await this.#tolerant(history.start(from))
    while (start === undefined) {
      for (let first = this.#window.first; first && timeOf(first) < from; first = this.#window.first) {
        this.#window.shift()
      }
      const first = this.#window.first
      if (first) start = (await this.#tolerant(history.start(from, positionOf(first)))) ?? positionOf(first)
      else if (this.#ended) return
      else await this.#alarm.wait()
    }
    if (history.cut) this.#options.onGap(history.cut)
    this.#next = start
  }

  /** Why nothing that comes from now on has a place behind what came before; undefined while it has. */
  #renewed(next: RecordId | undefined): Error | undefined {
    const series = this.#options.live()
    this.#tracker ??= series?.tracker
    if (series?.renewal === undefined || series.tracker === this.#tracker) return undefined
    const { detail, id } = series.renewal
    return new SequenceGapError(`${this.#options.name}: ${detail}`, Number(next), Number(id), { retryable: true })
  }

  #advance(record: LiveRecord, position: RecordId): void {
    this.#next = this.#sequence.next(position)
    this.#since = Math.max(this.#since, timeOf(record))
  }

  /** What this run of the collector has had without it being held here: the last such position. */
  #reached(next: RecordId): RecordId | undefined {
    const series = this.#options.live()
    const last = series?.ledger?.last
    return last !== undefined && !(last < next) ? last : undefined
  }

  /** Records that were told already, or before we listened. */
  async *#past(first: RecordId, last: RecordId): AsyncGenerator<LiveRecord, void, void> {
    if (this.#ended) {
      this.#pass(first, last)
      return
    }
    try {
      for await (const item of this.#options.history.read(first, last, this.#since)) {
        if (!('kind' in item)) {
          this.#options.onGap(item.gap)
          this.#next = this.#sequence.next(item.last)
          continue
        }
        const position = positionOf(item)
        this.#advance(item, position)
        yield item
      }
    } catch (error) {
      // The collector was closed while it was asked.
      if (!this.#ended) throw error
      this.#pass(this.#next ?? first, last)
    }
  }

  /** Goes past a stretch that was given up, told as a gap. */
  #skip(next: RecordId): boolean {
    while (this.#givenUp.length > 0 && this.#givenUp[0]!.last < next) this.#givenUp.shift()
    const found = this.#givenUp[0]
    if (found === undefined || found.first > next) return false
    this.#givenUp.shift()
    this.#options.onGap(found.gap)
    this.#next = this.#sequence.next(found.last)
    return true
  }

  /** Goes past a stretch that may still come, but too late. */
  #pass(first: RecordId, last: RecordId): void {
    const count = this.#sequence.count(first, last)
    const note = this.#ended
      ? 'the collector stopped before it was filled'
      : `not filled within ${this.#options.waitMs} ms; the collector goes on trying`
    const around = this.#window.first
    const to = around === undefined ? Number.NaN : timeOf(around)
    const gap: Gap = { from: this.#since, to, cause: 'unknown', count, checked: ['stream'], note }
    this.#options.onGap({ ...gap, firstId: stored(first), lastId: stored(last) })
    this.#next = this.#sequence.next(last)
  }

  #offerOpen(record: LiveCandle): void {
    if (this.#options.includeOpen && !(this.#open && this.#open.openTime > record.openTime)) {
      if (this.#next === undefined && this.#options.from === undefined) this.#next = record.openTime
      this.#open = record
    }
    // It also tells that the candles before it are closed.
    this.#alarm.ring()
  }

  /** Room for one more at the bound, by the reader's choice. False when the newcomer is not to be held. */
  #makeRoom(position: RecordId): boolean {
    const last = positionOf(this.#window.last!)
    switch (this.#options.overflow) {
      case 'reread': {
        // What is wanted first stays.
        const limit = maxId(position, last)
        if (position < last) this.#window.pop()
        this.#limit = this.#limit === undefined || limit < this.#limit ? limit : this.#limit
        return position < last
      }
      case 'error':
        this.#failure = new BufferOverflowError(this.#options.name, this.#options.bound)
        this.#alarm.ring()
        return false
      case 'drop-newest':
        this.#drop(position)
        return false
      case 'drop-oldest': {
        const oldest = this.#window.shift()!
        this.#drop(positionOf(oldest))
        return true
      }
    }
  }

  #drop(position: RecordId): void {
    this.dropped++
    const note = 'dropped: the reader was too slow'
    const before = this.#givenUp.find(
      ({ last, gap }) => gap.note === note && sameId(this.#sequence.next(last), position),
    )
    const first = before?.first ?? position
    if (before) this.#givenUp.splice(this.#givenUp.indexOf(before), 1)
    const count = this.#sequence.count(first, position)
    const gap: Gap = { from: Number.NaN, to: Number.NaN, cause: 'own-outage', count, checked: ['stream'], note }
    this.#giveUp({ first, last: position, gap: { ...gap, firstId: stored(first), lastId: stored(position) } })
  }

  #giveUp(gap: FlowGap): void {
    if (this.#givenUp.length >= MAX_GIVEN_UP) return
    const at = this.#givenUp.findIndex((other) => other.first > gap.first)
    this.#givenUp.splice(at < 0 ? this.#givenUp.length : at, 0, gap)
  }

  /** Nothing, when the subscription ended meanwhile. */
  async #tolerant<T>(promise: Promise<T>): Promise<T | undefined> {
    try {
      return await promise
    } catch (error) {
      if (this.#ended) return undefined
      throw error
    }
  }
}

function stored(id: RecordId): number | string {
  return typeof id === 'bigint' ? String(id) : id
}

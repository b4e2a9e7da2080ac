import type { Gap } from '../../model/coverage.ts'
import { BufferOverflowError } from '../../model/errors.ts'
import type { LiveRecord, RecordId } from '../../model/live/index.ts'
import { subtractRanges } from '../../model/ranges.ts'
import type { SeriesId } from '../../model/series.ts'
import { abortable } from '../../net/abort.ts'
import type { Collector } from './collector.ts'
import { storedRecords } from './event-history.ts'
import { Alarm, type FeedOverflow, type Flow } from './feed-flow.ts'
import { identityOf } from './feed-window.ts'
import { timeOf } from './live-series.ts'

export interface PlainOptions {
  readonly name: string
  readonly collector: Collector
  readonly series: SeriesId
  /** First instant wanted, epoch ms; without it what comes from now on. */
  readonly from: number | undefined
  readonly bound: number
  readonly overflow: Exclude<FeedOverflow, 'reread'>
  readonly signal: AbortSignal
  readonly onGap: (gap: Gap) => void
}

/**
 * Records of kinds that can't be counted (quotes, tickers, book deltas …), in the order of their arrival: first what
 * the lake has, then what came since. REST can not give what was missed of them; each outage is told as a gap.
 */
export class PlainFlow implements Flow {
  dropped = 0
  readonly #options: PlainOptions
  readonly #alarm = new Alarm()
  #items: (LiveRecord | { readonly gap: Gap })[] = []
  #head = 0
  #records = 0
  /** Identities of the waiting records while the lake is read, which may have them too. */
  #waiting: Set<RecordId | string> | undefined
  /** Records dropped since the last item, to be told as one gap. */
  #lost: { from: number; to: number; count: number } | undefined
  #uncollectedFrom: number | undefined
  #failure: Error | undefined
  #ended = false

  constructor(options: PlainOptions) {
    this.#options = options
    if (options.from !== undefined) this.#waiting = new Set()
  }

  get size(): number {
    return this.#records
  }

  offer(record: LiveRecord): void {
    if (this.#ended || this.#failure) return
    if (this.#options.from !== undefined && timeOf(record) < this.#options.from) return
    const { bound, overflow, name } = this.#options
    if (this.#records >= bound) {
      if (overflow === 'error') {
        this.#failure = new BufferOverflowError(name, bound)
        return
      }
      if (overflow === 'drop-newest') {
        this.#lose(record)
        return
      }
      this.#dropOldest()
    }
    if (overflow === 'drop-newest' && this.#lost) this.#tellLost()
    this.#items.push(record)
    this.#records++
    this.#waiting?.add(identityOf(record))
    this.#alarm.ring()
  }

  gap(gap: Gap): void {
    // Outages that a reader sleeps through are in the collector's report, too.
    if (this.#ended || this.#items.length - this.#head - this.#records >= MAX_GAPS) return
    this.#items.push({ gap })
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
    this.#items = []
    this.#head = 0
    this.#records = 0
    this.#waiting = undefined
  }

  async *items(): AsyncGenerator<LiveRecord, void, void> {
    const { from } = this.#options
    if (from !== undefined) yield* this.#past(from)
    this.#waiting = undefined
    for (;;) {
      if (this.#lost && this.#options.overflow === 'drop-oldest') this.#tellNow()
      const item = this.#shift()
      if (item === undefined) {
        if (this.#failure) throw this.#failure
        if (this.#lost) this.#tellNow()
        if (this.#ended) return
        await this.#alarm.wait()
      } else if ('kind' in item) {
        this.#tellUncollected(timeOf(item))
        yield item
      } else this.#options.onGap(item.gap)
    }
  }

  /** What the lake holds, without what waits here already. */
  async *#past(from: number): AsyncGenerator<LiveRecord, void, void> {
    const { collector, series, signal, onGap } = this.#options
    // In an earlier run or never: a series that has told nothing in this one can't have stored what lies before now.
    const isNew = (collector.series(series)?.tracker.seen ?? 0) === 0
    if (isNew || !collector.lake) this.#uncollectedFrom = from
    if (!collector.lake) return
    try {
      await abortable(collector.flush(), signal)
      const coverage = await collector.lake.coverage(series)
      const end = coverage?.covered.at(-1)?.to ?? from
      if (this.#uncollectedFrom !== undefined) this.#uncollectedFrom = Math.max(from, end)
      const known = (coverage?.gaps ?? []).filter((gap) => gap.to > from)
      const unseen = end > from ? subtractRanges([{ from, to: end }], [...(coverage?.covered ?? []), ...known]) : []
      const gaps = [...known, ...unseen.map((range): Gap => ({ ...range, ...NOT_COLLECTED }))]
      gaps.sort((a, b) => a.from - b.from)
      for await (const record of storedRecords(collector, series, from, signal)) {
        if (this.#waiting?.has(identityOf(record))) continue
        while (gaps.length > 0 && gaps[0]!.from < timeOf(record)) onGap(gaps.shift()!)
        yield record
      }
    } catch (error) {
      if (!this.#ended) throw error
    }
  }

  /** The time between what is stored and the first live record. */
  #tellUncollected(to: number): void {
    const from = this.#uncollectedFrom
    this.#uncollectedFrom = undefined
    if (from !== undefined && from < to) this.#options.onGap({ from, to, ...NOT_COLLECTED })
  }

  #shift(): LiveRecord | { readonly gap: Gap } | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) {
      this.#items = []
      this.#head = 0
      return undefined
    }
    this.#head++
    if ('kind' in item) this.#records--
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  #dropOldest(): void {
    for (let item = this.#shift(); item !== undefined; item = this.#shift()) {
      if (!('kind' in item)) continue
      this.#waiting?.delete(identityOf(item))
      this.#lose(item)
      return
    }
  }

  #lose(record: LiveRecord): void {
    this.dropped++
    const time = timeOf(record)
    if (this.#lost) {
      this.#lost.count++
      this.#lost.to = time
    } else this.#lost = { from: time, to: time, count: 1 }
  }

  #tellLost(): void {
    if (this.#lost) this.#items.push({ gap: { ...this.#lost, ...TOO_SLOW } })
    this.#lost = undefined
  }

  #tellNow(): void {
    if (this.#lost) this.#options.onGap({ ...this.#lost, ...TOO_SLOW })
    this.#lost = undefined
  }
}

/** Gaps that may wait for the reader. */
const MAX_GAPS = 1000
const NOT_COLLECTED = { cause: 'own-outage', checked: ['stream'], note: 'it was not collected' } as const
const TOO_SLOW = { cause: 'own-outage', checked: ['stream'], note: 'dropped: the reader was too slow' } as const

import { setMaxListeners } from 'node:events'
import type { BaseDataClient } from '../../exchanges/exchange.ts'
import type { GapCause } from '../../model/coverage.ts'
import { ConfigError, InvalidRangeError, StorageError, TicklakeError } from '../../model/errors.ts'
import type { Interval } from '../../model/interval.ts'
import { addId, nextId } from '../../model/live/ids.ts'
import { type LiveRecord, RecordFlag, type RecordId } from '../../model/live/index.ts'
import type { Log } from '../../model/log.ts'
import { silentLog } from '../../model/log.ts'
import type { Market } from '../../model/series.ts'
import { abortable } from '../../net/abort.ts'
import { type Anchor, askAnchor, isOther, toldTime } from './anchor.ts'
import { candlesOf } from './candle-rows.ts'
import type { Hole } from './id-ledger.ts'
import type { LiveSeries } from './live-series.ts'
import { RepairLine, type Waiting } from './repair-line.ts'

export interface BackfillOptions {
  readonly client: BaseDataClient
  /** Takes records in as if they had arrived. False when they could not be kept now: they are asked for again. */
  readonly deliver: (series: LiveSeries, records: readonly LiveRecord[]) => boolean
  /** Resolves when there is room for a page: what the streams bring goes first. */
  readonly room?: (signal: AbortSignal) => Promise<void>
  /** Holes of one market that are filled at the same time. Default 4. */
  readonly parallel?: number
  /** Wait before the first request, ms: what is only out of order arrives by itself. Default 250. */
  readonly graceMs?: number
  /** Times that the exchange is asked for what it answers without; its REST side can lag behind its streams. Default 5. */
  readonly asks?: number
  /** First and longest wait after a failure, ms; short while an outage is. Default 1 s and 60 s. */
  readonly retryMs?: number
  readonly maxRetryMs?: number
  /** Positions of a hole that are asked for at most; an older rest becomes a gap. Default 5,000,000. */
  readonly maxPositions?: number
  readonly log?: Log
}

export interface BackfillStatus {
  /** Holes that are being filled or wait for it. */
  readonly open: number
  readonly requested: number
  readonly filledRecords: number
  readonly failures: number
  /** The last failure, as text. */
  readonly lastError: string | undefined
}

interface HoleJob extends Waiting {
  readonly series: LiveSeries
  readonly hole: Hole
  /** Answers in a row without any of what is missing. */
  empty: number
  /** What REST is being asked for it, from first to last. */
  asking: Hole | undefined
  /** The record before it, where the exchange has to show that it is still the one that it was. */
  anchor: Anchor | undefined
}

/**
 * Fills holes from REST, a few at a time in each market, within the client's rate budget. A failure is tried again for
 * ever: only what the exchange answers without, again and again, is given up and becomes a gap with its cause.
 */
export class Backfill implements AsyncDisposable {
  readonly #options: BackfillOptions
  readonly #log: Log
  readonly #stop = new AbortController()
  readonly #lines = new Map<Market, RepairLine<HoleJob>>()
  readonly #jobs = new Set<HoleJob>()
  readonly #asking = new Set<HoleJob>()
  readonly #idle = new Set<() => void>()
  #requested = 0
  #filled = 0
  #failures = 0
  #lastError: string | undefined

  constructor(options: BackfillOptions) {
    this.#options = options
    this.#log = options.log ?? silentLog
    // One listener per request: not a leak.
    setMaxListeners(0, this.#stop.signal)
  }

  get status(): BackfillStatus {
    return {
      open: this.#jobs.size,
      requested: this.#requested,
      filledRecords: this.#filled,
      failures: this.#failures,
      lastError: this.#lastError,
    }
  }

  /** Begins to fill a hole. `anchor`: the record before it; when the exchange tells another one, its ids began anew. */
  add(series: LiveSeries, hole: Hole, anchor?: Anchor): void {
    if (this.#stop.signal.aborted || !series.ledger) return
    const job: HoleJob = { series, hole, empty: 0, failures: 0, asking: undefined, anchor }
    this.#jobs.add(job)
    this.#line(series.id.market).add(job, this.#options.graceMs ?? 250)
  }

  /** A stream of the market is back: what took it away may have taken REST along, and is over. It is tried at once. */
  wake(market: Market): void {
    this.#options.client.wake?.(market)
    this.#lines.get(market)?.wake()
  }

  /** Resolves when no hole is open, or the signal aborts. */
  async settled(signal?: AbortSignal): Promise<void> {
    if (this.#jobs.size === 0) return
    let idle = (): void => {}
    const settled = new Promise<void>((resolve) => {
      idle = resolve
      this.#idle.add(idle)
    })
    await abortable(settled, signal).catch(() => {})
    this.#idle.delete(idle)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.all([...this.#lines.values()].map((line) => line.close()))
    this.#jobs.clear()
    this.#tellIdle()
  }

  #line(market: Market): RepairLine<HoleJob> {
    let line = this.#lines.get(market)
    if (!line) {
      const { client, parallel = 4, retryMs = 1000, maxRetryMs = 60_000 } = this.#options
      line = new RepairLine<HoleJob>({
        parallel,
        retryMs,
        maxRetryMs,
        run: (job) => this.#fill(job),
        isForgotten: ({ series: { kind } }) =>
          kind !== 'candle' && client.repair?.reach({ market, kind: kind as 'trade' }) !== Number.POSITIVE_INFINITY,
        look: (job) => this.#look(job),
        judge: (error, job) => this.#judge(error, job),
        done: (job) => {
          this.#jobs.delete(job)
          if (this.#jobs.size === 0) this.#tellIdle()
        },
        // Its own pace says when to try: the client must not refuse because it failed before.
        probing: () => client.wake?.(market),
      })
      this.#lines.set(market, line)
    }
    return line
  }

  #tellIdle(): void {
    for (const idle of this.#idle) idle()
    this.#idle.clear()
  }

  #look({ series, hole }: HoleJob): 'ready' | 'taken' | 'over' {
    if (!series.ledger?.isAnyMissing(hole.first, hole.last)) return 'over'
    for (const other of this.#asking) {
      const span = other.asking
      if (other.series === series && span && span.first <= hole.first && hole.last <= span.last) return 'taken'
    }
    return 'ready'
  }

  /** Asks once for what is missing of a hole. Gives the time until it should be asked for again, ms. */
  async #fill(job: HoleJob): Promise<number | undefined> {
    const { series, hole } = job
    const { asks = 5, retryMs = 1000, maxRetryMs = 60_000 } = this.#options
    if (job.anchor && !(await this.#isSame(job, job.anchor))) return undefined
    this.#giveUpTheOldest(series, hole)
    const before = countMissing(series, series.ledger?.missingIn(hole.first, hole.last) ?? [])
    const spans = spansOf(series, hole)
    const [first, last] = [spans[0], spans.at(-1)]
    if (before === 0 || !first || !last) return undefined
    job.asking = { first: first.first, last: last.last }
    this.#asking.add(job)
    let neighbours = true
    try {
      for (const span of spans) neighbours = (await this.#ask(series, span, job)) && neighbours
    } finally {
      this.#asking.delete(job)
    }
    const rest = series.ledger?.missingIn(hole.first, hole.last) ?? []
    if (rest.length === 0) return undefined
    job.empty = countMissing(series, rest) < before ? 1 : job.empty + 1
    if (job.empty >= asks) {
      const [cause, note] = why(series, neighbours)
      for (const { first, last } of rest) series.giveUp(first, last, cause, note, rangeOf(series, first, last))
      return undefined
    }
    return Math.min(maxRetryMs, retryMs * 2 ** (job.empty - 1)) * (0.5 + Math.random() / 2)
  }

  #judge(error: unknown, { series, hole, failures }: HoleJob): 'host' | 'job' | 'end' {
    const { first, last } = hole
    if (error instanceof ConfigError || error instanceof InvalidRangeError) {
      // Asking again changes nothing: what the exchange gave before it said so is in.
      for (const part of series.ledger?.missingIn(first, last) ?? [])
        series.giveUp(part.first, part.last, 'own-outage', error.message, rangeOf(series, part.first, part.last))
      return 'end'
    }
    this.#failures++
    this.#lastError = error instanceof Error ? error.message : String(error)
    const facts = { series: series.key, first: String(first), last: String(last), failures, waiting: this.#jobs.size }
    this.#log.warn({ ...facts, error: this.#lastError }, 'a hole could not be filled yet')
    return error instanceof TicklakeError && error.retryable ? 'host' : 'job'
  }

  /** A collector that was off for weeks must not spend days on single trades: archives hold those. */
  #giveUpTheOldest(series: LiveSeries, hole: Hole): void {
    const { ledger } = series
    const most = this.#options.maxPositions ?? 5_000_000
    if (!ledger || ledger.countOf(hole.first, hole.last) <= most) return
    const from = addId(hole.last, -most)
    const note = `too many to ask REST for (the newest ${most} were); the archive may have them`
    series.giveUp(hole.first, from, 'own-outage', note, rangeOf(series, hole.first, from))
  }

  /** Asks for the record before a hole, where it does not come along with what is missing. */
  async #isSame(job: HoleJob, anchor: Anchor): Promise<boolean> {
    const { series, hole } = job
    if ((series.ledger?.countOf(hole.first, hole.last) ?? 0) <= NEAR) return true
    this.#requested++
    const told = await askAnchor(this.#options.client, series, anchor, this.#stop.signal)
    job.anchor = undefined
    if (isOther(anchor, told)) series.contradicted(anchor, told, hole)
    return series.renewal === undefined
  }

  /** One walk over a hole. True when REST had what comes right after it. */
  async #ask(series: LiveSeries, span: Hole, job: HoleJob): Promise<boolean> {
    this.#requested++
    return series.kind === 'candle' ? await this.#askCandles(series, span) : await this.#askRecords(series, span, job)
  }

  async #askRecords(series: LiveSeries, { first, last }: Hole, job: HoleJob): Promise<boolean> {
    const { hole, anchor } = job
    const { repair } = this.#options.client
    if (!repair) return false
    const { market, symbol } = series.id
    let seenBehind = false
    const pages = repair.recordPages({
      market,
      symbol,
      kind: series.kind as 'trade' | 'aggTrade',
      firstId: anchor && anchor.id < first ? anchor.id : first,
      // One more than wanted: it is known to exist, so REST shows by it that it has come so far.
      lastId: nextId(last),
      newestFirst: true,
      signal: this.#stop.signal,
    })
    const told = anchor === undefined ? pages : this.#proved(series, pages, job, anchor)
    for await (const page of told) {
      const wanted: LiveRecord[] = []
      for (const record of page) {
        const id = (record as unknown as { readonly id: RecordId }).id
        if (id > hole.last) seenBehind = true
        // A request may reach over several holes: what lies between them is there already.
        if (series.ledger?.isMissing(id)) wanted.push(record)
      }
      await this.#deliver(series, wanted)
    }
    return seenBehind
  }

  /** Pages of a few records, once they show that the record before them is the one that is known; else none. */
  async *#proved(
    series: LiveSeries,
    pages: AsyncIterable<readonly LiveRecord[]>,
    job: HoleJob,
    anchor: Anchor,
  ): AsyncGenerator<readonly LiveRecord[], void, void> {
    const kept: (readonly LiveRecord[])[] = []
    for await (const page of pages) kept.push(page)
    job.anchor = undefined
    for (const page of kept) {
      const told = toldTime(page, anchor)
      if (!isOther(anchor, told)) continue
      series.contradicted(anchor, told, job.hole)
      return
    }
    yield* kept
  }

  async #askCandles(series: LiveSeries, { first, last }: Hole): Promise<boolean> {
    const { market, symbol, interval } = series.id
    const request = {
      market,
      symbol,
      interval: interval as Interval,
      from: Number(first),
      to: Number(last) + 1,
      isPast: true,
      signal: this.#stop.signal,
    }
    for await (const { batch } of this.#options.client.candlePages(request)) {
      // The stream went on after them, so they are closed.
      await this.#deliver(series, candlesOf(series.id, batch, RecordFlag.rest))
    }
    return true
  }

  async #deliver(series: LiveSeries, records: readonly LiveRecord[]): Promise<void> {
    if (records.length === 0) return
    await this.#options.room?.(this.#stop.signal)
    this.#stop.signal.throwIfAborted()
    // Not the exchange's fault: it is asked again for as long as it takes.
    if (!this.#options.deliver(series, records))
      throw new StorageError(series.key, 'there is no room for what REST gave.', { retryable: true })
    this.#filled += records.length
  }
}

/** Positions that one request may ask for: a page of the exchange has as many at least, and costs the same. */
const NEAR = 400

/** What to ask for to fill a hole: its missing parts, and holes beside it, where one request takes them along. */
function spansOf(series: LiveSeries, { first, last }: Hole): Hole[] {
  const { ledger } = series
  if (!ledger) return []
  const spans: { first: RecordId; last: RecordId }[] = []
  const begin = ledger.find(first)
  let index = begin
  for (; index < ledger.holes.length; index++) {
    const part = ledger.holes[index] as Hole
    const span = spans.at(-1)
    const isOwn = part.first <= last
    const from = part.first < first ? first : part.first
    const to = isOwn && part.last > last ? last : part.last
    if (span && ledger.countOf(span.first, to) <= NEAR) span.last = to
    else if (isOwn) spans.push({ first: from, last: to })
    else break
  }
  const span = spans[0]
  for (let before = begin - 1; span && before >= 0; before--) {
    const part = ledger.holes[before] as Hole
    if (ledger.countOf(part.first, span.last) > NEAR) break
    span.first = part.first
  }
  return spans
}

function countMissing(series: LiveSeries, holes: readonly Hole[]): number {
  return holes.reduce((sum, hole) => sum + (series.ledger?.countOf(hole.first, hole.last) ?? 0), 0)
}

function why(series: LiveSeries, neighbours: boolean): [GapCause, string] {
  if (series.kind === 'candle') return ['exchange-outage', 'REST has the candles around, but not these']
  return neighbours
    ? ['no-trades', 'REST has the record right after, but none with these ids']
    : ['own-outage', 'missed by the stream, and REST does not give them any more']
}

/** The instants of a gap in ids: what is known around it is the series' own first and last time. */
function rangeOf(series: LiveSeries, first: RecordId, last: RecordId): { from: number; to: number } {
  if (series.kind === 'candle') return { from: Number(first), to: Number(nextOf(series, last)) }
  return series.around(first, last)
}

function nextOf(series: LiveSeries, last: RecordId): RecordId {
  return series.ledger?.nextOf(last) ?? last
}

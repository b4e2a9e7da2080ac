import { setMaxListeners } from 'node:events'
import type { BaseDataClient } from '../../exchanges/exchange.ts'
import type { GapCause } from '../../model/coverage.ts'
import { ConfigError, InvalidRangeError, isAbortError, StorageError } from '../../model/errors.ts'
import type { Interval } from '../../model/interval.ts'
import { addId, nextId } from '../../model/live/ids.ts'
import { type LiveRecord, RecordFlag, type RecordId } from '../../model/live/index.ts'
import type { Log } from '../../model/log.ts'
import { silentLog } from '../../model/log.ts'
import { sleep } from '../../net/abort.ts'
import { Permits } from '../limiter.ts'
import { candlesOf } from './candle-rows.ts'
import type { Hole } from './id-ledger.ts'
import type { LiveSeries } from './live-series.ts'

export interface BackfillOptions {
  readonly client: BaseDataClient
  /** Takes records in as if they had arrived. False when they could not be kept now: they are asked for again. */
  readonly deliver: (series: LiveSeries, records: readonly LiveRecord[]) => boolean
  /** Resolves when there is room for a page: what the streams bring goes first. */
  readonly room?: (signal: AbortSignal) => Promise<void>
  /** Holes that are filled at the same time. Default 4. */
  readonly parallel?: number
  /** Wait before the first request, ms: what is only out of order arrives by itself. Default 250. */
  readonly graceMs?: number
  /** Times that the exchange is asked for what it answers without; its REST side can lag behind its streams. Default 5. */
  readonly asks?: number
  /** First and longest wait after a failure, ms. Default 1 s and 60 s. */
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

/**
 * Fills holes from REST, a few at a time, within the client's rate budget. A failure is tried again for ever: only
 * what the exchange answers without, again and again, is given up and becomes a gap with its cause.
 */
export class Backfill implements AsyncDisposable {
  readonly #options: BackfillOptions
  readonly #log: Log
  readonly #permits: Permits
  readonly #stop = new AbortController()
  readonly #jobs = new Set<Promise<void>>()
  #requested = 0
  #filled = 0
  #failures = 0
  #lastError: string | undefined

  constructor(options: BackfillOptions) {
    this.#options = options
    this.#log = options.log ?? silentLog
    this.#permits = new Permits(options.parallel ?? 4)
    // One listener per hole that waits: not a leak.
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

  /** Begins to fill a hole. */
  add(series: LiveSeries, hole: Hole): void {
    if (this.#stop.signal.aborted || !series.ledger) return
    const job: Promise<void> = this.#fill(series, hole)
      .catch((error: unknown) => {
        if (!isAbortError(error)) this.#log.error({ err: error, series: series.key }, 'a hole could not be filled')
      })
      .finally(() => this.#jobs.delete(job))
    this.#jobs.add(job)
  }

  /** Resolves when no hole is open, or the signal aborts. */
  async settled(signal?: AbortSignal): Promise<void> {
    while (this.#jobs.size > 0 && !signal?.aborted) {
      await Promise.race([Promise.all(this.#jobs), sleep(100, signal).catch(() => {})])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.allSettled(this.#jobs)
  }

  async #fill(series: LiveSeries, hole: Hole): Promise<void> {
    const { graceMs = 250, asks = 5, retryMs = 1000, maxRetryMs = 60_000 } = this.#options
    const { signal } = this.#stop
    await sleep(graceMs, signal)
    this.#giveUpTheOldest(series, hole)
    let failures = 0
    for (let empty = 0; ; ) {
      const missing = series.ledger?.missingIn(hole.first, hole.last) ?? []
      if (missing.length === 0) return
      const before = countMissing(series, missing)
      let neighbours = true
      try {
        const release = await this.#permits.take()
        try {
          signal.throwIfAborted()
          // Others may have filled it while it waited for its turn.
          for (const part of spansOf(series, hole)) neighbours = (await this.#ask(series, part, hole)) && neighbours
        } finally {
          release()
        }
        failures = 0
      } catch (error) {
        if (signal.aborted) throw error
        if (error instanceof ConfigError || error instanceof InvalidRangeError) {
          // Asking again changes nothing: what the exchange gave before it said so is in.
          for (const { first, last } of series.ledger?.missingIn(hole.first, hole.last) ?? [])
            series.giveUp(first, last, 'own-outage', error.message, rangeOf(series, first, last))
          return
        }
        this.#failures++
        failures++
        this.#lastError = error instanceof Error ? error.message : String(error)
        const delay = Math.random() * Math.min(maxRetryMs, retryMs * 2 ** Math.min(10, failures))
        const asked = (error as { retryAfterMs?: number }).retryAfterMs ?? 0
        this.#log.warn(
          {
            series: series.key,
            first: String(hole.first),
            last: String(hole.last),
            attempt: failures,
            error: this.#lastError,
          },
          'a hole could not be filled yet',
        )
        await sleep(asked + delay, signal)
        continue
      }
      const rest = series.ledger?.missingIn(hole.first, hole.last) ?? []
      if (rest.length === 0) return
      empty = countMissing(series, rest) < before ? 1 : empty + 1
      if (empty >= asks) {
        const [cause, note] = why(series, neighbours)
        for (const { first, last } of rest) series.giveUp(first, last, cause, note, rangeOf(series, first, last))
        return
      }
      await sleep(Math.min(maxRetryMs, retryMs * 2 ** (empty - 1)) * (0.5 + Math.random() / 2), signal)
    }
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

  /** One walk over a hole. True when REST had what comes right after it. */
  async #ask(series: LiveSeries, span: Hole, hole: Hole): Promise<boolean> {
    this.#requested++
    return series.kind === 'candle' ? await this.#askCandles(series, span) : await this.#askRecords(series, span, hole)
  }

  async #askRecords(series: LiveSeries, { first, last }: Hole, hole: Hole): Promise<boolean> {
    const { repair } = this.#options.client
    if (!repair) return false
    const { market, symbol } = series.id
    let seenBehind = false
    const pages = repair.recordPages({
      market,
      symbol,
      kind: series.kind as 'trade' | 'aggTrade',
      firstId: first,
      // One more than wanted: it is known to exist, so REST shows by it that it has come so far.
      lastId: nextId(last),
      newestFirst: true,
      signal: this.#stop.signal,
    })
    for await (const page of pages) {
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

/** What to ask for to fill a hole: its missing parts, and holes right behind it, where one request takes them along. */
function spansOf(series: LiveSeries, { first, last }: Hole): Hole[] {
  const { ledger } = series
  if (!ledger) return []
  const spans: { first: RecordId; last: RecordId }[] = []
  for (let index = ledger.find(first); index < ledger.holes.length; index++) {
    const part = ledger.holes[index] as Hole
    const span = spans.at(-1)
    const isOwn = part.first <= last
    const from = part.first < first ? first : part.first
    const to = isOwn && part.last > last ? last : part.last
    if (span && ledger.countOf(span.first, to) <= NEAR) span.last = to
    else if (isOwn) spans.push({ first: from, last: to })
    else break
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

import type { BookDelta, BookSnapshot, LiveRecord } from '../../model/live/index.ts'
import { type Log, silentLog } from '../../model/log.ts'
import type { Spool } from '../../store/spool/index.ts'
import { Permits } from '../limiter.ts'
import type { IntakeSeries } from './intake.ts'
import type { SeriesSink } from './series-sink.ts'

export interface FlusherOptions {
  readonly series: () => Iterable<IntakeSeries>
  readonly spool: Spool | undefined
  /** Entries of the spool up to this sequence wait in the series or are in the lake; those behind it must stay. */
  readonly taken: () => number
  /** Longest time that a record waits for the lake, ms. */
  readonly flushMs: number
  /** Records that wait at most before the series that have most are moved. */
  readonly flushRecords: number
  /** Memory of records that wait, bytes, at which the series that have most are moved. Default 32 MB. */
  readonly flushBytes?: number
  readonly log?: Log
}

export interface FlusherStatus {
  readonly flushes: number
  /** Records moved to the lake. */
  readonly stored: number
  readonly pending: number
  readonly failures: number
  readonly lastError: string | undefined
  /** Local clock, epoch ms; NaN before the first. */
  readonly lastFlushAt: number
}

/** Series written at the same time. */
const PARALLEL = 3
/** Memory of records that wait, bytes, at which some are moved, when nothing else is said. */
export const FLUSH_BYTES = 32 * 1024 * 1024
/**
 * Parts of `flushMs`: in each some of the series have their turn. So hundreds of them are written evenly, and half as
 * much waits as when all are written at once.
 */
const TURNS = 20
/** Share of what may wait that is left when the series that have most were moved: few files, and large ones. */
const LEFT = 3 / 4
/** What a record that waits takes, bytes, without the levels of a book, and each of those. */
const RECORD_BYTES = 80
const LEVEL_BYTES = 16
/** Times `flushRecords` or `flushBytes` that wait while a flush is under way when it is time to hold the streams back. */
const MOST = 2
/** Records that are taken in at least after that: what sockets that stop being read still bring. */
const SLACK = 10_000
/** The same where records are large or many of one series: a full sink has half of its memory left for them. */
const SINK_SLACK = 4000

/** Which series a flush takes: all, those whose turn it is, or those that have most. */
type Share = 'all' | 'turn' | 'most'

/** Moves records from memory to the lake, in batches bounded by time and number, and shortens the spool behind them. */
export class Flusher implements AsyncDisposable {
  readonly #options: FlusherOptions
  readonly #log: Log
  readonly #mostBytes: number
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #turn = 0
  #pending = 0
  #memory = 0
  #flushes = 0
  #stored = 0
  #failures = 0
  #lastError: string | undefined
  #lastFlushAt = Number.NaN
  #closed = false
  #failing = false
  #full = false
  #short = false
  /** Records that may still come while memory is short. */
  #slack = 0
  #waiting: (() => void)[] = []

  constructor(options: FlusherOptions) {
    this.#options = options
    this.#log = options.log ?? silentLog
    this.#mostBytes = options.flushBytes ?? FLUSH_BYTES
  }

  get status(): FlusherStatus {
    return {
      flushes: this.#flushes,
      stored: this.#stored,
      pending: this.#pending,
      failures: this.#failures,
      lastError: this.#lastError,
      lastFlushAt: this.#lastFlushAt,
    }
  }

  /**
   * There is no memory for more: the lake takes nothing, or too slowly. What comes now must not be taken in, so that
   * it becomes a hole that is filled later.
   */
  get isBlocked(): boolean {
    return this.#short && this.#slack <= 0
  }

  /** Memory gets short: streams should be held back before `isBlocked`. */
  get isShort(): boolean {
    return this.#short
  }

  /** As much waits as one flush should move: what can wait elsewhere should come after it. */
  get isFull(): boolean {
    return this.#full
  }

  /** Resolves at the end of the flush that is under way, or of the next one. */
  turn(): Promise<void> {
    return this.#closed ? Promise.resolve() : new Promise((done) => this.#waiting.push(done))
  }

  /** Counts the first `count` records, all of one series, which wait now in `sink`. */
  added(sink: SeriesSink, records: readonly LiveRecord[], count: number): void {
    this.#pending += count
    this.#memory += memoryOfAll(records, count)
    if (this.#closed) return
    const { isFull } = sink
    if (this.#short) this.#slack -= count
    if (isFull || this.#pending >= this.#options.flushRecords || this.#memory >= this.#mostBytes) {
      this.#full = true
      // A full sink has as much room again: enough until the flush that begins now has taken its share.
      const isMuch = this.#pending >= MOST * this.#options.flushRecords || this.#memory >= MOST * this.#mostBytes
      const isLate = this.#running !== undefined && (isFull || isMuch)
      if (!this.#running && !(this.#failing && this.#timer)) void this.#begin('most')
      else if (isLate || this.#failing) this.#runShort(isFull || this.#memory >= MOST * this.#mostBytes)
    } else this.#timer ??= setTimeout(this.#onTurn, this.#options.flushMs / TURNS)
  }

  /** Moves all that waits now. Never throws: what could not be moved waits on, in memory and in the spool. */
  async flush(): Promise<void> {
    // A run that is under way may have passed a series already: the wish is for all that waits now.
    while (this.#running) await this.#running
    await this.#begin('all')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.flush()
    clearTimeout(this.#timer)
  }

  #runShort(isLarge: boolean): void {
    const slack = isLarge ? SINK_SLACK : Math.max(SLACK, this.#options.flushRecords)
    this.#slack = this.#short ? Math.min(this.#slack, slack) : slack
    this.#short = true
  }

  readonly #onTurn = (): void => {
    this.#timer = undefined
    if (!this.#running) void this.#begin('turn')
  }

  #begin(share: Share): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const started = performance.now()
    this.#running = this.#run(share).finally(() => {
      this.#running = undefined
      this.#schedule(performance.now() - started)
      for (const done of this.#waiting.splice(0)) done()
    })
    return this.#running
  }

  async #run(share: Share): Promise<void> {
    const { spool } = this.#options
    const mark = this.#options.taken()
    const permits = new Permits(PARALLEL)
    let failed = false
    const flushOne = async ({ series, sink }: IntakeSeries): Promise<void> => {
      if (!sink) return
      const release = await permits.take()
      try {
        const stored = await sink.flush()
        this.#stored += stored
      } catch (error) {
        failed = true
        this.#failures++
        this.#lastError = error instanceof Error ? error.message : String(error)
        this.#log.error(
          { series: series.key, error: this.#lastError },
          'records could not be moved to the lake; they wait',
        )
      } finally {
        release()
      }
    }
    await Promise.all(this.#chosen(share).map(flushOne))
    this.#flushes++
    this.#lastFlushAt = Date.now()
    let pending = 0
    let memory = 0
    let oldest = mark
    let full = false
    for (const { sink } of this.#options.series()) {
      if (!sink) continue
      pending += sink.pending
      if (sink.pending > 0) memory += sink.memory
      full ||= sink.isFull
      oldest = Math.min(oldest, sink.firstPending - 1)
    }
    this.#pending = pending
    this.#memory = memory
    this.#failing = failed
    this.#full = full || pending >= this.#options.flushRecords || memory >= this.#mostBytes
    this.#short = failed && this.#short
    await spool?.release(oldest).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'the spool could not be shortened')
    })
  }

  #chosen(share: Share): IntakeSeries[] {
    const all = [...this.#options.series()]
    if (share === 'all') return all
    if (share === 'turn') {
      const turn = this.#turn++ % TURNS
      return all.filter((_, index) => index % TURNS === turn)
    }
    const sizes = all.flatMap((entry) => {
      const { sink } = entry
      return sink && sink.pending > 0 ? [{ entry, sink, records: sink.pending, bytes: sink.memory }] : []
    })
    sizes.sort((a, b) => Number(b.sink.isFull) - Number(a.sink.isFull) || b.bytes - a.bytes)
    let records = sizes.reduce((sum, size) => sum + size.records, 0)
    let bytes = sizes.reduce((sum, size) => sum + size.bytes, 0)
    const chosen: IntakeSeries[] = []
    for (const size of sizes) {
      const isLess = records <= LEFT * this.#options.flushRecords && bytes <= LEFT * this.#mostBytes
      if (isLess && !size.sink.isFull && chosen.length > 0) break
      chosen.push(size.entry)
      records -= size.records
      bytes -= size.bytes
    }
    return chosen
  }

  /** Another flush for what came meanwhile, or could not be moved. */
  #schedule(took: number): void {
    if ((this.#pending === 0 && !this.#failing) || this.#closed) return
    const { flushMs } = this.#options
    clearTimeout(this.#timer)
    if (this.#failing) this.#timer = setTimeout(() => void this.flush(), Math.min(5000, flushMs))
    // Whoever is held back adds nothing that would begin the next one.
    else if (this.#full) this.#timer = setTimeout(() => void (this.#running ?? this.#begin('most')), 0)
    else this.#timer = setTimeout(this.#onTurn, Math.max(0, flushMs / TURNS - took))
  }
}

/** What a record takes while it waits, bytes. */
export function memoryOf(record: LiveRecord): number {
  return isOfBook(record) ? RECORD_BYTES + ((record.bids.length + record.asks.length) >> 1) * LEVEL_BYTES : RECORD_BYTES
}

/** What the first `count` records take, all of one kind. */
function memoryOfAll(records: readonly LiveRecord[], count: number): number {
  // Only those of books differ in size.
  if (count === 0 || !isOfBook(records[0]!)) return count * RECORD_BYTES
  let bytes = 0
  for (let index = 0; index < count; index++) bytes += memoryOf(records[index]!)
  return bytes
}

function isOfBook(record: LiveRecord): record is BookDelta | BookSnapshot {
  return record.kind === 'bookDelta' || record.kind === 'bookSnapshot'
}

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
  /** Records that wait at most before all are moved. */
  readonly flushRecords: number
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
/** Times `flushRecords` that may wait while a flush is under way. */
const MOST = 3

/** Moves records from memory to the lake, in batches bounded by time and number, and shortens the spool behind them. */
export class Flusher implements AsyncDisposable {
  readonly #options: FlusherOptions
  readonly #log: Log
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #pending = 0
  #flushes = 0
  #stored = 0
  #failures = 0
  #lastError: string | undefined
  #lastFlushAt = Number.NaN
  #closed = false
  #failing = false
  #blocked = false

  constructor(options: FlusherOptions) {
    this.#options = options
    this.#log = options.log ?? silentLog
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
    return this.#blocked
  }

  /** Counts a record that waits now in `sink`. */
  added(sink: SeriesSink | undefined): void {
    this.#pending++
    if (this.#closed) return
    const isFull = sink?.isFull ?? false
    if (isFull || this.#pending >= this.#options.flushRecords) {
      // A full sink has as much room again: enough until the flush that begins now has taken its share.
      if (this.#running && (isFull || this.#pending >= MOST * this.#options.flushRecords)) this.#blocked = true
      if (!this.#running && !(this.#failing && this.#timer)) void this.flush()
      else if (this.#failing) this.#blocked = true
    } else this.#timer ??= setTimeout(() => void this.flush(), this.#options.flushMs)
  }

  /** Moves all that waits now. Never throws: what could not be moved waits on, in memory and in the spool. */
  async flush(): Promise<void> {
    // A run that is under way may have passed a series already: the wish is for all that waits now.
    while (this.#running) await this.#running
    this.#running = this.#run().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.flush()
    clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { spool } = this.#options
    const mark = this.#options.taken()
    const permits = new Permits(PARALLEL)
    let failed = false
    const flushOne = async ({ series, sink }: IntakeSeries): Promise<void> => {
      if (!sink) return
      const release = await permits.take()
      try {
        this.#stored += await sink.flush()
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
    await Promise.all([...this.#options.series()].map(flushOne))
    this.#flushes++
    this.#lastFlushAt = Date.now()
    let pending = 0
    let oldest = mark
    for (const { sink } of this.#options.series()) {
      if (!sink) continue
      pending += sink.pending
      oldest = Math.min(oldest, sink.firstPending - 1)
    }
    this.#pending = pending
    this.#failing = failed
    this.#blocked = failed && this.#blocked
    await spool?.release(oldest).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'the spool could not be shortened')
    })
    if ((pending > 0 || failed) && !this.#closed)
      this.#timer ??= setTimeout(
        () => void this.flush(),
        failed ? Math.min(5000, this.#options.flushMs) : this.#options.flushMs,
      )
  }
}

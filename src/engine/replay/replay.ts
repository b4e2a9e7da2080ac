import type { TransformStream } from '../../analysis/index.ts'
import type { StoredRecord } from '../../model/history/index.ts'
import type { LiveRecord } from '../../model/live/index.ts'
import { seriesKey } from '../../model/series.ts'
import { linkSignals } from '../../net/abort.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { rowOf, type TransformedRecord } from '../live/feed-analysis.ts'
import type { FeedGap } from '../live/feed-flow.ts'
import type { ReplayHolding } from './holdings.ts'
import { Merge } from './merge.ts'
import type { Pace } from './pace.ts'
import type { ReplayOptions } from './request.ts'
import { SeriesSource } from './source.ts'

/** What a replay is made of. */
export interface ReplayParts {
  readonly lake: Lake
  /** In the order of records that were known at the same instant. */
  readonly holdings: readonly ReplayHolding[]
  readonly pace: Pace
  /** By series, where there are transforms: undefined for a series that has none of its own. */
  readonly transforms: ReadonlyMap<ReplayHolding, TransformStream | undefined> | undefined
  readonly options: Pick<ReplayOptions, 'bus' | 'onGap'>
  readonly signals: readonly (AbortSignal | undefined)[]
}

/** Rows of all series that are in memory together, and the least of one. */
const ROWS_IN_MEMORY = 524_288
const LEAST_ROWS = 4_096
const MOST_ROWS = 65_536

/**
 * Stored records of one or many series as one stream, in the order in which they were known. Leaving the loop, closing or
 * disposing it, or its end, frees all that it read. It can be read once.
 */
export class Replay<Item = StoredRecord> implements AsyncIterable<Item>, AsyncDisposable {
  /** What is replayed of each series, and what is missing of it; known before the first record. */
  readonly series: readonly ReplayHolding[]
  /** Whether nothing is missing in any of the series that the exchange published, or may have. */
  readonly complete: boolean
  /** What is missing in any of the series, rising; also what the exchange never published. */
  readonly gaps: readonly FeedGap[]
  readonly #parts: ReplayParts
  readonly #items: AsyncGenerator<Item, void, void>
  readonly #stop = new AbortController()
  #records = 0
  #time = Number.NaN

  constructor(parts: ReplayParts) {
    this.#parts = parts
    this.series = parts.holdings
    this.complete = parts.holdings.every(({ complete }) => complete)
    this.gaps = parts.holdings
      .flatMap(({ series, gaps }) => gaps.map((gap) => ({ ...gap, series: seriesKey(series) })))
      .sort((a, b) => a.from - b.from)
    this.#items = this.#run()
  }

  /** The instant that the replay has come to, epoch ms: when the last record was known. NaN before the first. */
  get time(): number {
    return this.#time
  }

  /** Records replayed so far, those that a transform dropped included. */
  get records(): number {
    return this.#records
  }

  get isPaused(): boolean {
    return this.#parts.pace.isPaused
  }

  /** Gives no further record until `resume`; the replay's time stands still meanwhile. */
  pause(): void {
    this.#parts.pace.pause()
  }

  resume(): void {
    this.#parts.pace.resume()
  }

  /** Replays all that is left, for those who listen on the bus. */
  async run(): Promise<void> {
    for await (const _ of this);
  }

  /** Ends the replay, also while it waits or reads: the loop is over. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#items.return()
  }

  [Symbol.asyncIterator](): AsyncGenerator<Item, void, void> {
    return this.#items
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async *#run(): AsyncGenerator<Item, void, void> {
    const { pace, options, transforms, signals } = this.#parts
    const { bus } = options
    const linked = linkSignals(...signals, this.#stop.signal)
    const { signal } = linked
    try {
      await using merge = new Merge(this.#sources(signal))
      await merge.open()
      for (let gap = 0; ; ) {
        signal.throwIfAborted()
        const source = merge.ready ?? (await merge.next())
        const instant = source?.instant ?? Number.POSITIVE_INFINITY
        if (source && !pace.isDue(instant)) await pace.until(instant, signal)
        for (; gap < this.gaps.length && this.gaps[gap]!.from < instant; gap++) options.onGap?.(this.gaps[gap]!)
        if (!source) return
        const record = source.head!
        merge.advance()
        if (bus && !bus.hasRoom) await bus.room(signal)
        this.#records++
        this.#time = instant
        // Kinds that no stream gives have topics all the same.
        bus?.publish(record as LiveRecord)
        if (transforms === undefined) yield record as Item
        else {
          const stream = transforms.get(this.series[source.rank]!)
          const row = stream ? stream.push(rowOf(record)) : rowOf(record)
          if (row) yield { record, row } satisfies TransformedRecord<StoredRecord> as Item
        }
      }
    } catch (error) {
      // Whoever closed it wants to hear no more of it.
      if (!this.#stop.signal.aborted) throw error
    } finally {
      linked.release()
    }
  }

  #sources(signal: AbortSignal): SeriesSource[] {
    const { lake, holdings } = this.#parts
    const share = Math.floor(ROWS_IN_MEMORY / holdings.length)
    const batchRows = Math.min(MOST_ROWS, Math.max(LEAST_ROWS, share))
    return holdings.map(
      ({ series, from, to }, rank) => new SeriesSource(lake, series, rank, { from, to, batchRows, signal }),
    )
  }
}

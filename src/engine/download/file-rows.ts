import type { RowSink } from '../../archive/fetch-file.ts'
import { type Batch, clipBatch, columnOf, concatBatches, mergeBatches } from '../../model/batch.ts'
import { CandleFlag, candle } from '../../model/candle.ts'
import type { TimeRange } from '../../model/time.ts'
import type { StagedRows } from '../../store/lake/change.ts'
import type { SeriesWriter } from '../../store/lake/series-writer.ts'
import type { Permits } from '../limiter.ts'

/** Batches of a file that is short as a whole are no burden. */
const SMALL = 2048
/** Rows that break a rule, kept to be asked about. */
const MAX_SUSPECTS = 200

/**
 * The rows of one archive file while it arrives. Files longer than a period of the lake (a month of 1s candles) are
 * staged on disk period by period, so that memory holds one period per file and no more.
 */
export class FileRows implements RowSink {
  readonly #writer: SeriesWriter
  readonly #wanted: readonly TimeRange[]
  readonly #file: TimeRange
  readonly #stages: boolean
  readonly #permits: Permits
  #release: (() => void) | undefined
  #batches: Batch[] = []
  #staged: StagedRows[] = []
  /** Rows inside the wanted ranges. */
  count = 0
  /** Rows that break a rule, each a batch of one; the first so many of them. */
  suspects: Batch[] = []

  /** @param permits bounds the files whose rows are in memory at once, across all series. */
  constructor(writer: SeriesWriter, file: TimeRange, wanted: readonly TimeRange[], permits: Permits) {
    this.#permits = permits
    this.#writer = writer
    this.#file = file
    this.#wanted = wanted
    this.#stages = writer.period(file.from).to < file.to
  }

  get staged(): readonly StagedRows[] {
    return this.#staged
  }

  async rows(batch: Batch): Promise<void> {
    // While this waits the file's transfer waits too: memory is bounded by the permits, not by the disk's speed.
    if (batch.length > SMALL) this.#release ??= await this.#permits.take()
    for (const range of this.#wanted) {
      const part = clipBatch(candle, batch, range.from, range.to)
      if (part.length === 0) continue
      this.count += part.length
      this.#collectSuspects(part)
      if (this.#stages) await this.#stage(part)
      else this.#batches.push(part)
    }
  }

  /** Gives the memory's place to another file: the rows are committed, or given up. */
  release(): void {
    this.#batches = []
    this.#release?.()
    this.#release = undefined
  }

  async reset(): Promise<void> {
    this.#batches = []
    const staged = this.#staged
    this.#staged = []
    this.count = 0
    this.suspects = []
    // Reading anew needs a thread, and those may be taken by files that wait for this very permit.
    this.#release?.()
    this.#release = undefined
    await this.#writer.discard(staged)
  }

  /** Puts the last period on disk too, when this file is being staged. */
  async finish(): Promise<void> {
    if (this.#stages) await this.#flush()
  }

  /** The rows in memory, in order: all of them, unless the file is being staged. */
  batch(): Batch {
    // Most files are in order: their parts are joined in one pass.
    const last = (batch: Batch): number => columnOf(batch, candle.sortKey)[batch.length - 1]!
    const rising = this.#batches.every(
      (batch, i) => i === 0 || last(this.#batches[i - 1]!) < columnOf(batch, candle.sortKey)[0]!,
    )
    const { kind } = this.#writer
    const whole = rising
      ? concatBatches(kind, this.#batches)
      : this.#batches.reduce((merged, batch) => mergeBatches(kind, merged, batch), concatBatches(kind, []))
    this.#batches = whole.length > 0 ? [whole] : []
    return whole
  }

  async #stage(part: Batch): Promise<void> {
    for (const [period, rows] of this.#writer.splitByPeriod(part)) {
      const held = this.#batches[0]
      if (held && this.#writer.period(columnOf(held, candle.sortKey)[0]!).name !== period.name) await this.#flush()
      this.#batches.push(rows)
    }
  }

  async #flush(): Promise<void> {
    const first = this.#batches[0]
    if (!first) return
    const period = this.#writer.period(columnOf(first, candle.sortKey)[0]!)
    const batches = this.#batches
    this.#batches = []
    this.#staged.push(await this.#writer.stage(period, batches, this.#file))
  }

  #collectSuspects(batch: Batch): void {
    const flags = columnOf(batch, 'flags')
    for (let i = 0; i < batch.length && this.suspects.length < MAX_SUSPECTS; i++) {
      if ((flags[i]! & CandleFlag.suspect) === 0) continue
      // A copy: a view would keep the whole batch in memory.
      const columns = Object.entries(batch.columns).map(([name, values]) => [name, values.slice(i, i + 1)] as const)
      this.suspects.push({ length: 1, columns: Object.fromEntries(columns) })
    }
  }
}

/** Sets a bit on every row. */
export function withFlag(batch: Batch, flag: number): Batch {
  if (batch.length === 0) return batch
  const flags = columnOf(batch, 'flags').map((value) => value | flag)
  return { length: batch.length, columns: { ...batch.columns, flags } }
}

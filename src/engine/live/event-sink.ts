import type { CoveredRange, Gap } from '../../model/coverage.ts'
import { maxId } from '../../model/live/ids.ts'
import type { LiveKind, LiveRecord } from '../../model/live/index.ts'
import type { SeriesId } from '../../model/series.ts'
import { highestKey } from '../../store/lake/event-chunks.ts'
import { readHeld, unrecordedHoles } from '../../store/lake/event-coverage.ts'
import type { EventWriter } from '../../store/lake/event-writer.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { isLeftOut } from '../holes.ts'
import { timeOf } from './live-series.ts'
import { hasIds } from './renewal.ts'
import type { Resume, SeriesSink } from './series-sink.ts'

/** Records of events on their way to the lake. Holds the lock of its series while it is open. */
export class EventSink implements SeriesSink {
  readonly resume: Resume
  readonly #writer: EventWriter
  #gaps: Gap[] = []
  /** Up to here the coverage is on disk, epoch ms; NaN before the first record. */
  #coveredTo: number
  #lastTime = Number.NaN

  private constructor(writer: EventWriter, resume: Resume) {
    this.#writer = writer
    this.resume = resume
    // Where ids are counted, they say what was missed while nobody collected; elsewhere nobody can know.
    this.#coveredTo = writer.held === undefined ? Number.NaN : resume.lastTime
  }

  static async open(lake: Lake, series: SeriesId, spoolId: string | undefined): Promise<EventSink> {
    const writer = await lake.eventWriter(series, {
      mergeElsewhere: true,
      ...(spoolId === undefined ? {} : { spoolId }),
    })
    const { coverage, held } = writer
    const times = coverage.files.map((file) => file.last)
    const open = coverage.gaps.filter(
      (gap) => gap.cause === 'unknown' && gap.checked.length === 0 && !isLeftOut(gap, coverage.covered),
    )
    // Update ids of books can not be asked for again, whatever is missing.
    const isCounted = writer.kind.continuity.rule === 'consecutive-id'
    const holes = isCounted
      ? [
          ...readHeld(
            open.flatMap(({ firstId, lastId, from, to }) =>
              firstId === undefined || lastId === undefined ? [] : [{ first: firstId, last: lastId, from, to }],
            ),
          ),
          ...unrecordedHoles(coverage).map((hole) => ({ ...hole, from: Number.NaN, to: Math.max(...times) })),
        ].sort((a, b) => (a.first < b.first ? -1 : 1))
      : []
    // Holes behind the last held id: their file was damaged, so the series goes on behind them.
    const lost = holes.slice(-1)
    const ends = [...(held ?? []).slice(-1), ...lost].map((span) => span.last)
    const last = ends.length === 0 ? undefined : ends.reduce(maxId)
    const highest = last ?? (hasIds(writer.kind.id as LiveKind) ? highestKey(coverage.files) : undefined)
    const lastTime = Math.max(...times, ...lost.map((hole) => hole.to))
    return new EventSink(writer, {
      ...(last === undefined ? {} : { last }),
      ...(highest === undefined ? {} : { highest }),
      ...(coverage.spool === undefined || coverage.spool.id !== spoolId ? {} : { sequence: coverage.spool.sequence }),
      lastTime: Number.isFinite(lastTime) ? lastTime : Number.NaN,
      holes,
    })
  }

  get pending(): number {
    return this.#writer.pendingRecords
  }

  get memory(): number {
    return this.#writer.pendingMemory
  }

  get firstPending(): number {
    return this.#writer.pendingFrom ?? Number.POSITIVE_INFINITY
  }

  get isFull(): boolean {
    return this.#writer.isFull
  }

  append(record: LiveRecord, sequence: number): boolean {
    this.#saw(record)
    return this.#writer.append(record, sequence)
  }

  appendAll(records: readonly LiveRecord[], count: number, sequence: number): void {
    for (let index = 0; index < count; index++) this.#saw(records[index]!)
    this.#writer.appendAll(records, count, sequence)
  }

  #saw(record: LiveRecord): void {
    const time = timeOf(record)
    if (Number.isNaN(this.#coveredTo)) this.#coveredTo = time
    if (!(time < this.#lastTime)) this.#lastTime = time
  }

  gap(gap: Gap): void {
    this.#gaps.push(gap)
  }

  async flush(): Promise<number> {
    const gaps = this.#gaps
    const to = this.#lastTime
    if (this.#writer.pendingRecords === 0 && gaps.length === 0) return 0
    this.#gaps = []
    const covered: CoveredRange[] =
      to > this.#coveredTo ? [{ from: this.#coveredTo, to: to + 0.001, source: 'stream' }] : []
    try {
      const { records } = await this.#writer.flush({ gaps, covered })
      if (to > this.#coveredTo) this.#coveredTo = to
      return records
    } catch (error) {
      this.#gaps.unshift(...gaps)
      throw error
    }
  }

  async compact(): Promise<void> {
    await this.#writer.tidy(Date.now())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.flush()
    } finally {
      await this.#writer[Symbol.asyncDispose]()
    }
  }
}

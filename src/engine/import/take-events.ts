import type { Batch } from '../../model/batch.ts'
import type { Defect, Gap } from '../../model/coverage.ts'
import { isFileKind } from '../../model/history/index.ts'
import { intersectRanges } from '../../model/ranges.ts'
import type { TimeRange } from '../../model/time.ts'
import type { EventBatch } from '../../store/lake/event-columns.ts'
import { uncoveredRanges } from '../../store/lake/event-coverage.ts'
import type { RowStage } from '../../store/lake/event-row-stage.ts'
import type { EventStage } from '../../store/lake/event-stage.ts'
import type { EventWriter } from '../../store/lake/event-writer.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { EventCompare, instantsIn, spanOf } from './event-compare.ts'
import { heldRange } from './held-range.ts'
import { reachOf } from './read-archive.ts'
import { type FileFacts, type ImportTarget, isTableFormat, type Taken } from './types.ts'

/** How rows go to disk. */
interface Stage {
  add(batch: EventBatch): Promise<void>
  mark(flag: number): Promise<void>
  readonly stage: EventStage | RowStage
}

/**
 * The rows of one file on their way into a series of events. Records that the lake does not have go in; those it has are
 * compared, and stand.
 */
export class EventImport {
  readonly #target: ImportTarget
  readonly #writer: EventWriter
  readonly #compare: EventCompare
  /** The time that rows of the file may be of. */
  readonly #reach: TimeRange
  /** What the lake does not know for sure: only there records are taken, of kinds whose ids do not tell what is new. */
  readonly #open: readonly TimeRange[]
  readonly #stage: Stage
  #flag = 0
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY
  /** Rows of that time. */
  #rows = 0

  constructor(target: ImportTarget, writer: EventWriter, lake: Lake) {
    this.#target = target
    this.#writer = writer
    this.#compare = new EventCompare(target.path, writer, lake)
    this.#reach = reachOf(target)
    this.#open = uncoveredRanges(writer.coverage, this.#reach)
    this.#stage = openStage(target, writer, writer.held ? [this.#reach] : [...this.#open, ...edgesOf(target, writer)])
  }

  /** Sets bits on every row, once they are all there. */
  mark(flag: number): void {
    this.#flag = flag
  }

  async add(batch: EventBatch): Promise<void> {
    if (batch.length === 0) return
    const times = instantsIn(this.#writer.kind, batch)
    const { from, to } = spanOf(times)
    this.#first = Math.min(this.#first, from)
    this.#last = Math.max(this.#last, to - 1)
    for (const time of times) if (time >= this.#reach.from && time < this.#reach.to) this.#rows++
    await this.#compare.add(batch, times)
    await this.#stage.add(batch)
  }

  /** Commits the rows, with what is known of the file. */
  async finish(facts: FileFacts): Promise<{ readonly taken: Taken }> {
    const { stage } = this.#stage
    await stage.finish()
    if (this.#flag !== 0) await this.#stage.mark(this.#flag)
    const { falls, repeated, rows } = stage.tally
    const { path, range } = this.#target
    const { same, differing, defects } = this.#compare
    const told: Defect[] = []
    if (falls > 0) {
      const detail = `rows are not in order at ${falls} places; they were sorted`
      told.push({ type: 'out-of-order', where: path, detail, kept: 'import' })
    }
    if (repeated > 0) {
      const detail = `${repeated} rows repeat others of the file`
      told.push({ type: 'duplicate', where: path, detail, kept: 'first' })
    }
    // Where ids do not tell what is new: the lake knows all of that time, and these are not among it.
    const strange = this.#writer.held ? 0 : Math.max(0, this.#rows - rows - repeated - same - differing)
    if (strange > 0) {
      const detail = `${strange} rows are none of the lake's, in time of which it has all`
      told.push({ type: 'difference', where: path, detail, kept: 'lake' })
    }
    const seen = this.#last < this.#first ? undefined : { from: this.#first, to: this.#last + 0.001 }
    const held = heldRange(range, seen)
    const news = held ? intersectRanges([held], this.#open) : []
    await this.#writer.adopt(stage, {
      covered: news.map((part) => ({ ...part, source: 'import' as const })),
      gaps: this.#silences(news),
      ...facts,
      defects: [...facts.defects, ...told, ...defects],
      moreDefects: facts.moreDefects + Math.max(0, differing - defects.length),
    })
    return { taken: { added: rows, same, differing: differing + strange, lacking: 0 } }
  }

  async discard(): Promise<void> {
    await this.#stage.stage.discard()
  }

  /** Where the file has nothing for longer than such a series is ever silent, nobody was asked about it. */
  #silences(news: readonly TimeRange[]): Gap[] {
    const note = 'nothing in the imported file'
    return this.#stage.stage.silences(news).map(({ from, to }) => ({ from, to, cause: 'unknown', checked: [], note }))
  }
}

/**
 * Around the day of a file that is cut by another time than that of the rows in it: what lies there is in no other file,
 * also where the lake has all of those. That it is not stored yet is seen by its key.
 */
function edgesOf({ range, slackMs = 0 }: ImportTarget, { kind, coverage }: EventWriter): readonly TimeRange[] {
  if (range === undefined || !isFileKind(kind)) return []
  const edges = [
    { from: range.from - slackMs, to: range.from },
    { from: range.to, to: range.to + slackMs },
  ]
  return intersectRanges(edges, coverage.covered)
}

function openStage(target: ImportTarget, writer: EventWriter, wanted: readonly TimeRange[]): Stage {
  if (isTableFormat(target.format) || isFileKind(writer.kind)) {
    const stage = writer.stageRows(wanted)
    // These rows come whole, with their flags, and in order.
    return { stage, add: (batch) => stage.add(batch), mark: async () => {} }
  }
  const stage = writer.stage(wanted)
  // Other files have no ids but numbers.
  return { stage, add: (batch) => stage.add(batch as Batch), mark: (flag) => stage.mark(flag) }
}

import { type Batch, columnOf } from '../../model/batch.ts'
import type { Defect } from '../../model/coverage.ts'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { subtractRanges } from '../../model/ranges.ts'
import type { TimeRange } from '../../model/time.ts'
import type { EventStage } from '../../store/lake/event-stage.ts'
import type { EventWriter } from '../../store/lake/event-writer.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { ALL_TIME } from './read-archive.ts'
import type { FileFacts, ImportTarget, Taken } from './types.ts'

const MAX_DIFFERENCES = 200

/**
 * The rows of one file on their way into a series of events. Records that the lake does not have go in; those it has are
 * compared, and stand.
 */
export class EventImport {
  readonly #target: ImportTarget
  readonly #writer: EventWriter
  readonly #lake: Lake
  readonly #kind: Kind
  readonly #stage: EventStage
  readonly #defects: Defect[] = []
  #flag = 0
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY
  #rows = 0
  #same = 0
  #differing = 0

  constructor(target: ImportTarget, writer: EventWriter, lake: Lake) {
    this.#target = target
    this.#writer = writer
    this.#lake = lake
    this.#kind = writer.kind
    const file = target.range ?? ALL_TIME
    // Where ids are counted they tell what is new; elsewhere what is covered is there.
    this.#stage = writer.stage(writer.held ? [file] : subtractRanges([file], writer.coverage.covered))
  }

  /** Sets bits on every row, once they are all there. */
  mark(flag: number): void {
    this.#flag = flag
  }

  async add(batch: Batch): Promise<void> {
    if (batch.length === 0) return
    let first = Number.POSITIVE_INFINITY
    let last = Number.NEGATIVE_INFINITY
    for (const time of columnOf(batch, this.#kind.timeColumn)) {
      if (time < first) first = time
      if (time > last) last = time
    }
    this.#first = Math.min(this.#first, first)
    this.#last = Math.max(this.#last, last)
    this.#rows += batch.length
    const { files } = this.#writer.coverage
    if (files.some((file) => file.first <= last && file.last >= first))
      await this.#compare(batch, { from: first, to: last + 1 })
    await this.#stage.add(batch)
  }

  /** Commits the rows, with what is known of the file. */
  async finish(facts: FileFacts): Promise<{ readonly taken: Taken }> {
    await this.#stage.finish()
    if (this.#flag !== 0) await this.#stage.mark(this.#flag)
    const { falls, repeated, rows } = this.#stage.tally
    const { path } = this.#target
    const order: Defect[] = []
    if (falls > 0) {
      const detail = `rows are not in order at ${falls} places; they were sorted`
      order.push({ type: 'out-of-order', where: path, detail, kept: 'import' })
    }
    if (repeated > 0) {
      const detail = `${repeated} rows repeat others of the file`
      order.push({ type: 'duplicate', where: path, detail, kept: 'first' })
    }
    const seen = this.#last < this.#first ? undefined : { from: this.#first, to: this.#last + 0.001 }
    const range = this.#target.range ?? seen
    await this.#writer.adopt(this.#stage, {
      covered: range
        ? subtractRanges([range], this.#writer.coverage.covered).map((part) => ({ ...part, source: 'import' as const }))
        : [],
      ...facts,
      defects: [...facts.defects, ...order, ...this.#defects],
      moreDefects: facts.moreDefects + Math.max(0, this.#differing - this.#defects.length),
    })
    return { taken: { added: rows, same: this.#same, differing: this.#differing, lacking: 0 } }
  }

  async discard(): Promise<void> {
    await this.#stage.discard()
  }

  /** Compares records with those of the lake that have the same key. */
  async #compare(batch: Batch, range: TimeRange): Promise<void> {
    const columns = this.#compared(batch)
    const names = [this.#kind.sortKey, ...columns.map(({ name }) => name)]
    const rows = new Map<number, number>()
    const keys = columnOf(batch, this.#kind.sortKey)
    for (let i = 0; i < batch.length; i++) if (!rows.has(keys[i]!)) rows.set(keys[i]!, i)
    const series = this.#writer.coverage.series
    for await (const stored of this.#lake.readEvents(series, { ...range, columns: names })) {
      const storedKeys = stored.columns[this.#kind.sortKey]!
      for (let j = 0; j < stored.length; j++) {
        const key = Number(storedKeys[j]!)
        const i = rows.get(key)
        if (i === undefined) continue
        const differing = columns.flatMap(({ name }) => {
          const [left, right] = [batch.columns[name]![i]!, Number(stored.columns[name]![j]!)]
          return sameValue(left, right) ? [] : [`${name}: file ${left}, lake ${right}`]
        })
        if (differing.length === 0) this.#same++
        else
          this.#differ(
            columnOf(batch, this.#kind.timeColumn)[i]!,
            `${this.#kind.sortKey} ${key}: ${differing.join('; ')}`,
          )
      }
    }
  }

  #differ(time: number, detail: string): void {
    this.#differing++
    if (this.#defects.length < MAX_DIFFERENCES)
      this.#defects.push({ time, type: 'difference', where: this.#target.path, detail, kept: 'lake' })
  }

  /** What the exchange says of a record, and the file has. When it reached someone is another matter. */
  #compared(batch: Batch): ColumnSpec[] {
    return this.#kind.columns.filter(
      ({ name, type }) =>
        type !== 'flags' &&
        name !== this.#kind.sortKey &&
        name !== 'receive_time' &&
        name !== 'event_time' &&
        batch.columns[name] !== undefined,
    )
  }
}

/** Files hold microseconds: a time with more digits stands in them up to half of one away. */
function sameValue(a: number, b: number): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b)) || (a > 1e11 && Math.abs(a - b) < 0.001)
}

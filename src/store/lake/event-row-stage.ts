import { join } from 'node:path'
import { narrowId } from '../../model/live/ids.ts'
import type { RecordId } from '../../model/live/index.ts'
import type { TimeRange } from '../../model/time.ts'
import { instantsOf, keyAt } from './event-chunks.ts'
import { type EventBatch, isBookKind } from './event-columns.ts'
import { ColumnMemory, PART_ROWS } from './event-part.ts'
import { newRowPart, type RowPart } from './event-row-part.ts'
import { Silences } from './event-silences.ts'
import type { EventStageParts, StagedEvents, StageTally } from './event-stage.ts'
import { removeIfThere } from './files.ts'
import { IdRanges, type IdSpan } from './ids.ts'
import { eventPeriod, type Period } from './periods.ts'

/** Periods that rows go to at the same time: around midnight they may come mixed. */
const OPEN_PERIODS = 2

/**
 * Takes the rows of a table that was written from a lake, and puts them on disk by day, uncommitted, in bounded memory.
 * Unlike `EventStage`, which is for archive files, it takes books, whose rows are records together, and ids beyond 2^53.
 * Records outside the wanted ranges, and those that are stored or came before, are left out.
 */
export class RowStage {
  readonly #parts: EventStageParts
  readonly #wanted: readonly TimeRange[]
  readonly #storedKeys: (span: IdSpan) => Promise<ReadonlySet<RecordId>>
  /** Ids that this table brought. */
  readonly ids = new IdRanges()
  readonly #silences: Silences | undefined
  readonly #isBook: boolean
  readonly #memory = new ColumnMemory()
  #open: RowPart[] = []
  #staged: StagedEvents[] = []
  #writing: Promise<void> = Promise.resolve()
  #rows = 0
  #repeated = 0
  #lastKey: RecordId | undefined
  /** The period that the record of the last key goes to; undefined when it is left out. */
  #place: Period | undefined
  /** The period that was looked for last. */
  #period: Period = { name: '', from: 0, to: 0 }
  /** Of kinds with several rows of one key that are no record: those of the last key. */
  #seen = new Set<string>()

  /**
   * @param wanted ranges of the kind's time that rows are taken of.
   * @param storedKeys the sort keys that are stored between two: for kinds whose ids are not counted.
   */
  constructor(
    parts: EventStageParts,
    wanted: readonly TimeRange[],
    storedKeys: (span: IdSpan) => Promise<ReadonlySet<RecordId>>,
  ) {
    this.#parts = parts
    this.#wanted = wanted
    this.#storedKeys = storedKeys
    this.#isBook = isBookKind(parts.kind)
    const { continuity } = parts.kind
    const silentMs = 'silentMs' in continuity ? continuity.silentMs : undefined
    this.#silences = silentMs === undefined ? undefined : new Silences(silentMs)
  }

  /** Where the table has nothing for longer than the kind is ever silent. */
  silences(ranges: readonly TimeRange[]): readonly TimeRange[] {
    return this.#silences?.in(ranges) ?? []
  }

  get tally(): StageTally {
    return { rows: this.#rows, repeated: this.#repeated, falls: 0 }
  }

  /** Takes rows that have all columns of the kind and never fall by the sort key, within a batch and between batches. */
  async add(batch: EventBatch): Promise<void> {
    if (batch.length === 0) return
    const { kind, held } = this.#parts
    const instants = instantsOf(kind, batch)
    this.#silences?.add(instants, batch.length)
    const span = { first: keyAt(kind, batch, 0), last: keyAt(kind, batch, batch.length - 1) }
    const stored = held === undefined ? await this.#storedKeys(span) : NONE
    let start = 0
    let place = this.#place
    let records = 0
    for (let row = 0; row < batch.length; row++) {
      const key = keyAt(kind, batch, row)
      const isNew = key !== this.#lastKey
      // The rows of a book's record go where its first one went.
      if (!isNew && this.#isBook) continue
      const next = this.#placeOf(batch, row, key, isNew, instants[row]!, stored)
      if (next?.name !== place?.name || next === undefined || (isNew && this.#isFull(place, row - start))) {
        await this.#append(batch, instants, { start, end: row, records }, place)
        start = row
        records = 0
        place = next
      }
      if (next !== undefined) records++
    }
    await this.#append(batch, instants, { start, end: batch.length, records }, place)
    this.#place = place
  }

  /** Puts all that is left on disk. */
  async finish(): Promise<readonly StagedEvents[]> {
    for (const part of this.#open.splice(0)) await this.#close(part)
    await this.#writing
    return this.#staged
  }

  /** Forgets everything, on disk too. */
  async discard(): Promise<void> {
    const open = this.#open.splice(0)
    await this.#writing.catch(() => {})
    for (const part of open) part.drop()
    for (const { temp } of this.#staged.splice(0)) await removeIfThere(join(this.#parts.folder, temp))
  }

  /** Where a record goes; undefined when it is not wanted, stored, or came before. */
  #placeOf(
    batch: EventBatch,
    row: number,
    key: RecordId,
    isNew: boolean,
    time: number,
    stored: ReadonlySet<RecordId>,
  ): Period | undefined {
    this.#lastKey = key
    if (isNew) this.#seen.clear()
    if (!this.#wanted.some((range) => time >= range.from && time < range.to) || stored.has(key)) return undefined
    if (this.#isRepeated(batch, row, key, isNew)) {
      this.#repeated++
      return undefined
    }
    const { held, kind } = this.#parts
    if (held !== undefined) {
      if (held.has(key)) return undefined
      // Updates of futures account for the ids since the one before them: what of those is held stays whose it is.
      for (const span of held.missing(this.#spanOf(batch, row, key))) this.ids.add(span.first, span.last, time)
    }
    // To name a period for each row would take longer than all else here.
    if (!(time >= this.#period.from && time < this.#period.to)) this.#period = eventPeriod(kind, time)
    return this.#period
  }

  #isRepeated(batch: EventBatch, row: number, key: RecordId, isNew: boolean): boolean {
    const { rowKey } = this.#parts.kind
    if (rowKey === undefined) return !isNew || this.ids.has(key)
    const text = rowKey.map((name) => batch.columns[name]![row]).join(' ')
    if (this.#seen.has(text)) return true
    this.#seen.add(text)
    return false
  }

  /** The ids that a record accounts for. */
  #spanOf(batch: EventBatch, row: number, key: RecordId): IdSpan {
    if (this.#parts.kind.continuity.rule !== 'chained-id') return { first: key, last: key }
    const previous = narrowId(batch.columns.previous_update_id![row]! as bigint)
    const first =
      previous >= 0 ? narrowId(BigInt(previous) + 1n) : narrowId(batch.columns.first_update_id![row]! as bigint)
    return { first: first <= key ? first : key, last: key }
  }

  #isFull(place: Period | undefined, waiting: number): boolean {
    const part = this.#open.find(({ period }) => period === place?.name)
    return (part?.rows ?? 0) + waiting >= PART_ROWS
  }

  async #append(
    batch: EventBatch,
    instants: Float64Array,
    { start, end, records }: { readonly start: number; readonly end: number; readonly records: number },
    period: Period | undefined,
  ): Promise<void> {
    if (start === end || period === undefined) return
    let part = this.#open.find((open) => open.period === period.name)
    // A record that goes on from the batch before stays in its file.
    if (part !== undefined && ((part.rows >= PART_ROWS && records > 0) || !part.takes(batch))) {
      this.#open = this.#open.filter((open) => open !== part)
      await this.#close(part)
      part = undefined
    }
    if (part === undefined) {
      const oldest = this.#open.length >= OPEN_PERIODS ? this.#open.shift() : undefined
      if (oldest) await this.#close(oldest)
      part = newRowPart(this.#parts.kind, period.name, batch, this.#memory)
      this.#open.push(part)
    }
    part.append(batch, { start, end, records, instants })
    this.#rows += end - start
  }

  /** Packs a part into its file while the next one is filled. */
  async #close(part: RowPart): Promise<void> {
    await this.#writing
    const { folder, compression, tempName } = this.#parts
    this.#writing = (async () => {
      const temp = tempName(part.period)
      this.#staged.push({ file: await part.write(folder, temp, compression), temp })
    })()
    // Whoever adds or finishes next hears of a failure; until then it is nobody's.
    this.#writing.catch(() => {})
  }
}

const NONE: ReadonlySet<RecordId> = new Set()

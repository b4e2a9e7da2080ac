import { StorageError } from '../../model/errors.ts'
import type { Kind } from '../../model/kind.ts'
import { type LiveRecord, RecordFlag, type RecordId, type TradeRecord } from '../../model/live/index.ts'
import { type EventBatch, EventColumns, joinEvents } from './event-columns.ts'
import { idSpanOf } from './event-coverage.ts'
import type { ColumnMemory } from './event-scratch.ts'
import type { IdRanges } from './ids.ts'

/** Records that go to disk together. */
export interface PendingPart {
  readonly columns: EventColumns
  /** Lowest and highest spool sequence of them; Infinity and -1 without any. */
  from: number
  to: number
  /** Records that hold a number which is not exact. */
  inexact: number
}

export interface PendingOptions {
  /** The folder of the series, for errors. */
  readonly folder: string
  readonly kind: Kind
  /** Ids that are stored or pending, which grow with what is appended; none for kinds whose ids are not counted. */
  readonly held: IdRanges | undefined
  /** Up to this sequence everything is stored, where ids do not tell; -1 for nothing. */
  readonly spooled: number
  /** Memory for records that wait, bytes. */
  readonly maxBytes: number
}

/** The records of a series that wait for their files, each once. Knows nothing of files. */
export class PendingEvents {
  readonly #options: PendingOptions
  readonly #held: IdRanges | undefined
  readonly #isCounted: boolean
  readonly #instantOf: (record: LiveRecord) => number
  /** Takes appends. */
  #open: PendingPart
  #columns: EventColumns
  /** Parts that are being written or failed to be, oldest first, and their memory. */
  #taken: readonly PendingPart[] = []
  #takenBytes = 0
  /** Rows of the open part at which half of the memory, and all of it, is used. */
  #fullRows = 0
  #mostRows = 0

  constructor(options: PendingOptions) {
    const { kind } = options
    this.#options = options
    this.#held = options.held
    this.#isCounted = kind.continuity.rule === 'consecutive-id'
    this.#instantOf = instantReader(kind)
    this.#open = this.#begun()
    this.#columns = this.#open.columns
    this.#bound()
  }

  get records(): number {
    return this.#taken.reduce((sum, { columns }) => sum + columns.records, this.#columns.records)
  }

  /** Memory of what waits, bytes. */
  get memory(): number {
    return this.#taken.reduce((sum, { columns }) => sum + columns.usedBytes, this.#columns.usedBytes)
  }

  /** Half of the memory is used. */
  get isFull(): boolean {
    return this.#columns.rows > this.#fullRows
  }

  /** Lowest spool sequence of a record that waits; undefined when there is none. */
  get from(): number | undefined {
    const from = this.#taken.reduce((least, part) => Math.min(least, part.from), this.#open.from)
    return Number.isFinite(from) ? from : undefined
  }

  /** Takes a record. False for one that is stored or waits already. @throws StorageError when there is no memory for it. */
  append(record: LiveRecord, sequence: number | undefined): boolean {
    const held = this.#held
    const id = (record as TradeRecord).id
    // The way of nearly all records that are counted: no object and no search for what comes in thousands a second.
    const isNext = this.#isCounted && id === held!.next
    if (!isNext && this.#isKnown(record, sequence)) return false
    if (this.#columns.rows > this.#mostRows) this.#refuse()
    this.#columns.append(record)
    if (isNext) held!.extend(id as number, this.#instantOf(record))
    else if (held !== undefined) this.#hold(held, record)
    if ((record.flags & RecordFlag.inexact) !== 0) this.#open.inexact++
    if (sequence !== undefined) this.#cameWith(sequence)
    return true
  }

  /**
   * Takes the first `count` records, all of one entry of the spool, but for those that are stored or wait already.
   * @throws StorageError when there is no memory for them.
   */
  appendAll(records: readonly LiveRecord[], count: number, sequence: number): void {
    const run = this.#isCounted ? this.#appendRun(records, count) : 0
    if (run > 0) this.#cameWith(sequence)
    for (let index = run; index < count; index++) this.append(records[index]!, sequence)
  }

  /** Takes those that come one by one behind what is held, the way of nearly all that are counted. Gives their number. */
  #appendRun(records: readonly LiveRecord[], count: number): number {
    const held = this.#held!
    const instantOf = this.#instantOf
    let next = held.next
    let run = 0
    let time = Number.NEGATIVE_INFINITY
    let inexact = 0
    // An id that is no number, or no whole one any more, is none of these.
    for (; run < count && next < Number.MAX_SAFE_INTEGER; run++, next++) {
      const record = records[run]!
      if ((record as TradeRecord).id !== next) break
      const instant = instantOf(record)
      if (instant > time) time = instant
      if ((record.flags & RecordFlag.inexact) !== 0) inexact++
    }
    if (run === 0) return 0
    if (this.#columns.rows + run > this.#mostRows) this.#refuse()
    this.#columns.appendAll(records, run)
    this.#open.inexact += inexact
    held.extend(next - 1, time)
    return run
  }

  /** A record of that entry of the spool waits. */
  #cameWith(sequence: number): void {
    const open = this.#open
    if (sequence < open.from) open.from = sequence
    if (sequence > open.to) open.to = sequence
  }

  /** What waits now, to be written; what comes from now on is apart from it. It waits on until it is `stored`. */
  take(): readonly PendingPart[] {
    const taken = this.#columns.rows > 0 ? [...this.#taken, this.#open] : this.#taken
    if (taken.length === 0) return taken
    if (this.#columns.rows > 0) {
      this.#open = this.#begun()
      this.#columns = this.#open.columns
    }
    this.#setTaken(taken)
    return taken
  }

  /** Parts that `take` gave are on disk. */
  stored(parts: readonly PendingPart[]): void {
    this.#setTaken(this.#taken.filter((part) => !parts.includes(part)))
    for (const { columns } of parts) columns.clear()
  }

  /** Gives the memory back; what still waits is forgotten. */
  close(): void {
    for (const { columns } of [...this.#taken, this.#open]) columns.clear()
  }

  #begun(): PendingPart {
    return { columns: new EventColumns(this.#options.kind), from: Number.POSITIVE_INFINITY, to: -1, inexact: 0 }
  }

  #setTaken(parts: readonly PendingPart[]): void {
    this.#taken = parts
    this.#takenBytes = parts.reduce((sum, { columns }) => sum + columns.bytes, 0)
    this.#bound()
  }

  /** The bounds in rows: bytes would have to be worked out for each record. */
  #bound(): void {
    const { maxBytes } = this.#options
    const { rowBytes } = this.#columns
    this.#fullRows = Math.floor((maxBytes / 2 - this.#takenBytes) / rowBytes)
    this.#mostRows = Math.floor((maxBytes - this.#takenBytes) / rowBytes)
  }

  #isKnown(record: LiveRecord, sequence: number | undefined): boolean {
    if (this.#held === undefined) return sequence !== undefined && sequence <= this.#options.spooled
    return this.#held.has(this.#lastIdOf(record))
  }

  #lastIdOf(record: LiveRecord): RecordId {
    return this.#isCounted ? (record as TradeRecord).id : idSpanOf(this.#options.kind, record)!.last
  }

  #hold(held: IdRanges, record: LiveRecord): void {
    const { first, last } = idSpanOf(this.#options.kind, record)!
    held.add(first, last, this.#instantOf(record))
  }

  #refuse(): never {
    const { folder, maxBytes } = this.#options
    throw new StorageError(
      folder,
      `more than ${maxBytes} bytes wait to be stored. Flush more often; if flushes fail, see why.`,
      { retryable: true },
    )
  }
}

/** The rows of parts as one batch, in the order of arrival, and the number of the record of each. */
export function joinParts(
  kind: Kind,
  parts: readonly PendingPart[],
  memory: ColumnMemory,
): { readonly batch: EventBatch; readonly record: Uint32Array } {
  const views = parts.map(({ columns }) => columns.view(memory))
  if (views.length === 1) return views[0]!
  const batches = views.map((view) => view.batch)
  const batch = joinEvents(kind.columns, batches)
  const record = new Uint32Array(batch.length)
  let offset = 0
  let number = 0
  for (const [index, view] of views.entries()) {
    for (let i = 0; i < view.record.length; i++) record[offset + i] = number + view.record[i]!
    offset += view.record.length
    number += parts[index]!.columns.records
  }
  return { batch, record }
}

/** Reads the instant of a record of a kind: when it happened or, where that is not known, when it came. */
function instantReader(kind: Kind): (record: LiveRecord) => number {
  const { property } = kind.columns.find((column) => column.name === kind.timeColumn)!
  const known = (time: number, record: LiveRecord): number => (Number.isNaN(time) ? record.receiveTime : time)
  // Reading a property whose name is only known at run time costs several times what a written one does.
  if (property === 'time') return (record) => known((record as TradeRecord).time, record)
  if (property === 'eventTime') return (record) => known(record.eventTime, record)
  return (record) => known((record as unknown as Record<string, number>)[property]!, record)
}

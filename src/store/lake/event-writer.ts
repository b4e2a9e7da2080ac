import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Kind } from '../../model/kind.ts'
import type { LiveRecord, RecordId } from '../../model/live/index.ts'
import type { SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import { type Commit, commitChange, recoverCommit } from './commit.ts'
import { emptyCoverage, type LakeFile, readCoverage, type SeriesCoverage, type SpoolMark } from './coverage-file.ts'
import { storageError } from './errors.ts'
import {
  type Chunk,
  describeFile,
  highestKey,
  keyAt,
  nameStaged,
  nextChunkName,
  risingOrder,
  splitChunks,
} from './event-chunks.ts'
import { type EventBatch, pickRows } from './event-columns.ts'
import { type CompactionPlan, mergeFiles, planCompaction, planTidying } from './event-compact.ts'
import { type EventFacts, hasFacts, hasHeldIds, nextEventCoverage, readHeld, storeHeld } from './event-coverage.ts'
import { describeEventFile } from './event-inspect.ts'
import { writeEvents } from './event-parquet.ts'
import { joinParts, PendingEvents, type PendingPart } from './event-pending.ts'
import { readKeys } from './event-read.ts'
import { reviseFiles, scanStaged, withoutStored } from './event-revise.ts'
import { RowStage } from './event-row-stage.ts'
import { type ColumnMemory, Scratch } from './event-scratch.ts'
import { EventStage, type EventStageParts, overlaps } from './event-stage.ts'
import { removeEmpty, removeIfThere, sweepTemps, TEMP_PREFIX } from './files.ts'
import { type HeldIds, IdRanges, type IdSpan } from './ids.ts'
import type { FileLock } from './lock.ts'
import { mergeElsewhere } from './merge-elsewhere.ts'
import type { Compression } from './parquet.ts'
import { lockReadersOut } from './reader-lock.ts'

export interface EventWriterOptions {
  readonly maxFileSize: number
  readonly compression: Compression
  /** The spool whose sequences are handed to `append`. */
  readonly spoolId?: string
  /** Files are merged in a process of their own: for writers that stay open for long. */
  readonly mergeElsewhere?: boolean
  /** Memory for records that are not flushed yet, bytes. Default 64 MB. */
  readonly maxPendingBytes?: number
}

export interface FlushSummary {
  readonly records: number
  readonly rows: number
  /** Size of the files written. */
  readonly bytes: number
}

const DEFAULT_PENDING = 64 * 1024 * 1024

/**
 * The one writer of a series of events, as long as it holds the series' lock. Records are appended in memory and go to
 * disk with `flush`: wholly or not at all, also when the process is killed. What is stored already is not stored twice.
 */
export class EventWriter implements AsyncDisposable {
  readonly folder: string
  readonly kind: Kind
  readonly #lock: FileLock
  readonly #options: EventWriterOptions
  #coverage: SeriesCoverage
  /** Ids that are stored or pending; none for kinds whose ids are not counted. */
  readonly #held: IdRanges | undefined
  readonly #pending: PendingEvents
  #tempNumber = 0
  #queue: Promise<unknown> = Promise.resolve()
  #compaction: Promise<unknown> = Promise.resolve()
  /** A change was decided but could not be carried out to its end: its files must stay until that is made up for. */
  #unfinished = false

  private constructor(
    folder: string,
    kind: Kind,
    lock: FileLock,
    coverage: SeriesCoverage,
    options: EventWriterOptions,
  ) {
    this.folder = folder
    this.kind = kind
    this.#lock = lock
    this.#coverage = coverage
    this.#options = options
    this.#held = hasHeldIds(kind) ? new IdRanges(readHeld(coverage.ids)) : undefined
    const { spool } = coverage
    this.#pending = new PendingEvents({
      folder,
      kind,
      held: this.#held,
      spooled: spool !== undefined && spool.id === options.spoolId ? spool.sequence : -1,
      maxBytes: options.maxPendingBytes ?? DEFAULT_PENDING,
    })
  }

  /** Opens a series whose lock the caller took: finishes what a crash interrupted and sweeps what it left. */
  static async open(
    folder: string,
    series: SeriesId,
    kind: Kind,
    lock: FileLock,
    options: EventWriterOptions,
  ): Promise<EventWriter> {
    try {
      await mkdir(folder, { recursive: true })
      await recoverCommit(folder)
      await sweepTemps(folder)
      const coverage = await withIds(folder, kind, (await readCoverage(folder)) ?? emptyCoverage(series))
      return new EventWriter(folder, kind, lock, coverage, options)
    } catch (error) {
      await lock.release()
      throw storageError(folder, 'the series could not be opened', error)
    }
  }

  /** What is stored. */
  get coverage(): SeriesCoverage {
    return this.#coverage
  }

  /** Ids that are stored or pending, rising; undefined for kinds whose ids are not counted. */
  get held(): readonly HeldIds[] | undefined {
    return this.#held?.ranges
  }

  get pendingRecords(): number {
    return this.#pending.records
  }

  /** Memory of the records that are not stored yet, bytes. */
  get pendingMemory(): number {
    return this.#pending.memory
  }

  /** Lowest spool sequence of a record that is not stored yet; the spool must keep what begins there. */
  get pendingFrom(): number | undefined {
    return this.#pending.from
  }

  /** Half of the memory for pending records is used: it is time to flush. */
  get isFull(): boolean {
    return this.#pending.isFull
  }

  /** Whether a record with that id is stored or pending; false for kinds whose ids are not counted. */
  has(id: RecordId): boolean {
    return this.#held?.has(id) ?? false
  }

  /**
   * Takes a record. False for one that is stored or pending already: by its id where ids are counted, else by the
   * sequence of its spool entry. Records of one entry must be appended without a flush between them.
   * @param sequence of the spool entry that it came from.
   * @throws StorageError when there is no memory for it, because flushes fail or are not made.
   */
  append(record: LiveRecord, sequence?: number): boolean {
    return this.#pending.append(record, sequence)
  }

  /** Takes the first `count` records, all of one spool entry, as `append` would take each. */
  appendAll(records: readonly LiveRecord[], count: number, sequence: number): void {
    this.#pending.appendAll(records, count, sequence)
  }

  /**
   * Stores all pending records and what is known besides them, in one change. When it fails, the records stay pending
   * and the next flush tries again; facts must be handed to it again.
   */
  flush(facts: EventFacts = {}): Promise<FlushSummary> {
    return this.#enqueue(() => this.#flush(facts), 'the records could not be stored')
  }

  /**
   * Begins to take the rows of one source that is too large for memory (an archive file): they go to disk at once, and
   * count when `adopt` is called.
   * @param wanted ranges of the kind's time that rows are taken of.
   */
  stage(wanted: readonly TimeRange[]): EventStage {
    return new EventStage(this.#stageParts(this.#held), wanted)
  }

  /** Begins to take the rows of a source that was published anew, those included that are stored: for `revise`. */
  stageAnew(wanted: readonly TimeRange[]): EventStage {
    return new EventStage(this.#stageParts(this.#held && new IdRanges()), wanted)
  }

  /** The same as `stage` for a table that was written from a lake, whose rows are in order. */
  stageRows(wanted: readonly TimeRange[]): RowStage {
    const { folder, kind } = this
    const stored = (span: IdSpan) => readKeys(folder, kind, this.#coverage.files, span)
    return new RowStage(this.#stageParts(this.#held), wanted, stored)
  }

  #stageParts(held: IdRanges | undefined): EventStageParts {
    const tempName = (day: string): string => this.#tempName(day)
    return { folder: this.folder, kind: this.kind, compression: this.#options.compression, held, tempName }
  }

  /**
   * Gives stored records the values that a source tells now; the former ones go on record. Records that are not stored
   * are added. Where ids are not counted, records that the source told once and tells no longer go, and are on record.
   * @param wanted ranges of the kind's time that the source is taken for.
   * @param columns what the source tells, the sort key left out.
   * @param whole where the source tells all there is, for kinds whose ids are not counted.
   * @returns how many records changed or went, and how many came besides.
   */
  revise(
    stage: EventStage,
    wanted: readonly TimeRange[],
    source: { readonly columns: readonly string[]; readonly where: string; readonly whole: readonly TimeRange[] },
    facts: EventFacts = {},
  ): Promise<{ readonly changed: number; readonly added: number }> {
    return this.#enqueue(async () => {
      const staged = await stage.finish()
      await this.#finishEarlier()
      const { folder, kind } = this
      const { columns, where, whole } = source
      const parts = { folder, kind, compression: this.#options.compression, columns, where }
      const tempName = (file: LakeFile): string => this.#tempName(file.period)
      const isCounted = this.#held !== undefined
      const { files: before } = this.#coverage
      const revised = await reviseFiles(before, staged, isCounted ? parts : { ...parts, whole }, tempName)
      const made = new Map(revised.map(({ file, former }) => [former, file]))
      const changed = revised.reduce((sum, one) => sum + one.changed, 0)
      const told = revised.flatMap((one) => one.defects)
      const kept = before.map((file) => made.get(file.name) ?? file).filter(({ rows }) => rows > 0)
      // Ids are counted when they are added, which is a change of its own.
      const fresh = isCounted
        ? []
        : nameStaged(await withoutStored(before, staged, parts, tempName), [...before, ...made.values()])
      const coverage = nextEventCoverage(kind, this.#coverage, {
        ...facts,
        files: [...kept, ...fresh.map(({ file }) => file)],
        held: this.#held && readHeld(this.#coverage.ids),
        defects: [...(facts.defects ?? []), ...told],
        moreDefects: (facts.moreDefects ?? 0) + changed - told.length,
      })
      const renames = [...revised.filter(({ file }) => file.rows > 0), ...fresh].map(
        ({ file, temp }) => [temp, file.name] as const,
      )
      const removes = revised.flatMap(({ file, former }) => (file.rows > 0 && file.name === former ? [] : [former]))
      await this.#commit({ renames, removes, coverage })
      if (!isCounted) return { changed, added: fresh.reduce((sum, { file }) => sum + file.rows, 0) }
      const besides = this.stage(wanted)
      for await (const chunk of scanStaged(folder, kind, staged, columns)) await besides.add(chunk)
      await besides.finish()
      const { rows } = besides.tally
      if (rows === 0 || !(await this.#adopt(besides, {}))) await besides.discard()
      return { changed, added: rows }
    }, 'the records could not be stored')
  }

  /**
   * Makes the rows of a stage part of the series, with what is known besides them, in one change.
   * @returns false, and nothing has happened, when ids of it have come from elsewhere meanwhile.
   */
  adopt(stage: EventStage | RowStage, facts: EventFacts & { readonly inexactValues?: number } = {}): Promise<boolean> {
    return this.#enqueue(() => this.#adopt(stage, facts), 'the records could not be stored')
  }

  /**
   * Merges the files of a day, named `2024-01-31`, into one that is sorted throughout. False when there is nothing to
   * merge, or when readers hold the files: then the next call may do it. Records that come meanwhile are not held up.
   */
  compact(day: string, signal?: AbortSignal): Promise<boolean> {
    return this.#compactAlone(() => planCompaction(this.#coverage.files, day, this.#options.maxFileSize), signal)
  }

  /**
   * Compacts the days that ended, and joins small files of the running day when they are many.
   * @param now epoch ms. @returns how many merges were made.
   */
  async tidy(now: number, signal?: AbortSignal): Promise<number> {
    let merges = 0
    for (const plan of planTidying(this.#coverage.files, now, this.#options.maxFileSize)) {
      signal?.throwIfAborted()
      // Planned anew when its turn has come: files may have been merged meanwhile.
      if (await this.#compactAlone(() => plan(this.#coverage.files), signal)) merges++
    }
    return merges
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#compaction
    await this.#queue
    try {
      if (!this.#unfinished) await sweepTemps(this.folder)
    } finally {
      this.#pending.close()
      await this.#lock.release()
      // Nothing was ever stored: an empty folder would look like a series.
      if (this.#coverage.revision === 0) await removeEmpty([this.folder, dirname(this.folder)])
    }
  }

  #enqueue<T>(work: () => Promise<T>, doing: string): Promise<T> {
    const done = this.#queue.then(work)
    this.#queue = done.catch(() => {})
    return done.catch((error: unknown) => {
      throw storageError(this.folder, doing, error)
    })
  }

  async #adopt(
    stage: EventStage | RowStage,
    facts: EventFacts & { readonly inexactValues?: number },
  ): Promise<boolean> {
    const staged = await stage.finish()
    if (this.#held && overlaps(this.#held, stage.ids)) return false
    await this.#finishEarlier()
    const { files: before } = this.#coverage
    const made = nameStaged(staged, before)
    const coverage = nextEventCoverage(this.kind, this.#coverage, {
      ...facts,
      files: [...before, ...made.map(({ file }) => file)],
      held: this.#held && new IdRanges([...readHeld(this.#coverage.ids), ...stage.ids.ranges]).ranges,
    })
    await this.#commit({ renames: made.map(({ file, temp }) => [temp, file.name]), removes: [], coverage }, () => {
      for (const { first, last, from, to } of stage.ids.ranges) this.#held?.add(first, last, from, to)
    })
    return true
  }

  async #flush(facts: EventFacts): Promise<FlushSummary> {
    const taken = this.#pending.take()
    if (taken.length === 0 && !hasFacts(facts)) return { records: 0, rows: 0, bytes: 0 }
    const held = this.#held?.ranges.map((range) => ({ ...range }))
    const temps: string[] = []
    using scratch = Scratch.take()
    try {
      await this.#finishEarlier()
      const { files: before } = this.#coverage
      const made: { file: LakeFile; temp: string }[] = []
      for (const chunk of await this.#chunksOf(taken, before, scratch)) {
        const names = [...before, ...made.map(({ file }) => file)].map((file) => file.name)
        const temp = this.#tempName(chunk.day)
        temps.push(temp)
        made.push({ file: await this.#writeChunk(chunk, nextChunkName(chunk.day, names), temp), temp })
      }
      const coverage = nextEventCoverage(this.kind, this.#coverage, {
        ...facts,
        files: [...before, ...made.map(({ file }) => file)],
        held,
        spool: this.#markOf(taken),
        inexactValues: taken.reduce((sum, { inexact }) => sum + inexact, 0),
      })
      const renames = made.map(({ file, temp }) => [temp, file.name] as const)
      await this.#commit({ renames, removes: [], coverage }, () => this.#pending.stored(taken))
      const count = (of: (file: LakeFile) => number) => made.reduce((sum, { file }) => sum + of(file), 0)
      return {
        records: count((file) => file.records ?? 0),
        rows: count((file) => file.rows),
        bytes: count((file) => file.bytes),
      }
    } finally {
      await this.#removeTemps(temps)
    }
  }

  /** The rows to store, as the files that they become. */
  async #chunksOf(taken: readonly PendingPart[], files: readonly LakeFile[], memory: ColumnMemory): Promise<Chunk[]> {
    if (taken.length === 0) return []
    const { batch: arrived, record } = joinParts(this.kind, taken, memory)
    let batch = arrived
    const order = risingOrder(this.kind, batch, record)
    if (order) batch = pickRows(batch, order)
    if (this.#held === undefined) batch = await this.#withoutStored(batch, files)
    return splitChunks(this.kind, batch, files)
  }

  /** Drops rows whose key is stored: for kinds whose ids are not counted, where a second connection may repeat some. */
  async #withoutStored(batch: EventBatch, files: readonly LakeFile[]): Promise<EventBatch> {
    const highest = highestKey(files)
    if (batch.length === 0 || highest === undefined || keyAt(this.kind, batch, 0) > highest) return batch
    const span = { first: keyAt(this.kind, batch, 0), last: keyAt(this.kind, batch, batch.length - 1) }
    const stored = await readKeys(this.folder, this.kind, files, span)
    if (stored.size === 0) return batch
    const rows: number[] = []
    for (let row = 0; row < batch.length; row++) if (!stored.has(keyAt(this.kind, batch, row))) rows.push(row)
    return rows.length === batch.length ? batch : pickRows(batch, Uint32Array.from(rows))
  }

  async #writeChunk(chunk: Chunk, name: string, temp: string): Promise<LakeFile> {
    const { batch, day, first, last, records } = chunk
    await writeEvents(join(this.folder, temp), this.kind, batch, this.#options.compression)
    return describeFile(this.folder, temp, name, {
      day,
      rows: batch.length,
      records,
      first,
      last,
      firstKey: keyAt(this.kind, batch, 0),
      lastKey: keyAt(this.kind, batch, batch.length - 1),
    })
  }

  /** How far the spool is stored after a flush. A spool that began anew begins anew here too. */
  #markOf(taken: readonly PendingPart[]): SpoolMark | undefined {
    const { spoolId } = this.#options
    const sequence = Math.max(-1, ...taken.map(({ to }) => to))
    if (spoolId === undefined || sequence < 0) return undefined
    const before = this.#coverage.spool
    return { id: spoolId, sequence: before?.id === spoolId ? Math.max(before.sequence, sequence) : sequence }
  }

  /** Merges are made one at a time and beside flushes: only their commit waits its turn. */
  #compactAlone(plan: () => CompactionPlan | undefined, signal?: AbortSignal): Promise<boolean> {
    const done = this.#compaction.then(async () => {
      signal?.throwIfAborted()
      const planned = plan()
      return planned ? this.#compact(planned, signal) : false
    })
    this.#compaction = done.catch(() => {})
    return done.catch((error: unknown) => {
      throw storageError(this.folder, 'the files could not be merged', error)
    })
  }

  async #compact(plan: CompactionPlan, signal: AbortSignal | undefined): Promise<boolean> {
    const temps: string[] = []
    const made: { file: LakeFile; temp: string }[] = []
    try {
      for (const merge of plan.merges) {
        const temp = this.#tempName(plan.day)
        temps.push(temp)
        const { compression } = this.#options
        const mergeNow = this.#options.mergeElsewhere ? mergeElsewhere : mergeFiles
        made.push({ file: await mergeNow(this.folder, this.kind, merge, temp, compression, signal), temp })
      }
      return await this.#enqueue(async () => {
        await this.#finishEarlier()
        // Who reads one series holds its folder, who asks in SQL holds the lake: <lake>/<market>/<kind>/<symbol>.
        await using readers = await lockReadersOut(this.folder)
        await using questions = readers && (await lockReadersOut(dirname(dirname(dirname(this.folder)))))
        if (!readers || !questions) return false
        const gone = new Set(plan.merges.flatMap(({ sources }) => sources.map((file) => file.name)))
        const files = [...this.#coverage.files.filter((file) => !gone.has(file.name)), ...made.map(({ file }) => file)]
        const stays = new Set(files.map((file) => file.name))
        const coverage = nextEventCoverage(this.kind, this.#coverage, {
          files,
          held: this.#held && readHeld(this.#coverage.ids),
        })
        const renames = made.map(({ file, temp }) => [temp, file.name] as const)
        await this.#commit({ renames, removes: [...gone].filter((name) => !stays.has(name)), coverage })
        return true
      }, 'the files could not be merged')
    } finally {
      await this.#removeTemps(temps)
    }
  }

  /** A change that was decided is carried out before the next one is made. */
  async #finishEarlier(): Promise<void> {
    if (!this.#unfinished) return
    await recoverCommit(this.folder)
    this.#unfinished = false
  }

  async #commit(commit: Commit, onDecided: () => void = () => {}): Promise<void> {
    await commitChange(this.folder, commit, () => {
      this.#unfinished = true
      this.#coverage = commit.coverage
      onDecided()
    })
    this.#unfinished = false
  }

  #tempName(day: string): string {
    // Not `.parquet`: outside readers that take every *.parquet, dot files included, must not see it.
    return `${TEMP_PREFIX}${process.pid}-${++this.#tempNumber}-${day}.part`
  }

  async #removeTemps(temps: readonly string[]): Promise<void> {
    // Those of a decided change are still needed; those of a finished one have other names now.
    if (this.#unfinished) return
    for (const temp of temps) await removeIfThere(join(this.folder, temp)).catch(() => {})
  }
}

/** A coverage that was rebuilt from the data files does not know the ids in them: they are read anew. */
async function withIds(folder: string, kind: Kind, coverage: SeriesCoverage): Promise<SeriesCoverage> {
  if (!hasHeldIds(kind) || coverage.ids !== undefined || coverage.files.length === 0) return coverage
  const held = new IdRanges()
  const files: LakeFile[] = []
  for (const { name } of coverage.files) {
    const file = await describeEventFile(folder, name, kind, held)
    if (file) files.push(file)
  }
  return { ...coverage, files, ids: storeHeld(held.ranges) }
}

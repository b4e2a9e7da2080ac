import { join } from 'node:path'
import { type Batch, columnOf } from '../../model/batch.ts'
import type { Kind } from '../../model/kind.ts'
import { addId, minId } from '../../model/live/ids.ts'
import type { TimeRange } from '../../model/time.ts'
import type { LakeFile } from './coverage-file.ts'
import { connectDuck, connectPacker, quote, quoteName, withWriteSlot } from './duckdb.ts'
import { storageError } from './errors.ts'
import { describeFile } from './event-chunks.ts'
import { copyOptions } from './event-parquet.ts'
import { ColumnMemory, EventPart, keysOf, PART_ROWS, timesOf, type WrittenPart } from './event-part.ts'
import { Silences } from './event-silences.ts'
import { removeIfThere } from './files.ts'
import { IdRanges, readId } from './ids.ts'
import type { Compression } from './parquet.ts'
import { eventPeriod } from './periods.ts'

/** Periods that rows go to at the same time: around midnight they may come mixed. */
const OPEN_PERIODS = 2
/** Files that may wait for the disk. */
const MOST_BEHIND = 3

/** A data file that waits for its commit under a temporary name. */
export interface StagedEvents {
  readonly file: LakeFile
  readonly temp: string
}

export interface EventStageParts {
  readonly folder: string
  readonly kind: Kind
  readonly compression: Compression
  /** Ids that are stored already; undefined for kinds whose ids are not counted. */
  readonly held: IdRanges | undefined
  readonly tempName: (day: string) => string
}

/** What became of the rows of a stage. */
export interface StageTally {
  readonly rows: number
  /** Rows whose id came before in the same source. */
  readonly repeated: number
  /** Places where the key falls. */
  readonly falls: number
}

/**
 * Takes the rows of one source (an archive file) and puts them on disk by day, uncommitted, in bounded memory, as Parquet
 * files of bounded size. Rows outside the wanted ranges, and ids that are stored or came before, are left out.
 */
export class EventStage {
  readonly #parts: EventStageParts
  readonly #wanted: readonly TimeRange[]
  /** Ids that this source brought, by runs without a hole. */
  readonly ids = new IdRanges()
  readonly #memory = new ColumnMemory()
  #open: EventPart[] = []
  #staged: StagedEvents[] = []
  #writing: Promise<void> = Promise.resolve()
  /** Files that are made durable, in their order, and the temporary names of all. */
  readonly #settled: Promise<StagedEvents>[] = []
  #packed: string[] = []
  #rows = 0
  #repeated = 0
  #falls = 0
  readonly #silences: Silences | undefined
  #last = Number.NEGATIVE_INFINITY
  #highest = Number.NEGATIVE_INFINITY
  /** First id above the last one that is taken already: ids below it are free. */
  #limit = Number.NEGATIVE_INFINITY
  #run: { first: number; from: number; to: number } | undefined

  /** @param wanted ranges of the kind's time that rows are taken of. */
  constructor(parts: EventStageParts, wanted: readonly TimeRange[]) {
    this.#parts = parts
    this.#wanted = wanted
    const { continuity } = parts.kind
    const silentMs = 'silentMs' in continuity ? continuity.silentMs : undefined
    this.#silences = silentMs === undefined ? undefined : new Silences(silentMs)
  }

  /** Where the source has nothing for longer than the kind is ever silent. */
  silences(ranges: readonly TimeRange[]): readonly TimeRange[] {
    return this.#silences?.in(ranges) ?? []
  }

  get tally(): StageTally {
    return { rows: this.#rows, repeated: this.#repeated, falls: this.#falls }
  }

  /** Takes rows in the order of the source. What the batch has no column for is lacking in every row. */
  async add(batch: Batch): Promise<void> {
    const { kind } = this.#parts
    const times = timesOf(kind, batch)
    const keys = columnOf(batch, kind.sortKey)
    this.#silences?.add(times, batch.length)
    const counted = this.#parts.held !== undefined
    let range: TimeRange = { from: 0, to: 0 }
    let start = 0
    for (let i = 0; i < batch.length; i++) {
      const time = times[i]!
      if (!(time >= range.from && time < range.to)) {
        await this.#append(batch, start, i, range.from)
        start = i
        const next = this.#stretchOf(time)
        if (next === undefined) {
          start = i + 1
          range = { from: 0, to: 0 }
          continue
        }
        range = next
      }
      const key = keys[i]!
      const isNew = counted ? this.#takeId(key, time) : this.#takeKey(key)
      if (!isNew) {
        await this.#append(batch, start, i, range.from)
        start = i + 1
      }
    }
    await this.#append(batch, start, batch.length, range.from)
  }

  /** Puts all that is left on disk. */
  async finish(): Promise<readonly StagedEvents[]> {
    this.#endRun()
    for (const part of this.#open.splice(0)) await this.#close(part)
    await this.#writing
    this.#staged.push(...(await Promise.all(this.#settled.splice(0))))
    this.#packed = []
    // Rows that fell far back may be those of an earlier part.
    if (this.#falls > 0 && !this.#parts.held) await this.#dropRepeated()
    return this.#staged
  }

  /** Where keys are not counted, parts of a period may hold the same rows: each part gives up those of the ones before. */
  async #dropRepeated(): Promise<void> {
    const { folder, kind, tempName } = this.#parts
    const keys = keysOf(kind).map(quoteName).join(', ')
    for (let index = 1; index < this.#staged.length; index++) {
      const { file, temp } = this.#staged[index]!
      const before = this.#staged
        .slice(0, index)
        .filter((other) => other.file.period === file.period && reachInto(other.file, file))
      if (before.length === 0) continue
      const paths = before.map((other) => quote(join(folder, other.temp))).join(', ')
      const left = tempName(file.period)
      const rows = `SELECT * FROM read_parquet(${quote(join(folder, temp))}) ANTI JOIN (SELECT ${keys} FROM read_parquet([${paths}])) USING (${keys}) ORDER BY ${keys}`
      await this.#copy(rows, left, file)
      using connection = await connectDuck()
      const counted = await connection.runAndReadAll(
        `SELECT count(*)::DOUBLE FROM read_parquet(${quote(join(folder, left))})`,
      )
      const count = Number(counted.getRows()[0]?.[0])
      this.#repeated += file.rows - count
      this.#rows -= file.rows - count
      await removeIfThere(join(folder, temp))
      const described = await describeAgain(folder, left, { ...file, rows: count, records: count })
      this.#staged[index] = { file: described, temp: left }
    }
    for (const { file, temp } of this.#staged) if (file.rows === 0) await removeIfThere(join(folder, temp))
    this.#staged = this.#staged.filter(({ file }) => file.rows > 0)
  }

  /** Sets a bit in the flags of every row. */
  async mark(flag: number): Promise<void> {
    const staged = this.#staged
    this.#staged = []
    for (const one of staged)
      this.#staged.push(await this.#rewrite(one, `* REPLACE ((flags | ${flag})::INTEGER AS flags)`))
  }

  /** Puts what is selected of a file's rows in its place. */
  async #rewrite({ file, temp }: StagedEvents, select: string): Promise<StagedEvents> {
    const { folder, tempName } = this.#parts
    const anew = tempName(file.period)
    this.#packed.push(anew)
    await this.#copy(`SELECT ${select} FROM read_parquet(${quote(join(folder, temp))})`, anew, file)
    await removeIfThere(join(folder, temp))
    return { file: await describeAgain(folder, anew, file), temp: anew }
  }

  async #copy(sql: string, temp: string, { rows }: LakeFile): Promise<void> {
    const { folder, kind, compression } = this.#parts
    const options = copyOptions(kind, compression, 'chunk', rows)
    await withWriteSlot(async () => {
      using connection = await connectPacker()
      await connection.run(`COPY (${sql}) TO ${quote(join(folder, temp))} ${options}`)
    })
  }

  /**
   * Makes a written file durable. Trades come in tens of millions, and encodings alone make them about as small as
   * compression does; quotes and the like repeat whole values from row to row, which only compression finds.
   */
  async #settle({ file, temp, handle }: WrittenPart): Promise<StagedEvents> {
    const { folder, kind, compression } = this.#parts
    const isPacked = kind.continuity.rule === 'consecutive-id' || compression === 'none'
    try {
      if (isPacked) await handle.sync()
    } catch (cause) {
      throw storageError(join(folder, temp), 'the Parquet file could not be written', cause)
    } finally {
      await handle.close()
    }
    return isPacked ? { file, temp } : this.#rewrite({ file, temp }, '*')
  }

  /** Forgets everything, on disk too. */
  async discard(): Promise<void> {
    const open = this.#open.splice(0)
    await this.#writing.catch(() => {})
    await Promise.allSettled(this.#settled.splice(0))
    for (const part of open) part.drop()
    const temps = [...this.#packed.splice(0), ...this.#staged.splice(0).map(({ temp }) => temp)]
    for (const temp of temps) await removeIfThere(join(this.#parts.folder, temp))
  }

  /** The wanted stretch of a period that holds an instant. */
  #stretchOf(time: number): TimeRange | undefined {
    const wanted = this.#wanted.find((range) => time >= range.from && time < range.to)
    const period = eventPeriod(this.#parts.kind, time)
    return wanted && { from: Math.max(wanted.from, period.from), to: Math.min(wanted.to, period.to) }
  }

  /** Whether an id is new. Ids come one by one nearly always: then this is two comparisons. */
  #takeId(id: number, time: number): boolean {
    if (id === this.#last + 1 && id < this.#limit) {
      this.#last = id
      this.#run!.to = time
      return true
    }
    this.#endRun()
    if (id < this.#highest) this.#falls++
    const { held } = this.#parts
    const isRepeated = this.ids.has(id)
    if (isRepeated || held?.has(id)) {
      if (isRepeated) this.#repeated++
      this.#last = Number.NEGATIVE_INFINITY
      return false
    }
    this.#limit = Number(
      minId(held?.after(id) ?? Number.POSITIVE_INFINITY, this.ids.after(id) ?? Number.POSITIVE_INFINITY),
    )
    this.#last = id
    this.#run = { first: id, from: time, to: time }
    return true
  }

  #endRun(): void {
    const run = this.#run
    if (!run) return
    this.#run = undefined
    if (this.#last > this.#highest) this.#highest = this.#last
    this.ids.add(run.first, this.#last, run.from, run.to)
  }

  /** Keys that only rise: of those that fall the file's order cannot be kept, and equal ones are one record. */
  #takeKey(key: number): boolean {
    if (key === this.#highest) {
      // Rows of one key that are told apart otherwise are compared when the part is written.
      if (this.#parts.kind.rowKey) return true
      this.#repeated++
      return false
    }
    if (key < this.#highest) this.#falls++
    else this.#highest = key
    return true
  }

  async #append(batch: Batch, start: number, end: number, time: number): Promise<void> {
    let from = start
    while (from < end) {
      const part = await this.#part(eventPeriod(this.#parts.kind, time).name, batch)
      const to = Math.min(end, from + PART_ROWS - part.rows)
      part.append(batch, from, to)
      this.#rows += to - from
      from = to
      if (part.rows >= PART_ROWS) {
        this.#open = this.#open.filter((other) => other !== part)
        await this.#close(part)
      }
    }
  }

  async #part(period: string, batch: Batch): Promise<EventPart> {
    const known = this.#open.find((part) => part.period === period)
    if (known?.fits(batch)) return known
    if (known) {
      this.#open = this.#open.filter((part) => part !== known)
      await this.#close(known)
    }
    const oldest = this.#open.length >= OPEN_PERIODS ? this.#open.shift() : undefined
    if (oldest) await this.#close(oldest)
    const part = new EventPart(this.#parts.kind, period, batch, this.#memory)
    this.#open.push(part)
    return part
  }

  /** Packs a part into its file. One is packed while the next is filled, and the one before is made durable. */
  async #close(part: EventPart): Promise<void> {
    await this.#writing
    // A disk that is slower than everything else holds up the rest.
    await this.#settled.at(-MOST_BEHIND)
    this.#writing = (async () => {
      const { folder, held, tempName } = this.#parts
      const { rows } = part
      const temp = tempName(part.period)
      this.#packed.push(temp)
      const settled = this.#settle(await part.write(folder, temp, held === undefined))
      settled.catch(() => {})
      this.#settled.push(settled)
      this.#repeated += rows - part.rows
      this.#rows -= rows - part.rows
    })()
    // Whoever adds or finishes next hears of a failure; until then it is nobody's.
    this.#writing.catch(() => {})
  }
}

/** Whether a file may hold keys of another one. */
function reachInto(earlier: LakeFile, later: LakeFile): boolean {
  return readId(earlier.lastKey!) >= readId(later.firstKey!) && readId(earlier.firstKey!) <= readId(later.lastKey!)
}

async function describeAgain(folder: string, temp: string, file: LakeFile): Promise<LakeFile> {
  const { period, rows, records, first, last, firstKey, lastKey } = file
  const described = await describeFile(folder, temp, temp, {
    ...{ day: period, rows, records: records ?? rows, first, last },
    firstKey: 0,
    lastKey: 0,
  })
  return {
    ...described,
    ...(firstKey === undefined ? {} : { firstKey }),
    ...(lastKey === undefined ? {} : { lastKey }),
  }
}

/** Ids of two sources that overlap. */
export function overlaps(held: IdRanges, other: IdRanges): boolean {
  return other.ranges.some(({ first, last }) => held.has(first) || (held.after(first) ?? addId(last, 1)) <= last)
}

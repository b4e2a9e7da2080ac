import { join } from 'node:path'
import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import { type Batch, columnOf } from '../../model/batch.ts'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { addId, minId } from '../../model/live/ids.ts'

import type { TimeRange } from '../../model/time.ts'
import type { LakeFile } from './coverage-file.ts'
import { DictionaryNeed } from './dictionary-need.ts'
import { connectDuck, connectPacker, type DuckModules, loadDuck, quote, quoteName, withWriteSlot } from './duckdb.ts'
import { storageError } from './errors.ts'
import { describeFile, timeColumnsOf } from './event-chunks.ts'
import { copyOptions, markValid } from './event-parquet.ts'
import { Silences } from './event-silences.ts'
import { removeIfThere } from './files.ts'
import { IdRanges, readId } from './ids.ts'
import type { Compression } from './parquet.ts'
import { eventPeriod } from './periods.ts'
import { CHUNK, packColumn, SQL_TYPE, vectorType } from './vectors.ts'

/** Rows of one file on disk, at most: with those of the part being filled they are what a stage holds in memory. */
const PART_ROWS = 245_760
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
 * Takes the rows of one source (an archive file) and puts them on disk by day, uncommitted, in bounded memory: columns
 * go straight into DuckDB's, and from there into Parquet files of bounded size. Rows outside the wanted ranges, and ids
 * that are stored or came before, are left out.
 */
export class EventStage {
  readonly #parts: EventStageParts
  readonly #wanted: readonly TimeRange[]
  /** Ids that this source brought, by runs without a hole. */
  readonly ids = new IdRanges()
  #open: Part[] = []
  #staged: StagedEvents[] = []
  #writing: Promise<void> = Promise.resolve()
  /** Files that are made durable and hashed, in their order, and their temporary names. */
  readonly #described: Promise<StagedEvents>[] = []
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
    this.#staged.push(...(await Promise.all(this.#described.splice(0))))
    this.#packed = []
    // Rows that fell far back may be those of an earlier part.
    if (this.#falls > 0 && !this.#parts.held) await this.#dropRepeated()
    return this.#staged
  }

  /** Where keys are not counted, parts of a period may hold the same rows: each part gives up those of the ones before. */
  async #dropRepeated(): Promise<void> {
    const { folder, kind, compression, tempName } = this.#parts
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
      using connection = await connectDuck()
      await connection.run(
        `COPY (${rows}) TO ${quote(join(folder, left))} ${copyOptions(kind, compression, 'chunk', file.rows)}`,
      )
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
    const { folder, kind, compression, tempName } = this.#parts
    const staged = this.#staged
    this.#staged = []
    for (const { file, temp } of staged) {
      const marked = tempName(file.period)
      const rows = `SELECT * REPLACE ((flags | ${flag})::INTEGER AS flags) FROM read_parquet(${quote(join(folder, temp))})`
      using connection = await connectDuck()
      const options = copyOptions(kind, compression, 'chunk', file.rows)
      await connection.run(`COPY (${rows}) TO ${quote(join(folder, marked))} ${options}`)
      await removeIfThere(join(folder, temp))
      this.#staged.push({ file: await describeAgain(folder, marked, file), temp: marked })
    }
  }

  /** Forgets everything, on disk too. */
  async discard(): Promise<void> {
    const open = this.#open.splice(0)
    await this.#writing.catch(() => {})
    await Promise.allSettled(this.#described.splice(0))
    for (const part of open) await part.drop()
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

  async #part(period: string, batch: Batch): Promise<Part> {
    const known = this.#open.find((part) => part.period === period)
    if (known?.fits(batch)) return known
    if (known) {
      this.#open = this.#open.filter((part) => part !== known)
      await this.#close(known)
    }
    const oldest = this.#open.length >= OPEN_PERIODS ? this.#open.shift() : undefined
    if (oldest) await this.#close(oldest)
    const part = await Part.open(this.#parts, period, batch)
    this.#open.push(part)
    return part
  }

  /** Packs a part into its file. One is packed while the next is filled, and the one before is made durable. */
  async #close(part: Part): Promise<void> {
    await this.#writing
    // A disk that is slower than everything else holds up the rest.
    await this.#described.at(-MOST_BEHIND)
    this.#writing = (async () => {
      const { rows } = part
      const { temp, describe } = await part.write()
      this.#packed.push(temp)
      const described = describe()
      described.catch(() => {})
      this.#described.push(described)
      this.#repeated += rows - part.rows
      this.#rows -= rows - part.rows
    })()
    // Whoever adds or finishes next hears of a failure; until then it is nobody's.
    this.#writing.catch(() => {})
  }
}

let tableNumber = 0

/** Rows of one period on their way into one file. */
class Part {
  readonly period: string
  readonly #parts: EventStageParts
  readonly #connection: DuckDBConnection & Disposable
  readonly #duck: DuckModules
  readonly #specs: readonly ColumnSpec[]
  readonly #table: string
  readonly #appender: Awaited<ReturnType<DuckDBConnection['createAppender']>>
  readonly #chunk: DuckDBDataChunk
  readonly #need: DictionaryNeed
  readonly #scratch = new ArrayBuffer(CHUNK * 8)
  readonly #validity = new ArrayBuffer(CHUNK / 8)
  #first = Number.POSITIVE_INFINITY
  #latest = Number.NEGATIVE_INFINITY
  #lowKey = Number.POSITIVE_INFINITY
  #highKey = Number.NEGATIVE_INFINITY
  #isRising = true
  rows = 0

  private constructor(
    parts: EventStageParts,
    period: string,
    specs: readonly ColumnSpec[],
    duck: DuckModules,
    connection: DuckDBConnection & Disposable,
    table: string,
    appender: Awaited<ReturnType<DuckDBConnection['createAppender']>>,
  ) {
    this.#parts = parts
    this.period = period
    this.#specs = specs
    this.#duck = duck
    this.#connection = connection
    this.#table = table
    this.#appender = appender
    this.#need = new DictionaryNeed(specs)
    const { api } = duck
    this.#chunk = api.DuckDBDataChunk.create(specs.map((spec) => vectorType(api, spec.type)))
  }

  static async open(parts: EventStageParts, period: string, batch: Batch): Promise<Part> {
    const specs = presentColumns(parts.kind, batch)
    const duck = await loadDuck()
    const connection = await connectPacker()
    const table = `stage_${++tableNumber}`
    const columns = specs.map((spec) => `${quoteName(spec.name)} ${SQL_TYPE[spec.type]}`)
    await connection.run(`CREATE TEMP TABLE ${table} (${columns.join(', ')})`)
    return new Part(parts, period, specs, duck, connection, table, await connection.createAppender(table))
  }

  /** Whether a batch has the columns that the part began with. */
  fits(batch: Batch): boolean {
    const specs = presentColumns(this.#parts.kind, batch)
    return specs.length === this.#specs.length && specs.every((spec, index) => spec === this.#specs[index])
  }

  append(batch: Batch, from: number, to: number): void {
    const { bindings } = this.#duck
    this.#notice(batch, from, to)
    this.#need.add(batch, from, to)
    for (let offset = from; offset < to; offset += CHUNK) {
      const rows = Math.min(CHUNK, to - offset)
      this.#chunk.reset()
      this.#chunk.rowCount = rows
      this.#specs.forEach((spec, index) => {
        const vector = bindings.data_chunk_get_vector(this.#chunk.chunk, index)
        const values = batch.columns[spec.name]!
        if (spec.type === 'float64') {
          bindings.copy_data_to_vector(
            vector,
            0,
            values.buffer as ArrayBuffer,
            values.byteOffset + offset * 8,
            rows * 8,
          )
        } else {
          const bytes = packColumn(values, offset, rows, spec.type, this.#scratch)
          bindings.copy_data_to_vector(vector, 0, this.#scratch, 0, bytes)
        }
        if (spec.isOptional && markValid(values, offset, rows, this.#validity)) {
          bindings.vector_ensure_validity_writable(vector)
          bindings.copy_data_to_vector_validity(vector, 0, this.#validity, 0, Math.ceil(rows / 64) * 8)
        }
      })
      this.#appender.appendDataChunk(this.#chunk)
    }
    this.rows += to - from
  }

  /** Packs the rows into a file. The part is of no use afterwards. */
  async write(): Promise<{ readonly temp: string; readonly describe: () => Promise<StagedEvents> }> {
    const { folder, kind, compression, tempName } = this.#parts
    const { period } = this
    const temp = tempName(period)
    const path = join(folder, temp)
    try {
      this.#appender.closeSync()
      const columns = kind.columns.map((spec) => {
        if (this.#specs.includes(spec)) return quoteName(spec.name)
        const value = spec.type === 'flags' ? 0 : 'NULL'
        return `${value}::${SQL_TYPE[spec.type]} AS ${quoteName(spec.name)}`
      })
      const keys = keysOf(kind).map(quoteName).join(', ')
      const distinct = this.#isRising || this.#parts.held ? '' : `DISTINCT ON (${keys}) `
      const order = this.#isRising ? '' : ` ORDER BY ${keys}`
      const options = copyOptions(
        kind,
        compression,
        'chunk',
        this.rows,
        this.#isRising ? this.#need.entries : undefined,
      )
      await withWriteSlot(() =>
        this.#connection.run(
          `COPY (SELECT ${distinct}${columns.join(', ')} FROM ${this.#table}${order}) TO ${quote(path)} ${options}`,
        ),
      )
      if (distinct !== '') {
        const left = await this.#connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM read_parquet(${quote(path)})`)
        this.rows = Number(left.getRows()[0]?.[0])
      }
    } catch (cause) {
      throw storageError(path, 'the Parquet file could not be written', cause)
    } finally {
      await this.drop()
    }
    const facts = {
      day: period,
      rows: this.rows,
      records: this.rows,
      first: this.#first,
      last: this.#latest,
      firstKey: this.#lowKey,
      lastKey: this.#highKey,
    }
    return { temp, describe: async () => ({ file: await describeFile(folder, temp, temp, facts), temp }) }
  }

  /** Frees the rows. */
  async drop(): Promise<void> {
    await this.#connection.run(`DROP TABLE IF EXISTS ${this.#table}`).catch(() => {})
    this.#connection[Symbol.dispose]()
  }

  #notice(batch: Batch, from: number, to: number): void {
    const { kind } = this.#parts
    const times = timesOf(kind, batch)
    const keys = columnOf(batch, kind.sortKey)
    for (let i = from; i < to; i++) {
      const time = times[i]!
      if (time < this.#first) this.#first = time
      if (time > this.#latest) this.#latest = time
      const key = keys[i]!
      if (key < this.#lowKey) this.#lowKey = key
      if (key > this.#highKey) this.#highKey = key
      else this.#isRising = false
    }
  }
}

/** The columns that tell rows apart, the sort key first. */
function keysOf(kind: Kind): readonly string[] {
  return [kind.sortKey, ...(kind.rowKey ?? [])]
}

/** The instants of rows: archives may lack the kind's own time (that of receipt) and have another. */
function timesOf(kind: Kind, batch: Batch): Float64Array {
  return columnOf(batch, timeColumnsOf(kind).find((name) => batch.columns[name] !== undefined) ?? kind.timeColumn)
}

/** Whether a file may hold keys of another one. */
function reachInto(earlier: LakeFile, later: LakeFile): boolean {
  return readId(earlier.lastKey!) >= readId(later.firstKey!) && readId(earlier.firstKey!) <= readId(later.lastKey!)
}

function presentColumns(kind: Kind, batch: Batch): readonly ColumnSpec[] {
  return kind.columns.filter((spec) => batch.columns[spec.name] !== undefined)
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

import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Batch, columnOf } from '../../model/batch.ts'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { ByteSink } from '../parquet/byte-sink.ts'
import type { ColumnSource } from '../parquet/column-chunk.ts'
import { writeParquetFile } from '../parquet/parquet-file.ts'
import type { LakeFile } from './coverage-file.ts'
import { withWriteSlot } from './duckdb.ts'
import { storageError } from './errors.ts'
import { type FileFacts, lakeFile, timeColumnsOf } from './event-chunks.ts'
import { orderOfKeys } from './key-order.ts'

/** Rows of one file on disk, at most: with those of the part being filled they are what a stage holds in memory. */
export const PART_ROWS = 245_760
/** Rows that a part has room for at first: most files are of few rows. */
const FIRST_ROWS = 4096

/** Memory of files that are being made. There are as many as there are writes at a time. */
const idleSinks: ByteSink[] = []

/** A file that is on disk, but not yet made durable: that takes long, and the next part may be written meanwhile. */
export interface WrittenPart {
  readonly file: LakeFile
  readonly temp: string
  /** Open for its owner to sync and close. */
  readonly handle: FileHandle
}

/** Rows of one period on their way into one file. */
export class EventPart {
  readonly period: string
  readonly #kind: Kind
  readonly #specs: readonly ColumnSpec[]
  readonly #memory: ColumnMemory
  #columns: Float64Array[]
  #first = Number.POSITIVE_INFINITY
  #latest = Number.NEGATIVE_INFINITY
  #lowKey = Number.POSITIVE_INFINITY
  #highKey = Number.NEGATIVE_INFINITY
  #isRising = true
  rows = 0

  constructor(kind: Kind, period: string, batch: Batch, memory: ColumnMemory) {
    this.period = period
    this.#kind = kind
    this.#specs = presentColumns(kind, batch)
    this.#memory = memory
    this.#columns = this.#specs.map(() => memory.take(FIRST_ROWS))
  }

  /** Whether a batch has the columns that the part began with. */
  fits(batch: Batch): boolean {
    const specs = presentColumns(this.#kind, batch)
    return specs.length === this.#specs.length && specs.every((spec, index) => spec === this.#specs[index])
  }

  append(batch: Batch, from: number, to: number): void {
    this.#notice(batch, from, to)
    this.#grow(this.rows + to - from)
    this.#specs.forEach(({ name }, index) => {
      this.#columns[index]!.set(batch.columns[name]!.subarray(from, to), this.rows)
    })
    this.rows += to - from
  }

  /**
   * Writes the rows to a file, sorted. The part is of no use afterwards.
   * @param dropsRepeated whether of rows with the same keys one is kept.
   */
  async write(folder: string, temp: string, dropsRepeated: boolean): Promise<WrittenPart> {
    const path = join(folder, temp)
    try {
      if (!this.#isRising) this.#sort(dropsRepeated)
      return await withWriteSlot(async () => {
        const sink = idleSinks.pop() ?? new ByteSink()
        try {
          await writeParquetFile(this.#sources(), this.rows, sink)
          const sha256 = createHash('sha256').update(sink.bytes).digest('hex')
          const file = lakeFile(temp, this.#facts(), { size: sink.length, sha256 })
          return { file, temp, handle: await writeWhole(path, sink.bytes) }
        } finally {
          idleSinks.push(sink)
        }
      })
    } catch (cause) {
      throw storageError(path, 'the Parquet file could not be written', cause)
    } finally {
      this.drop()
    }
  }

  /** Frees the rows. */
  drop(): void {
    for (const values of this.#columns.splice(0)) this.#memory.give(values)
  }

  #facts(): FileFacts {
    return {
      ...{ day: this.period, rows: this.rows, records: this.rows, first: this.#first, last: this.#latest },
      ...{ firstKey: this.#lowKey, lastKey: this.#highKey },
    }
  }

  /** The kind's columns. What the source has not is lacking; no flag is set where it has none. */
  #sources(): ColumnSource[] {
    return this.#kind.columns.map(({ name, type, isOptional }) => {
      const index = this.#specs.findIndex((spec) => spec.name === name)
      const none = type === 'flags' ? zeros(this.rows) : undefined
      return { name, type, isOptional, values: this.#columns[index] ?? none }
    })
  }

  #sort(dropsRepeated: boolean): void {
    const keys = keysOf(this.#kind).flatMap((name) => {
      const index = this.#specs.findIndex((spec) => spec.name === name)
      return index < 0 ? [] : [this.#columns[index]!]
    })
    const order = orderOfKeys(keys, this.rows, dropsRepeated)
    this.#columns = this.#columns.map((values) => {
      const sorted = this.#memory.take(order.length)
      for (let i = 0; i < order.length; i++) sorted[i] = values[order[i]!]!
      this.#memory.give(values)
      return sorted
    })
    this.rows = order.length
  }

  #grow(rows: number): void {
    const capacity = this.#columns[0]!.length
    if (rows <= capacity) return
    this.#columns = this.#columns.map((values) => {
      const grown = this.#memory.take(Math.min(PART_ROWS, Math.max(rows, 2 * capacity)))
      grown.set(values.subarray(0, this.rows))
      this.#memory.give(values)
      return grown
    })
  }

  #notice(batch: Batch, from: number, to: number): void {
    const times = timesOf(this.#kind, batch)
    const keys = columnOf(batch, this.#kind.sortKey)
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

/** Flags of rows that have none, for all parts. */
let noFlags = new Float64Array(0)

function zeros(rows: number): Float64Array {
  if (noFlags.length < rows) noFlags = new Float64Array(rows)
  return noFlags
}

/** Memory of columns that goes from one part of a stage to the next: new blocks of megabytes cost more than filling them. */
export class ColumnMemory {
  readonly #idle: Float64Array[] = []

  /** A block of so many values at least, whatever they are. */
  take(values: number): Float64Array {
    return this.#idle.pop() ?? new Float64Array(values)
  }

  give(block: Float64Array): void {
    // Only those serve every part.
    if (block.length === PART_ROWS) this.#idle.push(block)
  }
}

/** The columns that tell rows apart, the sort key first. */
export function keysOf(kind: Kind): readonly string[] {
  return [kind.sortKey, ...(kind.rowKey ?? [])]
}

/** The instants of rows: archives may lack the kind's own time (that of receipt) and have another. */
export function timesOf(kind: Kind, batch: Batch): Float64Array {
  return columnOf(batch, timeColumnsOf(kind).find((name) => batch.columns[name] !== undefined) ?? kind.timeColumn)
}

function presentColumns(kind: Kind, batch: Batch): readonly ColumnSpec[] {
  return kind.columns.filter((spec) => batch.columns[spec.name] !== undefined)
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<FileHandle> {
  const handle = await open(path, 'w')
  try {
    // `writeFile` would take a turn of Node's thread pool for each half megabyte.
    for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten
    return handle
  } catch (error) {
    await handle.close().catch(() => {})
    throw error
  }
}

import { fstatSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { StorageError } from '../../model/errors.ts'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { bytesPerValue, type ColumnValues } from './arrow-columns.ts'
import { type ArrowLayout, readLayout } from './arrow-file.ts'
import type { MonthEntry } from './metadata.ts'
import type { Mapper } from './mmap.ts'

/** Columns that lie so near each other in the file share a map: address space costs less than another map. */
const NEAR = 64 * 1024

/**
 * An open month of the cache. The file behind it may be replaced or removed; what was opened stays as it is until it is
 * closed, and what was read from it longer still.
 */
export class MonthFile {
  readonly entry: MonthEntry
  /** Inode of the open file: another one under the same name is another build. */
  readonly inode: number
  readonly rows: number
  readonly #opened: Opened
  /** Sort keys in microseconds, for finding rows; nobody else gets to see this map. */
  readonly #times: BigInt64Array
  #isClosed = false

  private constructor(opened: Opened, entry: MonthEntry, inode: number, times: BigInt64Array) {
    this.#opened = opened
    this.entry = entry
    this.inode = inode
    this.rows = opened.layout.rows
    this.#times = times
  }

  /**
   * Opens a month and checks what is cheap to check: size, magic, footer, schema, rows, that file and entry belong
   * together, first and last row.
   * @throws StorageError (`DAMAGED_FILE`) when it is not what the entry says, the system's error when it can't be read.
   */
  static async open(path: string, kind: Kind, entry: MonthEntry, mapper: Mapper | undefined): Promise<MonthFile> {
    const damaged = (what: string): StorageError =>
      new StorageError(path, `the cache file is damaged: ${what}`, { code: 'DAMAGED_FILE' })
    const handle = await open(path, 'r')
    try {
      const info = await handle.stat()
      if (info.size !== entry.bytes) throw damaged(`it has ${info.size} bytes, ${entry.bytes} were written`)
      const layout = await readLayout(handle, path, entry, kind.columns)
      if (layout.rows !== entry.rows) throw damaged(`it has ${layout.rows} rows, ${entry.rows} were written`)
      if (layout.metadata.get('ticklake.build') !== entry.build) throw damaged('it is not the one that was recorded')
      const key = kind.columns.find((spec) => spec.name === kind.sortKey)!
      const opened = { path, handle, mapper, layout, bytes: entry.bytes }
      const [times] = await columnsOf(opened, [key], 0, layout.rows)
      const month = new MonthFile(opened, entry, info.ino, times as BigInt64Array)
      const { first, last } = month.#ends()
      if (first !== entry.first || last !== entry.last) throw damaged('its first or last row is not what was written')
      return month
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Rows whose sort key lies in [from, to), epoch ms: index of the first, and of the first no longer. */
  find(from: number, to: number): { start: number; end: number } {
    if (from <= this.entry.first && to > this.entry.last) return { start: 0, end: this.rows }
    const start = this.#lowerBound(from)
    return { start, end: Math.max(start, this.#lowerBound(to)) }
  }

  /** Rows `start` (inside) to `end` (outside) of columns: views on a map of their own where files can be mapped. */
  columns(specs: readonly ColumnSpec[], start: number, end: number): ColumnValues[] | Promise<ColumnValues[]> {
    return columnsOf(this.#opened, specs, start, end)
  }

  /** Whether the sort keys rise from row to row: part of a full check. */
  isSorted(): boolean {
    for (let row = 1; row < this.rows; row++) if (this.#times[row]! <= this.#times[row - 1]!) return false
    return true
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#opened.handle.close()
  }

  #ends(): { first: number; last: number } {
    return { first: Number(this.#times[0]) / 1000, last: Number(this.#times[this.rows - 1]) / 1000 }
  }

  #lowerBound(time: number): number {
    if (time <= this.entry.first) return 0
    if (time > this.entry.last) return this.rows
    const wanted = BigInt(Math.ceil(time * 1000))
    let low = 0
    let high = this.rows
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#times[middle]! < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** What reading a part of a file takes. */
interface Opened {
  readonly path: string
  readonly handle: FileHandle
  readonly mapper: Mapper | undefined
  readonly layout: ArrowLayout
  readonly bytes: number
}

interface Stretch {
  readonly index: number
  readonly from: number
  readonly to: number
}

function columnsOf(
  opened: Opened,
  specs: readonly ColumnSpec[],
  start: number,
  end: number,
): ColumnValues[] | Promise<ColumnValues[]> {
  const rows = end - start
  if (rows === 0) return specs.map((spec) => valuesIn(spec, new ArrayBuffer(0), 0, 0))
  const stretches = specs.map((spec, index): Stretch => {
    const from = opened.layout.offsets.get(spec.name)! + start * bytesPerValue(spec)
    return { index, from, to: from + rows * bytesPerValue(spec) }
  })
  return mapped(opened, specs, stretches, rows) ?? read(opened, specs, stretches, rows)
}

/** Undefined where files are not mapped, or when the system gives no more maps. */
function mapped(
  { path, handle, mapper, bytes }: Opened,
  specs: readonly ColumnSpec[],
  stretches: readonly Stretch[],
  rows: number,
): ColumnValues[] | undefined {
  if (!mapper) return undefined
  // ticklake never makes a file shorter, but others may have: touching what is gone would end the process.
  if (fstatSync(handle.fd).size < bytes) throw shorter(path)
  const values = new Array<ColumnValues>(specs.length)
  const sorted = [...stretches].sort((a, b) => a.from - b.from)
  for (let i = 0; i < sorted.length; ) {
    let to = sorted[i]!.to
    let next = i + 1
    while (next < sorted.length && sorted[next]!.from - to <= NEAR) to = Math.max(to, sorted[next++]!.to)
    const base = Math.floor(sorted[i]!.from / mapper.pageSize) * mapper.pageSize
    const buffer = mapper.map(handle.fd, base, to - base)
    if (!buffer) return undefined
    for (; i < next; i++) {
      const { index, from } = sorted[i]!
      values[index] = valuesIn(specs[index]!, buffer, from - base, rows)
    }
  }
  return values
}

async function read(
  { path, handle }: Opened,
  specs: readonly ColumnSpec[],
  stretches: readonly Stretch[],
  rows: number,
): Promise<ColumnValues[]> {
  const values = new Array<ColumnValues>(specs.length)
  for (const { index, from, to } of stretches) {
    const bytes = new Uint8Array(to - from)
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, done, bytes.length - done, from + done)
      if (bytesRead === 0) throw shorter(path)
      done += bytesRead
    }
    values[index] = valuesIn(specs[index]!, bytes.buffer, 0, rows)
  }
  return values
}

function shorter(path: string): StorageError {
  return new StorageError(path, 'the cache file is damaged: it has become shorter', { code: 'DAMAGED_FILE' })
}

function valuesIn(spec: ColumnSpec, buffer: ArrayBuffer, offset: number, rows: number): ColumnValues {
  if (spec.type === 'flags') return new Int32Array(buffer, offset, rows)
  if (spec.type === 'time') return new BigInt64Array(buffer, offset, rows)
  return new Float64Array(buffer, offset, rows)
}

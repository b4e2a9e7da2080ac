import { fstatSync } from 'node:fs'
import { StorageError } from '../../model/errors.ts'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { bytesPerValue, type ColumnValues } from './arrow-columns.ts'
import { type ArrowLayout, readAt, readLayout } from './arrow-file.ts'
import type { MonthEntry } from './metadata.ts'
import type { Mapper } from './mmap.ts'
import { ReadFile } from './read-file.ts'

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
  /** Column that orders the rows. */
  readonly #key: ColumnSpec

  private constructor(opened: Opened, entry: MonthEntry, inode: number, key: ColumnSpec) {
    this.#opened = opened
    this.entry = entry
    this.inode = inode
    this.rows = opened.layout.rows
    this.#key = key
  }

  /**
   * Opens a month and checks what is cheap to check: size, magic, footer, schema, rows, that file and entry belong
   * together, first and last row.
   * @throws StorageError (`DAMAGED_FILE`) when it is not what the entry says, the system's error when it can't be read.
   */
  static async open(path: string, kind: Kind, entry: MonthEntry, mapper: Mapper | undefined): Promise<MonthFile> {
    const damaged = (what: string): StorageError =>
      new StorageError(path, `the cache file is damaged: ${what}`, { code: 'DAMAGED_FILE' })
    const file = new ReadFile(path)
    try {
      const info = fstatSync(file.fd)
      if (info.size !== entry.bytes) throw damaged(`it has ${info.size} bytes, ${entry.bytes} were written`)
      const layout = await readLayout(file.fd, path, entry, kind.columns)
      if (layout.rows !== entry.rows) throw damaged(`it has ${layout.rows} rows, ${entry.rows} were written`)
      if (layout.metadata.get('ticklake.build') !== entry.build) throw damaged('it is not the one that was recorded')
      const key = kind.columns.find((spec) => spec.name === kind.sortKey)!
      const opened = { file, mapper, layout, bytes: entry.bytes }
      const month = new MonthFile(opened, entry, info.ino, key)
      if (month.#timeAt(0) !== entry.first || month.#timeAt(entry.rows - 1) !== entry.last)
        throw damaged('its first or last row is not what was written')
      return month
    } catch (error) {
      file.close()
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
  async isSorted(): Promise<boolean> {
    const [times] = (await this.columns([this.#key], 0, this.rows)) as [ColumnValues]
    for (let row = 1; row < this.rows; row++) if (times[row]! <= times[row - 1]!) return false
    return true
  }

  get isClosed(): boolean {
    return this.#opened.file.isClosed
  }

  close(): void {
    this.#opened.file.close()
  }

  /** Sort key of a row, epoch ms. */
  #timeAt(row: number): number {
    const { file, layout } = this.#opened
    const bytes = readAt(file.fd, layout.offsets.get(this.#key.name)! + row * 8, 8)
    if (bytes.length < 8) throw shorter(file.path)
    return Number(bytes.readBigInt64LE()) / 1000
  }

  /** First row at or after an instant. A month without holes is found with two looks, any other with a few more. */
  #lowerBound(time: number): number {
    const { first, last } = this.entry
    if (time <= first) return 0
    if (time > last) return this.rows
    // Always: the row at `low` lies before `time`, the one at `high` does not.
    let low = 0
    let high = this.rows - 1
    let guess = Math.ceil(((time - first) / (last - first)) * high)
    for (let step = 1; low + 1 < high; step *= 2) {
      const row = Math.min(high - 1, Math.max(low + 1, guess))
      if (this.#timeAt(row) < time) {
        low = row
        guess = step > 64 ? (low + high) >>> 1 : low + step
      } else {
        high = row
        guess = step > 64 ? (low + high) >>> 1 : high - step
      }
    }
    return high
  }
}

/** What reading a part of a file takes. */
interface Opened {
  readonly file: ReadFile
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
  { file, mapper, bytes }: Opened,
  specs: readonly ColumnSpec[],
  stretches: readonly Stretch[],
  rows: number,
): ColumnValues[] | undefined {
  if (!mapper) return undefined
  // ticklake never makes a file shorter, but others may have: touching what is gone would end the process.
  if (fstatSync(file.fd).size < bytes) throw shorter(file.path)
  const values = new Array<ColumnValues>(specs.length)
  const sorted = [...stretches].sort((a, b) => a.from - b.from)
  for (let i = 0; i < sorted.length; ) {
    let to = sorted[i]!.to
    let next = i + 1
    while (next < sorted.length && sorted[next]!.from - to <= NEAR) to = Math.max(to, sorted[next++]!.to)
    const base = Math.floor(sorted[i]!.from / mapper.pageSize) * mapper.pageSize
    const buffer = mapper.map(file.fd, base, to - base)
    if (!buffer) return undefined
    for (; i < next; i++) {
      const { index, from } = sorted[i]!
      values[index] = valuesIn(specs[index]!, buffer, from - base, rows)
    }
  }
  return values
}

async function read(
  { file }: Opened,
  specs: readonly ColumnSpec[],
  stretches: readonly Stretch[],
  rows: number,
): Promise<ColumnValues[]> {
  const values = new Array<ColumnValues>(specs.length)
  for (const { index, from, to } of stretches) {
    const bytes = new Uint8Array(to - from)
    if ((await file.read(bytes, from)) < bytes.length) throw shorter(file.path)
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

import type { ColumnType } from '../../model/kind.ts'
import { bitWidth, packBits, packRuns } from './bits.ts'
import type { ByteSink } from './byte-sink.ts'
import { DELTA_REACH, packDeltas } from './delta.ts'
import { type Dictionary, findDictionary } from './dictionary.ts'
import { ThriftWriter } from './thrift.ts'

/** Numbers of Parquet's physical types, encodings and pages. */
export const PHYSICAL = { boolean: 0, int32: 1, int64: 2, double: 5 } as const
const PLAIN = 0
const RLE = 3
const DELTA_BINARY_PACKED = 5
const RLE_DICTIONARY = 8
const DATA_PAGE = 0
const DICTIONARY_PAGE = 2

export type Physical = (typeof PHYSICAL)[keyof typeof PHYSICAL]

/** What a column is on disk. */
export const PHYSICAL_OF: Readonly<Record<ColumnType, Physical>> = {
  time: PHYSICAL.int64,
  float64: PHYSICAL.double,
  integer: PHYSICAL.int64,
  flags: PHYSICAL.int32,
  id: PHYSICAL.int64,
  boolean: PHYSICAL.boolean,
}

/** A column of one row group, as the footer describes it. */
export interface ColumnChunk {
  readonly name: string
  readonly physical: Physical
  readonly encodings: readonly number[]
  readonly rows: number
  readonly lacking: number
  readonly start: number
  readonly dictionaryAt: number | undefined
  readonly dataAt: number
  readonly bytes: number
  /** The least and the greatest value as they are stored; none where there is no value, or NaN among them. */
  readonly range: { readonly least: Uint8Array; readonly greatest: Uint8Array } | undefined
}

export interface ColumnSource {
  readonly name: string
  readonly type: ColumnType
  /** Whether NaN stands for no value; in all columns but those of floating point it does anyway. */
  readonly isOptional: boolean
  /** Undefined where no row has a value. */
  readonly values: Float64Array | undefined
}

const TWO_32 = 4_294_967_296
/** A dictionary of counts must be much smaller than their differences would be. */
const WHOLE_SHARE = 0.1

let present = new Float64Array(0)
let levels = new Int32Array(0)

/** The values of a column as they are stored, those of rows without one left out. */
interface Stored {
  readonly values: Float64Array
  readonly count: number
}

/**
 * Writes a column of one row group: a dictionary where values repeat, differences of ids and times, else the values.
 * @param page memory for a page, whose length stands before it.
 */
export function writeColumn(source: ColumnSource, rows: number, out: ByteSink, page: ByteSink): ColumnChunk {
  const { name, type } = source
  const physical = PHYSICAL_OF[type]
  const stored = gather(source, rows)
  const start = out.length
  const dictionary = dictionaryFor(type, stored)
  let dictionaryAt: number | undefined
  if (dictionary) {
    dictionaryAt = start
    page.clear()
    writePlain({ values: dictionary.entries, count: dictionary.entries.length }, physical, page)
    writePage(out, page, DICTIONARY_PAGE, dictionary.entries.length, PLAIN)
  }
  const span = spanOf(dictionary ? { values: dictionary.entries, count: dictionary.entries.length } : stored)
  page.clear()
  writeLevels(rows, stored.count, page)
  const encoding = dictionary ? writeIndexes(dictionary, page) : writeValues(stored, physical, span, page)
  const dataAt = out.length
  writePage(out, page, DATA_PAGE, rows, encoding)
  return {
    ...{ name, physical, rows, start, dictionaryAt, dataAt },
    lacking: rows - stored.count,
    bytes: out.length - start,
    encodings: dictionary ? [PLAIN, RLE, encoding] : [RLE, encoding],
    range: span && rangeOf(span, physical),
  }
}

/** Gathers the values that there are, and puts into `levels` which rows have one where some have none. */
function gather({ type, isOptional, values }: ColumnSource, rows: number): Stored {
  if (values === undefined) return { values: present, count: 0 }
  if (type === 'float64' && !isOptional) return { values, count: rows }
  if (present.length < rows) {
    present = new Float64Array(rows)
    levels = new Int32Array(rows)
  }
  const scale = type === 'time' ? 1000 : 1
  const isWhole = type !== 'float64'
  let count = 0
  for (let row = 0; row < rows; row++) {
    const value = values[row]!
    const isThere = !Number.isNaN(value)
    levels[row] = isThere ? 1 : 0
    if (isThere) present[count++] = isWhole ? Math.round(value * scale) : value
  }
  return { values: present, count }
}

function dictionaryFor(type: ColumnType, { values, count }: Stored): Dictionary | undefined {
  if (count === 0 || type === 'id' || type === 'time' || type === 'boolean') return undefined
  // What a dictionary of `n` values takes, and an index per row, must be less than the values themselves.
  const share = type === 'float64' ? 1 - bitWidth(count) / 64 : WHOLE_SHARE
  return findDictionary(values, count, Math.max(1, Math.floor(count * share)))
}

function writeIndexes({ entries, indexes }: Dictionary, page: ByteSink): number {
  const width = Math.max(1, bitWidth(entries.length - 1))
  page.byte(width)
  packRuns(indexes, indexes.length, width, page)
  return RLE_DICTIONARY
}

function writeValues(stored: Stored, physical: Physical, span: Span | undefined, page: ByteSink): number {
  if (physical === PHYSICAL.int64 && span && span.least >= -DELTA_REACH && span.greatest - span.least <= DELTA_REACH) {
    packDeltas(stored.values, stored.count, page)
    return DELTA_BINARY_PACKED
  }
  writePlain(stored, physical, page)
  return PLAIN
}

/** Which rows have a value, with the length of that before it. */
function writeLevels(rows: number, count: number, page: ByteSink): void {
  const at = page.length
  page.uint32(0)
  if (count === 0 || count === rows) {
    // One run of all rows.
    page.varint(rows * 2)
    page.byte(count === 0 ? 0 : 1)
  } else packRuns(levels, rows, 1, page)
  page.reserve(0).setUint32(at, page.length - at - 4, true)
}

function writePlain({ values, count }: Stored, physical: Physical, page: ByteSink): void {
  if (physical === PHYSICAL.boolean) {
    packBits(values, 0, count, 1, page)
    return
  }
  if (physical === PHYSICAL.double) {
    // As they lie in memory: little-endian on every platform Node runs on.
    page.append(new Uint8Array(values.buffer, values.byteOffset, count * 8))
    return
  }
  const width = physical === PHYSICAL.int32 ? 4 : 8
  const view = page.reserve(count * width)
  let at = page.length
  for (let i = 0; i < count; i++, at += width) setValue(view, at, values[i]!, physical)
  page.wrote(count * width)
}

function setValue(view: DataView, at: number, value: number, physical: Physical): void {
  if (physical === PHYSICAL.double) view.setFloat64(at, value, true)
  else {
    view.setInt32(at, value, true)
    if (physical === PHYSICAL.int64) view.setInt32(at + 4, Math.floor(value / TWO_32), true)
  }
}

/** The least and the greatest of some values. */
interface Span {
  readonly least: number
  readonly greatest: number
}

/** Undefined where there is no value, or one that cannot be compared: readers must not take its row for outside. */
function spanOf({ values, count }: Stored): Span | undefined {
  let least = Number.POSITIVE_INFINITY
  let greatest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < count; i++) {
    const value = values[i]!
    if (value < least) least = value
    if (value > greatest) greatest = value
    if (Number.isNaN(value)) return undefined
  }
  return count === 0 ? undefined : { least, greatest }
}

function rangeOf({ least, greatest }: Span, physical: Physical): ColumnChunk['range'] {
  if (physical === PHYSICAL.boolean) return undefined
  // The format asks for these zeros, since 0 and -0 are equal and either may be meant.
  const low = physical === PHYSICAL.double && least === 0 ? -0 : least
  const high = physical === PHYSICAL.double && greatest === 0 ? 0 : greatest
  return { least: plainValue(low, physical), greatest: plainValue(high, physical) }
}

function plainValue(value: number, physical: Physical): Uint8Array {
  const bytes = new Uint8Array(physical === PHYSICAL.int32 ? 4 : 8)
  setValue(new DataView(bytes.buffer), 0, value, physical)
  return bytes
}

function writePage(out: ByteSink, page: ByteSink, kind: number, values: number, encoding: number): void {
  const header = new ThriftWriter(out).i32(1, kind).i32(2, page.length).i32(3, page.length)
  if (kind === DATA_PAGE) header.struct(5, (data) => data.i32(1, values).i32(2, encoding).i32(3, RLE).i32(4, RLE))
  else header.struct(7, (dictionary) => dictionary.i32(1, values).i32(2, PLAIN))
  header.end()
  out.append(page.bytes)
}

import { ParseError } from '../../model/errors.ts'
import { FlatbufferError, FlatTable } from './flatbuffer.ts'
import { unpackLz4 } from './lz4.ts'

const MAGIC = Buffer.from('ARROW1')
/** The first version of the form, which is no Arrow. */
const FIRST_MAGIC = Buffer.from('FEA1')
/** More columns than that no table of candles has. */
const MAX_COLUMNS = 1000
/** No table of candles has columns in columns in columns. */
const MAX_DEPTH = 8
/** No block has more rows, so that a claim does not fill memory: a hundred years of minutes. */
const MAX_ROWS = 2 ** 26

/** Values of the wanted columns, in rows that stand together in the file; NaN where there is none. */
export type FeatherBlock = readonly Float64Array[]

/**
 * Reads columns of an Arrow IPC file (Feather): numbers as they are, instants in ms. It is read by hand because Arrow's
 * own reader believes what a file says of itself: with damaged offsets it goes round for ever.
 * @throws ParseError for anything but such a file, or where a column is not there or holds something else.
 */
export function* readFeather(
  bytes: Uint8Array,
  names: readonly string[],
  source: string,
): Generator<FeatherBlock, void, void> {
  const damaged = (why: string, cause?: unknown): ParseError =>
    new ParseError(source, `is no Feather file that can be read: ${why}`, cause === undefined ? {} : { cause })
  try {
    const file = openFile(bytes, damaged)
    const columns = names.map((name) => file.columns.get(name))
    const missing = names.filter((_, index) => columns[index] === undefined)
    if (missing.length > 0)
      throw new ParseError(source, `lacks ${missing.join(', ')}; a table of candles has ${names.join(', ')}`)
    for (const column of columns)
      if (!column!.read) throw new ParseError(source, `its ${column!.name} is ${column!.what}, which is not read`)
    for (const block of file.blocks) {
      const batch = openBatch(bytes, block, damaged)
      if (batch.buffers.length !== file.buffers) throw damaged('a block has other columns than the table')
      if (batch.nodes.length !== file.nodes) throw damaged('a block has other columns than the table')
      yield columns.map((column) => readColumn(batch, column!, source, damaged))
    }
  } catch (cause) {
    if (cause instanceof FlatbufferError) throw damaged(cause.message, cause)
    throw cause
  }
}

type Damaged = (why: string, cause?: unknown) => ParseError
type ReadValue = (view: DataView, row: number) => number

interface FeatherColumn {
  readonly name: string
  /** Its type, for messages. */
  readonly what: string
  /** Bytes of a value. */
  readonly width: number
  /** Undefined for types that are no numbers. */
  readonly read: ReadValue | undefined
  /** Number of its first buffer, and of its node, among those of a block. */
  readonly buffer: number
  readonly node: number
}

interface FeatherFile {
  readonly columns: ReadonlyMap<string, FeatherColumn>
  readonly buffers: number
  readonly nodes: number
  readonly blocks: readonly Block[]
}

interface Block {
  readonly at: number
  readonly headerLength: number
  readonly bodyLength: number
}

function openFile(bytes: Uint8Array, damaged: Damaged): FeatherFile {
  const end = bytes.length - MAGIC.length
  if (FIRST_MAGIC.equals(bytes.subarray(0, FIRST_MAGIC.length)))
    throw damaged('it is of the first version of the form; write it anew with pandas or polars')
  if (end < 12 || !MAGIC.equals(bytes.subarray(0, MAGIC.length))) throw damaged('it does not begin as one')
  if (!MAGIC.equals(bytes.subarray(end))) throw damaged('its end is missing')
  const length = new DataView(bytes.buffer, bytes.byteOffset + end - 4, 4).getInt32(0, true)
  if (length <= 0 || length > end - 4 - 8) throw damaged('the length of its footer is wrong')
  const footer = FlatTable.root(bytes.subarray(end - 4 - length, end - 4))
  const schema = footer.table(6)
  if (!schema) throw damaged('it has no schema')
  if (schema.int16(4) !== 0) throw damaged('its numbers are big-endian')
  const layout = new Layout(damaged)
  for (const field of schema.tables(6)) layout.add(field, 0)
  const blocks: Block[] = []
  let free = 8
  // Blocks stand one behind the other: one that reached into another would be read again and again.
  for (const [at = 0, lengths = 0, bodyLength = 0] of footer.structs(10, 24, [0, 8, 16])) {
    const headerLength = lengths % 2 ** 32
    if (at < free || headerLength < 8 || bodyLength < 0 || at + headerLength + bodyLength > end - 4 - length)
      throw damaged('a block of it does not lie inside it')
    free = at + headerLength + bodyLength
    blocks.push({ at, headerLength, bodyLength })
  }
  return { columns: layout.columns, buffers: layout.buffers, nodes: layout.nodes, blocks }
}

/** Which buffers of a block are whose: each type has its own number of them. */
class Layout {
  readonly columns = new Map<string, FeatherColumn>()
  readonly #damaged: Damaged
  buffers = 0
  nodes = 0

  constructor(damaged: Damaged) {
    this.#damaged = damaged
  }

  add(field: FlatTable, depth: number): void {
    const name = field.text(4) ?? ''
    // A column of words is numbers of words that stand elsewhere.
    const isDictionary = field.table(12) !== undefined
    const type = isDictionary ? { what: 'words', width: 0, read: undefined, buffers: 2 } : typeOf(field)
    if (!type) throw this.#damaged(`its column ${JSON.stringify(name.slice(0, 40))} has a type that is not known`)
    const column = { name, ...type, buffer: this.buffers, node: this.nodes }
    if (depth === 0 && !this.columns.has(name)) this.columns.set(name, column)
    this.buffers += type.buffers
    if (++this.nodes > MAX_COLUMNS) throw this.#damaged('it has too many columns')
    if (isDictionary) return
    if (depth === MAX_DEPTH) throw this.#damaged('its columns are nested too deep')
    for (const child of field.tables(14)) this.add(child, depth + 1)
  }
}

interface ColumnType {
  readonly what: string
  readonly width: number
  readonly read: ReadValue | undefined
  readonly buffers: number
}

/** Number of buffers by the number of a type that holds no numbers: names as in Arrow's own definition. */
const OTHERS: Readonly<Record<number, readonly [what: string, buffers: number]>> = {
  1: ['nothing', 0],
  4: ['bytes', 3],
  5: ['text', 3],
  6: ['true or false', 2],
  7: ['decimals', 2],
  9: ['times of day', 2],
  11: ['intervals', 2],
  12: ['lists', 2],
  13: ['records', 1],
  15: ['bytes', 2],
  16: ['lists', 1],
  17: ['maps', 2],
  18: ['durations', 2],
  19: ['bytes', 3],
  20: ['text', 3],
  21: ['lists', 2],
}

function typeOf(field: FlatTable): ColumnType | undefined {
  const number = field.int8(8)
  const type = field.table(10)
  if (!type) return undefined
  if (number === 2) {
    const bits = type.int32(4)
    const read = intReader(bits, type.int8(6) !== 0)
    return read && { what: `int${bits}`, width: bits / 8, read, buffers: 2 }
  }
  if (number === 3) {
    const precision = type.int16(4)
    if (precision === 2) return { what: 'float64', width: 8, read: (v, i) => v.getFloat64(i * 8, true), buffers: 2 }
    if (precision === 1) return { what: 'float32', width: 4, read: (v, i) => v.getFloat32(i * 4, true), buffers: 2 }
    return { what: 'float16', width: 2, read: undefined, buffers: 2 }
  }
  if (number === 8) {
    if (type.int16(4, 1) === 0)
      return { what: 'date', width: 4, read: (v, i) => v.getInt32(i * 4, true) * 86_400_000, buffers: 2 }
    return { what: 'date', width: 8, read: int64, buffers: 2 }
  }
  if (number === 10) {
    const read = [fromSeconds, int64, fromMicros, fromNanos][type.int16(4)]
    return read && { what: 'timestamp', width: 8, read, buffers: 2 }
  }
  const other = OTHERS[number]
  return other && { what: other[0], width: 0, read: undefined, buffers: other[1] }
}

const int64: ReadValue = (view, row) => Number(view.getBigInt64(row * 8, true))
const fromSeconds: ReadValue = (view, row) => int64(view, row) * 1000
const fromMicros: ReadValue = (view, row) => int64(view, row) / 1000
// Nanoseconds of today are no exact number: the milliseconds are taken off first.
const fromNanos: ReadValue = (view, row) => {
  const nanos = view.getBigInt64(row * 8, true)
  return Number(nanos / 1_000_000n) + Number(nanos % 1_000_000n) / 1e6
}

function intReader(bits: number, isSigned: boolean): ReadValue | undefined {
  if (bits === 64) return isSigned ? int64 : (view, row) => Number(view.getBigUint64(row * 8, true))
  if (bits === 32)
    return isSigned ? (view, row) => view.getInt32(row * 4, true) : (view, row) => view.getUint32(row * 4, true)
  if (bits === 16)
    return isSigned ? (view, row) => view.getInt16(row * 2, true) : (view, row) => view.getUint16(row * 2, true)
  if (bits === 8) return isSigned ? (view, row) => view.getInt8(row) : (view, row) => view.getUint8(row)
  return undefined
}

interface OpenBatch {
  readonly rows: number
  readonly nodes: readonly number[][]
  readonly buffers: readonly number[][]
  readonly isPacked: boolean
  readonly body: Uint8Array
}

function openBatch(bytes: Uint8Array, { at, headerLength, bodyLength }: Block, damaged: Damaged): OpenBatch {
  const header = bytes.subarray(at, at + headerLength)
  // Older files have no mark in front of the length.
  const isMarked = new DataView(header.buffer, header.byteOffset, 4).getUint32(0, true) === 0xffffffff
  const message = FlatTable.root(header.subarray(isMarked ? 8 : 4))
  const batch = message.int8(6) === 3 ? message.table(8) : undefined
  if (!batch) throw damaged('a block of it holds no rows')
  const rows = batch.int64(4)
  if (!(rows >= 0 && rows <= MAX_ROWS)) throw damaged(`a block claims ${rows} rows`)
  const compression = batch.table(10)
  if (compression && compression.int8(4) !== 0) throw damaged('it is packed with zstd; LZ4 is read, or nothing')
  return {
    rows,
    nodes: batch.structs(6, 16, [0, 8]),
    buffers: batch.structs(8, 16, [0, 8]),
    isPacked: compression !== undefined,
    body: bytes.subarray(at + headerLength, at + headerLength + bodyLength),
  }
}

function readColumn(batch: OpenBatch, column: FeatherColumn, source: string, damaged: Damaged): Float64Array {
  const { rows } = batch
  const [length, nulls] = batch.nodes[column.node]!
  if (length !== rows) throw damaged(`a block has ${rows} rows, and ${length} of ${column.name}`)
  const data = readBuffer(batch, column.buffer + 1, source, damaged)
  if (data.length < rows * column.width) throw damaged(`${column.name} has fewer values than rows`)
  const validity = nulls === 0 ? undefined : readBuffer(batch, column.buffer, source, damaged)
  if (validity && validity.length < Math.ceil(rows / 8)) throw damaged(`${column.name} has fewer marks than rows`)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const { read } = column
  const values = new Float64Array(rows)
  for (let row = 0; row < rows; row++) {
    const isThere = validity === undefined || ((validity[row >> 3]! >> (row & 7)) & 1) === 1
    values[row] = isThere ? read!(view, row) : Number.NaN
  }
  return values
}

function readBuffer({ buffers, body, isPacked }: OpenBatch, index: number, source: string, damaged: Damaged) {
  const [offset = 0, length = 0] = buffers[index]!
  if (!(offset >= 0 && length >= 0 && offset + length <= body.length)) throw damaged('a column does not lie inside it')
  const bytes = body.subarray(offset, offset + length)
  if (!isPacked || length === 0) return bytes
  if (length < 8) throw damaged('a packed column has no length')
  const size = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true)
  // What would not become smaller is left as it is.
  if (size === -1n) return bytes.subarray(8)
  // Not compared with what came out: some writers note the packed length there. Too few values are found out above.
  return unpackLz4(bytes.subarray(8), source)
}

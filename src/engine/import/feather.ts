import { ParseError } from '../../model/errors.ts'
import { type ColumnType, typeOf } from './feather-types.ts'
import { FlatbufferError, FlatTable } from './flatbuffer.ts'
import { unpackLz4 } from './lz4.ts'

const MAGIC = Buffer.from('ARROW1')
/** The first version of the form, which is no Arrow. */
const FIRST_MAGIC = Buffer.from('FEA1')
/** In front of each message of a stream. */
const CONTINUED = 0xffffffff
/** What a message is about, by the numbers of Arrow's own definition. */
const ABOUT_SCHEMA = 1
const ABOUT_WORDS = 2
const ABOUT_ROWS = 3
/** More columns than that no table of records has. */
const MAX_COLUMNS = 1000
/** No table of records has columns in columns in columns. */
const MAX_DEPTH = 8
/** No block has more rows, so that a claim does not fill memory: a hundred years of minutes. */
const MAX_ROWS = 2 ** 26
/** A block is read whole. Programs write some ten thousand rows into one; ten years of minutes in one are 250 MB. */
const MAX_BLOCK = 2 ** 29

/** Bytes that lie somewhere, read where they are wanted. */
export interface ByteSource {
  readonly size: number
  /** Bytes `at` to `at + length`, which lie inside. */
  read(at: number, length: number): Promise<Uint8Array>
}

/** A column that is wanted, and whether its whole numbers must stay exact beyond 2^53. */
export interface WantedColumn {
  readonly name: string
  readonly isId?: boolean
}

/**
 * Values of the wanted columns, in rows that stand together in the file: NaN where there is none, and -1 in a column of
 * ids.
 */
export type FeatherBlock = readonly (Float64Array | BigInt64Array)[]

interface FeatherColumn extends ColumnType {
  readonly name: string
  /** Number of its first buffer, and of its node, among those of a block. */
  readonly buffer: number
  readonly node: number
}

/**
 * An Arrow IPC file (Feather), or a stream of the same messages: numbers as they are, instants in ms. It is read by hand
 * because Arrow's own reader believes what a file says of itself: with damaged offsets it goes round for ever.
 */
export class Feather {
  readonly #bytes: ByteSource
  readonly #source: string
  readonly #layout: Layout
  readonly #messages: () => AsyncGenerator<Message, void, void>

  private constructor(bytes: ByteSource, source: string, layout: Layout, messages: () => AsyncGenerator<Message>) {
    this.#bytes = bytes
    this.#source = source
    this.#layout = layout
    this.#messages = messages
  }

  /** @throws ParseError for bytes that are neither, or whose end is missing. */
  static async open(bytes: ByteSource, source: string): Promise<Feather> {
    return guarded(source, async () => {
      const start = await bytes.read(0, Math.min(8, bytes.size))
      if (FIRST_MAGIC.equals(start.subarray(0, FIRST_MAGIC.length)))
        throw damaged(source, 'it is of the first version of the form; write it anew with pandas or polars')
      if (start.length === 8 && uint32(start, 0) === CONTINUED) {
        const { schema, end } = await readStreamSchema(bytes, source)
        return new Feather(bytes, source, new Layout(schema, source), () => streamed(bytes, end, source))
      }
      if (bytes.size < 18 || !MAGIC.equals(start.subarray(0, MAGIC.length)))
        throw damaged(source, 'it does not begin as one')
      const { schema, blocks } = await readFooter(bytes, source)
      return new Feather(bytes, source, new Layout(schema, source), () => messagesOf(bytes, blocks))
    })
  }

  get names(): readonly string[] {
    return [...this.#layout.columns.keys()]
  }

  /** @throws ParseError where a column is not there or holds something else, or the bytes are damaged. */
  async *read(wanted: readonly WantedColumn[]): AsyncGenerator<FeatherBlock, void, void> {
    const source = this.#source
    const layout = this.#layout
    const columns = wanted.map(({ name, isId }) => {
      const column = layout.columns.get(name)
      if (!column) throw new ParseError(source, `lacks ${name}`)
      if (!(isId ? column.readWhole : column.read))
        throw new ParseError(source, `its ${name} is ${column.what}, which is not read`)
      return column
    })
    const messages = this.#messages()
    for (;;) {
      const block = await guarded(source, async () => {
        const message = (await messages.next()).value
        if (!message) return undefined
        const rows = openRows(message, await this.#bytes.read(message.body, message.bodyLength), source)
        if (rows.buffers.length !== layout.buffers || rows.nodes.length !== layout.nodes)
          throw damaged(source, 'a block has other columns than the table')
        return columns.map((column, index) => readColumn(rows, column, wanted[index]!.isId === true, source))
      })
      if (block === undefined) return
      yield block
    }
  }
}

interface Message {
  /** Its flatbuffer. */
  readonly header: Uint8Array
  /** Where its body begins, and its length. */
  readonly body: number
  readonly bodyLength: number
  /** Where the next message of a stream begins. */
  readonly end: number
}

interface Block {
  readonly at: number
  readonly headerLength: number
  readonly bodyLength: number
}

async function guarded<T>(source: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof FlatbufferError) throw damaged(source, cause.message, cause)
    throw cause
  }
}

function damaged(source: string, why: string, cause?: unknown): ParseError {
  return new ParseError(source, `is no Feather file that can be read: ${why}`, cause === undefined ? {} : { cause })
}

async function readFooter(
  bytes: ByteSource,
  source: string,
): Promise<{ readonly schema: FlatTable; readonly blocks: readonly Block[] }> {
  const end = bytes.size - MAGIC.length
  const tail = await bytes.read(end - 4, 4 + MAGIC.length)
  if (!MAGIC.equals(tail.subarray(4))) throw damaged(source, 'its end is missing')
  const length = uint32(tail, 0)
  if (length === 0 || length > end - 4 - 8) throw damaged(source, 'the length of its footer is wrong')
  const footer = FlatTable.root(await bytes.read(end - 4 - length, length))
  const schema = footer.table(6)
  if (!schema) throw damaged(source, 'it has no schema')
  const blocks: Block[] = []
  let free = 8
  // Blocks stand one behind the other: one that reached into another would be read again and again.
  for (const [at = 0, lengths = 0, bodyLength = 0] of footer.structs(10, 24, [0, 8, 16])) {
    const headerLength = lengths % 2 ** 32
    if (at < free || headerLength < 8 || bodyLength < 0 || at + headerLength + bodyLength > end - 4 - length)
      throw damaged(source, 'a block of it does not lie inside it')
    free = at + headerLength + bodyLength
    checkSize(headerLength + bodyLength, source)
    blocks.push({ at, headerLength, bodyLength })
  }
  return { schema, blocks }
}

async function* messagesOf(bytes: ByteSource, blocks: readonly Block[]): AsyncGenerator<Message, void, void> {
  for (const { at, headerLength, bodyLength } of blocks) {
    const header = await bytes.read(at, headerLength)
    // Older files have no mark in front of the length.
    const start = uint32(header, 0) === CONTINUED ? 8 : 4
    const body = at + headerLength
    yield { header: header.subarray(start), body, bodyLength, end: body + bodyLength }
  }
}

async function readStreamSchema(
  bytes: ByteSource,
  source: string,
): Promise<{ readonly schema: FlatTable; readonly end: number }> {
  const { value: first } = await streamed(bytes, 0, source).next()
  const message = first && FlatTable.root(first.header)
  const schema = message?.int8(6) === ABOUT_SCHEMA ? message.table(8) : undefined
  if (!first || !schema) throw damaged(source, 'it has no schema')
  return { schema, end: first.end }
}

/** The messages of a stream, until the mark of its end. */
async function* streamed(bytes: ByteSource, from: number, source: string): AsyncGenerator<Message, void, void> {
  for (let at = from; ; ) {
    if (at + 8 > bytes.size) throw damaged(source, 'its end is missing')
    const start = await bytes.read(at, 8)
    const length = uint32(start, 4)
    if (uint32(start, 0) !== CONTINUED) throw damaged(source, `at byte ${at} no message begins`)
    if (length === 0) return
    if (at + 8 + length > bytes.size) throw damaged(source, 'its end is missing')
    const header = await bytes.read(at + 8, length)
    const body = at + 8 + length
    const message = FlatTable.root(header)
    const bodyLength = message.int64(10)
    if (!(bodyLength >= 0 && body + bodyLength <= bytes.size)) throw damaged(source, 'its end is missing')
    checkSize(length + bodyLength, source)
    // Bodies are filled up to whole words.
    const end = body + Math.ceil(bodyLength / 8) * 8
    // The words that columns of their numbers mean are no matter here.
    if (message.int8(6) !== ABOUT_WORDS) yield { header, body, bodyLength, end }
    at = end
  }
}

function checkSize(size: number, source: string): void {
  if (size > MAX_BLOCK)
    throw new ParseError(source, `has a block of ${size} bytes; up to ${MAX_BLOCK} are read. Write it in smaller ones`)
}

function uint32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true)
}

/** Which buffers of a block are whose: each type has its own number of them. */
class Layout {
  readonly columns = new Map<string, FeatherColumn>()
  readonly #source: string
  buffers = 0
  nodes = 0

  constructor(schema: FlatTable, source: string) {
    this.#source = source
    if (schema.int16(4) !== 0) throw damaged(source, 'its numbers are big-endian')
    for (const field of schema.tables(6)) this.#add(field, 0)
  }

  #add(field: FlatTable, depth: number): void {
    const name = field.text(4) ?? ''
    // A column of words is numbers of words that stand elsewhere.
    const isDictionary = field.table(12) !== undefined
    const type = isDictionary ? { what: 'words', width: 0, read: undefined, buffers: 2 } : typeOf(field)
    if (!type)
      throw damaged(this.#source, `its column ${JSON.stringify(name.slice(0, 40))} has a type that is not known`)
    const column = { name, ...type, buffer: this.buffers, node: this.nodes }
    if (depth === 0 && !this.columns.has(name)) this.columns.set(name, column)
    this.buffers += type.buffers
    if (++this.nodes > MAX_COLUMNS) throw damaged(this.#source, 'it has too many columns')
    if (isDictionary) return
    if (depth === MAX_DEPTH) throw damaged(this.#source, 'its columns are nested too deep')
    for (const child of field.tables(14)) this.#add(child, depth + 1)
  }
}

interface Rows {
  readonly rows: number
  readonly nodes: readonly number[][]
  readonly buffers: readonly number[][]
  readonly isPacked: boolean
  readonly body: Uint8Array
}

function openRows({ header }: Message, body: Uint8Array, source: string): Rows {
  const message = FlatTable.root(header)
  const batch = message.int8(6) === ABOUT_ROWS ? message.table(8) : undefined
  if (!batch) throw damaged(source, 'a block of it holds no rows')
  const rows = batch.int64(4)
  if (!(rows >= 0 && rows <= MAX_ROWS)) throw damaged(source, `a block claims ${rows} rows`)
  const compression = batch.table(10)
  if (compression && compression.int8(4) !== 0) throw damaged(source, 'it is packed with zstd; LZ4 is read, or nothing')
  return {
    rows,
    nodes: batch.structs(6, 16, [0, 8]),
    buffers: batch.structs(8, 16, [0, 8]),
    isPacked: compression !== undefined,
    body,
  }
}

function readColumn(batch: Rows, column: FeatherColumn, isId: boolean, source: string): Float64Array | BigInt64Array {
  const { rows } = batch
  const { name, width, read, readWhole } = column
  const [length, nulls] = batch.nodes[column.node]!
  if (length !== rows) throw damaged(source, `a block has ${rows} rows, and ${length} of ${name}`)
  const data = readBuffer(batch, column.buffer + 1, source)
  if (data.length < rows * width) throw damaged(source, `${name} has fewer values than rows`)
  const validity = nulls === 0 ? undefined : readBuffer(batch, column.buffer, source)
  if (validity && validity.length < Math.ceil(rows / 8)) throw damaged(source, `${name} has fewer marks than rows`)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const isThere = (row: number): boolean => validity === undefined || ((validity[row >> 3]! >> (row & 7)) & 1) === 1
  if (isId) {
    const ids = new BigInt64Array(rows)
    for (let row = 0; row < rows; row++) ids[row] = isThere(row) ? readWhole!(view, row) : -1n
    return ids
  }
  const values = new Float64Array(rows)
  for (let row = 0; row < rows; row++) values[row] = isThere(row) ? read!(view, row) : Number.NaN
  return values
}

function readBuffer({ buffers, body, isPacked }: Rows, index: number, source: string): Uint8Array {
  const [offset = 0, length = 0] = buffers[index]!
  if (!(offset >= 0 && length >= 0 && offset + length <= body.length))
    throw damaged(source, 'a column does not lie inside it')
  const bytes = body.subarray(offset, offset + length)
  if (!isPacked || length === 0) return bytes
  if (length < 8) throw damaged(source, 'a packed column has no length')
  const size = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true)
  // What would not become smaller is left as it is.
  if (size === -1n) return bytes.subarray(8)
  // Not compared with what came out: some writers note the packed length there. Too few values are found out above.
  return unpackLz4(bytes.subarray(8), source)
}

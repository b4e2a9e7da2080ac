import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { endianness } from 'node:os'
import type { Schema } from 'apache-arrow'
import { type Batch, columnOf } from '../../model/batch.ts'
import { StorageError } from '../../model/errors.ts'
import type { ColumnSpec } from '../../model/kind.ts'
import { arrowSchema, bytesPerValue, toArrowValues } from './arrow-columns.ts'
import { StretchWriter, writeAll } from './stretch-writer.ts'

/**
 * Where the columns of an Arrow IPC file are. There is one record batch, and nothing is compressed, so that a column is
 * one stretch of the file and any part of it can be mapped.
 */
export interface ArrowLayout {
  readonly rows: number
  /** Offset of each column's first value in the file, by name. */
  readonly offsets: ReadonlyMap<string, number>
  /** Metadata of the schema. */
  readonly metadata: ReadonlyMap<string, string>
}

/**
 * What of a file is not values: its first `head` and its last `tail` bytes, and their SHA-256. With it a damaged header
 * is told before anything is decoded: decoding one may not end.
 */
export interface ArrowFrame {
  readonly head: number
  readonly tail: number
  readonly sha256: string
}

const MAGIC = 'ARROW1'
/** Arrow advises 64: a column then begins on a cache line. */
const ALIGNMENT = 64
/** Larger headers than any of ours: a damaged length must not make us read the whole file. */
const MAX_HEADER = 1 << 20

const align = (offset: number, to = ALIGNMENT): number => Math.ceil(offset / to) * to

async function importModules() {
  const [arrow, message, file] = await Promise.all([
    import('apache-arrow'),
    import('apache-arrow/ipc/metadata/message'),
    import('apache-arrow/ipc/metadata/file'),
  ])
  return { arrow, message, file }
}
type Loaded = Awaited<ReturnType<typeof importModules>>

let modules: Promise<Loaded> | undefined

function loadModules(): Promise<Loaded> {
  modules ??= importModules()
  return modules
}

export interface ArrowContent {
  readonly columns: readonly ColumnSpec[]
  /** How many rows will come. */
  readonly rows: number
  readonly batches: AsyncIterable<Batch> | Iterable<Batch>
  readonly metadata: ReadonlyMap<string, string>
  readonly signal?: AbortSignal
}

/**
 * Writes an Arrow IPC file and makes it durable; making it visible is the caller's business. Memory holds one batch and
 * one stretch of each column, which goes to its place in the file.
 * @throws StorageError when another number of rows comes than was promised.
 */
export async function writeArrowFile(
  path: string,
  content: ArrowContent,
): Promise<{ bytes: number; frame: ArrowFrame }> {
  const { columns, rows, signal } = content
  const modules = await loadModules()
  if (endianness() !== 'LE') throw new StorageError(path, 'Arrow files are only written on little-endian machines')
  const schema = arrowSchema(modules.arrow, columns, {}, new Map(content.metadata))
  const plan = planFile(modules, schema, columns, rows)
  const handle = await open(path, 'wx')
  try {
    await writeAll(handle, plan.head, 0)
    const writers = columns.map(
      (spec, index) => new StretchWriter(handle, plan.offsets[index]!, rows * bytesPerValue(spec)),
    )
    let done = 0
    for await (const batch of content.batches) {
      signal?.throwIfAborted()
      if (done + batch.length > rows) throw rowError(path, done + batch.length, rows)
      for (const [index, spec] of columns.entries()) {
        const values = toArrowValues(columnOf(batch, spec.name).subarray(0, batch.length), spec)
        await writers[index]!.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
      }
      done += batch.length
    }
    if (done !== rows) throw rowError(path, done, rows)
    for (const writer of writers) await writer.flush()
    await writeAll(handle, plan.tail, plan.tailOffset)
    await handle.sync()
    const { head, tail, tailOffset } = plan
    return { bytes: tailOffset + tail.length, frame: { head: head.length, tail: tail.length, sha256: sha(head, tail) } }
  } finally {
    await handle.close()
  }
}

function rowError(path: string, actual: number, expected: number): StorageError {
  return new StorageError(path, `${actual} rows came where ${expected} were expected`)
}

interface FilePlan {
  readonly head: Uint8Array
  readonly tail: Uint8Array
  readonly tailOffset: number
  /** Offset in the file, per column. */
  readonly offsets: readonly number[]
}

/** Everything of the file but the values: all sizes follow from the number of rows. */
function planFile(modules: Loaded, schema: Schema, columns: readonly ColumnSpec[], rows: number): FilePlan {
  const { message, file } = modules
  const regions: InstanceType<Loaded['message']['BufferRegion']>[] = []
  let bodyLength = 0
  for (const spec of columns) {
    // No value is ever missing, so there is no bitmap.
    regions.push(new message.BufferRegion(bodyLength, 0))
    regions.push(new message.BufferRegion(bodyLength, rows * bytesPerValue(spec)))
    bodyLength = align(bodyLength + rows * bytesPerValue(spec))
  }
  const nodes = columns.map(() => new message.FieldNode(rows, 0))
  const magic = new Uint8Array(8)
  magic.set(Buffer.from(MAGIC))
  const schemaBytes = framed(message.Message.encode(message.Message.from(schema)), magic.length)
  const batchAt = magic.length + schemaBytes.length
  const header = new message.RecordBatch(rows, nodes, regions, null, [])
  const batchBytes = framed(message.Message.encode(message.Message.from(header, bodyLength)), batchAt)
  const bodyAt = batchAt + batchBytes.length
  const block = new file.FileBlock(batchBytes.length, bodyLength, batchAt)
  const footer = file.Footer.encode(new file.Footer(schema, undefined, [block], []))
  const end = Buffer.alloc(8 + align(footer.length, 8) + 4 + MAGIC.length)
  end.writeInt32LE(-1, 0)
  end.set(footer, 8)
  end.writeInt32LE(align(footer.length, 8), end.length - 4 - MAGIC.length)
  end.write(MAGIC, end.length - MAGIC.length, 'latin1')
  return {
    head: Buffer.concat([magic, schemaBytes, batchBytes]),
    tail: end,
    tailOffset: bodyAt + bodyLength,
    offsets: columns.map((_, index) => bodyAt + regions[2 * index + 1]!.offset),
  }
}

/** A message with its length in front, padded so that what follows is aligned. */
function framed(flatbuffer: Uint8Array, at: number): Buffer {
  const length = align(at + 8 + flatbuffer.length) - at
  const bytes = Buffer.alloc(length)
  bytes.writeInt32LE(-1, 0)
  bytes.writeInt32LE(length - 8, 4)
  bytes.set(flatbuffer, 8)
  return bytes
}

/**
 * Reads where the columns of a file are. Header and footer must be those that were written.
 * @throws StorageError (`DAMAGED_FILE`) saying what is wrong.
 */
export async function readLayout(
  fd: number,
  path: string,
  { bytes, frame }: { readonly bytes: number; readonly frame: ArrowFrame },
  columns: readonly ColumnSpec[],
): Promise<ArrowLayout> {
  const damaged = (what: string, cause?: unknown): StorageError =>
    new StorageError(path, `the cache file is damaged: ${what}`, {
      code: 'DAMAGED_FILE',
      ...(cause === undefined ? {} : { cause }),
    })
  if (!(frame.head > 0 && frame.tail > 10 && Math.max(frame.head, frame.tail) <= Math.min(MAX_HEADER, bytes)))
    throw damaged('it has no header')
  const { arrow, message, file } = await loadModules()
  const head = readAt(fd, 0, frame.head)
  const tail = readAt(fd, bytes - frame.tail, frame.tail)
  if (
    head.toString('latin1', 0, MAGIC.length) !== MAGIC ||
    tail.toString('latin1', tail.length - MAGIC.length) !== MAGIC
  )
    throw damaged('it is no Arrow file')
  if (sha(head, tail) !== frame.sha256) throw damaged('its header or footer is not what was written')
  try {
    const lengthAt = tail.length - MAGIC.length - 4
    const footer = file.Footer.decode(tail.subarray(lengthAt - tail.readInt32LE(lengthAt), lengthAt))
    const block = footer.numRecordBatches === 1 ? footer.getRecordBatch(0) : null
    if (!block) throw damaged('it does not hold one record batch')
    const decoded = message.Message.decode(head.subarray(block.offset + 8, block.offset + block.metaDataLength))
    if (!decoded.isRecordBatch()) throw damaged('it does not hold a record batch')
    const header = decoded.header()
    const expected = arrowSchema(arrow, columns)
    const bodyAt = block.offset + block.metaDataLength
    const offsets = new Map<string, number>()
    for (const [index, spec] of columns.entries()) {
      const field = footer.schema.fields[index]
      // A version of ticklake with other columns wrote it.
      if (field?.name !== spec.name || String(field.type) !== String(expected.fields[index]!.type))
        throw damaged(`its column ${index} is not ${spec.name}`)
      const region = header.buffers[2 * index + 1]
      const offset = bodyAt + (region?.offset ?? 0)
      const length = header.length * bytesPerValue(spec)
      if (region?.length !== length || offset % 8 !== 0 || offset < bodyAt || offset + length > bytes)
        throw damaged(`its column ${spec.name} does not lie inside it`)
      offsets.set(spec.name, offset)
    }
    return { rows: header.length, offsets, metadata: footer.schema.metadata }
  } catch (error) {
    if (error instanceof StorageError) throw error
    throw damaged('its header can not be read', error)
  }
}

function sha(head: Uint8Array, tail: Uint8Array): string {
  return createHash('sha256').update(head).update(tail).digest('hex')
}

/**
 * Bytes of an open file; shorter where the file ends. Synchronous: for a few bytes that are in the kernel's memory nearly
 * always a turn of the thread pool would take ten times as long.
 */
export function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const bytesRead = readSync(fd, bytes, done, length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}

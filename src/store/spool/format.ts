import { basename } from 'node:path'
import { crc32 } from 'node:zlib'
import { MARKETS, type Market } from '../../model/series.ts'

/**
 * The bytes of a segment: a header, then blocks. A block is a header (magic, CRC-32 of all that follows, length of the
 * payload, number of entries, sequence of the first one) and its entries; an entry is a header (length, type, market,
 * receive time) and the bytes that were handed in. All numbers are little-endian. Blocks stand on their own: what a
 * damaged one held is known by the sequences around it.
 *
 * A segment may be written over one that was released (see `SpareSegments`), whose bytes then lie behind its end. Two
 * things tell them apart, and both are needed. An end mark follows the newest block until the next one takes its place:
 * what is behind it was never written by this segment. And a block whose sequence is below the segment's first one, which
 * is its name, is of the former segment: sequences only rise, so that this holds for every block that is left of one,
 * also where a write was cut short and there is no mark. The name counts, not the header, which may be damaged, or may
 * not be written yet when the file has got its new name.
 */

const SEGMENT_END = '.spool'
const SPARE_END = '.spare'

/** Name of the segment whose first entry has this sequence: names sort as the segments do. */
export function segmentName(first: number): string {
  return `${String(first).padStart(16, '0')}${SEGMENT_END}`
}

export function isSegmentName(name: string): boolean {
  return name.endsWith(SEGMENT_END)
}

/** Sequence of the first entry of the segment at a path, once it has one. */
export function segmentFirst(path: string): number {
  return Number.parseInt(basename(path), 10)
}

/** Where a released segment waits to be written over. */
export function sparePath(segment: string): string {
  return `${segment.slice(0, -SEGMENT_END.length)}${SPARE_END}`
}

export function isSpareName(name: string): boolean {
  return name.endsWith(SPARE_END)
}

/**
 * What an entry holds: a frame as it arrived, records that REST filled in, a note of the collector's own, or the frames
 * of one read of a socket as they were on the wire.
 */
export const ENTRY_TYPES = ['frame', 'records', 'note', 'frames'] as const
export type SpoolEntryType = (typeof ENTRY_TYPES)[number]

const SEGMENT_MAGIC = Buffer.from('TLSPOOL1', 'latin1')
/** Bytes that begin every block; looked for again behind a damaged one. */
export const BLOCK_MAGIC = Buffer.from('TLB\u00a7', 'latin1')
const END_MAGIC = Buffer.from('TLE\u00a7', 'latin1')
export const SEGMENT_HEADER = 48
export const BLOCK_HEADER = 24
export const ENTRY_HEADER = 16
export const END_MARK = 24
/** Where the part of a block begins that its CRC speaks for. */
const CRC_FROM = 8
/** A frame can be 16 MB; a larger length is damage, not data. */
export const MAX_PAYLOAD = 64 * 1024 * 1024

export interface SegmentHeader {
  /** 32 hex digits of the spool that it belongs to. */
  readonly id: string
  /** Sequence of its first entry, once it has one. */
  readonly first: number
  /** Epoch ms. */
  readonly createdAt: number
}

export function segmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER)
  SEGMENT_MAGIC.copy(bytes)
  bytes.writeDoubleLE(header.first, 8)
  bytes.writeDoubleLE(header.createdAt, 16)
  bytes.write(header.id, 24, 16, 'hex')
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 40)), 40)
  return bytes
}

/** Undefined for bytes that are no whole header of a segment. */
export function parseSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER || !bytes.subarray(0, 8).equals(SEGMENT_MAGIC)) return undefined
  if (crc32(bytes.subarray(0, 40)) !== bytes.readUInt32LE(40)) return undefined
  return { id: bytes.toString('hex', 24, 40), first: bytes.readDoubleLE(8), createdAt: bytes.readDoubleLE(16) }
}

/** Writes at `at` that a segment ends at `offset`. The mark is good for no other segment and no other place. */
export function writeEndMark(bytes: Buffer, at: number, first: number, offset: number): void {
  END_MAGIC.copy(bytes, at)
  bytes.writeDoubleLE(first, at + 8)
  bytes.writeDoubleLE(offset, at + 16)
  bytes.writeUInt32LE(crc32(bytes.subarray(at + 8, at + END_MARK)), at + 4)
}

/** Whether the mark at `at` says that the segment ends at `offset`. */
export function isEndMark(bytes: Buffer, at: number, first: number, offset: number): boolean {
  return (
    bytes.compare(END_MAGIC, 0, 4, at, at + 4) === 0 &&
    bytes.readDoubleLE(at + 8) === first &&
    bytes.readDoubleLE(at + 16) === offset &&
    bytes.readUInt32LE(at + 4) === crc32(bytes.subarray(at + 8, at + END_MARK))
  )
}

/** Entries of at most so many bytes are copied word by word: to make a view of each would cost more than its copy. */
const SMALL = 1024
/** The memory that the last small entry came from, which is mostly that of the next one. */
let source: Uint8Array = new Uint8Array(0)
let sourceView: DataView = new DataView(source.buffer)

/** Most entries are frames. */
function typeNumber(type: SpoolEntryType): number {
  return type === 'frame' ? 0 : ENTRY_TYPES.indexOf(type)
}

/** Entries on their way to the disk, as the bytes of one block. */
export class Block {
  /** Memory for the header, the entries and the end mark. */
  readonly bytes: Buffer
  /** Bytes of header and entries that it can hold. */
  readonly capacity: number
  readonly #view: DataView
  /** Bytes used, the header included. */
  length = BLOCK_HEADER
  count = 0
  /** Sequence of the first entry. */
  first = 0

  constructor(capacity: number) {
    // Not from Node's shared pool: the buffer lives long and is used again and again.
    this.bytes = Buffer.allocUnsafeSlow(capacity + END_MARK)
    this.capacity = capacity
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, capacity)
  }

  /** Sequence of the last entry. */
  get last(): number {
    return this.first + this.count - 1
  }

  begin(first: number): void {
    this.first = first
    this.count = 0
    this.length = BLOCK_HEADER
  }

  hasRoom(size: number): boolean {
    return this.length + ENTRY_HEADER + size <= this.capacity
  }

  /** Copies an entry in; there must be room. */
  add(type: SpoolEntryType, market: Market, receiveTime: number, bytes: Uint8Array, start: number, end: number): void {
    const view = this.#view
    const at = this.length
    view.setUint32(at, end - start, true)
    view.setUint32(at + 4, typeNumber(type) | (MARKETS.indexOf(market) << 8), true)
    view.setFloat64(at + 8, receiveTime, true)
    if (end - start > SMALL) this.bytes.set(bytes.subarray(start, end), at + ENTRY_HEADER)
    else this.#copy(bytes, start, end, at + ENTRY_HEADER)
    this.length = at + ENTRY_HEADER + end - start
    this.count++
  }

  #copy(bytes: Uint8Array, start: number, end: number, at: number): void {
    if (bytes !== source) {
      source = bytes
      sourceView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    const to = this.#view
    const from = sourceView
    let p = start
    let q = at
    for (; p + 16 <= end; p += 16, q += 16) {
      to.setInt32(q, from.getInt32(p, true), true)
      to.setInt32(q + 4, from.getInt32(p + 4, true), true)
      to.setInt32(q + 8, from.getInt32(p + 8, true), true)
      to.setInt32(q + 12, from.getInt32(p + 12, true), true)
    }
    for (; p < end; p++, q++) this.bytes[q] = bytes[p]!
  }

  /** The finished bytes of the block and the mark behind them, for its place at `offset` of the segment that begins so. */
  seal(segment: number, offset: number): Buffer {
    BLOCK_MAGIC.copy(this.bytes)
    const view = this.#view
    view.setUint32(8, this.length - BLOCK_HEADER, true)
    view.setUint32(12, this.count, true)
    view.setFloat64(16, this.first, true)
    view.setUint32(4, crc32(this.bytes.subarray(CRC_FROM, this.length)), true)
    writeEndMark(this.bytes, this.length, segment, offset + this.length)
    return this.bytes.subarray(0, this.length + END_MARK)
  }
}

/** Length of the block that begins at `at`, header included; undefined when none can begin there. Needs its header. */
export function blockLength(bytes: Buffer, at: number): number | undefined {
  if (bytes.compare(BLOCK_MAGIC, 0, 4, at, at + 4) !== 0) return undefined
  const length = bytes.readUInt32LE(at + 8)
  const count = bytes.readUInt32LE(at + 12)
  if (length > MAX_PAYLOAD || count === 0 || count * ENTRY_HEADER > length) return undefined
  return BLOCK_HEADER + length
}

/** Whether the whole block at `at` has the CRC that its header names. */
export function isBlockWhole(bytes: Buffer, at: number, length: number): boolean {
  return crc32(bytes.subarray(at + CRC_FROM, at + length)) === bytes.readUInt32LE(at + 4)
}

/** One entry as it is read back. The memory of `bytes` is used again: copy what should outlive the step. */
export interface SpoolEntry {
  readonly sequence: number
  readonly type: SpoolEntryType
  readonly market: Market
  /** Epoch ms with a fraction; NaN where none was given. */
  readonly receiveTime: number
  /** The payload is `bytes[start…end)`. */
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** The entries of the whole block at `at`. Undefined behind the last one that can be read. */
export function* blockEntries(bytes: Buffer, at: number, length: number): Generator<SpoolEntry, void, void> {
  const count = bytes.readUInt32LE(at + 12)
  const first = bytes.readDoubleLE(at + 16)
  let position = at + BLOCK_HEADER
  const limit = at + length
  for (let index = 0; index < count && position + ENTRY_HEADER <= limit; index++) {
    const start = position + ENTRY_HEADER
    const end = start + bytes.readUInt32LE(position)
    const type = ENTRY_TYPES[bytes[position + 4]!]
    const market = MARKETS[bytes[position + 5]!]
    // A later version's entry in a whole block: its bytes are right, only its meaning is unknown here.
    if (type !== undefined && market !== undefined && end <= limit)
      yield { sequence: first + index, type, market, receiveTime: bytes.readDoubleLE(position + 8), bytes, start, end }
    position = end
  }
}

/** Sequence of the first entry of the block at `at`, and how many it has. */
export function blockSpan(bytes: Buffer, at: number): { readonly first: number; readonly count: number } {
  return { first: bytes.readDoubleLE(at + 16), count: bytes.readUInt32LE(at + 12) }
}

import { type FileHandle, open } from 'node:fs/promises'
import {
  BLOCK_HEADER,
  BLOCK_MAGIC,
  blockLength,
  blockSpan,
  END_MARK,
  isBlockWhole,
  isEndMark,
  parseSegmentHeader,
  SEGMENT_HEADER,
  segmentFirst,
} from './format.ts'

/** A piece of a segment: a whole block, or bytes that are none. */
export type SegmentPiece =
  | {
      readonly type: 'block'
      /** Where the block begins in the file. */
      readonly offset: number
      /** The block is `bytes[at…at + length)`; the memory is used again for the next piece. */
      readonly bytes: Buffer
      readonly at: number
      readonly length: number
    }
  /** What a former segment left behind the end of this one, the end mark included. The last piece. */
  | { readonly type: 'rest'; readonly offset: number; readonly length: number }
  /** `isTail`: nothing whole follows, as a kill in the middle of a write leaves it. */
  | { readonly type: 'damage'; readonly offset: number; readonly length: number; readonly isTail: boolean }

const WINDOW = 2 * 1024 * 1024

/**
 * The blocks of a segment in order. Damage is passed over to the next whole block, so one bad sector costs one block.
 * The segment's own header is told by `readSegmentHeader`; here a damaged one is nothing but bytes before the first block.
 */
export async function* readSegment(path: string, signal?: AbortSignal): AsyncGenerator<SegmentPiece, void, void> {
  const first = segmentFirst(path)
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const window = new Window(handle, size, first)
    const header = (await window.show(0, SEGMENT_HEADER)) ? parseSegmentHeader(window.bytes) : undefined
    // Killed between its new name and its new header: nothing was written to it yet.
    const isUnbegun = header !== undefined && header.first !== first
    let offset = SEGMENT_HEADER
    while (offset < size) {
      signal?.throwIfAborted()
      const length = await wholeBlock(window, offset)
      if (length !== undefined) {
        yield { type: 'block', offset, bytes: window.bytes, at: window.at(offset), length }
        offset += length
        continue
      }
      const next = await findBlock(window, offset + 1)
      if (next === undefined && (isUnbegun || (await isEnd(window, offset))))
        yield { type: 'rest', offset, length: size - offset }
      else yield { type: 'damage', offset, length: (next ?? size) - offset, isTail: next === undefined }
      offset = next ?? size
    }
  } finally {
    await handle.close()
  }
}

/** Undefined when the file does not begin as a segment does. */
export async function readSegmentHeader(path: string) {
  const handle = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SEGMENT_HEADER), 0, SEGMENT_HEADER, 0)
    return parseSegmentHeader(buffer.subarray(0, bytesRead))
  } finally {
    await handle.close()
  }
}

/** Whether the segment says that it ends at an offset of the file. */
async function isEnd(window: Window, offset: number): Promise<boolean> {
  return (await window.show(offset, END_MARK)) && isEndMark(window.bytes, window.at(offset), window.first, offset)
}

/**
 * Length of the segment's whole block at an offset of the file, which then is in the window; undefined when there is
 * none, or one of a former segment.
 */
async function wholeBlock(window: Window, offset: number): Promise<number | undefined> {
  if (!(await window.show(offset, BLOCK_HEADER))) return undefined
  const length = blockLength(window.bytes, window.at(offset))
  if (length === undefined || blockSpan(window.bytes, window.at(offset)).first < window.first) return undefined
  if (!(await window.show(offset, length))) return undefined
  return isBlockWhole(window.bytes, window.at(offset), length) ? length : undefined
}

/** The first whole block at or after an offset. */
async function findBlock(window: Window, from: number): Promise<number | undefined> {
  let offset = from
  while (await window.show(offset, BLOCK_HEADER)) {
    const found = window.bytes.subarray(0, window.length).indexOf(BLOCK_MAGIC, window.at(offset))
    if (found < 0) {
      // The magic may begin in the last bytes of the window.
      offset = Math.max(offset + 1, window.end - BLOCK_MAGIC.length + 1)
      continue
    }
    offset = window.start + found
    if ((await wholeBlock(window, offset)) !== undefined) return offset
    offset++
  }
  return undefined
}

/** The part of a file that is in memory. */
class Window {
  readonly #handle: FileHandle
  readonly #size: number
  /** Sequence of the segment's first entry. */
  readonly first: number
  bytes: Buffer
  /** Offset in the file of the first byte in memory. */
  start = 0
  length = 0

  constructor(handle: FileHandle, size: number, first: number) {
    this.#handle = handle
    this.#size = size
    this.first = first
    this.bytes = Buffer.allocUnsafeSlow(Math.max(BLOCK_HEADER, Math.min(WINDOW, size)))
  }

  get end(): number {
    return this.start + this.length
  }

  /** Where an offset of the file is in `bytes`. */
  at(offset: number): number {
    return offset - this.start
  }

  /** Brings bytes of the file into memory. False when the file ends before. */
  async show(offset: number, length: number): Promise<boolean> {
    if (offset + length > this.#size) return false
    if (offset >= this.start && offset + length <= this.end) return true
    if (length > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(length)
    this.start = offset
    this.length = 0
    const wanted = Math.min(this.bytes.length, this.#size - offset)
    while (this.length < wanted) {
      const { bytesRead } = await this.#handle.read(this.bytes, this.length, wanted - this.length, offset + this.length)
      if (bytesRead === 0) break
      this.length += bytesRead
    }
    return this.length >= length
  }
}

import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { removeIfThere, syncFolder } from '../lake/files.ts'
import { type Block, END_MARK, SEGMENT_HEADER, segmentHeader, segmentName, writeEndMark } from './format.ts'
import type { SpareSegment } from './spare-segments.ts'

/** The segment that is being written. Blocks follow one another; what was synced is never touched again. */
export class SegmentWriter {
  readonly path: string
  readonly first: number
  readonly createdAt: number
  readonly #handle: FileHandle
  /** Size of the file when it was begun. */
  readonly #formerSize: number
  #length = SEGMENT_HEADER
  #durable = SEGMENT_HEADER
  /** Sequence of the last entry that is safe in it. */
  #last: number

  private constructor(path: string, first: number, createdAt: number, handle: FileHandle, formerSize: number) {
    this.path = path
    this.first = first
    this.createdAt = createdAt
    this.#handle = handle
    this.#formerSize = formerSize
    this.#last = first - 1
  }

  /** Begins a segment, in the file of the spare one if there is one. */
  static async create(folder: string, id: string, first: number, spare?: SpareSegment): Promise<SegmentWriter> {
    const createdAt = Date.now()
    const path = join(folder, segmentName(first))
    let handle: FileHandle | undefined
    try {
      if (spare) await rename(spare.path, path)
      // A spare one keeps its length: what would be cut off are the pages that make it worth having.
      handle = await open(path, spare ? 'r+' : 'w')
      const beginning = Buffer.alloc(SEGMENT_HEADER + END_MARK)
      segmentHeader({ id, first, createdAt }).copy(beginning)
      writeEndMark(beginning, SEGMENT_HEADER, first, SEGMENT_HEADER)
      await writeAll(handle, beginning, 0)
      await handle.datasync()
      await syncFolder(folder)
    } catch (error) {
      await handle?.close().catch(() => {})
      await removeIfThere(path).catch(() => {})
      if (spare) await removeIfThere(spare.path).catch(() => {})
      throw error
    }
    return new SegmentWriter(path, first, createdAt, handle, spare?.bytes ?? 0)
  }

  /** Bytes written, header included. */
  get length(): number {
    return this.#length
  }

  /** Size of the file, what is left of a former segment included. */
  get size(): number {
    return Math.max(this.#length, this.#formerSize)
  }

  /** Sequence of the last entry that is safe in it; `first - 1` before there is one. */
  get last(): number {
    return this.#last
  }

  async write(block: Block): Promise<void> {
    await writeAll(this.#handle, block.seal(this.first, this.#length), this.#length)
    this.#length += block.length
  }

  /** Makes what was written survive a power cut. `last` is the sequence of its last entry. */
  async sync(last: number): Promise<void> {
    await this.#handle.datasync()
    this.#durable = this.#length
    this.#last = last
  }

  /**
   * Closes the file and cuts off what does not belong to it: blocks that were written but not synced, which will be
   * written again elsewhere, the end mark, and what is left of a former segment.
   */
  async close(): Promise<void> {
    try {
      // On a broken disk this fails too; then the cut is made at the next start, by the blocks' CRC and sequences.
      await this.#handle.truncate(this.#durable).catch(() => {})
    } finally {
      await this.#handle.close()
    }
    if (this.#durable === SEGMENT_HEADER) {
      await removeIfThere(this.path)
      await syncFolder(dirname(this.path))
    }
  }
}

/** Writes every byte: one call may take only a part, when the disk is nearly full. */
async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

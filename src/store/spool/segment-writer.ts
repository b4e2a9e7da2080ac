import { type FileHandle, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { removeIfThere, syncFolder } from '../lake/files.ts'
import type { Block } from './format.ts'
import { SEGMENT_HEADER, segmentHeader } from './format.ts'

export const SEGMENT_END = '.spool'

/** Name of the segment whose first entry has this sequence: names sort as the segments do. */
export function segmentName(first: number): string {
  return `${String(first).padStart(16, '0')}${SEGMENT_END}`
}

/** The segment that is being written. Blocks follow one another; what was synced is never touched again. */
export class SegmentWriter {
  readonly path: string
  readonly first: number
  readonly createdAt: number
  readonly #handle: FileHandle
  #length = SEGMENT_HEADER
  #durable = SEGMENT_HEADER
  /** Sequence of the last entry that is safe in it. */
  #last: number

  private constructor(path: string, first: number, createdAt: number, handle: FileHandle) {
    this.path = path
    this.first = first
    this.createdAt = createdAt
    this.#handle = handle
    this.#last = first - 1
  }

  static async create(folder: string, id: string, first: number): Promise<SegmentWriter> {
    const createdAt = Date.now()
    const path = join(folder, segmentName(first))
    const handle = await open(path, 'w')
    try {
      await writeAll(handle, segmentHeader({ id, first, createdAt }), 0)
      await handle.datasync()
      await syncFolder(folder)
    } catch (error) {
      await handle.close().catch(() => {})
      await removeIfThere(path).catch(() => {})
      throw error
    }
    return new SegmentWriter(path, first, createdAt, handle)
  }

  /** Bytes written, header included. */
  get length(): number {
    return this.#length
  }

  /** Sequence of the last entry that is safe in it; `first - 1` before there is one. */
  get last(): number {
    return this.#last
  }

  async write(block: Block): Promise<void> {
    const bytes = block.seal()
    await writeAll(this.#handle, bytes, this.#length)
    this.#length += bytes.length
  }

  /** Makes what was written survive a power cut. `last` is the sequence of its last entry. */
  async sync(last: number): Promise<void> {
    await this.#handle.datasync()
    this.#durable = this.#length
    this.#last = last
  }

  /** Closes the file. What was written but not synced is cut off: it will be written again elsewhere. */
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

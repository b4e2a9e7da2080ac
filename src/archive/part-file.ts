import type { FileHandle } from 'node:fs/promises'
import { open, stat, unlink } from 'node:fs/promises'
import { letGo } from './let-go.ts'

/** Bytes that are worth a write: the network's pieces of 16 KB would each cost a turn of Node's thread pool. */
const WRITE_FROM = 1024 * 1024
/** More may not wait while one write is under way. */
const MOST_WAITING = 4 * WRITE_FROM

/** The copy of a file that has arrived in part. What it holds is always the file's beginning. */
export class PartFile {
  readonly #path: string
  readonly #handle: FileHandle
  #waiting: Uint8Array[] = []
  #length = 0
  /** Bytes in the file, those of the write under way included. */
  #position: number
  #writing: Promise<void> = Promise.resolve()
  #isWriting = false
  #error: unknown

  private constructor(path: string, handle: FileHandle, position: number) {
    this.#path = path
    this.#handle = handle
    this.#position = position
  }

  /** Opens a copy; what it holds already is kept if that is no more than `most` bytes. */
  static async open(path: string, most: number): Promise<PartFile> {
    const size = (await stat(path).catch(() => undefined))?.size ?? 0
    const isKept = size > 0 && size <= most
    return new PartFile(path, await open(path, isKept ? 'r+' : 'w+'), isKept ? size : 0)
  }

  /** Hands over what the copy holds, piece by piece. The pieces are of the reader's while it works on them. */
  async *content(): AsyncGenerator<Uint8Array, void, void> {
    const buffer = Buffer.allocUnsafe(256 * 1024)
    for (let at = 0; at < this.#position; ) {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }

  /** Takes the next bytes, which are the copy's to free; resolves when more may come. */
  async add(chunk: Uint8Array): Promise<void> {
    if (this.#error !== undefined) throw this.#error
    this.#waiting.push(chunk)
    this.#length += chunk.length
    if (this.#length >= WRITE_FROM && !this.#isWriting) this.#write()
    if (this.#length >= MOST_WAITING) {
      await this.#writing
      if (this.#error !== undefined) throw this.#error
    }
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    this.#waiting = []
    this.#length = 0
    await this.#writing
    await this.#handle.truncate(0)
    this.#position = 0
  }

  /** Writes what waits and closes the copy, which stays for the next process. */
  async close(): Promise<void> {
    await this.#writing
    if (this.#length > 0) this.#write()
    await this.#writing
    await this.#handle.close()
  }

  /** Closes the copy and deletes it. */
  async drop(): Promise<void> {
    this.#waiting = []
    this.#length = 0
    await this.#writing
    await this.#handle.close()
    await unlink(this.#path).catch(() => {})
  }

  #write(): void {
    const chunks = this.#waiting
    const position = this.#position
    this.#waiting = []
    this.#position += this.#length
    this.#length = 0
    this.#isWriting = true
    this.#writing = writeAll(this.#handle, chunks, position)
      .catch((error: unknown) => {
        this.#error ??= error
      })
      .finally(() => {
        this.#isWriting = false
        if (this.#length >= WRITE_FROM && this.#error === undefined) this.#write()
      })
  }
}

async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[], position: number): Promise<void> {
  let left = chunks
  let at = position
  while (left.length > 0) {
    // As they are: joining them first would make as much garbage as there are bytes in the file.
    let { bytesWritten } = await handle.writev(left, at)
    at += bytesWritten
    const rest: Uint8Array[] = []
    for (const chunk of left) {
      if (bytesWritten < chunk.length) rest.push(chunk.subarray(bytesWritten))
      bytesWritten = Math.max(0, bytesWritten - chunk.length)
    }
    left = rest
  }
  for (const chunk of chunks) letGo(chunk)
}

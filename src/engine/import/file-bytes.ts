import { type FileHandle, open } from 'node:fs/promises'
import { StorageError } from '../../model/errors.ts'
import type { ByteSource } from './feather.ts'

/** The bytes of a file, of which only those are in memory that were asked for last. */
export class FileBytes implements ByteSource, AsyncDisposable {
  readonly size: number
  readonly #path: string
  readonly #handle: FileHandle
  readonly #signal: AbortSignal | undefined

  private constructor(path: string, handle: FileHandle, size: number, signal: AbortSignal | undefined) {
    this.#path = path
    this.#handle = handle
    this.size = size
    this.#signal = signal
  }

  static async open(path: string, signal?: AbortSignal): Promise<FileBytes> {
    const handle = await open(path)
    return new FileBytes(path, handle, (await handle.stat()).size, signal)
  }

  async read(at: number, length: number): Promise<Uint8Array> {
    this.#signal?.throwIfAborted()
    const bytes = Buffer.allocUnsafeSlow(length)
    const { bytesRead } = await this.#handle.read(bytes, 0, length, at)
    if (bytesRead < length) throw new StorageError(this.#path, 'became shorter while it was read.')
    return bytes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}

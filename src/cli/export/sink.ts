import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isTicklakeError, StorageError } from '../../model/errors.ts'
import { makeFolder } from '../../store/lake/files.ts'
import type { Output } from '../output.ts'

/** Where an export goes. Closing without `commit` leaves nothing behind. */
export interface Sink extends AsyncDisposable {
  /** Bytes written so far. */
  readonly bytes: number
  write(chunk: string | Uint8Array): Promise<void>
  commit(): Promise<void>
}

export class OutputSink implements Sink {
  bytes = 0
  readonly #out: Output

  constructor(out: Output) {
    this.#out = out
  }

  async write(chunk: string | Uint8Array): Promise<void> {
    this.bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.byteLength
    await this.#out.write(chunk)
  }

  async commit(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A file that appears under its name only when it is whole and on disk. */
export class FileSink implements Sink {
  bytes = 0
  readonly path: string
  /** Where the file is written until it is whole. */
  readonly temp: string
  #handle: FileHandle | undefined
  #committed = false

  private constructor(path: string, temp: string, handle: FileHandle) {
    this.path = path
    this.temp = temp
    this.#handle = handle
  }

  static async create(path: string): Promise<FileSink> {
    const temp = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
    try {
      await makeFolder(dirname(path))
      return new FileSink(path, temp, await open(temp, 'w'))
    } catch (error) {
      if (isTicklakeError(error)) throw error
      throw new StorageError(path, `cannot be written (${(error as Error).message}).`, { cause: error })
    }
  }

  async write(chunk: string | Uint8Array): Promise<void> {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    this.bytes += bytes.byteLength
    try {
      await this.#handle!.writeFile(bytes)
    } catch (error) {
      throw new StorageError(this.path, `cannot be written (${(error as Error).message}).`, { cause: error })
    }
  }

  async commit(): Promise<void> {
    try {
      await this.#handle!.sync()
      await this.#handle!.close()
      this.#handle = undefined
      await rename(this.temp, this.path)
      this.#committed = true
    } catch (error) {
      throw new StorageError(this.path, `cannot be written (${(error as Error).message}).`, { cause: error })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
    if (!this.#committed) await rm(this.temp, { force: true })
  }
}

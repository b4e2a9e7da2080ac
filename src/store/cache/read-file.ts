import { closeSync, openSync, read } from 'node:fs'
import { promisify } from 'node:util'
import { StorageError } from '../../model/errors.ts'

const readInto = promisify(read)

/**
 * A file that is open for reading. Opening and closing are synchronous: both are done in the kernel's memory, where a
 * turn of the thread pool would take ten times as long.
 */
export class ReadFile {
  readonly path: string
  readonly fd: number
  /** Reads under way: the number of a file that is closed may be another file's a moment later. */
  #reading = 0
  #isClosed = false

  /** @throws the system's error */
  constructor(path: string) {
    this.path = path
    this.fd = openSync(path, 'r')
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Fills bytes from a place in the file; fewer than they are where it ends. @returns how many were read */
  async read(bytes: Uint8Array, position: number): Promise<number> {
    if (this.#isClosed) throw new StorageError(this.path, 'the file was closed while it was being read')
    this.#reading++
    try {
      let done = 0
      while (done < bytes.length) {
        const { bytesRead } = await readInto(this.fd, bytes, done, bytes.length - done, position + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return done
    } finally {
      this.#reading--
      this.#end()
    }
  }

  /** Closes it, once what is being read has been read. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#end()
  }

  #end(): void {
    if (this.#isClosed && this.#reading === 0) closeSync(this.fd)
  }
}

import type { FileHandle } from 'node:fs/promises'

/**
 * Bytes that go to the file at once, between multiples of it. A kernel that keeps files in large pages makes them as large
 * as what is written: of 2 MiB each takes one look into its tables when it is mapped, where pages of 4 KiB take hundreds.
 */
const STRETCH = 2 << 20

/** Writes one part of a file from its begin to its end, in few large stretches. Memory holds one of them. */
export class StretchWriter {
  readonly #handle: FileHandle
  readonly #buffer: Uint8Array
  /** Where in the file the buffer's first byte goes. */
  #at: number
  #length = 0

  /** @param bytes how many will be written in all */
  constructor(handle: FileHandle, offset: number, bytes: number) {
    this.#handle = handle
    this.#at = offset
    this.#buffer = new Uint8Array(Math.min(STRETCH, bytes))
  }

  /** The bytes are copied: who gave them may use their memory again. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const room = STRETCH - ((this.#at + this.#length) % STRETCH)
      const part = bytes.subarray(done, done + Math.min(room, this.#buffer.length - this.#length))
      this.#buffer.set(part, this.#length)
      this.#length += part.length
      done += part.length
      if (part.length === room || this.#length === this.#buffer.length) await this.flush()
    }
  }

  async flush(): Promise<void> {
    await writeAll(this.#handle, this.#buffer.subarray(0, this.#length), this.#at)
    this.#at += this.#length
    this.#length = 0
  }
}

/** Writes bytes to a place in a file, all of them. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

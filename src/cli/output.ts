import type { Writable } from 'node:stream'

/** A stream that may be a terminal; `columns` and `rows` are 0 on one that does not know its size. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }

/**
 * Writes with back-pressure to a stream whose reader may leave (`ticklake export … | head`). After that nothing is
 * written any more, `closed` is true and `onClosed` was called once, so that the work behind it can stop quietly.
 */
export class Output {
  readonly stream: OutputStream
  #closed = false
  #failure: Error | undefined
  readonly #onClosed: () => void

  constructor(stream: OutputStream, onClosed: () => void = () => {}) {
    this.stream = stream
    this.#onClosed = onClosed
    stream.on('error', (error: NodeJS.ErrnoException) => this.#fail(error))
  }

  /** True once the reader has gone. */
  get closed(): boolean {
    return this.#closed
  }

  /** Resolves when the stream can take more. @throws the stream's error, unless its reader has just gone. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.#failure) throw this.#failure
    if (this.#closed) return
    if (this.stream.write(chunk)) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.stream.off('drain', done)
        this.stream.off('close', done)
        this.stream.off('error', done)
        resolve()
      }
      this.stream.once('drain', done)
      this.stream.once('close', done)
      this.stream.once('error', done)
    })
    if (this.#failure) throw this.#failure
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`)
  }

  /** One JSON line. */
  json(value: unknown): Promise<void> {
    return this.line(JSON.stringify(value))
  }

  /** Resolves when everything written has left the process. */
  async flush(): Promise<void> {
    if (this.#closed || this.#failure || this.stream.writableLength === 0) return
    await new Promise<void>((resolve) => {
      this.stream.write('', () => resolve())
    })
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (this.#closed || this.#failure) return
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') {
      this.#closed = true
      this.#onClosed()
    } else this.#failure = error
  }
}

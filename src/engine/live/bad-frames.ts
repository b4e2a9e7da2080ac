import { appendFile, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { StreamEvent } from '../../exchanges/stream.ts'
import { type Log, silentLog } from '../../model/log.ts'

/** Size at which no more frames are kept; they are still counted. */
const MAX_FILE = 16 * 1024 * 1024
/** Lines that wait for the disk at most. */
const MAX_WAITING = 1000

/** Keeps frames that could not be understood, one line of JSON each, so that a parser can be mended by them. */
export class BadFrameFile implements AsyncDisposable {
  readonly path: string
  readonly #log: Log
  #lines: string[] = []
  #writing: Promise<void> | undefined
  #size: number | undefined
  /** Frames that were not kept: the file is full, or the disk failed. */
  left = 0

  constructor(path: string, log: Log = silentLog) {
    this.path = path
    this.#log = log
  }

  note(event: Extract<StreamEvent, { readonly type: 'bad-frame' }>): void {
    if (this.#lines.length >= MAX_WAITING) {
      this.left++
      return
    }
    const { at, market, connection, problem, frame } = event
    const base64 = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('base64')
    this.#lines.push(`${JSON.stringify({ at: new Date(at).toISOString(), market, connection, problem, base64 })}\n`)
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing
  }

  async #write(): Promise<void> {
    try {
      if (this.#size === undefined) {
        await mkdir(dirname(this.path), { recursive: true })
        this.#size = (await stat(this.path).catch(() => undefined))?.size ?? 0
      }
      while (this.#lines.length > 0) {
        const lines = this.#lines
        this.#lines = []
        if (this.#size >= MAX_FILE) {
          this.left += lines.length
          continue
        }
        const text = lines.join('')
        await appendFile(this.path, text)
        this.#size += Buffer.byteLength(text)
      }
    } catch (error) {
      this.left += this.#lines.length + 1
      this.#lines = []
      this.#log.warn({ err: error, path: this.path }, 'a bad frame could not be kept')
    }
  }
}

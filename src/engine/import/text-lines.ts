import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { ParseError } from '../../model/errors.ts'

const PIECE = 1 << 18

/** Lines of a file as they come, without their ends. */
export interface TextLines {
  readonly lines: readonly string[]
  /** At the end of the file: what stands behind the last end of a line, which may be a line that was cut. */
  readonly rest?: string
}

/** The text of a file of lines, read as it is unpacked, in bounded memory. */
export class TextFile {
  readonly #path: string
  readonly #longest: number
  readonly #signal: AbortSignal | undefined
  readonly #hash = createHash('sha256')

  /** @param longest characters of a line, at most; one that never ends would fill memory. */
  constructor(path: string, longest: number, signal: AbortSignal | undefined) {
    this.#path = path
    this.#longest = longest
    this.#signal = signal
  }

  /** SHA-256 of the file's bytes, lower-case hex; to be asked for once, at the end. */
  sha256(): string {
    return this.#hash.digest('hex')
  }

  /** @throws ParseError for a file that cannot be unpacked, or has a line without end. */
  async *lines(): AsyncGenerator<TextLines, void, void> {
    const signal = this.#signal
    const source = createReadStream(this.#path, { highWaterMark: PIECE, ...(signal ? { signal } : {}) })
    source.on('data', (chunk) => this.#hash.update(chunk))
    const isPacked = /\.gz$/i.test(this.#path)
    const plain = isPacked ? source.pipe(createGunzip()) : source
    if (isPacked) source.on('error', (error) => plain.destroy(error))
    let rest = ''
    let count = 0
    try {
      for await (const chunk of plain) {
        const lines = (rest + (chunk as Buffer).toString('latin1')).split('\n')
        rest = lines.pop()!
        if (rest.length > this.#longest)
          throw new ParseError(`${this.#path}:${count + lines.length + 1}`, 'a row has no end')
        yield { lines: count === 0 ? withoutMark(lines) : lines }
        count += lines.length
      }
    } catch (cause) {
      signal?.throwIfAborted()
      if (!(cause as NodeJS.ErrnoException).code?.startsWith('Z_')) throw cause
      throw new ParseError(this.#path, 'can not be unpacked: it is cut or damaged', { cause })
    } finally {
      source.destroy()
    }
    yield { lines: [], rest }
  }
}

/** Some programs put a mark in front of text, here its bytes one by one. */
function withoutMark(lines: string[]): string[] {
  if (lines[0]?.startsWith('\u00ef\u00bb\u00bf')) lines[0] = lines[0].slice(3)
  return lines
}

import { createInflateRaw, type InflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib'
import { ParseError } from '../model/errors.ts'
import type { ZipEntry } from './zip.ts'

/** Turns a zip entry's packed bytes into what they hold. */
export interface Unpacker {
  /** Takes the next packed bytes, which it may keep; resolves when more may come. @throws ParseError */
  write(data: Uint8Array): Promise<void>
  /** Takes their end; resolves when all of it was given. @throws ParseError when bytes are missing or damaged. */
  end(): Promise<void>
  /** Frees what it holds. Safe at any time, also twice. */
  destroy(): void
}

/** Gets unpacked bytes, one piece after another. What it throws ends the reading. */
export type OnUnpacked = (bytes: Uint8Array) => Promise<void> | void

/** Entries that say they hold no more than this are unpacked in one call: a month of 1m candles is. */
const WHOLE_SIZE = 8 * 2 ** 20
/** Unpacked bytes per piece of a stream, at most. Each costs two wake-ups of threads, some 0.1 ms. */
const PIECE = 512 * 1024
/** Unpacked bytes that may wait for the reader: more than one piece, so that both work at the same time. */
const UNPACKED_AHEAD = 2 * PIECE
/** Packed bytes that may wait for the inflater, so that it never waits for us. */
const PACKED_AHEAD = 256 * 1024
/** Node takes no smaller pieces. */
const MIN_PIECE = 64

/** The way that suits the entry: in one call where it is small, else as a stream of bounded memory. */
export function makeUnpacker(entry: ZipEntry, path: string, onUnpacked: OnUnpacked): Unpacker {
  if (entry.method === 'stored') return new StoredUnpacker(onUnpacked)
  const { size, compressedSize } = entry
  if (size === undefined || compressedSize === undefined || Math.max(size, compressedSize) > WHOLE_SIZE)
    return new StreamUnpacker(path, onUnpacked)
  return new WholeUnpacker(path, size, compressedSize, onUnpacked)
}

class StoredUnpacker implements Unpacker {
  readonly #onUnpacked: OnUnpacked

  constructor(onUnpacked: OnUnpacked) {
    this.#onUnpacked = onUnpacked
  }

  async write(data: Uint8Array): Promise<void> {
    await this.#onUnpacked(data)
  }

  async end(): Promise<void> {}

  destroy(): void {}
}

/**
 * Collects the packed bytes and unpacks them where it stands. A stream would hand each piece to another thread and
 * back, which costs a quarter of the whole time, and far more while other programs keep the cores busy.
 */
class WholeUnpacker implements Unpacker {
  readonly #path: string
  readonly #size: number
  readonly #packedSize: number
  readonly #onUnpacked: OnUnpacked
  #packed: Uint8Array[] = []
  #length = 0
  #done = false

  constructor(path: string, size: number, packedSize: number, onUnpacked: OnUnpacked) {
    this.#path = path
    this.#size = size
    this.#packedSize = packedSize
    this.#onUnpacked = onUnpacked
  }

  async write(data: Uint8Array): Promise<void> {
    this.#packed.push(data)
    this.#length += data.length
    if (this.#length >= this.#packedSize) await this.end()
  }

  async end(): Promise<void> {
    if (this.#done) return
    this.#done = true
    const packed = this.#packed.length === 1 ? this.#packed[0]! : Buffer.concat(this.#packed, this.#length)
    this.#packed = []
    await this.#onUnpacked(this.#unpack(packed))
  }

  destroy(): void {
    this.#done = true
    this.#packed = []
  }

  #unpack(packed: Uint8Array): Uint8Array {
    try {
      // The size is only the entry's own word: no byte more than it says is unpacked.
      return inflateRawSync(packed, { chunkSize: this.#size + MIN_PIECE, maxOutputLength: Math.max(1, this.#size) })
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw damaged(this.#path, cause)
      throw new ParseError(this.#path, `the zip says ${this.#size} bytes but holds more`, { cause })
    }
  }
}

class StreamUnpacker implements Unpacker {
  readonly #path: string
  readonly #inflate: InflateRaw
  readonly #reading: Promise<void>
  #error: unknown

  constructor(path: string, onUnpacked: OnUnpacked) {
    this.#path = path
    this.#inflate = createInflateRaw({
      chunkSize: PIECE,
      readableHighWaterMark: UNPACKED_AHEAD,
      writableHighWaterMark: PACKED_AHEAD,
    } as ZlibOptions)
    this.#reading = this.#drain(onUnpacked)
  }

  async write(data: Uint8Array): Promise<void> {
    const inflate = this.#inflate
    if (this.#error !== undefined) throw this.#error
    if (inflate.destroyed || inflate.readableEnded || inflate.write(data)) return
    // Data behind the end of the deflate stream never drain: the stream's end counts as well.
    const drained = new Promise<void>((resolve) => inflate.once('drain', () => resolve()))
    await Promise.race([drained, this.#reading])
    if (this.#error !== undefined) throw this.#error
  }

  async end(): Promise<void> {
    this.#inflate.end()
    await this.#reading
    if (this.#error !== undefined) throw this.#error
  }

  destroy(): void {
    this.#inflate.destroy()
  }

  async #drain(onUnpacked: OnUnpacked): Promise<void> {
    try {
      for await (const chunk of this.#inflate) await onUnpacked(chunk as Uint8Array)
    } catch (cause) {
      this.#error ??= cause instanceof ParseError ? cause : damaged(this.#path, cause)
      this.#inflate.destroy()
    }
  }
}

function damaged(path: string, cause: unknown): ParseError {
  return new ParseError(path, 'the zip can not be unpacked: it is cut or damaged', { cause })
}

import { createInflateRaw, type InflateRaw, type ZlibOptions } from 'node:zlib'
import { ParseError } from '../model/errors.ts'
import { letGo } from './let-go.ts'
import type { ZipEntry } from './zip.ts'

/** Turns a zip entry's packed bytes into what they hold. */
export interface Unpacker {
  /** Takes the next packed bytes, which it may keep until the end; resolves when more may come. @throws ParseError */
  write(data: Uint8Array): Promise<void>
  /** Takes their end; resolves when all of it was given. @throws ParseError when bytes are missing or damaged. */
  end(): Promise<void>
  /** Frees what it holds. Safe at any time, also twice. */
  destroy(): void
}

/** Gets unpacked bytes, one piece after another. What it throws ends the reading. */
export type OnUnpacked = (bytes: Uint8Array) => Promise<void> | void

/**
 * Packed bytes that go to the inflater at once, and room for what becomes of them. It works in another thread: each turn
 * costs two wake-ups, some 0.1 ms, and far more while other programs keep the cores busy.
 */
export const PACKED_PIECE = 512 * 1024
const UNPACKED_PIECE = 2 * 2 ** 20
/**
 * Packed pieces that the inflater has at most. It takes up the second by itself when the reader fetches the last of the
 * first; were it handed over only then, the reader would have set to work before, and unpacking would wait until it is done.
 */
const PIECES_AHEAD = 2
/** Node takes no smaller pieces. */
const MIN_PIECE = 64

/**
 * What unpacks an entry, in bounded memory.
 * @param ownsPacked whether the packed bytes are the unpacker's to free.
 */
export function makeUnpacker(entry: ZipEntry, path: string, onUnpacked: OnUnpacked, ownsPacked: boolean): Unpacker {
  return entry.method === 'stored'
    ? new StoredUnpacker(onUnpacked)
    : new StreamUnpacker(path, entry.size, onUnpacked, ownsPacked)
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

class StreamUnpacker implements Unpacker {
  readonly #path: string
  readonly #inflate: InflateRaw
  readonly #reading: Promise<void>
  readonly #ownsPacked: boolean
  /** Packed bytes that wait until they are worth a turn. */
  #packed: Uint8Array[] = []
  #length = 0
  /** Pieces that the inflater has, and whoever waits until it has fewer. */
  #handedOver = 0
  #onTaken: (() => void) | undefined
  #error: unknown

  constructor(path: string, size: number | undefined, onUnpacked: OnUnpacked, ownsPacked: boolean) {
    this.#path = path
    this.#ownsPacked = ownsPacked
    // What the zip says of itself only saves memory here: whatever comes out is counted by the reader.
    const chunkSize = Math.min(UNPACKED_PIECE, (size ?? UNPACKED_PIECE) + MIN_PIECE)
    this.#inflate = createInflateRaw({
      chunkSize,
      // Piece by piece: several that wait would be joined. One or two more than the reader works on may be made, no further one.
      readableObjectMode: true,
      readableHighWaterMark: 1,
    } as ZlibOptions)
    this.#reading = this.#drain(onUnpacked)
  }

  async write(data: Uint8Array): Promise<void> {
    if (this.#error !== undefined) throw this.#error
    this.#packed.push(data)
    this.#length += data.length
    if (this.#length < PACKED_PIECE) return
    this.#send()
    if (this.#handedOver < PIECES_AHEAD) return
    // Data behind the end of the deflate stream are never taken: the stream's end counts as well.
    const taken = new Promise<void>((resolve) => (this.#onTaken = resolve))
    await Promise.race([taken, this.#reading])
    if (this.#error !== undefined) throw this.#error
  }

  async end(): Promise<void> {
    this.#send()
    this.#inflate.end()
    await this.#reading
    if (this.#error !== undefined) throw this.#error
  }

  destroy(): void {
    this.#packed = []
    this.#inflate.destroy()
  }

  /** Hands over what waits. */
  #send(): void {
    const pieces = this.#packed
    const packed = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, this.#length)
    this.#packed = []
    this.#length = 0
    if (this.#inflate.destroyed || this.#inflate.readableEnded) return
    this.#handedOver++
    this.#inflate.write(packed, () => {
      this.#handedOver--
      this.#onTaken?.()
      if (this.#ownsPacked) for (const piece of pieces) letGo(piece)
    })
  }

  async #drain(onUnpacked: OnUnpacked): Promise<void> {
    try {
      for await (const chunk of this.#inflate) {
        await onUnpacked(chunk as Uint8Array)
        letGo(chunk as Uint8Array)
      }
    } catch (cause) {
      this.#error ??= cause instanceof ParseError ? cause : damaged(this.#path, cause)
      this.#inflate.destroy()
    }
  }
}

function damaged(path: string, cause: unknown): ParseError {
  return new ParseError(path, 'the zip can not be unpacked: it is cut or damaged', { cause })
}

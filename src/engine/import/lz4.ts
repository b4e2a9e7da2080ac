import { ParseError } from '../../model/errors.ts'

const MAGIC = 0x184d2204
const MIN_MATCH = 4
/** No buffer of a file of candles is larger unpacked; one that claims so would fill memory. */
const MAX_SIZE = 2 ** 30

/**
 * Unpacks an LZ4 frame, as Arrow's writers pack buffers.
 * @throws ParseError for anything but a whole frame.
 */
export function unpackLz4(frame: Uint8Array, source: string): Uint8Array<ArrayBuffer> {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (frame.length < 7 || view.getUint32(0, true) !== MAGIC) throw damaged(source, 'it is no LZ4 frame')
  const flags = frame[4]!
  if (flags >> 6 !== 1) throw damaged(source, 'its version is not known')
  if ((flags & 0x01) !== 0) throw damaged(source, 'it needs a dictionary')
  const sumLength = (flags & 0x10) !== 0 ? 4 : 0
  const out = new Unpacked(frame.length * 3, source)
  // Magic, flags, block size, perhaps the content's size, and a byte of checksum.
  let at = 4 + 2 + ((flags & 0x08) !== 0 ? 8 : 0) + 1
  for (;;) {
    if (at + 4 > frame.length) throw damaged(source, 'it was cut')
    const header = view.getUint32(at, true)
    at += 4
    if (header === 0) return out.whole()
    const length = header & 0x7fffffff
    if (at + length > frame.length) throw damaged(source, 'it was cut')
    const block = frame.subarray(at, at + length)
    if (header >>> 31 === 1) out.append(block)
    else out.unpack(block)
    at += length + sumLength
  }
}

/** Bytes that came out so far; blocks may refer to those of earlier ones. */
class Unpacked {
  readonly #source: string
  #bytes: Uint8Array<ArrayBuffer>
  #length = 0

  constructor(size: number, source: string) {
    this.#bytes = new Uint8Array(Math.min(size, MAX_SIZE))
    this.#source = source
  }

  whole(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  unpack(block: Uint8Array): void {
    const source = this.#source
    let at = 0
    const lengthOf = (nibble: number): number => {
      let length = nibble
      for (let more = nibble === 15 ? 255 : 0; more === 255; length += more) {
        if (at >= block.length) throw damaged(source, 'a length was cut')
        more = block[at++]!
      }
      return length
    }
    while (at < block.length) {
      const token = block[at++]!
      const literals = lengthOf(token >> 4)
      if (at + literals > block.length) throw damaged(source, 'a literal was cut')
      this.append(block.subarray(at, at + literals))
      at += literals
      // The last sequence of a block has no match.
      if (at === block.length) return
      if (at + 2 > block.length) throw damaged(source, 'a match was cut')
      const offset = block[at]! | (block[at + 1]! << 8)
      at += 2
      const length = lengthOf(token & 15) + MIN_MATCH
      if (offset === 0 || offset > this.#length) throw damaged(source, 'a match points nowhere')
      this.#reserve(length)
      // A match may reach into itself: then it repeats.
      const bytes = this.#bytes
      for (let to = this.#length, end = to + length; to < end; to++) bytes[to] = bytes[to - offset]!
      this.#length += length
    }
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    if (needed > MAX_SIZE) throw damaged(this.#source, `it holds more than ${MAX_SIZE} bytes`)
    const larger = new Uint8Array(Math.min(MAX_SIZE, Math.max(needed, this.#bytes.length * 2)))
    larger.set(this.whole())
    this.#bytes = larger
  }
}

function damaged(source: string, why: string): ParseError {
  return new ParseError(source, `packed bytes can not be unpacked: ${why}`)
}

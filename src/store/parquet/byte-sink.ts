/** Bytes that grow at their end, in memory that is used again. */
export class ByteSink {
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #length = 0

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get length(): number {
    return this.#length
  }

  /** What was written. It is gone with the next write after `clear`. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  /** Room for so many bytes behind the end, for whoever writes many of them: `wrote` says how many they were. */
  reserve(count: number): DataView {
    const needed = this.#length + count
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length))
      grown.set(this.bytes)
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    return this.#view
  }

  wrote(count: number): void {
    this.#length += count
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  byte(value: number): void {
    this.reserve(1).setUint8(this.#length++, value)
  }

  uint32(value: number): void {
    this.reserve(4).setUint32(this.#length, value, true)
    this.#length += 4
  }

  /** A whole number from 0, seven bits a byte, the lowest first. */
  varint(value: number): void {
    let rest = value
    // Bit operators would cut what is beyond 32 bits.
    while (rest >= 128) {
      this.byte((rest % 128) + 128)
      rest = Math.floor(rest / 128)
    }
    this.byte(rest)
  }

  /** A whole number of either sign: 0, -1, 1, -2 … become 0, 1, 2, 3 … */
  zigzag(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value)
  }
}

const ZERO = 48
const LOW = 1e8
/** Base of the two-part sums of the market (see `market/columns.ts`): both parts stay exact in a float64. */
export const SPLIT = 1e15

/** Text built as bytes, number by number, without a string per number. Grows as needed; `take` empties it. */
export class ByteWriter {
  #buffer: Buffer
  #length = 0
  readonly #digits = new Uint8Array(24)

  constructor(capacity = 64 * 1024) {
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  get length(): number {
    return this.#length
  }

  /** The bytes written so far as a copy of their own; the writer is empty afterwards. */
  take(): Buffer {
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#length))
    this.#length = 0
    return bytes
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + count))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }

  byte(code: number): this {
    this.#reserve(1)
    this.#buffer[this.#length++] = code
    return this
  }

  /** ASCII text only: one byte a letter. */
  ascii(text: string): this {
    this.#reserve(text.length)
    for (let i = 0; i < text.length; i++) this.#buffer[this.#length++] = text.charCodeAt(i)
    return this
  }

  bytes(source: Uint8Array, start: number, end: number): this {
    this.#reserve(end - start)
    for (let i = start; i < end; i++) this.#buffer[this.#length++] = source[i]!
    return this
  }

  /** A whole number from 0 to 2^53. */
  integer(value: number): this {
    return this.fixed(value, 0, 0)
  }

  /**
   * `value / 10 ** scale` with `decimals` digits after the point (`decimals` ≥ `scale`). `high` is the part of the
   * value above `SPLIT`, for sums that pass 2^53.
   */
  fixed(value: number, scale: number, decimals: number, high = 0): this {
    // First, as it uses the same digits.
    if (high > 0) this.integer(high)
    const digits = this.#digits
    let count = 0
    let rest = value
    const least = Math.max(scale + 1, high > 0 ? 15 : 0)
    while (rest >= LOW) {
      const upper = Math.floor(rest / LOW)
      let lower = (rest - upper * LOW) | 0
      for (let i = 0; i < 8; i++) {
        const next = (lower / 10) | 0
        digits[count++] = lower - next * 10
        lower = next
      }
      rest = upper
    }
    let small = rest | 0
    while (small > 0) {
      const next = (small / 10) | 0
      digits[count++] = small - next * 10
      small = next
    }
    while (count < least) digits[count++] = 0
    this.#reserve(count + decimals + 2)
    const buffer = this.#buffer
    let at = this.#length
    for (let i = count - 1; i >= scale; i--) buffer[at++] = ZERO + digits[i]!
    if (decimals > 0) {
      buffer[at++] = 46
      for (let i = scale - 1; i >= 0; i--) buffer[at++] = ZERO + digits[i]!
      for (let i = scale; i < decimals; i++) buffer[at++] = ZERO
    }
    this.#length = at
    return this
  }
}

import { fourDigits, SAFE_DIGITS, strangers, ZEROS } from '../../../model/digits.ts'
import { HASH_SEED } from './byte-table.ts'
import { decimalOf, isExact } from './numbers.ts'

// What stands in a slot. The upper bits of a tag say in which object it was set, so nothing is cleared between objects.
export const INTEGER = 1
export const DECIMAL = 2
export const TEXT = 3
export const FLAG = 4
export const LEVELS = 5
export const OBJECT = 6
const NULL = 7
const TYPE_BITS = 3
const LAST_STAMP = 2 ** 31 - 2 ** (TYPE_BITS + 1)

/** Slots of `k` (candles) and `o` (liquidations), whose members have the same names as those outside. */
export const INNER_K = 128
export const INNER_O = 256
const SLOTS = 384

// Slots of the members whose names are longer than a letter; those of one letter have its code.
export const PU = 1
export const ST = 2
export const AP = 3
export const LAST_UPDATE_ID = 4
export const BIDS = 5
export const ASKS = 6
/** Members that nothing is made of. */
const OTHER = 7

const QUOTE = 34
const COMMA = 44
const MINUS = 45
const DOT = 46
const ZERO = 48
const NINE = 57
const COLON = 58
const OPEN_LIST = 91
const BACKSLASH = 92
const CLOSE_LIST = 93
const OPEN = 123
const CLOSE = 125

const POW10 = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`))

/** The members of one JSON object by the letter that names them, read in one pass over the bytes, in any order. */
export class FrameScanner {
  /** Stamp of the present object, to be joined with a type. */
  stamp = 0
  /** By slot: stamp and type of what stands there. */
  readonly tags = new Int32Array(SLOTS)
  /** By slot: an integer, a decimal, 1 or 0 of a flag, the first byte of a text, the length of levels. */
  readonly values = new Float64Array(SLOTS)
  /** By slot: where a text ends, and its hash. */
  readonly ends = new Int32Array(SLOTS)
  readonly hashes = new Int32Array(SLOTS)
  /** Price, quantity, price, quantity, …: the levels read last. Longer than they are. */
  readonly bids: number[] = [0.5]
  readonly asks: number[] = [0.5]
  /** Whether a decimal of the present object has more digits than a float64 keeps; `isInexact` tells which. */
  anyInexact = false
  readonly #inexactIn = new Int32Array(SLOTS)
  #slot = 0
  #wide = 0
  /** The memory of the last levels, to read four digits of at a time. */
  #words: DataView = new DataView(new ArrayBuffer(0))

  /** Forgets the object before. */
  begin(): void {
    this.stamp += 1 << TYPE_BITS
    this.anyInexact = false
    if (this.stamp < LAST_STAMP) return
    this.tags.fill(0)
    this.#inexactIn.fill(0)
    this.stamp = 1 << TYPE_BITS
  }

  /** Whether what stands in a slot has more digits than a float64 keeps. */
  isInexact(slot: number): boolean {
    return this.#inexactIn[slot] === this.stamp
  }

  /**
   * Reads the object whose `{` stands at `p` into the slots from `base` on. Gives the place after its `}`, or -1 for
   * anything that is not exactly what it knows. May look past `end`, so a place past it means the object was cut.
   */
  object(b: Uint8Array, from: number, end: number, base: number): number {
    const { tags, values } = this
    const stamp = this.stamp
    let p = from + 1
    let c = b[p]!
    if (c !== QUOTE) {
      p = blanks(b, p, end)
      if (b[p] === CLOSE) return p + 1
      if (b[p] !== QUOTE) return -1
    }
    for (;;) {
      let slot: number
      c = b[p + 1]!
      if (b[p + 2] === QUOTE && c >= 65 && c <= 122 && c !== BACKSLASH) {
        slot = base + c
        p += 3
      } else {
        p = this.#name(b, p + 1, end)
        if (p < 0) return -1
        slot = base + this.#slot
      }
      // A second member of the name may be exact: only the last one counts, which the general parser tells.
      if (this.anyInexact && this.#inexactIn[slot] === stamp) return -1
      if (b[p] !== COLON) {
        p = blanks(b, p, end)
        if (b[p] !== COLON) return -1
      }
      c = b[++p]!
      if (c <= 32) {
        p = blanks(b, p, end)
        c = b[p]!
      }
      if (c === QUOTE) {
        const start = p + 1
        c = b[++p]!
        const negative = c === MINUS
        if (negative) c = b[++p]!
        let q = p
        let whole = 0
        for (; c >= ZERO && c <= NINE && q - p < 9; c = b[++q]!) whole = (Math.imul(whole, 10) + c - ZERO) | 0
        let mantissa = whole
        let decimals = 0
        let sound = q > p
        if (c === DOT && sound) {
          const point = ++q
          c = b[q]!
          let fraction = 0
          for (; c >= ZERO && c <= NINE && q - point < 9; c = b[++q]!) {
            fraction = (Math.imul(fraction, 10) + c - ZERO) | 0
          }
          decimals = q - point
          sound = decimals > 0
          mantissa = whole * POW10[decimals]! + fraction
        }
        if (c === QUOTE && sound && mantissa < SAFE_DIGITS) {
          const value = mantissa / POW10[decimals]!
          values[slot] = negative ? -value : value
          tags[slot] = stamp | DECIMAL
          p = q + 1
        } else if (sound && (c === DOT || (c >= ZERO && c <= NINE) || c === QUOTE)) {
          p = this.#longDecimal(b, start, end, slot)
          if (p < 0) return -1
          values[slot] = this.#wide
          tags[slot] = stamp | DECIMAL
        } else {
          p = this.#text(b, start, end, slot)
          if (p < 0) return -1
          tags[slot] = stamp | TEXT
        }
      } else if ((c >= ZERO && c <= NINE) || c === MINUS) {
        const negative = c === MINUS
        if (negative) c = b[++p]!
        const start = p
        let high = 0
        for (; c >= ZERO && c <= NINE && p - start < 9; c = b[++p]!) high = (Math.imul(high, 10) + c - ZERO) | 0
        let value = high
        if (c >= ZERO && c <= NINE) {
          const middle = p
          let low = 0
          for (; c >= ZERO && c <= NINE && p - middle < 8; c = b[++p]!) low = (Math.imul(low, 10) + c - ZERO) | 0
          value = high * POW10[p - middle]! + low
          if (value > Number.MAX_SAFE_INTEGER) return -1
        }
        // JSON knows no leading zeros; a longer number, a fraction or an exponent ends at no comma.
        if (p === start || (b[start] === ZERO && p > start + 1)) return -1
        values[slot] = negative ? -value : value
        tags[slot] = stamp | INTEGER
      } else if (c === 116) {
        if (b[p + 1] !== 114 || b[p + 2] !== 117 || b[p + 3] !== 101) return -1
        p += 4
        values[slot] = 1
        tags[slot] = stamp | FLAG
      } else if (c === 102) {
        if (b[p + 1] !== 97 || b[p + 2] !== 108 || b[p + 3] !== 115 || b[p + 4] !== 101) return -1
        p += 5
        values[slot] = 0
        tags[slot] = stamp | FLAG
      } else if (c === OPEN_LIST) {
        const isBids = slot === 98 || slot === BIDS
        if (!isBids && slot !== 97 && slot !== ASKS) return -1
        // The two names of a side share their memory; no frame has both.
        const twin = slot === 98 ? BIDS : slot === BIDS ? 98 : slot === 97 ? ASKS : 97
        if (tags[twin] === (stamp | LEVELS) || tags[slot] === (stamp | LEVELS)) return -1
        p = this.#levels(b, p, end, slot, isBids ? this.bids : this.asks)
        if (p < 0) return -1
        values[slot] = this.#wide
        tags[slot] = stamp | LEVELS
      } else if (c === OPEN) {
        const inner = slot === 107 ? INNER_K : slot === 111 ? INNER_O : 0
        // A second one under the same name would leave members of the first.
        if (inner === 0 || base !== 0 || tags[inner] === (stamp | OBJECT)) return -1
        p = this.object(b, p, end, inner)
        if (p < 0) return -1
        tags[inner] = stamp | OBJECT
        tags[slot] = stamp | OBJECT
      } else if (c === 110) {
        if (b[p + 1] !== 117 || b[p + 2] !== 108 || b[p + 3] !== 108) return -1
        p += 4
        tags[slot] = stamp | NULL
      } else return -1
      c = b[p]!
      if (c <= 32) {
        p = blanks(b, p, end)
        c = b[p]!
      }
      if (c !== COMMA) return c === CLOSE ? p + 1 : -1
      if (b[++p] !== QUOTE) {
        p = blanks(b, p, end)
        if (b[p] !== QUOTE) return -1
      }
    }
  }

  /** Reads a member's name of more than a letter. Gives the place after its closing quote. */
  #name(b: Uint8Array, start: number, end: number): number {
    let p = start
    for (let c = b[p]!; c !== QUOTE; c = b[++p]!) if (p >= end || !(c >= 32) || c === BACKSLASH) return -1
    this.#slot = OTHER
    const first = b[start]!
    const length = p - start
    if (length === 2) {
      if (first === 112 && b[start + 1] === 117) this.#slot = PU
      else if (first === 115 && b[start + 1] === 116) this.#slot = ST
      else if (first === 97 && b[start + 1] === 112) this.#slot = AP
    } else if (length === 4) {
      if (first === 98 && b[start + 1] === 105 && b[start + 2] === 100 && b[start + 3] === 115) this.#slot = BIDS
      else if (first === 97 && b[start + 1] === 115 && b[start + 2] === 107 && b[start + 3] === 115) this.#slot = ASKS
    } else if (length === 12 && isWord(b, start, 'lastUpdateId')) this.#slot = LAST_UPDATE_ID
    return p + 1
  }

  /** Reads a text that begins at `start`. Escapes are left to others. */
  #text(b: Uint8Array, start: number, end: number, slot: number): number {
    let hash = HASH_SEED
    let p = start
    for (let c = b[p]!; c !== QUOTE; c = b[++p]!) {
      if (p >= end || !(c >= 32) || c === BACKSLASH) return -1
      hash = (Math.imul(hash, 31) + c) | 0
    }
    this.values[slot] = start
    this.ends[slot] = p
    this.hashes[slot] = hash
    return p + 1
  }

  /** A decimal of more digits than the loop holds; -1 when it is none. */
  #longDecimal(b: Uint8Array, start: number, end: number, slot: number): number {
    let p = start
    for (let c = b[p]!; c !== QUOTE; c = b[++p]!) {
      if (p >= end || !((c >= ZERO && c <= NINE) || c === DOT || c === MINUS)) return -1
    }
    const text = Buffer.from(b.buffer, b.byteOffset + start, p - start).toString('latin1')
    const value = decimalOf(text)
    if (Number.isNaN(value)) return -1
    if (!isExact(text, value)) {
      // A member that stands there twice is for the general parser: only the last one counts.
      if ((this.tags[slot]! | 7) === (this.stamp | 7)) return -1
      this.anyInexact = true
      this.#inexactIn[slot] = this.stamp
    }
    this.#wide = value
    return p + 1
  }

  /** `[["price","quantity"],…]` into `into`; how many numbers these are stands in `#wide`. */
  #levels(b: Uint8Array, from: number, end: number, slot: number, into: number[]): number {
    if (b.buffer !== this.#words.buffer) this.#words = new DataView(b.buffer)
    const words = this.#words
    const offset = b.byteOffset
    const lastEight = b.length - 9
    let p = from + 1
    let length = 0
    let c = b[p]!
    if (c <= 32) {
      p = blanks(b, p, end)
      c = b[p]!
    }
    if (c === CLOSE_LIST) {
      this.#wide = 0
      return p + 1
    }
    for (;;) {
      if (c !== OPEN_LIST) return -1
      c = b[++p]!
      for (let member = 0; member < 2; member++) {
        if (c <= 32) {
          p = blanks(b, p, end)
          c = b[p]!
        }
        if (c !== QUOTE) return -1
        const start = ++p
        c = b[p]!
        let whole = 0
        for (; c >= ZERO && c <= NINE && p - start < 9; c = b[++p]!) whole = (Math.imul(whole, 10) + c - ZERO) | 0
        if (p === start) return -1
        let value: number
        let high = -1
        let low = -1
        if (c === DOT && p < lastEight) {
          high = words.getInt32(offset + p + 1, true) ^ ZEROS
          low = words.getInt32(offset + p + 5, true) ^ ZEROS
        }
        // Nearly always eight digits follow the point.
        if ((strangers(high) | strangers(low)) === 0 && b[p + 9] === QUOTE && whole < 10_000_000) {
          value = (whole * 1e8 + (fourDigits(high) * 10_000 + fourDigits(low))) / 1e8
          p += 10
        } else {
          let mantissa = whole
          let decimals = 0
          if (c === DOT) {
            const point = ++p
            c = b[p]!
            let fraction = 0
            for (; c >= ZERO && c <= NINE && p - point < 9; c = b[++p]!) {
              fraction = (Math.imul(fraction, 10) + c - ZERO) | 0
            }
            decimals = p - point
            if (decimals === 0) return -1
            mantissa = whole * POW10[decimals]! + fraction
          }
          value = mantissa / POW10[decimals]!
          if (c === QUOTE && mantissa < SAFE_DIGITS) p++
          else {
            p = this.#longDecimal(b, start, end, slot)
            if (p < 0) return -1
            value = this.#wide
          }
        }
        // A price of zero is no level: how that is told is the business of the general parser.
        if (member === 0 && !(value > 0)) return -1
        into[length++] = value
        c = b[p]!
        if (c <= 32) {
          p = blanks(b, p, end)
          c = b[p]!
        }
        if (c !== (member === 0 ? COMMA : CLOSE_LIST)) return -1
        c = b[++p]!
      }
      if (c <= 32) {
        p = blanks(b, p, end)
        c = b[p]!
      }
      if (c !== COMMA) break
      c = b[++p]!
      if (c <= 32) {
        p = blanks(b, p, end)
        c = b[p]!
      }
    }
    this.#wide = length
    return c === CLOSE_LIST ? p + 1 : -1
  }
}

/** The place of the first byte from `from` on that is no blank of JSON. */
export function blanks(b: Uint8Array, from: number, end: number): number {
  let p = from
  while (p < end) {
    const c = b[p]
    if (c !== 32 && c !== 10 && c !== 13 && c !== 9) break
    p++
  }
  return p
}

/** Whether the ASCII word stands at `start`. */
export function isWord(b: Uint8Array, start: number, word: string): boolean {
  for (let index = 0; index < word.length; index++) if (b[start + index] !== word.charCodeAt(index)) return false
  return true
}

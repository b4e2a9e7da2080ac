const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Text of bytes as JSON means it; what is no UTF-8 becomes U+FFFD. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return utf8.decode(bytes.subarray(start, end))
}

/** Where the hash of every text begins; each byte goes in as `(hash * 31 + byte) | 0`. */
export const HASH_SEED = 7

/** Hash of bytes that were not hashed while they were read. */
export function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = HASH_SEED
  for (let p = start; p < end; p++) hash = (Math.imul(hash, 31) + bytes[p]!) | 0
  return hash
}

interface Entry<T> {
  readonly key: Uint8Array
  readonly value: T
  readonly next: Entry<T> | undefined
}

/**
 * Finds the value of a short text by its bytes, so that no string is made for a text seen before. Bounded: a full table
 * starts anew.
 */
export class ByteTable<T> {
  readonly #make: (text: string) => T
  readonly #bound: number
  readonly #slots: (Entry<T> | undefined)[]
  readonly #mask: number
  #size = 0
  #last: Entry<T> | undefined

  /** `make` gives the value of a text when it is first seen. `bound` texts are kept at most. */
  constructor(make: (text: string) => T, bound = 8192) {
    this.#make = make
    this.#bound = bound
    const slots = 2 ** Math.ceil(Math.log2(bound * 2))
    this.#slots = new Array<Entry<T> | undefined>(slots).fill(undefined)
    this.#mask = slots - 1
  }

  get size(): number {
    return this.#size
  }

  /** The value of the text `bytes[start…end)`, whose hash is known. */
  get(bytes: Uint8Array, start: number, end: number, hash: number): T {
    return this.#entry(bytes, start, end, hash).value
  }

  /** The value of a text that was not hashed while it was read: mostly the text of the last time. */
  find(bytes: Uint8Array, start: number, end: number): T {
    const last = this.#last
    if (last === undefined || !isText(last.key, bytes, start, end))
      this.#last = this.#entry(bytes, start, end, hashOf(bytes, start, end))
    return this.#last!.value
  }

  #entry(bytes: Uint8Array, start: number, end: number, hash: number): Entry<T> {
    const index = (hash ^ (hash >>> 15)) & this.#mask
    for (let entry = this.#slots[index]; entry !== undefined; entry = entry.next) {
      if (isText(entry.key, bytes, start, end)) return entry
    }
    // A copy: `slice` of a Buffer would be a view of memory that the next read of the socket fills anew.
    return this.#add(new Uint8Array(bytes.subarray(start, end)), index)
  }

  #add(key: Uint8Array, index: number): Entry<T> {
    if (this.#size >= this.#bound) {
      this.#slots.fill(undefined)
      this.#size = 0
    }
    const value = this.#make(textOf(key, 0, key.length))
    const entry = { key, value, next: this.#slots[index] }
    this.#slots[index] = entry
    this.#size++
    return entry
  }
}

function isText(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start
  if (key.length !== length) return false
  let at = 0
  while (at < length && key[at] === bytes[start + at]) at++
  return at === length
}

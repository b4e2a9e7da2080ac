const PREFIX = Buffer.from('{"stream":"')
const QUOTE = 0x22
const BACKSLASH = 0x5c
/** Longer stream names do not exist. */
const MAX_NAME = 256

interface Row<Value> {
  readonly name: Buffer
  readonly value: Value
}

/** Finds what belongs to a combined frame by the stream name in its bytes, without making a string of it. */
export class NameTable<Value> {
  readonly #rows = new Map<number, Row<Value>[]>()
  readonly #values = new Map<string, Value>()
  #last: Row<Value> | undefined

  set(name: string, value: Value): void {
    this.delete(name)
    this.#values.set(name, value)
    this.#add(Buffer.from(name, 'utf8'), value)
  }

  delete(name: string): void {
    const value = this.#values.get(name)
    if (value === undefined) return
    this.#values.delete(name)
    this.#last = undefined
    for (const [hash, rows] of this.#rows) {
      const kept = rows.filter((row) => row.value !== value)
      if (kept.length === 0) this.#rows.delete(hash)
      else if (kept.length < rows.length) this.#rows.set(hash, kept)
    }
  }

  /** The value of the frame's stream; undefined for a frame that is not combined or whose stream is not in the table. */
  find(bytes: Uint8Array, start: number, end: number): Value | undefined {
    const from = start + PREFIX.length
    if (end - from < 2 || !startsWith(bytes, start, PREFIX)) return undefined
    const last = this.#last
    // Busy streams come in rows.
    if (last && bytes[from + last.name.length] === QUOTE && startsWith(bytes, from, last.name)) return last.value
    let hash = 0x811c9dc5
    let escaped = false
    const limit = Math.min(end, from + MAX_NAME)
    let to = from
    for (; to < limit && bytes[to] !== QUOTE; to++) {
      if (bytes[to] === BACKSLASH) escaped = true
      hash = Math.imul(hash ^ bytes[to]!, 0x01000193)
    }
    if (to === limit) return undefined
    for (const row of this.#rows.get(hash) ?? []) {
      if (row.name.length === to - from && startsWith(bytes, from, row.name)) {
        this.#last = row
        return row.value
      }
    }
    return escaped ? this.#findEscaped(bytes, from, to) : undefined
  }

  /** Names of other scripts may come as `\u5e01`: read once, and kept in that spelling too. */
  #findEscaped(bytes: Uint8Array, from: number, to: number): Value | undefined {
    const spelling = Buffer.from(bytes.subarray(from, to))
    let name: unknown
    try {
      name = JSON.parse(`"${spelling.toString('utf8')}"`)
    } catch {
      return undefined
    }
    const value = this.#values.get(name as string)
    if (value !== undefined) this.#add(spelling, value)
    return value
  }

  #add(name: Buffer, value: Value): void {
    let hash = 0x811c9dc5
    for (const byte of name) hash = Math.imul(hash ^ byte, 0x01000193)
    const rows = this.#rows.get(hash)
    if (rows) rows.push({ name, value })
    else this.#rows.set(hash, [{ name, value }])
  }
}

function startsWith(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false
  return true
}

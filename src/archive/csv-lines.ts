/** A row that could not be read. */
export interface BadRow {
  /** Line in the file, from 1. */
  readonly line: number
  readonly reason: string
  /** The row's own bytes as text, cut at 200. */
  readonly text: string
  /** When the row says that it happened, epoch ms, where that could be read. */
  readonly time?: number
}

/** No exchange traded before 2009; nothing is dated after 2200. Anything else is a broken time. */
export const MIN_TIME = Date.UTC(2009, 0, 1)
export const MAX_TIME = Date.UTC(2200, 0, 1)
/** Microseconds from here on (year 5138 in milliseconds). */
export const MICROS = 1e14
/** A longer row is none. */
export const LONGEST_ROW = 4096

const NEWLINE = 10
const RETURN = 13

/** Gets whole lines: `bytes[end - 1]` is a newline. */
type OnLines = (bytes: Uint8Array, start: number, end: number) => void

/** Cuts bytes that arrive in pieces of any length into whole lines. */
export class CsvLines {
  readonly #onLines: OnLines
  readonly #onEndless: (bytes: Uint8Array) => void
  /** The unfinished row at the end of the previous chunk. */
  #carry: Uint8Array = new Uint8Array(0)
  #skipToNewline = false

  /** @param onEndless gets the start of a row that passes `LONGEST_ROW`; its rest is left out. */
  constructor(onLines: OnLines, onEndless: (bytes: Uint8Array) => void) {
    this.#onLines = onLines
    this.#onEndless = onEndless
  }

  /** Takes the next bytes. The chunk may be cut anywhere; it is not kept. */
  push(chunk: Uint8Array): void {
    let start = 0
    if (this.#skipToNewline) {
      const newline = chunk.indexOf(NEWLINE)
      if (newline < 0) return
      this.#skipToNewline = false
      start = newline + 1
    }
    if (this.#carry.length > 0) {
      const newline = chunk.indexOf(NEWLINE, start)
      const head = chunk.subarray(start, newline < 0 ? chunk.length : newline + 1)
      const joined = new Uint8Array(this.#carry.length + head.length)
      joined.set(this.#carry)
      joined.set(head, this.#carry.length)
      if (newline < 0) {
        this.#keep(joined)
        return
      }
      this.#carry = new Uint8Array(0)
      this.#onLines(joined, 0, joined.length)
      start = newline + 1
    }
    const last = chunk.lastIndexOf(NEWLINE)
    if (last >= start) {
      this.#onLines(chunk, start, last + 1)
      start = last + 1
    }
    if (start < chunk.length) this.#keep(new Uint8Array(chunk.subarray(start)))
  }

  /** Takes the end of the file: a last row without a newline gets one. */
  finish(): void {
    if (this.#carry.length === 0) return
    const line = new Uint8Array(this.#carry.length + 1)
    line.set(this.#carry)
    line[this.#carry.length] = NEWLINE
    this.#carry = new Uint8Array(0)
    this.#onLines(line, 0, line.length)
  }

  #keep(bytes: Uint8Array): void {
    // A row without an end is no row: drop it up to the next newline rather than let it grow.
    if (bytes.length > LONGEST_ROW) {
      this.#onEndless(bytes)
      this.#carry = new Uint8Array(0)
      this.#skipToNewline = true
    } else this.#carry = bytes
  }
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.max(0, end - start)).toString('latin1')
}

/** A row's text without its end, cut at 200. */
export function rowText(bytes: Uint8Array, start: number, end: number): string {
  let stop = end
  while (stop > start && (bytes[stop - 1] === NEWLINE || bytes[stop - 1] === RETURN)) stop--
  return latin1(bytes, start, Math.min(stop, start + 200))
}

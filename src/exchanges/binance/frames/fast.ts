import type { LiveRecord } from '../../../model/live/index.ts'
import type { Market } from '../../../model/series.ts'
import type { FrameParser, FrameSink } from '../../stream.ts'
import { EventReader } from './event-reader.ts'
import { GeneralParser } from './general.ts'
import { blanks, isWord } from './scanner.ts'
import { SKIPPED, UNSURE } from './slot-reader.ts'

const QUOTE = 34
const COMMA = 44
const OPEN_LIST = 91
const BACKSLASH = 92
const CLOSE_LIST = 93
const OPEN = 123
const CLOSE = 125
const PREFIX = '{"stream":"'
const DATA = ',"data":'

/**
 * Reads frames straight from the bytes: no string, and no object but the record. What it is not sure of, down to a single
 * byte, goes to the general parser, which therefore words every problem.
 */
export class BinanceFrameParser implements FrameParser {
  /** Frames that were left to the general parser. */
  fallbacks = 0
  readonly #general: GeneralParser
  readonly #reader: EventReader
  readonly #pending: LiveRecord[] = []

  constructor(market: Market) {
    this.#reader = new EventReader(market)
    this.#general = new GeneralParser(market)
  }

  parse(bytes: Uint8Array, start: number, end: number, receiveTime: number, sink: FrameSink): void {
    // The scanner stops at brackets, never at the end of the memory: a frame without its own is cut.
    const last = end > start ? bytes[end - 1] : 0
    if (last === CLOSE || last === CLOSE_LIST) {
      let p = start
      this.#reader.nameStart = 0
      this.#reader.nameEnd = 0
      const wrapped = isWord(bytes, p, PREFIX)
      if (wrapped) p = this.#wrapper(bytes, p + PREFIX.length, end)
      if (p >= 0) {
        const first = bytes[p]
        if (first === OPEN) {
          const scanner = this.#reader.scanner
          scanner.begin()
          p = scanner.object(bytes, p, end, 0)
          if (p > 0 && (wrapped ? bytes[p] === CLOSE && p + 1 === end : p === end)) {
            const record = this.#reader.record(bytes, receiveTime)
            if (record !== UNSURE) {
              if (record !== SKIPPED) sink.record(record)
              return
            }
          }
        } else if (first === OPEN_LIST && this.#list(bytes, p, end, wrapped, receiveTime, sink)) return
      }
    }
    this.fallbacks++
    this.#general.parse(bytes, start, end, receiveTime, sink)
  }

  /** Reads `name","data":` and gives the place of the payload, or -1. */
  #wrapper(bytes: Uint8Array, start: number, end: number): number {
    let p = start
    for (let c = bytes[p]!; c !== QUOTE; c = bytes[++p]!) if (p >= end || !(c >= 32) || c === BACKSLASH) return -1
    this.#reader.nameStart = start
    this.#reader.nameEnd = p
    return isWord(bytes, p + 1, DATA) ? p + 1 + DATA.length : -1
  }

  /** Reads an array of events: all of them or, where one is not understood, none. */
  #list(bytes: Uint8Array, from: number, end: number, wrapped: boolean, receiveTime: number, sink: FrameSink): boolean {
    const scanner = this.#reader.scanner
    const pending = this.#pending
    pending.length = 0
    let p = blanks(bytes, from + 1, end)
    if (bytes[p] === CLOSE_LIST) p++
    else {
      for (;;) {
        if (bytes[p] !== OPEN) return false
        scanner.begin()
        p = scanner.object(bytes, p, end, 0)
        if (p < 0 || p > end) return false
        const record = this.#reader.record(bytes, receiveTime)
        if (record === UNSURE) return false
        if (record !== SKIPPED) pending.push(record)
        p = blanks(bytes, p, end)
        const c = bytes[p++]
        if (c === CLOSE_LIST) break
        if (c !== COMMA) return false
        p = blanks(bytes, p, end)
      }
    }
    if (wrapped ? bytes[p] !== CLOSE || p + 1 !== end : p !== end) return false
    for (let index = 0; index < pending.length; index++) sink.record(pending[index]!)
    pending.length = 0
    return true
  }
}

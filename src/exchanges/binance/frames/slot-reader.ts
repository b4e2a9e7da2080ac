import { type LiveRecord, RecordFlag } from '../../../model/live/index.ts'
import type { Market } from '../../../model/series.ts'
import { ByteTable } from './byte-table.ts'
import { type StreamName, type SymbolName, streamName, symbolName } from './events.ts'
import { DECIMAL, FrameScanner, INTEGER, ST, TEXT } from './scanner.ts'

/** No record: the frame is left to the general parser. */
export const UNSURE = 0
/** No record, and rightly so: a row of the other futures market. */
export const SKIPPED = 1
/** What reading an object came to. */
export type Outcome = LiveRecord | typeof UNSURE | typeof SKIPPED

/** What the readers of all kinds need of the object in the scanner. */
export class SlotReader {
  readonly market: Market
  readonly isSpot: boolean
  readonly scanner = new FrameScanner()
  /** Where the name of the present frame's stream stands; equal places mean there is none. */
  nameStart = 0
  nameEnd = 0
  /** `st` of rows that belong here; 0 on spot. */
  readonly #subtype: number
  readonly #symbols = new ByteTable<SymbolName>(symbolName)
  readonly #streams = new ByteTable<StreamName>(streamName)

  constructor(market: Market) {
    this.market = market
    this.isSpot = market === 'spot'
    this.#subtype = market === 'usdm' ? 1 : market === 'coinm' ? 2 : 0
  }

  /** Whether the object has the member, whatever it is. */
  has(slot: number): boolean {
    const { tags, stamp } = this.scanner
    return (tags[slot]! | 7) === (stamp | 7)
  }

  /** The flags of a record made of these slots. */
  flags(slots: readonly number[]): number {
    const { scanner } = this
    if (!scanner.anyInexact) return RecordFlag.stream
    return slots.some((slot) => scanner.isInexact(slot)) ? RecordFlag.stream | RecordFlag.inexact : RecordFlag.stream
  }

  /** The symbol of the text in a slot; undefined where it is none. */
  symbol(bytes: Uint8Array, at: number): SymbolName | undefined {
    const { tags, values, ends, hashes, stamp } = this.scanner
    if (tags[at] !== (stamp | TEXT) || values[at] === ends[at]) return undefined
    return this.#symbols.get(bytes, values[at]!, ends[at]!, hashes[at]!)
  }

  /** Whether a row belongs to this market: streams of every symbol carry both futures markets. */
  isOurs(symbol: SymbolName): boolean {
    if (this.#subtype === 0) return true
    const { tags, values, stamp } = this.scanner
    if (tags[ST] === (stamp | INTEGER)) return values[ST] === this.#subtype
    return symbol.isCoinM === (this.#subtype === 2)
  }

  /** What the stream's name says; undefined without one. */
  stream(bytes: Uint8Array): StreamName | undefined {
    const start = this.nameStart
    const end = this.nameEnd
    return start === end ? undefined : this.#streams.find(bytes, start, end)
  }

  /** Whether all slots hold decimals. */
  areDecimals(slots: readonly number[]): boolean {
    const { tags, stamp } = this.scanner
    for (let index = 0; index < slots.length; index++) if (tags[slots[index]!] !== (stamp | DECIMAL)) return false
    return true
  }

  /** The decimal of a slot; NaN where there is none, undefined where something else stands there. */
  decimalOrNaN(at: number): number | undefined {
    const { tags, values, ends, stamp } = this.scanner
    if (tags[at] === (stamp | DECIMAL)) return values[at]
    if ((tags[at]! | 7) !== (stamp | 7)) return Number.NaN
    return tags[at] === (stamp | TEXT) && values[at] === ends[at] ? Number.NaN : undefined
  }
}

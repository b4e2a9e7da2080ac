import { ByteWriter } from '../../bytes.ts'
import { pairOf } from '../../market/listing.ts'
import type { LiveMarket } from '../../market/live-market.ts'
import type { MarketData, SymbolInfo, TimeUnit } from '../../market/market.ts'
import type { EventBatch } from '../frames.ts'

/** Collects the payloads of a stream. */
export class EventWriter extends ByteWriter {
  #ends: number[] = []
  #times: number[] = []

  get count(): number {
    return this.#ends.length
  }

  /** Any text. */
  text(text: string): this {
    const bytes = Buffer.from(text)
    return this.bytes(bytes, 0, bytes.length)
  }

  /** Ends a payload that is sent at `time` (the exchange's clock, epoch ms). */
  end(time: number): void {
    this.#ends.push(this.length)
    this.#times.push(time)
  }

  /** Everything written so far; the writer is empty afterwards. */
  batch(): EventBatch {
    const batch = { bytes: this.take(), ends: this.#ends, times: this.#times }
    this.#ends = []
    this.#times = []
    return batch
  }
}

/** What a source makes its events of. */
export interface SourceContext {
  readonly data: MarketData
  readonly live: LiveMarket
  readonly unit: TimeUnit
  /** How far the told time is off, ms. */
  skew(): number
  /** The exchange's clock. */
  now(): number
}

/** A stream whose events are known ahead: the market is a function of time. */
export interface SteadySource {
  readonly mode: 'steady'
  /** Writes the events that are sent in (from, to], epoch ms, or gives them. */
  produce(from: number, to: number, out: EventWriter): EventBatch | undefined
}

/** A stream that tells the state of things at some instants. */
export interface PeriodicSource {
  readonly mode: 'periodic'
  /** Every instant is told, late ones too; without it, only the newest that is due. */
  readonly skipsNothing?: true
  /** First instant after a time. */
  next(after: number): number
  /** Writes what is sent at an instant; nothing, when nothing has changed. */
  write(time: number, out: EventWriter): Promise<void>
}

export type Source = SteadySource | PeriodicSource

/** The first multiple of a period after a time. */
export function nextMultiple(after: number, period: number): number {
  return (Math.floor(after / period) + 1) * period
}

/** Writes the numbers of one symbol as its market does. */
export class Texts {
  readonly info: SymbolInfo
  /** The symbol as JSON text, quoted. */
  readonly symbol: Buffer
  /** The pair that `ps` names, quoted. */
  readonly pair: Buffer
  /** How frames of futures end: `st` tells the markets apart. */
  readonly end: string
  readonly #spot: boolean

  constructor(info: SymbolInfo) {
    this.info = info
    this.symbol = Buffer.from(JSON.stringify(info.symbol))
    this.pair = Buffer.from(JSON.stringify(pairOf(info.symbol)))
    this.end = `,"st":${info.market === 'coinm' ? 2 : 1}}`
    this.#spot = info.market === 'spot'
  }

  name(out: ByteWriter): void {
    out.bytes(this.symbol, 0, this.symbol.length)
  }

  pairName(out: ByteWriter): void {
    out.bytes(this.pair, 0, this.pair.length)
  }

  /** A price in ticks, quoted. */
  price(out: ByteWriter, ticks: number): void {
    out.byte(34).fixed(ticks, this.info.tickDecimals, this.info.priceDecimals).byte(34)
  }

  /** A quantity in lots, quoted. */
  lots(out: ByteWriter, lots: number): void {
    const { stepDecimals } = this.info
    out
      .byte(34)
      .fixed(lots, stepDecimals, this.#spot ? 8 : stepDecimals)
      .byte(34)
  }
}

/** Epoch ms as the stream's unit has it. */
export function inUnit(ms: number, unit: TimeUnit): number {
  return unit === 'us' ? ms * 1000 : ms
}

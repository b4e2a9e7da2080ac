import { type Interval, isInterval } from '../../../model/interval.ts'
import { ByteTable } from './byte-table.ts'
import { Events, eventOf } from './events.ts'
import { isInstant, millis } from './numbers.ts'
import * as make from './records.ts'
import {
  ASKS,
  BIDS,
  DECIMAL,
  FLAG,
  INNER_K,
  INTEGER,
  isWord,
  LAST_UPDATE_ID,
  LEVELS,
  OBJECT,
  PU,
  TEXT,
} from './scanner.ts'
import { type Outcome, SKIPPED, SlotReader, UNSURE } from './slot-reader.ts'
import { Slot } from './slots.ts'
import { liquidationOf, markPriceOf, miniTickerOf, tickerOf } from './statistics.ts'

const COLON = 58

// The slots of each kind whose decimals go into its record.
const TRADE_SLOTS = [Slot.p, Slot.q]
const QUOTE_SLOTS = [Slot.b, Slot.B, Slot.a, Slot.A]
const BOOK_SLOTS = [Slot.b, Slot.a]
const SNAPSHOT_SLOTS = [BIDS, ASKS]
const CANDLE_SLOTS = [Slot.o, Slot.h, Slot.l, Slot.c, Slot.v, Slot.q, Slot.V, Slot.Q].map((slot) => INNER_K + slot)

/** Makes the record of the object in the scanner, or leaves it alone: every doubt is the general parser's to settle. */
export class EventReader extends SlotReader {
  readonly #events = new ByteTable<number>(eventOf, 64)
  readonly #intervals = new ByteTable<Interval | undefined>((text) => (isInterval(text) ? text : undefined), 64)

  /** The record of the object in the scanner. */
  record(bytes: Uint8Array, receiveTime: number): Outcome {
    const { tags, values, ends, hashes, stamp } = this.scanner
    const text = stamp | TEXT
    const event =
      tags[Slot.e] === text ? this.#events.get(bytes, values[Slot.e]!, ends[Slot.e]!, hashes[Slot.e]!) : Events.other
    if (event === Events.other) {
      // Only what is told apart by its members has no event.
      if (this.has(Slot.e)) return UNSURE
      if (this.has(LAST_UPDATE_ID)) return this.#spotSnapshot(bytes, receiveTime)
      return this.#quote(bytes, receiveTime)
    }
    switch (event) {
      case Events.trade:
        return this.#trade(bytes, receiveTime)
      case Events.aggTrade:
        return this.#aggTrade(bytes, receiveTime)
      case Events.bookTicker:
        return this.#quote(bytes, receiveTime)
      case Events.depthUpdate:
        return this.#book(bytes, receiveTime)
      case Events.kline:
        return this.#candle(bytes, receiveTime)
      case Events.ticker:
        return tickerOf(this, bytes, receiveTime)
      case Events.miniTicker:
        return miniTickerOf(this, bytes, receiveTime)
      case Events.markPrice:
        return markPriceOf(this, bytes, receiveTime)
      case Events.forceOrder:
        return liquidationOf(this, bytes, receiveTime)
      default:
        return UNSURE
    }
  }

  #trade(bytes: Uint8Array, receiveTime: number): Outcome {
    const { tags, values, ends, stamp } = this.scanner
    const integer = stamp | INTEGER
    const decimal = stamp | DECIMAL
    if (
      tags[Slot.E] !== integer ||
      tags[Slot.t] !== integer ||
      tags[Slot.T] !== integer ||
      tags[Slot.m] !== (stamp | FLAG)
    )
      return UNSURE
    if (tags[Slot.p] !== decimal || tags[Slot.q] !== decimal) return UNSURE
    const symbol = this.symbol(bytes, Slot.s)
    if (symbol === undefined) return UNSURE
    if (!this.isOurs(symbol)) return SKIPPED
    if (!this.isSpot && this.has(Slot.X)) {
      if (
        tags[Slot.X] !== (stamp | TEXT) ||
        ends[Slot.X]! - values[Slot.X]! !== 6 ||
        !isWord(bytes, values[Slot.X]!, 'MARKET')
      )
        return UNSURE
    }
    const eventTime = millis(values[Slot.E]!)
    const time = millis(values[Slot.T]!)
    const id = values[Slot.t]!
    if (!isInstant(eventTime) || !isInstant(time) || id < 0) return UNSURE
    return make.tradeRecord(
      this.market,
      symbol.text,
      eventTime,
      receiveTime,
      this.flags(TRADE_SLOTS),
      id,
      time,
      values[Slot.p]!,
      values[Slot.q]!,
      values[Slot.m] === 1,
    )
  }

  #aggTrade(bytes: Uint8Array, receiveTime: number): Outcome {
    const { tags, values, stamp } = this.scanner
    const integer = stamp | INTEGER
    const decimal = stamp | DECIMAL
    if (
      tags[Slot.E] !== integer ||
      tags[Slot.a] !== integer ||
      tags[Slot.T] !== integer ||
      tags[Slot.m] !== (stamp | FLAG)
    )
      return UNSURE
    if (tags[Slot.p] !== decimal || tags[Slot.q] !== decimal || tags[Slot.f] !== integer || tags[Slot.l] !== integer)
      return UNSURE
    const symbol = this.symbol(bytes, Slot.s)
    if (symbol === undefined) return UNSURE
    if (!this.isOurs(symbol)) return SKIPPED
    const eventTime = millis(values[Slot.E]!)
    const time = millis(values[Slot.T]!)
    const id = values[Slot.a]!
    if (!isInstant(eventTime) || !isInstant(time) || id < 0 || values[Slot.f]! < -1 || values[Slot.l]! < -1)
      return UNSURE
    return make.aggTradeRecord(
      this.market,
      symbol.text,
      eventTime,
      receiveTime,
      this.flags(TRADE_SLOTS),
      id,
      time,
      values[Slot.p]!,
      values[Slot.q]!,
      values[Slot.f]!,
      values[Slot.l]!,
      values[Slot.m] === 1,
    )
  }

  #quote(bytes: Uint8Array, receiveTime: number): Outcome {
    const { tags, values, stamp } = this.scanner
    const decimal = stamp | DECIMAL
    if (tags[Slot.u] !== (stamp | INTEGER) || tags[Slot.b] !== decimal || tags[Slot.B] !== decimal) return UNSURE
    if (tags[Slot.a] !== decimal || tags[Slot.A] !== decimal || values[Slot.u]! < 0) return UNSURE
    const symbol = this.symbol(bytes, Slot.s)
    if (symbol === undefined) return UNSURE
    if (!this.isOurs(symbol)) return SKIPPED
    // Spot has neither time.
    let eventTime = Number.NaN
    let transactionTime = Number.NaN
    if (this.has(Slot.E)) {
      eventTime = millis(values[Slot.E]!)
      if (tags[Slot.E] !== (stamp | INTEGER) || !isInstant(eventTime)) return UNSURE
    }
    if (this.has(Slot.T)) {
      transactionTime = millis(values[Slot.T]!)
      if (tags[Slot.T] !== (stamp | INTEGER) || !isInstant(transactionTime)) return UNSURE
    }
    return make.quoteRecord(
      this.market,
      symbol.text,
      eventTime,
      receiveTime,
      this.flags(QUOTE_SLOTS),
      values[Slot.u]!,
      values[Slot.b]!,
      values[Slot.B]!,
      values[Slot.a]!,
      values[Slot.A]!,
      transactionTime,
    )
  }

  #book(bytes: Uint8Array, receiveTime: number): Outcome {
    const { tags, values, stamp, bids, asks } = this.scanner
    const integer = stamp | INTEGER
    if (tags[Slot.E] !== integer || tags[Slot.U] !== integer || tags[Slot.u] !== integer) return UNSURE
    if (tags[Slot.b] !== (stamp | LEVELS) || tags[Slot.a] !== (stamp | LEVELS)) return UNSURE
    if (!this.isSpot && (tags[Slot.T] !== integer || tags[PU] !== integer || values[PU]! < -1)) return UNSURE
    const symbol = this.symbol(bytes, Slot.s)
    if (symbol === undefined) return UNSURE
    const stream = this.stream(bytes)
    if (stream !== undefined && stream.depth === undefined) return UNSURE
    if (!this.isOurs(symbol)) return SKIPPED
    const eventTime = millis(values[Slot.E]!)
    const transactionTime = this.isSpot ? Number.NaN : millis(values[Slot.T]!)
    const last = values[Slot.u]!
    if (!isInstant(eventTime) || (!this.isSpot && !isInstant(transactionTime))) return UNSURE
    if (values[Slot.U]! < 0 || last < values[Slot.U]!) return UNSURE
    const ownBids = bids.slice(0, values[Slot.b]!)
    const ownAsks = asks.slice(0, values[Slot.a]!)
    if (stream !== undefined && stream.depth !== 'delta') {
      return make.snapshotRecord(
        this.market,
        symbol.text,
        eventTime,
        receiveTime,
        this.flags(BOOK_SLOTS),
        last,
        transactionTime,
        stream.depth!,
        ownBids,
        ownAsks,
      )
    }
    return make.deltaRecord(
      this.market,
      symbol.text,
      eventTime,
      receiveTime,
      this.flags(BOOK_SLOTS),
      values[Slot.U]!,
      last,
      this.isSpot ? -1 : values[PU]!,
      transactionTime,
      ownBids,
      ownAsks,
    )
  }

  #spotSnapshot(bytes: Uint8Array, receiveTime: number): Outcome {
    const { tags, values, stamp, bids, asks } = this.scanner
    const stream = this.stream(bytes)
    if (stream === undefined || typeof stream.depth !== 'number' || values[LAST_UPDATE_ID]! < -1) return UNSURE
    if (tags[LAST_UPDATE_ID] !== (stamp | INTEGER)) return UNSURE
    if (tags[BIDS] !== (stamp | LEVELS) || tags[ASKS] !== (stamp | LEVELS)) return UNSURE
    return make.snapshotRecord(
      this.market,
      stream.symbol,
      Number.NaN,
      receiveTime,
      this.flags(SNAPSHOT_SLOTS),
      values[LAST_UPDATE_ID]!,
      receiveTime,
      stream.depth,
      bids.slice(0, values[BIDS]!),
      asks.slice(0, values[ASKS]!),
    )
  }

  #candle(bytes: Uint8Array, receiveTime: number): Outcome {
    const { tags, values, ends, hashes, stamp } = this.scanner
    const integer = stamp | INTEGER
    const decimal = stamp | DECIMAL
    const K = INNER_K
    if (tags[Slot.E] !== integer || tags[Slot.k] !== (stamp | OBJECT)) return UNSURE
    if (tags[K + Slot.t] !== integer || tags[K + Slot.T] !== integer || tags[K + Slot.n] !== integer) return UNSURE
    if (tags[K + Slot.i] !== (stamp | TEXT) || tags[K + Slot.x] !== (stamp | FLAG)) return UNSURE
    if (tags[K + Slot.o] !== decimal || tags[K + Slot.h] !== decimal || tags[K + Slot.l] !== decimal) return UNSURE
    if (tags[K + Slot.c] !== decimal || tags[K + Slot.v] !== decimal || tags[K + Slot.q] !== decimal) return UNSURE
    if (tags[K + Slot.V] !== decimal || tags[K + Slot.Q] !== decimal) return UNSURE
    // Candles of another time zone are told by the name of their stream: `@kline_1d@+08:00`.
    if (this.nameEnd > 6 && bytes[this.nameEnd - 3] === COLON) return UNSURE
    const symbol = this.symbol(bytes, Slot.s)
    if (symbol === undefined) return UNSURE
    if (!this.isOurs(symbol)) return SKIPPED
    const interval = this.#intervals.get(bytes, values[K + Slot.i]!, ends[K + Slot.i]!, hashes[K + Slot.i]!)
    const eventTime = millis(values[Slot.E]!)
    const openTime = millis(values[K + Slot.t]!)
    const closeTime = Math.floor(millis(values[K + Slot.T]!))
    if (interval === undefined || !isInstant(eventTime) || !isInstant(openTime) || !isInstant(closeTime)) return UNSURE
    if (closeTime < openTime || values[K + Slot.n]! < 0) return UNSURE
    return make.candleRecord(
      this.market,
      symbol.text,
      eventTime,
      receiveTime,
      this.flags(CANDLE_SLOTS),
      interval,
      values[K + Slot.x] === 1,
      openTime,
      closeTime,
      values[K + Slot.o]!,
      values[K + Slot.h]!,
      values[K + Slot.l]!,
      values[K + Slot.c]!,
      values[K + Slot.v]!,
      values[K + Slot.q]!,
      values[K + Slot.n]!,
      values[K + Slot.V]!,
      values[K + Slot.Q]!,
    )
  }
}

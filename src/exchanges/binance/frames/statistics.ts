import { isInstant, millis } from './numbers.ts'
import * as make from './records.ts'
import { AP, DECIMAL, INNER_O, INTEGER, isWord, OBJECT, TEXT } from './scanner.ts'
import { type Outcome, SKIPPED, type SlotReader, UNSURE } from './slot-reader.ts'
import { Slot } from './slots.ts'

const CORE_SLOTS = [Slot.o, Slot.h, Slot.l, Slot.c, Slot.v, Slot.q]
const CHANGE_SLOTS = [Slot.p, Slot.P, Slot.w, Slot.Q]
const TICKER_SLOTS = [...CORE_SLOTS, ...CHANGE_SLOTS, Slot.b, Slot.B, Slot.a, Slot.A]
const MARK_SLOTS = [Slot.p, Slot.i, Slot.P, Slot.r]
const ORDER_SLOTS = [INNER_O + Slot.p, INNER_O + AP, INNER_O + Slot.q, INNER_O + Slot.l, INNER_O + Slot.z]

function coreOf(reader: SlotReader): make.TickerCore {
  const { values } = reader.scanner
  return {
    open: values[Slot.o]!,
    high: values[Slot.h]!,
    low: values[Slot.l]!,
    last: values[Slot.c]!,
    volume: values[Slot.v]!,
    quoteVolume: values[Slot.q]!,
  }
}

/** A ticker in its small form. */
export function miniTickerOf(reader: SlotReader, bytes: Uint8Array, receiveTime: number): Outcome {
  const { tags, values, stamp } = reader.scanner
  const symbol = reader.symbol(bytes, Slot.s)
  if (symbol === undefined || tags[Slot.E] !== (stamp | INTEGER) || !reader.areDecimals(CORE_SLOTS)) return UNSURE
  if (!reader.isOurs(symbol)) return SKIPPED
  const eventTime = millis(values[Slot.E]!)
  if (!isInstant(eventTime)) return UNSURE
  const flags = reader.flags(CORE_SLOTS)
  return make.tickerRecord(reader.market, symbol.text, eventTime, receiveTime, flags, coreOf(reader), make.MINI)
}

/** A ticker. */
export function tickerOf(reader: SlotReader, bytes: Uint8Array, receiveTime: number): Outcome {
  const { tags, values, stamp } = reader.scanner
  const integer = stamp | INTEGER
  const symbol = reader.symbol(bytes, Slot.s)
  if (symbol === undefined || !reader.areDecimals(CORE_SLOTS) || !reader.areDecimals(CHANGE_SLOTS)) return UNSURE
  if (tags[Slot.E] !== integer || tags[Slot.O] !== integer || tags[Slot.C] !== integer) return UNSURE
  if (tags[Slot.F] !== integer || tags[Slot.L] !== integer || tags[Slot.n] !== integer) return UNSURE
  if (!reader.isOurs(symbol)) return SKIPPED
  const eventTime = millis(values[Slot.E]!)
  const openTime = millis(values[Slot.O]!)
  const closeTime = millis(values[Slot.C]!)
  if (!isInstant(eventTime) || !isInstant(openTime) || !isInstant(closeTime)) return UNSURE
  if (values[Slot.F]! < -1 || values[Slot.L]! < -1 || values[Slot.n]! < 0) return UNSURE
  const bidPrice = reader.decimalOrNaN(Slot.b)
  const bidQuantity = reader.decimalOrNaN(Slot.B)
  const askPrice = reader.decimalOrNaN(Slot.a)
  const askQuantity = reader.decimalOrNaN(Slot.A)
  if (bidPrice === undefined || bidQuantity === undefined) return UNSURE
  if (askPrice === undefined || askQuantity === undefined) return UNSURE
  return make.tickerRecord(
    reader.market,
    symbol.text,
    eventTime,
    receiveTime,
    reader.flags(TICKER_SLOTS),
    coreOf(reader),
    {
      priceChange: values[Slot.p]!,
      priceChangePercent: values[Slot.P]!,
      weightedAverage: values[Slot.w]!,
      lastQuantity: values[Slot.Q]!,
      bidPrice,
      bidQuantity,
      askPrice,
      askQuantity,
      openTime,
      closeTime,
      firstTradeId: values[Slot.F]!,
      lastTradeId: values[Slot.L]!,
      trades: values[Slot.n]!,
    },
  )
}

/** A mark price. */
export function markPriceOf(reader: SlotReader, bytes: Uint8Array, receiveTime: number): Outcome {
  const { tags, values, stamp } = reader.scanner
  const symbol = reader.symbol(bytes, Slot.s)
  if (symbol === undefined || tags[Slot.E] !== (stamp | INTEGER) || tags[Slot.p] !== (stamp | DECIMAL)) return UNSURE
  if (!reader.isOurs(symbol)) return SKIPPED
  const eventTime = millis(values[Slot.E]!)
  const indexPrice = reader.decimalOrNaN(Slot.i)
  const settlePrice = reader.decimalOrNaN(Slot.P)
  const fundingRate = reader.decimalOrNaN(Slot.r)
  let next = Number.NaN
  if (reader.has(Slot.T)) {
    if (tags[Slot.T] !== (stamp | INTEGER)) return UNSURE
    next = values[Slot.T] === 0 ? Number.NaN : millis(values[Slot.T]!)
    if (values[Slot.T] !== 0 && !isInstant(next)) return UNSURE
  }
  if (!isInstant(eventTime) || indexPrice === undefined) return UNSURE
  if (settlePrice === undefined || fundingRate === undefined) return UNSURE
  return make.markPriceRecord(
    reader.market,
    symbol.text,
    eventTime,
    receiveTime,
    reader.flags(MARK_SLOTS),
    values[Slot.p]!,
    indexPrice,
    settlePrice,
    fundingRate,
    next,
  )
}

/** A liquidation order. */
export function liquidationOf(reader: SlotReader, bytes: Uint8Array, receiveTime: number): Outcome {
  const { tags, values, ends, stamp } = reader.scanner
  const integer = stamp | INTEGER
  const inner = INNER_O
  if (tags[Slot.E] !== integer || tags[Slot.o] !== (stamp | OBJECT) || tags[inner + Slot.T] !== integer) return UNSURE
  if (!reader.areDecimals(ORDER_SLOTS) || tags[inner + Slot.S] !== (stamp | TEXT)) return UNSURE
  const symbol = reader.symbol(bytes, inner + Slot.s)
  if (symbol === undefined) return UNSURE
  if (!reader.isOurs(symbol)) return SKIPPED
  const side = values[inner + Slot.S]!
  const length = ends[inner + Slot.S]! - side
  const isBuy = length === 3 && isWord(bytes, side, 'BUY')
  if (!isBuy && !(length === 4 && isWord(bytes, side, 'SELL'))) return UNSURE
  const eventTime = millis(values[Slot.E]!)
  const time = millis(values[inner + Slot.T]!)
  if (!isInstant(eventTime) || !isInstant(time)) return UNSURE
  return make.liquidationRecord(
    reader.market,
    symbol.text,
    eventTime,
    receiveTime,
    reader.flags(ORDER_SLOTS),
    time,
    isBuy ? 1 : 2,
    values[inner + Slot.p]!,
    values[inner + AP]!,
    values[inner + Slot.q]!,
    values[inner + Slot.l]!,
    values[inner + Slot.z]!,
  )
}

import type { Kind } from '../../model/kind.ts'
import type { AggTradeRecord, LiveRecord, QuoteRecord, RecordId, TradeRecord } from '../../model/live/index.ts'
import type { EventColumn } from './event-columns.ts'

/** Puts the values of a record into one row of the columns that it was made for. */
export type PutRow = (record: LiveRecord, at: number) => void

type Numbers = (name: string) => Float64Array
type Ids = (name: string) => (at: number, id: RecordId) => void

/** Halves of 64-bit integers in memory: little-endian on every platform Node runs on. */
const TWO_32 = 4_294_967_296

/** An id column as 32-bit halves, because writing a BigInt per id would be several times slower. */
export function halvesOf(column: EventColumn): Int32Array | undefined {
  return column instanceof BigInt64Array ? new Int32Array(column.buffer) : undefined
}

/** Writes an id, -1 for none. */
export function putId(halves: Int32Array, column: BigInt64Array, at: number, id: RecordId | undefined): void {
  if (typeof id === 'number' && Number.isSafeInteger(id)) {
    const high = Math.floor(id / TWO_32)
    halves[2 * at] = id - high * TWO_32
    halves[2 * at + 1] = high
  } else column[at] = typeof id === 'bigint' ? id : -1n
}

/**
 * The fast way for a kind that has one; undefined for others, which go column by column. Reading a property whose name
 * is only known at run time costs several times what a written one does.
 */
export function rowPutter(kind: Kind, columns: readonly EventColumn[]): PutRow | undefined {
  const of = (name: string): EventColumn => columns[kind.columns.findIndex((spec) => spec.name === name)]!
  const numbers: Numbers = (name) => of(name) as Float64Array
  const ids: Ids = (name) => {
    const column = of(name) as BigInt64Array
    const halves = halvesOf(column)!
    return (at, id) => putId(halves, column, at, id)
  }
  switch (kind.id) {
    case 'trade':
      return putTrade(numbers, ids)
    case 'aggTrade':
      return putAggTrade(numbers, ids)
    case 'quote':
      return putQuote(numbers, ids)
    default:
      return undefined
  }
}

function putTrade(numbers: Numbers, ids: Ids): PutRow {
  const putTail = tail(numbers)
  const id = ids('id')
  const [time, price, quantity] = [numbers('time'), numbers('price'), numbers('quantity')]
  const maker = numbers('buyer_is_maker')
  return (record, at) => {
    const trade = record as TradeRecord
    id(at, trade.id)
    time[at] = trade.time
    price[at] = trade.price
    quantity[at] = trade.quantity
    maker[at] = Number(trade.buyerIsMaker)
    putTail(trade, at)
  }
}

function putAggTrade(numbers: Numbers, ids: Ids): PutRow {
  const putTail = tail(numbers)
  const [id, firstId, lastId] = [ids('id'), ids('first_trade_id'), ids('last_trade_id')]
  const [time, price, quantity] = [numbers('time'), numbers('price'), numbers('quantity')]
  const maker = numbers('buyer_is_maker')
  return (record, at) => {
    const trade = record as AggTradeRecord
    id(at, trade.id)
    firstId(at, trade.firstTradeId)
    lastId(at, trade.lastTradeId)
    time[at] = trade.time
    price[at] = trade.price
    quantity[at] = trade.quantity
    maker[at] = Number(trade.buyerIsMaker)
    putTail(trade, at)
  }
}

function putQuote(numbers: Numbers, ids: Ids): PutRow {
  const putTail = tail(numbers)
  const updateId = ids('update_id')
  const [bidPrice, bidQuantity] = [numbers('bid_price'), numbers('bid_quantity')]
  const [askPrice, askQuantity] = [numbers('ask_price'), numbers('ask_quantity')]
  const transactionTime = numbers('transaction_time')
  return (record, at) => {
    const quote = record as QuoteRecord
    updateId(at, quote.updateId)
    bidPrice[at] = quote.bidPrice
    bidQuantity[at] = quote.bidQuantity
    askPrice[at] = quote.askPrice
    askQuantity[at] = quote.askQuantity
    transactionTime[at] = quote.transactionTime
    putTail(quote, at)
  }
}

/** The columns that every live kind ends with. */
function tail(numbers: Numbers): PutRow {
  const [eventTime, receiveTime, flags] = [numbers('event_time'), numbers('receive_time'), numbers('flags')]
  return (record, at) => {
    eventTime[at] = record.eventTime
    receiveTime[at] = record.receiveTime
    flags[at] = record.flags
  }
}

import type { Kind } from '../../model/kind.ts'
import type { AggTradeRecord, LiveRecord, QuoteRecord, RecordId, TradeRecord } from '../../model/live/index.ts'

/** Puts the values of a record into slots from `at` on: ids by their halves, all else as numbers. */
export type PutRow = (numbers: Float64Array, halves: Int32Array, at: number, record: LiveRecord) => void

/** Puts `records[from…to)` into slots from `at` on, one behind another. */
export type PutRows = (
  numbers: Float64Array,
  halves: Int32Array,
  at: number,
  records: readonly LiveRecord[],
  from: number,
  to: number,
) => void

/** How a record of a kind stands in memory: a slot per column. */
export interface RowLayout {
  /** The columns in the order of their slots. */
  readonly names: readonly string[]
  readonly put: PutRows
}

/** Halves of 64-bit integers in memory: little-endian on every platform Node runs on. */
const TWO_32 = 4_294_967_296

/** An id column as halves. */
export function halvesOf(column: BigInt64Array): Int32Array {
  return new Int32Array(column.buffer, column.byteOffset, column.length * 2)
}

/** Writes an id, -1 for none, as halves: writing a BigInt per id would be several times slower. */
export function putId(halves: Int32Array, at: number, id: RecordId | undefined): void {
  if (typeof id === 'number' && Number.isSafeInteger(id)) {
    const high = Math.floor(id / TWO_32)
    halves[2 * at] = id - high * TWO_32
    halves[2 * at + 1] = high
  } else {
    const whole = typeof id === 'bigint' ? id : -1n
    halves[2 * at] = Number(BigInt.asIntN(32, whole))
    halves[2 * at + 1] = Number(BigInt.asIntN(32, whole >> 32n))
  }
}

/**
 * How records of a kind are kept. Reading a property whose name is only known at run time costs several times what a
 * written one does, so the kinds that come in thousands a second are written out.
 */
export function rowLayout(kind: Kind): RowLayout {
  const layout = LAYOUTS[kind.id]
  if (layout !== undefined) return layout
  const put = putAny(kind.columns)
  const width = kind.columns.length
  return {
    names: kind.columns.map(({ name }) => name),
    put(numbers, halves, at, records, from, to) {
      for (let index = from; index < to; index++, at += width) put(numbers, halves, at, records[index]!)
    },
  }
}

/** Puts one column after another, whatever they are. */
export function putAny(columns: Kind['columns']): PutRow {
  const properties = columns.map(({ property }) => property)
  const isId = columns.map(({ type }) => type === 'id')
  return (numbers, halves, at, record) => {
    const values = record as unknown as Readonly<Record<string, unknown>>
    for (let index = 0; index < properties.length; index++) {
      const value = values[properties[index]!]
      if (isId[index]) putId(halves, at + index, value as RecordId)
      // Assigning to a Float64Array makes numbers of true and false, and NaN of what is not there.
      else numbers[at + index] = value as number
    }
  }
}

/** The columns that every live kind ends with. */
const TAIL = ['event_time', 'receive_time', 'flags']

function putTail(numbers: Float64Array, at: number, record: LiveRecord): void {
  numbers[at] = record.eventTime
  numbers[at + 1] = record.receiveTime
  numbers[at + 2] = record.flags
}

const TRADE = ['id', 'time', 'price', 'quantity', 'buyer_is_maker', ...TAIL]
const AGG_TRADE = ['id', 'first_trade_id', 'last_trade_id', 'time', 'price', 'quantity', 'buyer_is_maker', ...TAIL]
const QUOTE = ['update_id', 'bid_price', 'bid_quantity', 'ask_price', 'ask_quantity', 'transaction_time', ...TAIL]

const LAYOUTS: Readonly<Record<string, RowLayout>> = {
  trade: {
    names: TRADE,
    put(numbers, halves, start, records, from, to) {
      let at = start
      for (let index = from; index < to; index++, at += TRADE.length) {
        const trade = records[index] as TradeRecord
        putId(halves, at, trade.id)
        numbers[at + 1] = trade.time
        numbers[at + 2] = trade.price
        numbers[at + 3] = trade.quantity
        numbers[at + 4] = trade.buyerIsMaker ? 1 : 0
        putTail(numbers, at + 5, trade)
      }
    },
  },
  aggTrade: {
    names: AGG_TRADE,
    put(numbers, halves, start, records, from, to) {
      let at = start
      for (let index = from; index < to; index++, at += AGG_TRADE.length) {
        const trade = records[index] as AggTradeRecord
        putId(halves, at, trade.id)
        putId(halves, at + 1, trade.firstTradeId)
        putId(halves, at + 2, trade.lastTradeId)
        numbers[at + 3] = trade.time
        numbers[at + 4] = trade.price
        numbers[at + 5] = trade.quantity
        numbers[at + 6] = trade.buyerIsMaker ? 1 : 0
        putTail(numbers, at + 7, trade)
      }
    },
  },
  quote: {
    names: QUOTE,
    put(numbers, halves, start, records, from, to) {
      let at = start
      for (let index = from; index < to; index++, at += QUOTE.length) {
        const quote = records[index] as QuoteRecord
        putId(halves, at, quote.updateId)
        numbers[at + 1] = quote.bidPrice
        numbers[at + 2] = quote.bidQuantity
        numbers[at + 3] = quote.askPrice
        numbers[at + 4] = quote.askQuantity
        numbers[at + 5] = quote.transactionTime
        putTail(numbers, at + 6, quote)
      }
    },
  },
}

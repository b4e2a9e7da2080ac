import {
  type AggTradeRecord,
  type LiveRecord,
  narrowId,
  type QuoteRecord,
  type RecordId,
  type TradeRecord,
} from '../../model/live/index.ts'
import type { SeriesId } from '../../model/series.ts'
import { type EventBatch, idsOf } from './event-columns.ts'
import { halvesOf } from './event-rows.ts'

/** Makes the record of a row. */
export type MakeRecord = (row: number) => LiveRecord

type Owner = Pick<SeriesId, 'market' | 'symbol'>

/**
 * How rows of the kinds that come in thousands a second become records. Writing a property whose name is only known at run
 * time, and reading an id as a BigInt, cost several times what this does.
 */
export const MAKERS: Readonly<Record<string, (owner: Owner, batch: EventBatch) => MakeRecord>> = {
  trade({ market, symbol }, batch) {
    const id = idReader(batch, 'id')
    const { time, price, quantity, buyer_is_maker, event_time, receive_time, flags } = numbers(batch)
    return (row): TradeRecord => ({
      kind: 'trade',
      market,
      symbol,
      id: id(row),
      time: time![row]!,
      price: price![row]!,
      quantity: quantity![row]!,
      buyerIsMaker: buyer_is_maker![row] === 1,
      eventTime: event_time![row]!,
      receiveTime: receive_time![row]!,
      flags: flags![row]!,
    })
  },
  aggTrade({ market, symbol }, batch) {
    const id = idReader(batch, 'id')
    const first = idReader(batch, 'first_trade_id')
    const last = idReader(batch, 'last_trade_id')
    const { time, price, quantity, buyer_is_maker, event_time, receive_time, flags } = numbers(batch)
    return (row): AggTradeRecord => ({
      kind: 'aggTrade',
      market,
      symbol,
      id: id(row),
      time: time![row]!,
      price: price![row]!,
      quantity: quantity![row]!,
      firstTradeId: first(row),
      lastTradeId: last(row),
      buyerIsMaker: buyer_is_maker![row] === 1,
      eventTime: event_time![row]!,
      receiveTime: receive_time![row]!,
      flags: flags![row]!,
    })
  },
  quote({ market, symbol }, batch) {
    const id = idReader(batch, 'update_id')
    const { bid_price, bid_quantity, ask_price, ask_quantity, ...others } = numbers(batch)
    const { transaction_time, event_time, receive_time, flags } = others
    return (row): QuoteRecord => ({
      kind: 'quote',
      market,
      symbol,
      updateId: id(row),
      bidPrice: bid_price![row]!,
      bidQuantity: bid_quantity![row]!,
      askPrice: ask_price![row]!,
      askQuantity: ask_quantity![row]!,
      transactionTime: transaction_time![row]!,
      eventTime: event_time![row]!,
      receiveTime: receive_time![row]!,
      flags: flags![row]!,
    })
  },
}

function numbers({ columns }: EventBatch): Readonly<Record<string, Float64Array>> {
  return columns as Readonly<Record<string, Float64Array>>
}

const TWO_32 = 4_294_967_296
/** Upper halves of ids that a number holds exactly lie from -2^21 to below it. */
const EXACT = 2 ** 21

function idReader(batch: EventBatch, name: string): (row: number) => RecordId {
  const ids = idsOf(batch, name)
  const halves = halvesOf(ids)
  return (row) => {
    const high = halves[2 * row + 1]!
    return high < EXACT && high >= -EXACT ? high * TWO_32 + (halves[2 * row]! >>> 0) : narrowId(ids[row]!)
  }
}

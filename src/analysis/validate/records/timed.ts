import { sameId } from '../../../model/live/ids.ts'
import type { RecordId } from '../../../model/live/record.ts'
import { type CheckedEvent, type EventContext, idStage, latencyStage, sideStage, symbolStage } from './events.ts'
import { has, numbersStage } from './numbers.ts'
import type { RecordRules, Stage } from './stage.ts'

/** A row of a kind without ids of the exchange, of which anything may be lacking; what lacks is not checked. */
interface CheckedTimed extends CheckedEvent {
  readonly sequence?: RecordId | undefined
}

export interface CheckedTimedQuote extends CheckedTimed {
  readonly bidPrice?: number | undefined
  readonly bidQuantity?: number | undefined
  readonly askPrice?: number | undefined
  readonly askQuantity?: number | undefined
}

/** A level. */
export interface CheckedTimedLevel extends CheckedTimed {
  readonly side?: number | undefined
  /** Of snapshots. */
  readonly level?: number | undefined
  readonly price?: number | undefined
  readonly quantity?: number | undefined
}

const timeOf = ({ receiveTime }: CheckedTimed): number => receiveTime ?? Number.NaN

const uncrossed: Stage<CheckedTimedQuote, EventContext> = {
  name: 'crossed',
  meaning: 'the bid is below the ask',
  start:
    () =>
    ({ bidPrice, askPrice }, report) => {
      if (has(bidPrice) && has(askPrice) && bidPrice >= askPrice)
        report('crossed', 'error', `best bid ${bidPrice} is not below best ask ${askPrice}`)
    },
}

export const TIMED_QUOTE_RULES: RecordRules<CheckedTimedQuote, EventContext> = {
  kind: 'timedQuote',
  stages: [
    symbolStage<CheckedTimedQuote>(),
    numbersStage<CheckedTimedQuote>(
      'prices are above 0, quantities 0 or more',
      {},
      { bidPrice: 'positive', askPrice: 'positive', bidQuantity: 'not-negative', askQuantity: 'not-negative' },
    ),
    uncrossed,
    idStage<CheckedTimedQuote>((row) => row.sequence),
    latencyStage<CheckedTimedQuote>(),
  ],
  timeOf,
}

export const TIMED_BOOK_DELTA_RULES: RecordRules<CheckedTimedLevel, EventContext> = {
  kind: 'timedBookDelta',
  stages: [
    symbolStage<CheckedTimedLevel>(),
    sideStage<CheckedTimedLevel>(),
    numbersStage<CheckedTimedLevel>('prices are above 0, quantities 0 or more', {
      price: 'positive',
      quantity: 'not-negative',
    }),
    idStage<CheckedTimedLevel>((row) => row.sequence),
    latencyStage<CheckedTimedLevel>(),
  ],
  timeOf,
}

/** What the levels of the book under way have told. */
interface Sides {
  sequence: RecordId
  /** The last price of each side, and its best one: those of bids, then those of asks. */
  readonly last: [number, number]
  readonly best: [number, number]
}

const sorted: Stage<CheckedTimedLevel, EventContext> = {
  name: 'sorted',
  meaning: 'books rise by their sequence, levels come best first, and the best bid is below the best ask',
  start: () => {
    let book: Sides | undefined
    return ({ sequence, side, price }, report) => {
      if (sequence === undefined || (side !== 1 && side !== 2) || !has(price)) return
      if (book !== undefined && sequence < book.sequence)
        report('id-goes-back', 'error', `sequence ${sequence} after ${book.sequence}`)
      if (book === undefined || !sameId(book.sequence, sequence))
        book = { sequence, last: [Number.NaN, Number.NaN], best: [Number.NaN, Number.NaN] }
      const own = side === 1 ? 0 : 1
      const before = book.last[own]
      if (side === 1 ? price >= before : price <= before)
        report('not-sorted', 'error', `${side === 1 ? 'bids' : 'asks'} have ${price} after ${before}`)
      book.last[own] = price
      if (!Number.isNaN(before)) return
      book.best[own] = price
      const [bid, ask] = book.best
      if (bid >= ask) report('crossed', 'error', `best bid ${bid} is not below best ask ${ask}`)
    }
  },
}

export const TIMED_BOOK_SNAPSHOT_RULES: RecordRules<CheckedTimedLevel, EventContext> = {
  kind: 'timedBookSnapshot',
  stages: [
    symbolStage<CheckedTimedLevel>(),
    sideStage<CheckedTimedLevel>(),
    numbersStage<CheckedTimedLevel>('prices and quantities are above 0', { price: 'positive', quantity: 'positive' }),
    sorted,
    latencyStage<CheckedTimedLevel>(),
  ],
  timeOf,
}

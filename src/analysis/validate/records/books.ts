import { nextId, sameId } from '../../../model/live/ids.ts'
import type { RecordId } from '../../../model/live/record.ts'
import { type CheckedEvent, type EventContext, idStage, latencyStage, symbolStage, timeStage } from './events.ts'
import { SeenBook } from './seen-book.ts'
import type { RecordRules, Report, Stage } from './stage.ts'

/** Changes or a snapshot of a book, of which anything may be lacking; what lacks is not checked. */
export interface CheckedBook extends CheckedEvent {
  readonly firstUpdateId?: RecordId | undefined
  readonly lastUpdateId?: RecordId | undefined
  /** -1 on spot. */
  readonly previousUpdateId?: RecordId | undefined
  readonly transactionTime?: number | undefined
  /** Of snapshots. */
  readonly time?: number | undefined
  /** Price, quantity, price, quantity, … */
  readonly bids?: readonly number[] | undefined
  readonly asks?: readonly number[] | undefined
}

type BookStage = Stage<CheckedBook, EventContext>
const SIDES = ['bids', 'asks'] as const

function valuesStage(least: 0 | 1): BookStage {
  return {
    name: 'values',
    meaning: least === 0 ? 'prices are above 0, quantities 0 or more' : 'prices and quantities are above 0',
    start: () => (row, report) => {
      for (const side of SIDES) {
        const levels = row[side] ?? []
        if (levels.length % 2 !== 0) report('odd-levels', 'error', `${side} hold ${levels.length} numbers`)
        for (let i = 0; i + 1 < levels.length; i += 2) {
          const price = levels[i]!
          const quantity = levels[i + 1]!
          const fits = (least === 0 ? quantity >= 0 : quantity > 0) && quantity < Number.POSITIVE_INFINITY
          if (!(price > 0 && price < Number.POSITIVE_INFINITY)) {
            report('price-not-positive', 'error', `${side} level ${i / 2} has price ${price}`)
          } else if (!fits) report('quantity-wrong', 'error', `${side} level ${i / 2} has quantity ${quantity}`)
        }
      }
    },
  }
}

const levels: BookStage = {
  name: 'levels',
  meaning: 'an update names each price once',
  start: () => (row, report) => {
    for (const side of SIDES) {
      const list = row[side] ?? []
      const seen = new Set<number>()
      for (let i = 0; i + 1 < list.length; i += 2) {
        if (seen.has(list[i]!)) report('repeated-price', 'error', `${side} name ${list[i]} twice`)
        seen.add(list[i]!)
      }
    }
  },
}

const uncrossed: BookStage = {
  name: 'crossed',
  meaning: 'of the levels that an update sets, which stand at the same time, no bid reaches an ask',
  start: () => (row, report) => {
    const bid = bestOf(row.bids, 1)
    const ask = bestOf(row.asks, -1)
    reportCrossed(bid, ask, report)
  },
}

/**
 * What updates set stands until an update changes it, also where the rest of the book is not known: two such levels that
 * cross are a fault of the updates between, or of their order.
 */
const standing: BookStage = {
  name: 'book',
  meaning: 'the levels that updates have set never cross, as long as their chain holds',
  start: () => {
    const book = new SeenBook()
    let latest: RecordId | undefined
    return (row, report) => {
      if (row.lastUpdateId === undefined) return
      if (latest === undefined || !followsOn(row, latest)) book.clear()
      latest = row.lastUpdateId
      book.apply(row.bids, row.asks)
      const { bid, ask } = book
      if (bid === undefined || ask === undefined || bid < ask) return
      // That of one update is told by the stage above.
      const own = [bestOf(row.bids, 1), bestOf(row.asks, -1)]
      const isWithin = own[0] !== undefined && own[1] !== undefined && own[0] >= own[1]
      if (!isWithin) report('book-crossed', 'error', `the bid at ${bid} and the ask at ${ask} both stand`)
      // Which of them is wrong nobody can say: what stood before is not believed any more.
      book.clear()
    }
  },
}

/** The best price of a side that has a quantity. */
function bestOf(list: readonly number[] = [], sign: 1 | -1): number | undefined {
  let best: number | undefined
  for (let i = 0; i + 1 < list.length; i += 2) {
    const price = list[i]!
    if (list[i + 1]! > 0 && (best === undefined || (price - best) * sign > 0)) best = price
  }
  return best
}

const sorted: BookStage = {
  name: 'sorted',
  meaning: 'levels come best first, and the best bid is below the best ask',
  start: () => (row, report) => {
    for (const side of SIDES) {
      const list = row[side] ?? []
      for (let i = 2; i + 1 < list.length; i += 2) {
        const worse = side === 'bids' ? list[i]! < list[i - 2]! : list[i]! > list[i - 2]!
        if (!worse) report('not-sorted', 'error', `${side} have ${list[i]} after ${list[i - 2]}`)
      }
    }
    reportCrossed(row.bids?.[0], row.asks?.[0], report)
  },
}

function reportCrossed(bid: number | undefined, ask: number | undefined, report: Report): void {
  if (bid !== undefined && ask !== undefined && bid >= ask) {
    report('crossed', 'error', `best bid ${bid} is not below best ask ${ask}`)
  }
}

const span: BookStage = {
  name: 'span',
  meaning: 'the first update id is not above the last',
  start:
    () =>
    ({ firstUpdateId, lastUpdateId }, report) => {
      if (firstUpdateId !== undefined && lastUpdateId !== undefined && firstUpdateId > lastUpdateId) {
        report('ids-reversed', 'error', `from update ${firstUpdateId} to ${lastUpdateId}`)
      }
    },
}

/** Whether an update follows the one that ended with an id; true where it does not say what it follows. */
function followsOn({ firstUpdateId, previousUpdateId }: CheckedBook, last: RecordId): boolean {
  if (previousUpdateId !== undefined && previousUpdateId >= 0) return sameId(previousUpdateId, last)
  return firstUpdateId === undefined || sameId(firstUpdateId, nextId(last))
}

const chain: BookStage = {
  name: 'continuity',
  meaning: 'each update follows the one before: U = previous u + 1 on spot, pu = previous u on futures',
  start: () => {
    let latest: RecordId | undefined
    return (row, report) => {
      const { firstUpdateId, lastUpdateId, previousUpdateId } = row
      if (lastUpdateId === undefined) return
      if (latest !== undefined && !followsOn(row, latest)) {
        const namesIt = previousUpdateId !== undefined && previousUpdateId >= 0
        const detail = namesIt
          ? `names ${previousUpdateId} as the one before, which was ${latest}`
          : `begins with ${firstUpdateId}, the one before ended with ${latest}`
        report('chain-broken', 'error', detail)
      }
      latest = lastUpdateId
    }
  },
}

/** A NaN says that the exchange gave no time, as on spot. */
const engineTime = ({ transactionTime, eventTime }: CheckedBook): number | undefined =>
  transactionTime === undefined || Number.isNaN(transactionTime) ? eventTime : transactionTime

export const BOOK_DELTA_RULES: RecordRules<CheckedBook, EventContext> = {
  kind: 'bookDelta',
  stages: [
    symbolStage<CheckedBook>(),
    valuesStage(0),
    levels,
    uncrossed,
    standing,
    span,
    idStage<CheckedBook>((row) => row.lastUpdateId),
    chain,
    timeStage<CheckedBook>(engineTime),
    latencyStage<CheckedBook>(),
  ],
  timeOf: (row) => row.eventTime ?? Number.NaN,
}

export const BOOK_SNAPSHOT_RULES: RecordRules<CheckedBook, EventContext> = {
  kind: 'bookSnapshot',
  stages: [
    symbolStage<CheckedBook>(),
    valuesStage(1),
    sorted,
    idStage<CheckedBook>((row) => row.lastUpdateId),
    timeStage<CheckedBook>((row) => row.time),
  ],
  timeOf: (row) => row.time ?? Number.NaN,
}

/** Best bid and offer, of which anything may be lacking. */
export interface CheckedQuote extends CheckedEvent {
  readonly updateId?: RecordId | undefined
  readonly bidPrice?: number | undefined
  readonly bidQuantity?: number | undefined
  readonly askPrice?: number | undefined
  readonly askQuantity?: number | undefined
  readonly transactionTime?: number | undefined
}

const quoteValues: Stage<CheckedQuote, EventContext> = {
  name: 'values',
  meaning: 'prices are above 0, quantities 0 or more, and the bid is below the ask',
  start: () => (row, report) => {
    for (const name of ['bidPrice', 'askPrice'] as const) {
      const value = row[name]
      if (value !== undefined && !(value > 0 && value < Number.POSITIVE_INFINITY)) {
        report('price-not-positive', 'error', `${name} is ${value}`)
      }
    }
    for (const name of ['bidQuantity', 'askQuantity'] as const) {
      const value = row[name]
      if (value !== undefined && !(value >= 0 && value < Number.POSITIVE_INFINITY)) {
        report('quantity-wrong', 'error', `${name} is ${value}`)
      }
    }
    reportCrossed(row.bidPrice, row.askPrice, report)
  },
}

export const QUOTE_RULES: RecordRules<CheckedQuote, EventContext> = {
  kind: 'quote',
  stages: [
    symbolStage<CheckedQuote>(),
    quoteValues,
    idStage<CheckedQuote>((row) => row.updateId),
    timeStage<CheckedQuote>((row) => (Number.isNaN(row.transactionTime) ? undefined : row.transactionTime)),
    latencyStage<CheckedQuote>(),
  ],
  timeOf: (row) => row.eventTime ?? row.receiveTime ?? Number.NaN,
}

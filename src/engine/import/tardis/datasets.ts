import { timedBookDelta, timedBookSnapshot, timedQuote } from '../../../model/history/index.ts'
import { BookSide } from '../../../model/live/book-delta.ts'
import { liquidation } from '../../../model/live/liquidation.ts'
import { markPrice } from '../../../model/live/mark-price.ts'
import { trade } from '../../../model/live/trade.ts'
import { amountIn, type TardisDataset, type TardisRow } from './dataset.ts'
import { type RowBlock, Sequence } from './row-block.ts'

const LOT = ['id', 'side', 'price', 'amount'] as const

const trades: TardisDataset = {
  name: 'trades',
  kind: trade,
  columns: () => LOT,
  filled: ['id', 'time', 'price', 'quantity', 'buyer_is_maker', 'receive_time', 'flags'],
  start: () => (row, block) => {
    const [id, side, price, amount] = row.values as readonly [string, string, string, string]
    if (!/^\d+$/.test(id) || !Number.isSafeInteger(Number(id)))
      return id === '' ? 'there is no id (liquidations have none: --kind liquidation)' : `"${id}" is no id`
    if (side !== 'buy' && side !== 'sell') return `the side is "${side}", neither buy nor sell`
    const [paid, quantity] = [amountIn(price), amountIn(amount)]
    if (Number.isNaN(paid + quantity)) return 'price or amount is none'
    const at = block.next([price, amount], paid === 0 || quantity === 0)
    const { numbers } = block
    numbers.id![at] = Number(id)
    numbers.time![at] = row.time
    numbers.price![at] = paid
    numbers.quantity![at] = quantity
    numbers.buyer_is_maker![at] = side === 'sell' ? 1 : 0
    numbers.receive_time![at] = receivedAt(row)
    return undefined
  },
}

/** Only orders that were filled, by what was paid for them: the price of the order itself is not told. */
const liquidations: TardisDataset = {
  name: 'liquidations',
  kind: liquidation,
  columns: () => LOT.slice(1),
  filled: liquidation.columns.map(({ name }) => name).filter((name) => name !== 'event_time'),
  start: () => (row, block) => {
    const [side, price, amount] = row.values as readonly [string, string, string]
    if (side !== 'buy' && side !== 'sell') return `the side is "${side}", neither buy nor sell`
    const [average, filled] = [amountIn(price), amountIn(amount)]
    if (!(average > 0 && filled > 0)) return 'price or amount is none'
    const at = block.next([price, amount])
    const { numbers } = block
    numbers.time![at] = row.time
    numbers.side![at] = side === 'buy' ? 1 : 2
    numbers.average_price![at] = average
    // Those that are told were filled whole.
    numbers.quantity![at] = filled
    numbers.filled_quantity![at] = filled
    numbers.receive_time![at] = receivedAt(row)
    return undefined
  },
}

const PRICES = ['funding_timestamp', 'funding_rate', 'index_price', 'mark_price'] as const
const SIGNED = /^-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?$/

/**
 * Mark prices. A row comes with each change of anything in it: only one that brings a new mark price or funding rate is a
 * message of the mark price, and has its time.
 */
const derivativeTicker: TardisDataset = {
  name: 'derivative_ticker',
  kind: markPrice,
  columns: () => PRICES,
  filled: ['mark_price', 'index_price', 'funding_rate', 'next_funding_time', 'event_time', 'receive_time', 'flags'],
  start: () => {
    let known = ''
    return (row, block) => {
      const [funding, rate, index, mark] = row.values as readonly [string, string, string, string]
      const state = `${funding} ${rate} ${mark}`
      if (mark === '' || state === known) return undefined
      const price = amountIn(mark)
      const indexPrice = index === '' ? Number.NaN : amountIn(index)
      const nextFunding = funding === '' ? Number.NaN : amountIn(funding) / 1000
      if (Number.isNaN(price)) return `the mark price is "${mark}"`
      if (index !== '' && Number.isNaN(indexPrice)) return `the index price is "${index}"`
      if (rate !== '' && !SIGNED.test(rate)) return `the funding rate is "${rate}"`
      if (funding !== '' && Number.isNaN(nextFunding)) return `the funding time is "${funding}"`
      known = state
      const at = block.next([mark, index, rate], price === 0)
      const { numbers } = block
      numbers.mark_price![at] = price
      numbers.index_price![at] = indexPrice
      numbers.funding_rate![at] = rate === '' ? Number.NaN : Number(rate)
      numbers.next_funding_time![at] = nextFunding
      numbers.event_time![at] = row.time
      numbers.receive_time![at] = receivedAt(row)
      return undefined
    }
  },
}

const QUOTE = ['ask_amount', 'ask_price', 'bid_price', 'bid_amount'] as const

const quotes: TardisDataset = {
  name: 'quotes',
  kind: timedQuote,
  columns: () => QUOTE,
  filled: timedQuote.columns.map(({ name }) => name),
  start: () => {
    const sequence = new Sequence()
    return (row, block) => {
      const [askAmount, askPrice, bidPrice, bidAmount] = row.values.map(amountIn) as [number, number, number, number]
      const wrong = row.values.findIndex((text) => text !== '' && Number.isNaN(amountIn(text)))
      if (wrong >= 0) return `${QUOTE[wrong]} is "${row.values[wrong]}"`
      const at = block.next(row.values, bidPrice >= askPrice || bidPrice === 0 || askPrice === 0)
      block.sequence[at] = sequence.next(row.localMicros)
      const { numbers } = block
      numbers.bid_price![at] = bidPrice
      numbers.bid_quantity![at] = bidAmount
      numbers.ask_price![at] = askPrice
      numbers.ask_quantity![at] = askAmount
      putArrival(row, block, at)
      return undefined
    }
  },
}

const incrementalBook: TardisDataset = {
  name: 'incremental_book_L2',
  kind: timedBookDelta,
  columns: () => ['is_snapshot', 'side', 'price', 'amount'],
  filled: timedBookDelta.columns.map(({ name }) => name),
  start: () => {
    const sequence = new Sequence()
    return (row, block) => {
      const [snapshot, word, price, amount] = row.values as readonly [string, string, string, string]
      if (snapshot !== 'true' && snapshot !== 'false') return `is_snapshot is "${snapshot}", neither true nor false`
      const side = SIDES.get(word)
      if (side === undefined) return `the side is "${word}", neither bid nor ask`
      const [levelPrice, quantity] = [amountIn(price), amountIn(amount)]
      if (Number.isNaN(levelPrice + quantity)) return 'price or amount is none'
      const at = block.next([price, amount], levelPrice === 0)
      block.sequence[at] = sequence.next(row.localMicros)
      const { numbers } = block
      numbers.is_snapshot![at] = snapshot === 'true' ? 1 : 0
      numbers.side![at] = side
      numbers.price![at] = levelPrice
      numbers.quantity![at] = quantity
      putArrival(row, block, at)
      return undefined
    }
  },
}

const SIDES: ReadonlyMap<string, number> = new Map([
  ['bid', BookSide.bid],
  ['ask', BookSide.ask],
])

const LEVEL = /^(asks|bids)\[(\d{1,3})\]\.(price|amount)$/

/** `book_snapshot_5`, `book_snapshot_25`: as many levels as the line of names has. */
const bookSnapshots: TardisDataset = {
  name: 'book_snapshot',
  kind: timedBookSnapshot,
  columns(names) {
    const levels = names.filter((name) => LEVEL.test(name))
    // Whoever lacks a pair of them is told which.
    const depth = Math.max(1, ...levels.map((name) => Number(LEVEL.exec(name)![2]) + 1))
    return ['asks', 'bids'].flatMap((side) =>
      Array.from({ length: depth }, (_, n) => [`${side}[${n}].price`, `${side}[${n}].amount`]).flat(),
    )
  },
  filled: timedBookSnapshot.columns.map(({ name }) => name),
  start(columns) {
    const sequence = new Sequence()
    const depth = columns.length / 4
    return (row, block) => {
      const { values } = row
      const wrong = values.findIndex((text) => text !== '' && Number.isNaN(amountIn(text)))
      if (wrong >= 0) return `${columns[wrong]} is "${values[wrong]}"`
      const count = sequence.next(row.localMicros)
      for (let place = 0; place < 2 * depth; place++) {
        const [price, amount] = [values[2 * place]!, values[2 * place + 1]!]
        if (price === '' || amount === '') continue
        const at = block.next([price, amount])
        block.sequence[at] = count
        const { numbers } = block
        numbers.depth![at] = depth
        numbers.side![at] = place < depth ? BookSide.ask : BookSide.bid
        numbers.level![at] = place % depth
        numbers.price![at] = Number(price)
        numbers.quantity![at] = Number(amount)
        putArrival(row, block, at)
      }
      return undefined
    }
  },
}

/** By the name that files have. */
const DATASETS: Readonly<Record<string, TardisDataset>> = {
  trades,
  liquidations,
  derivative_ticker: derivativeTicker,
  quotes,
  book_ticker: quotes,
  incremental_book_L2: incrementalBook,
  book_snapshot_5: bookSnapshots,
  book_snapshot_25: bookSnapshots,
}

/** What datasets are taken, for messages. */
export const TARDIS_DATASETS: readonly string[] = Object.keys(DATASETS)

/** The dataset of a name; undefined for one that is not taken. */
export function tardisDataset(name: string): TardisDataset | undefined {
  return Object.hasOwn(DATASETS, name) ? DATASETS[name] : undefined
}

/** The kinds with ids whose records tardis.dev gives out without them. */
const WITH_IDS: Readonly<Record<string, string>> = {
  quote: timedQuote.id,
  bookDelta: timedBookDelta.id,
  bookSnapshot: timedBookSnapshot.id,
}

/** The dataset that becomes a kind, or its namesake without ids; undefined where there is none. */
export function tardisDatasetOf(kind: string): TardisDataset | undefined {
  const wanted = WITH_IDS[kind] ?? kind
  return Object.values(DATASETS).find((dataset) => dataset.kind.id === wanted)
}

/** The dataset whose columns a file names. Trades and liquidations have the same: they count as trades. */
export function tardisDatasetIn(names: readonly string[]): TardisDataset | undefined {
  const found = [trades, derivativeTicker, quotes, incrementalBook, bookSnapshots]
  return found.find((dataset) => dataset.columns(names).every((name) => names.includes(name)))
}

/** When a row reached whoever recorded it. Equal to its own time it says that nobody told one of them. */
function receivedAt({ time, local }: TardisRow): number {
  return time === local ? Number.NaN : local
}

function putArrival({ time, local }: TardisRow, { numbers }: RowBlock, at: number): void {
  numbers.event_time![at] = time === local ? Number.NaN : time
  numbers.receive_time![at] = local
}

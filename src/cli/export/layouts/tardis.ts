import { ConfigError } from '../../../model/errors.ts'
import { BookSide } from '../../../model/live/book-delta.ts'
import type { SeriesId } from '../../../model/series.ts'
import { formatDay } from '../../../model/time.ts'
import { formatNumber } from '../../render/text.ts'
import type { Rows } from '../rows.ts'
import type { ExportLayout } from './layout.ts'

const EXCHANGES: Readonly<Record<string, string>> = {
  spot: 'binance',
  usdm: 'binance-futures',
  coinm: 'binance-delivery',
}

interface Form {
  readonly dataset: string
  readonly columns: readonly string[]
  readonly header: string
  /** Text of a row behind exchange and symbol. */
  row(rows: Rows, i: number): string
}

const QUOTE_HEADER = 'ask_amount,ask_price,bid_price,bid_amount'
const QUOTE_COLUMNS = ['ask_quantity', 'ask_price', 'bid_price', 'bid_quantity'] as const
const BOOK_HEADER = 'is_snapshot,side,price,amount'

const FORMS: Readonly<Record<string, Form>> = {
  trade: {
    dataset: 'trades',
    header: 'id,side,price,amount',
    columns: ['id', 'time', 'price', 'quantity', 'buyer_is_maker', 'receive_time'],
    row(rows, i) {
      const [id, price, amount] = ['id', 'price', 'quantity'].map((name) => text(rows, name, i))
      const side = rows.columns.buyer_is_maker![i] === 1 ? 'sell' : 'buy'
      return `${times(rows, i, 'time')},${id},${side},${price},${amount}`
    },
  },
  quote: {
    dataset: 'quotes',
    header: QUOTE_HEADER,
    columns: [...QUOTE_COLUMNS, 'transaction_time', 'event_time', 'receive_time'],
    row: (rows, i) => `${times(rows, i, 'transaction_time', 'event_time')},${quoteText(rows, i)}`,
  },
  bookDelta: {
    dataset: 'incremental_book_L2',
    header: BOOK_HEADER,
    columns: [
      ...['last_update_id', 'transaction_time', 'side', 'price', 'quantity'],
      ...['event_time', 'receive_time'],
    ],
    row: (rows, i) => `${times(rows, i, 'transaction_time', 'event_time', 'time')},${level(rows, i)}`,
  },
  timedQuote: {
    dataset: 'quotes',
    header: QUOTE_HEADER,
    columns: [...QUOTE_COLUMNS, 'event_time', 'receive_time'],
    row: (rows, i) => `${times(rows, i, 'event_time')},${quoteText(rows, i)}`,
  },
  timedBookDelta: {
    dataset: 'incremental_book_L2',
    header: BOOK_HEADER,
    columns: ['is_snapshot', 'side', 'price', 'quantity', 'event_time', 'receive_time'],
    row: (rows, i) => `${times(rows, i, 'event_time')},${level(rows, i)}`,
  },
}

/** CSV as tardis.dev gives it out: times in µs, a file per day, gzipped. */
export const tardisLayout: ExportLayout = {
  columns(kind) {
    const form = FORMS[kind.id]
    if (!form)
      throw new ConfigError(
        `--layout tardis has no form for ${kind.id}; it has ${Object.keys(FORMS).join(', ')} (bookDelta with its snapshots).`,
      )
    return form.columns
  },
  periods: () => ['day'],
  packing: 'gzip',
  async fileName(series, _period, start) {
    return `${exchangeName(series)}_${FORMS[series.kind]!.dataset}_${formatDay(start)}_${series.symbol}.csv.gz`
  },
  async encoder(series) {
    const form = FORMS[series.kind]!
    const prefix = `${exchangeName(series)},${series.symbol},`
    return {
      begin: () => `exchange,symbol,timestamp,local_timestamp,${form.header}\n`,
      rows(batch) {
        const sides = batch.columns.side
        let out = ''
        for (let i = 0; i < batch.length; i++) {
          // An update without any level has a row of its own in the lake.
          if (sides === undefined || sides[i] !== BookSide.none) out += `${prefix}${form.row(batch, i)}\n`
        }
        return out
      },
      end: () => '',
    }
  },
}

function exchangeName({ exchange, market }: SeriesId): string {
  return exchange === 'binance' ? (EXCHANGES[market] ?? exchange) : exchange
}

/** A value, empty where there is none. */
function text(rows: Rows, name: string, i: number): string {
  const value = Number(rows.columns[name]![i])
  return Number.isNaN(value) ? '' : formatNumber(value)
}

function quoteText(rows: Rows, i: number): string {
  return QUOTE_COLUMNS.map((name) => text(rows, name, i)).join(',')
}

/**
 * The exchange's instant, the first of those named that the record has, and ours. Where ours is not known both are the
 * instant that the lake files the record by: that is where its file ends.
 */
function times(rows: Rows, i: number, ...names: readonly string[]): string {
  const at = (name: string): number => Number(rows.columns[name]?.[i] ?? Number.NaN)
  const received = at('receive_time')
  const known = Number.isNaN(received) ? ['event_time', ...names] : names
  const own = known.map(at).find((time) => !Number.isNaN(time)) ?? received
  return `${micros(own)},${micros(Number.isNaN(received) ? own : received)}`
}

function micros(time: number): string {
  return Number.isNaN(time) ? '' : String(Math.round(time * 1000))
}

function level(rows: Rows, i: number): string {
  const { side, price, quantity, is_snapshot } = rows.columns
  const word = side![i] === BookSide.bid ? 'bid' : 'ask'
  return `${is_snapshot?.[i] === 1},${word},${formatNumber(Number(price![i]))},${formatNumber(Number(quantity![i]))}`
}

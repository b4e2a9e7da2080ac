import { exchangeOf } from '../../../exchanges/index.ts'
import { formatDecimal, multiplyDecimal, parseDecimal } from '../../../model/decimal.ts'
import { ConfigError } from '../../../model/errors.ts'
import type { Kind } from '../../../model/kind.ts'
import { kindOf } from '../../../model/kinds.ts'
import { isPriceCandle } from '../../../model/price-candle.ts'
import type { SeriesId } from '../../../model/series.ts'
import { floorDay } from '../../../model/time.ts'
import { formatNumber } from '../../render/text.ts'
import type { Rows } from '../rows.ts'
import type { ExportLayout, LayoutEncoder } from './layout.ts'

/** Files of the spot market tell microseconds from here on (reference: binance-vision.md, section 5). */
const MICROSECONDS_FROM = Date.UTC(2025, 0, 1)
const SPOT_DECIMALS = 8

type Column = Float64Array | BigInt64Array
/** Text of one row. */
type RowText = (columns: readonly Column[], row: number) => string

interface Form {
  /** Columns of the lake that a row is made of. */
  readonly columns: readonly string[]
  /** The first line on the futures markets; spot files have none. */
  readonly header: string
  row(series: SeriesId): RowText
}

const CANDLE_HEADER =
  'open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore'

/** What the archive has files of, and how a row of them is written. */
const FORMS: Readonly<Record<string, Form>> = {
  candle: {
    header: CANDLE_HEADER,
    columns: [
      ...['open_time', 'open', 'high', 'low', 'close', 'volume', 'close_time', 'quote_volume', 'trades'],
      ...['taker_buy_volume', 'taker_buy_quote_volume'],
    ],
    row: ({ market }) => {
      const amount = amountText(market)
      return ([time, open, high, low, close, volume, closes, quote, trades, taker, takerQuote], i) => {
        const start = Number(time![i])
        const prices = `${amount(open![i]!)},${amount(high![i]!)},${amount(low![i]!)},${amount(close![i]!)}`
        const traded = `${amount(quote![i]!)},${trades![i]},${amount(taker![i]!)},${amount(takerQuote![i]!)}`
        const end = lastInstant(Number(closes![i]), start, market)
        return `${instant(start, start, market)},${prices},${amount(volume![i]!)},${end},${traded},0\n`
      }
    },
  },
  trade: {
    header: 'id,price,qty,quote_qty,time,is_buyer_maker',
    columns: ['id', 'price', 'quantity', 'time', 'buyer_is_maker'],
    row: ({ market }) => {
      const amount = amountText(market)
      return ([id, price, quantity, time, maker], i) => {
        const value = amount(product(Number(price![i]), Number(quantity![i])))
        const at = Number(time![i])
        return `${id![i]},${amount(price![i]!)},${amount(quantity![i]!)},${value},${instant(at, at, market)},${sides(maker![i] === 1, market)}\n`
      }
    },
  },
  aggTrade: {
    header: 'agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker',
    columns: ['id', 'price', 'quantity', 'first_trade_id', 'last_trade_id', 'time', 'buyer_is_maker'],
    row: ({ market }) => {
      const amount = amountText(market)
      return ([id, price, quantity, first, last, time, maker], i) => {
        const at = Number(time![i])
        return `${id![i]},${amount(price![i]!)},${amount(quantity![i]!)},${first![i]},${last![i]},${instant(at, at, market)},${sides(maker![i] === 1, market)}\n`
      }
    },
  },
  fundingRate: {
    header: 'calc_time,funding_interval_hours,last_funding_rate',
    columns: ['funding_time', 'interval_hours', 'funding_rate'],
    row:
      () =>
      ([time, hours, rate], i) => {
        // Only the archive tells how long the time between two fundings is.
        const interval = Number.isNaN(hours![i]) ? '' : hours![i]
        return `${Math.round(Number(time![i]))},${interval},${formatNumber(Number(rate![i]))}\n`
      },
  },
  quote: {
    header: 'update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time',
    columns: [
      ...['update_id', 'bid_price', 'bid_quantity', 'ask_price', 'ask_quantity'],
      ...['transaction_time', 'event_time'],
    ],
    row:
      () =>
      ([id, ...others], i) => {
        const [bid, bids, ask, asks] = others.slice(0, 4).map((values) => formatNumber(Number(values[i])))
        const [made, sent] = others.slice(4).map((values) => Math.floor(Number(values[i])))
        return `${id![i]},${bid},${bids},${ask},${asks},${made},${sent}\n`
      },
  },
  bookDepth: {
    header: 'timestamp,percentage,depth,notional',
    columns: ['time', 'percentage', 'depth', 'notional'],
    row:
      () =>
      ([time, ...values], i) =>
        `${wordTime(Number(time![i]))},${values.map((column) => formatNumber(Number(column[i]))).join(',')}\n`,
  },
  metrics: {
    header: [
      ...['create_time', 'symbol', 'sum_open_interest', 'sum_open_interest_value', 'count_toptrader_long_short_ratio'],
      ...['sum_toptrader_long_short_ratio', 'count_long_short_ratio', 'sum_taker_long_short_vol_ratio'],
    ].join(','),
    columns: [
      ...['time', 'open_interest', 'open_interest_value', 'top_account_ratio', 'top_position_ratio'],
      ...['account_ratio', 'taker_ratio'],
    ],
    row: ({ exchange, market, kind, symbol }) => {
      const labels = exchangeOf(exchange).archive?.traits?.(market, kind)?.labels
      return ([time, ...values], i) => {
        const start = Number(time![i])
        // A file is labelled in one way, that of its day.
        const isByEnd = labels !== undefined && floorDay(start) < labels.endsBefore
        const cells = values.map((column) => (Number.isNaN(column[i]) ? '' : formatNumber(Number(column[i]))))
        return `${wordTime(isByEnd ? start + labels.periodMs : start)},${symbol},${cells.join(',')}\n`
      }
    },
  },
}

/** What the archive has files of that cannot be written, and why. */
function whyNot(kind: Kind, { exchange, market, symbol, interval }: SeriesId): string | undefined {
  const others = 'export it without --layout, as CSV, JSON lines, Parquet or Arrow'
  if (kind.id === 'trade' && market === 'coinm')
    return `Files of coinm trades tell what each is worth in the coin, which the lake does not keep; export aggTrade, or ${others}.`
  if (kind.id === 'liquidation')
    return `Files of liquidations tell type and status of each order, which the lake does not keep; ${others}.`
  const known = [...Object.keys(FORMS), 'candles of other prices'].join(', ')
  if (!formOf(kind)) return `--layout binance has no form for ${kind.id}; it has ${known}. Else ${others}.`
  const series = { market, kind: kind.id, symbol, ...(interval && { interval }) }
  if (exchangeOf(exchange).archive?.has(series) === false)
    return `The archive of ${exchange} has no ${kind.id} of ${market} whose form could be written; ${others}.`
  return undefined
}

/** `2024-01-31 12:30:00`, whole seconds. */
function wordTime(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ')
}

/** Candles of other prices: what would count trades counts samples, and nothing has a volume. */
const PRICE_FORM: Form = {
  header: CANDLE_HEADER,
  columns: ['open_time', 'open', 'high', 'low', 'close', 'close_time', 'samples'],
  row: () => (columns, i) => {
    const [time, open, high, low, close, end, samples] = columns.map((values) => formatNumber(Number(values[i])))
    return `${time},${open},${high},${low},${close},0,${end},0,${samples},0,0,0\n`
  },
}

/** The CSV of the exchange's own archive, in zips with checksums where a folder is written. */
export const binanceLayout: ExportLayout = {
  columns(kind, series) {
    const why = whyNot(kind, series)
    if (why !== undefined) throw new ConfigError(why)
    return formOf(kind)!.columns
  },
  periods({ exchange, ...series }) {
    const { archive } = exchangeOf(exchange)
    const isThere = (period: 'monthly' | 'daily'): boolean => archive?.folder(series, period) !== undefined
    return [...(isThere('monthly') ? ['month' as const] : []), ...(isThere('daily') ? ['day' as const] : [])]
  },
  packing: 'zip',
  checksum: '.CHECKSUM',
  async fileName(series, period, start) {
    const layout = exchangeOf(series.exchange).archive
    if (!layout) throw new ConfigError(`${series.exchange} has no archive whose layout could be written.`)
    return layout.file(series, period === 'day' ? 'daily' : 'monthly', start)
  },
  async encoder(series): Promise<LayoutEncoder> {
    const form = formOf(kindOf(series.kind))!
    const text = form.row(series)
    return {
      begin: () => (series.market === 'spot' ? '' : `${form.header}\n`),
      rows(batch: Rows) {
        const columns = form.columns.map((name) => batch.columns[name]!)
        let out = ''
        for (let i = 0; i < batch.length; i++) out += text(columns, i)
        return out
      },
      end: () => '',
    }
  },
}

function formOf(kind: Kind): Form | undefined {
  if (isPriceCandle(kind.id)) return PRICE_FORM
  return Object.hasOwn(FORMS, kind.id) ? FORMS[kind.id] : undefined
}

/** Spot files write eight decimals; those of the futures as many as there are. */
function amountText(market: string): (value: number | bigint) => string {
  if (market !== 'spot') return (value) => formatNumber(Number(value))
  return (value) => {
    const text = formatNumber(Number(value))
    const point = text.indexOf('.')
    return point < 0 ? `${text}.00000000` : text.padEnd(point + 1 + SPOT_DECIMALS, '0')
  }
}

function product(price: number, quantity: number): number {
  return Number(formatDecimal(multiplyDecimal(parseDecimal(price), parseDecimal(quantity))))
}

function sides(isMaker: boolean, market: string): string {
  return market === 'spot' ? `${isMaker ? 'True' : 'False'},True` : String(isMaker)
}

/** An instant of a row that belongs to `of`, in the unit that files of its time and market have. */
function instant(time: number, of: number, market: string): string {
  return market === 'spot' && of >= MICROSECONDS_FROM ? String(Math.round(time * 1000)) : String(Math.floor(time))
}

/** The last instant of a candle: in microseconds it is one of them, which the lake's milliseconds do not say. */
function lastInstant(time: number, of: number, market: string): string {
  if (market !== 'spot' || of < MICROSECONDS_FROM) return String(Math.floor(time))
  return String(Number.isInteger(time) ? time * 1000 + 999 : Math.round(time * 1000))
}

import { type Interval, isInterval } from '../model/interval.ts'
import { parseTime } from '../model/time.ts'
import { ByteWriter } from './bytes.ts'
import { SANDBOX_MARKETS, type SandboxMarket } from './market/listing.ts'
import type { MarketData, SymbolInfo } from './market/market.ts'

/** Kinds of data that the sandbox can tell the truth about. */
export const TRUTH_KINDS = ['candle'] as const

/** A candle as REST gives it: twelve fields, times in ms. */
export type TruthRow = readonly [
  openTime: number,
  open: string,
  high: string,
  low: string,
  close: string,
  volume: string,
  closeTime: number,
  quoteVolume: string,
  trades: number,
  takerBuyVolume: string,
  takerBuyQuoteVolume: string,
  ignore: string,
]

export interface TruthQuery {
  readonly info: SymbolInfo
  readonly interval: Interval
  readonly from: number
  readonly to: number
}

/** Rows read at a time. */
const PAGE = 5_000
const HEADER =
  'open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n'

/** What a query string asks for; a text is what is wrong with it. */
export async function parseTruth(
  query: URLSearchParams,
  data: MarketData,
  now: number,
): Promise<(TruthQuery & { format: 'json' | 'csv' }) | string> {
  const kind = query.get('kind') ?? 'candle'
  if (!(TRUTH_KINDS as readonly string[]).includes(kind)) {
    return `kind is "${kind}"; this sandbox knows the truth of: ${TRUTH_KINDS.join(', ')}.`
  }
  const market = query.get('market') ?? 'spot'
  if (!(SANDBOX_MARKETS as readonly string[]).includes(market)) {
    return `market is "${market}"; allowed: ${SANDBOX_MARKETS.join(', ')}.`
  }
  const interval = query.get('interval') ?? '1m'
  if (!isInterval(interval)) return `interval is "${interval}"; use one like 1m, 1h or 1M.`
  const format = query.get('format') ?? 'json'
  if (format !== 'json' && format !== 'csv') return `format is "${format}"; allowed: json, csv.`
  const symbol = query.get('symbol')
  if (symbol === null) return 'symbol is missing.'
  const info = await data.symbol(market as SandboxMarket, symbol, now)
  if (!info) return `symbol is "${symbol}", which the ${market} market does not have at this time.`
  try {
    const from = parseTime(query.get('from') ?? '0'.repeat(9), 'from')
    const to = query.has('to') ? parseTime(query.get('to') ?? '', 'to') : now
    return { info, interval, from, to, format }
  } catch (error) {
    return (error as Error).message
  }
}

/** The closed candles of a range as text, page by page. */
export async function* truthText(
  data: MarketData,
  query: TruthQuery,
  now: number,
  format: 'json' | 'csv',
): AsyncGenerator<Buffer> {
  const writer = new ByteWriter()
  let first = true
  writer.ascii(format === 'json' ? '[' : HEADER)
  let from = query.from
  for (;;) {
    const range = { interval: query.interval, from, to: Math.min(query.to, now), max: PAGE, closedOnly: true }
    const rows = await data.candles(query.info, range, now)
    for (let row = 0; row < rows.length; row++) {
      if (format === 'csv') {
        rows.writeCsv(writer, row, 'ms')
        writer.byte(10)
      } else {
        writer.ascii(first ? '\n' : ',\n')
        rows.writeJson(writer, row, 'ms')
      }
      first = false
    }
    if (rows.length < PAGE) break
    from = rows.openTime(rows.length - 1) + 1
    yield writer.take()
  }
  if (format === 'json') writer.ascii('\n]\n')
  yield writer.take()
}

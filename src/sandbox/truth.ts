import { ConfigError, isTicklakeError } from '../model/errors.ts'
import { type Interval, isInterval } from '../model/interval.ts'
import { parseTime } from '../model/time.ts'
import { ByteWriter } from './bytes.ts'
import { SANDBOX_MARKETS } from './market/listing.ts'
import type { MarketData, SymbolInfo } from './market/market.ts'
import {
  FUTURES_TRUTH_KINDS,
  ID_TRUTH_KINDS,
  LIVE_TRUTH_KINDS,
  type LiveTruthKind,
  type LiveTruthQuery,
  liveTruthText,
} from './truth-live.ts'
import type { TruthFormat } from './truth-writer.ts'

/** Kinds of data that the sandbox can tell the truth about. */
export const TRUTH_KINDS = ['candle', ...LIVE_TRUTH_KINDS] as const

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

/** Closed candles that open in [from, to). */
export interface TruthQuery {
  readonly kind?: 'candle'
  readonly info: SymbolInfo
  readonly interval: Interval
  readonly from: number
  readonly to: number
}

/** Rows read at a time. */
const PAGE = 5_000
const HEADER =
  'open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n'

/** Paces of book updates: those of the streams. */
const SPEEDS = [100, 250, 500, 1000]
/** More levels than any book has. */
const ALL_LEVELS = 1_000_000

/**
 * What a query string asks for; a text is what is wrong with it. Of symbols that a capture plays (`recorded`, as
 * `market|symbol`) the seeded market knows nothing that is true.
 */
export async function parseTruth(
  query: URLSearchParams,
  data: MarketData,
  now: number,
  recorded: ReadonlySet<string> = new Set(),
): Promise<((TruthQuery | LiveTruthQuery) & { format: TruthFormat }) | string> {
  try {
    const wanted = await parsed(query, data, now)
    const { market, symbol } = wanted.info
    if (!recorded.has(`${market}|${symbol}`)) return wanted
    return `${symbol} of ${market} is played from a capture: what happened is in its file, and no truth is told beside it.`
  } catch (error) {
    if (!isTicklakeError(error)) throw error
    return error.message
  }
}

async function parsed(
  query: URLSearchParams,
  data: MarketData,
  now: number,
): Promise<(TruthQuery | LiveTruthQuery) & { format: TruthFormat }> {
  const kinds: readonly string[] = data.live ? TRUTH_KINDS : ['candle']
  const kind = query.get('kind') ?? 'candle'
  if (!kinds.includes(kind)) {
    throw new ConfigError(`kind is "${kind}"; this sandbox knows the truth of: ${kinds.join(', ')}.`)
  }
  const market = oneOf('market', query.get('market') ?? 'spot', SANDBOX_MARKETS)
  const interval = query.get('interval') ?? '1m'
  if (!isInterval(interval)) throw new ConfigError(`interval is "${interval}"; use one like 1m, 1h or 1M.`)
  const format = oneOf('format', query.get('format') ?? 'json', ['json', 'csv'] as const)
  const symbol = query.get('symbol')
  if (symbol === null) throw new ConfigError('symbol is missing.')
  const info = await data.symbol(market, symbol, now)
  if (!info) throw new ConfigError(`symbol is "${symbol}", which the ${market} market does not have at this time.`)
  const to = query.has('to') ? parseTime(query.get('to') ?? '', 'to') : now
  if (kind !== 'candle') return { ...liveQuery(kind as LiveTruthKind, info, query, Math.min(to, now), now), format }
  const from = parseTime(query.get('from') ?? '0'.repeat(9), 'from')
  return { info, interval, from, to, format }
}

function liveQuery(
  kind: LiveTruthKind,
  info: SymbolInfo,
  query: URLSearchParams,
  to: number,
  now: number,
): LiveTruthQuery {
  if (info.market === 'spot' && FUTURES_TRUTH_KINDS.includes(kind)) {
    throw new ConfigError(`kind is "${kind}", which only futures have: ask with market=usdm or coinm.`)
  }
  const fromId = whole(query, 'fromId')
  const toId = whole(query, 'toId')
  const updateId = whole(query, 'updateId')
  const speed = whole(query, 'speed') ?? 100
  if (!SPEEDS.includes(speed)) throw new ConfigError(`speed is ${speed}; allowed: ${SPEEDS.join(', ')} (ms).`)
  if ((fromId !== undefined || toId !== undefined) && !ID_TRUTH_KINDS.includes(kind)) {
    throw new ConfigError(`fromId and toId are for ${ID_TRUTH_KINDS.join(', ')}; ask for a ${kind} by time.`)
  }
  if (kind !== 'book' && fromId === undefined && !query.has('from')) {
    throw new ConfigError(`from is missing (a time${ID_TRUTH_KINDS.includes(kind) ? ', or fromId' : ''}).`)
  }
  const at = query.has('at') ? Math.min(parseTime(query.get('at') ?? '', 'at'), now) : now
  return {
    ...{ kind, info, speed, to: kind === 'book' ? at + 1 : to },
    from: query.has('from') ? Math.max(parseTime(query.get('from') ?? '', 'from'), info.listedAt) : info.listedAt,
    levels: whole(query, 'levels') ?? ALL_LEVELS,
    ...(fromId === undefined ? {} : { fromId: Math.max(1, fromId) }),
    ...(toId === undefined ? {} : { toId }),
    ...(updateId === undefined ? {} : { updateId }),
  }
}

function oneOf<Name extends string>(what: string, value: string, allowed: readonly Name[]): Name {
  const known = allowed.find((name) => name === value)
  if (known === undefined) throw new ConfigError(`${what} is "${value}"; allowed: ${allowed.join(', ')}.`)
  return known
}

function whole(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new ConfigError(`${name} is "${text}"; give a whole number.`)
  return Number(text)
}

/** What really happened, as text, page by page: a JSON list of lists, or CSV. */
export async function* truthText(
  data: MarketData,
  query: TruthQuery | LiveTruthQuery,
  now: number,
  format: TruthFormat,
): AsyncGenerator<Buffer> {
  if ('interval' in query) yield* candleText(data, query, now, format)
  else if (data.live) yield* liveTruthText(data.live, query, now, format)
}

/** The closed candles of a range as text, page by page. */
async function* candleText(
  data: MarketData,
  query: TruthQuery,
  now: number,
  format: TruthFormat,
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

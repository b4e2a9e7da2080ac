import type { Exchange } from '../exchanges/exchange.ts'
import { candle } from '../model/candle.ts'
import { InvalidRangeError } from '../model/errors.ts'
import { type Interval, parseInterval } from '../model/interval.ts'
import { kindOf } from '../model/kinds.ts'
import { type Market, parseMarket, type SeriesId } from '../model/series.ts'
import { resolveNative } from '../model/symbol.ts'
import { hasHistory, isOfMarket } from './history.ts'

/** What names a series. */
export interface SeriesRequest {
  /** In any spelling: `BTCUSDT`, `BTC/USDT`, `BTC/USDT:USDT`. */
  readonly symbol: string
  /** Default: what the symbol says, else that of the manager. */
  readonly market?: Market | string
  /** Default `candle`. */
  readonly kind?: string
  /** Of candles of any kind; other kinds have none. */
  readonly interval?: Interval | string
}

/**
 * The series that a request is about, of any kind.
 * @throws InvalidRangeError, InvalidSymbolError for what can't be one.
 */
export function seriesOf(exchange: Exchange, ownMarket: Market, request: SeriesRequest): SeriesId {
  const { id: kind, hasInterval } = kindOf(request.kind ?? candle.id)
  const interval = intervalOf(kind, hasInterval, request.interval)
  const named = request.market === undefined ? undefined : parseMarket(request.market)
  const { market, symbol } = resolveNative(request.symbol, named, ownMarket)
  if (!exchange.markets.includes(market)) {
    throw new InvalidRangeError(
      `${exchange.id} has no market ${market} here. Use one of ${exchange.markets.join(', ')}.`,
    )
  }
  // What is collected has no past to ask for, and is a series all the same.
  if (interval === undefined ? !isOfMarket(kind, market) : !hasHistory(kind, market)) {
    throw new InvalidRangeError(`${exchange.id} has no ${kind} of ${market}, only of futures.`)
  }
  if (interval !== undefined && !exchange.intervals(market).includes(interval)) {
    throw new InvalidRangeError(
      `${market} has no ${interval} candles. Use one of ${exchange.intervals(market).join(', ')}.`,
    )
  }
  const name = exchange.seriesSymbol?.(market, kind, symbol) ?? symbol
  return { exchange: exchange.id, market, kind, symbol: name, ...(interval === undefined ? {} : { interval }) }
}

/** The same where only candles will do. */
export function candleSeriesOf(exchange: Exchange, ownMarket: Market, request: SeriesRequest): SeriesId {
  const { id, hasInterval } = kindOf(request.kind ?? candle.id)
  if (!hasInterval) throw new InvalidRangeError(`${id} is no kind of candles. Read it with EventStorage.`)
  return seriesOf(exchange, ownMarket, request)
}

function intervalOf(kind: string, hasInterval: boolean, text: string | undefined): Interval | undefined {
  if (hasInterval) {
    if (text === undefined) throw new InvalidRangeError(`The interval is missing: ${kind} has one, e.g. 1m.`)
    return parseInterval(text)
  }
  if (text === undefined) return undefined
  throw new InvalidRangeError(`${kind} has no intervals: leave interval out.`)
}

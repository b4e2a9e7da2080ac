import { formatDecimal, multiplyDecimal, parseDecimal } from '../../model/decimal.ts'
import { padded } from '../decimal-text.ts'
import { jsonReply, type Reply } from '../deliver.ts'
import type { SandboxMarket } from '../market/listing.ts'
import { keyOf, type RecordedStream, type Recording } from './recording.ts'

interface RecordedCall {
  readonly market: SandboxMarket
  readonly path: string
  readonly query: URLSearchParams
  readonly symbol: string
  /** The exchange's clock, epoch ms. */
  readonly now: number
}

type Payload = Readonly<Record<string, unknown>>

/**
 * Trades, aggregate trades and candles of a symbol as its recorded streams have told them by now, so that REST and
 * streams tell one story. Undefined for what was not recorded.
 */
export function recordedRest(recording: Recording, call: RecordedCall): Reply | undefined {
  const { market, path, query, symbol } = call
  const lower = symbol.toLowerCase()
  const stream = (name: string): RecordedStream | undefined => recording.streams.get(keyOf(market, `${lower}@${name}`))
  const endpoint = path.slice(path.lastIndexOf('/') + 1)
  switch (endpoint) {
    case 'trades':
    case 'historicalTrades': {
      const trades = stream('trade')
      return (
        trades &&
        page(
          told(trades, call.now).map((trade) => tradeRow(market, trade)),
          'id',
          query,
        )
      )
    }
    case 'aggTrades': {
      const trades = stream('aggTrade')
      return trades && page(told(trades, call.now).map(aggTradeRow), 'a', query)
    }
    case 'klines':
    case 'uiKlines': {
      const candles = stream(`kline_${query.get('interval')}`)
      return candles && candlePage(told(candles, call.now), query)
    }
    default:
      return undefined
  }
}

function told(stream: RecordedStream, now: number): Payload[] {
  const { times, frames, starts, ends } = stream
  const payloads: Payload[] = []
  for (let i = 0; i < frames.length && times[i]! <= now; i++) {
    payloads.push(JSON.parse(frames[i]!.toString('utf8', starts[i], ends[i])) as Payload)
  }
  return payloads
}

function tradeRow(market: SandboxMarket, trade: Payload): Payload {
  const { t, p, q, T, m, M } = trade as Record<string, string>
  const quote = multiplyDecimal(parseDecimal(p!), parseDecimal(q!))
  return {
    id: t,
    price: p,
    qty: q,
    quoteQty: market === 'spot' ? padded(quote, 8) : formatDecimal(quote),
    time: T,
    isBuyerMaker: m,
    ...(market === 'spot' ? { isBestMatch: M ?? true } : {}),
  }
}

function aggTradeRow(trade: Payload): Payload {
  const { a, p, q, nq, f, l, T, m, M } = trade
  return {
    ...{ a, p, q },
    ...(nq === undefined ? {} : { nq }),
    ...{ f, l, T, m },
    ...(M === undefined ? {} : { M }),
  }
}

/** From an id or a time on, or else the newest. */
function page(rows: readonly Payload[], idField: string, query: URLSearchParams): Reply {
  const limit = Number(query.get('limit') ?? 500)
  const fromId = query.get('fromId')
  const from = query.get('startTime')
  const to = Number(query.get('endTime') ?? Number.POSITIVE_INFINITY)
  if (fromId !== null)
    return jsonReply(200, rows.filter((row) => Number(row[idField]) >= Number(fromId)).slice(0, limit))
  const inside = rows.filter((row) => Number(row.T ?? row.time) <= to)
  if (from === null) return jsonReply(200, inside.slice(-limit))
  return jsonReply(200, inside.filter((row) => Number(row.T ?? row.time) >= Number(from)).slice(0, limit))
}

/** The last that was told of each candle. */
function candlePage(payloads: readonly Payload[], query: URLSearchParams): Reply {
  const candles = new Map<number, unknown[]>()
  for (const { k } of payloads as readonly { k: Record<string, unknown> }[]) {
    candles.set(Number(k.t), [k.t, k.o, k.h, k.l, k.c, k.v, k.T, k.q, k.n, k.V, k.Q, k.B])
  }
  const from = query.get('startTime')
  const to = Number(query.get('endTime') ?? Number.POSITIVE_INFINITY)
  const limit = Number(query.get('limit') ?? 500)
  const rows = [...candles.values()].filter(([t]) => Number(t) >= Number(from ?? 0) && Number(t) <= to)
  return jsonReply(200, from === null ? rows.slice(-limit) : rows.slice(0, limit))
}

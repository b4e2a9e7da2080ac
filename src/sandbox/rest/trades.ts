import { HOUR } from '../../model/time.ts'
import { ByteWriter } from '../bytes.ts'
import type { LiveAggTrade, LiveMarket, LiveTrade } from '../market/live-market.ts'
import { LiveText } from '../market/live-text.ts'
import type { SymbolInfo } from '../market/market.ts'
import { RestFailure } from './failure.ts'
import { inUnit, listedSymbol, liveOf, type RestCall } from './route.ts'

/** What the futures still know: aggregate trades of two days, trades of a month. */
export const FUTURES_AGG_MEMORY = 48 * HOUR
export const FUTURES_TRADE_MEMORY = 30 * 24 * HOUR

/** `trades`: the newest ones. */
export async function recentTrades(call: RestCall): Promise<Buffer> {
  const symbol = call.params.symbol() ?? ''
  const limit = call.params.limit(500, 1000)
  const info = await listedSymbol(call, symbol)
  const live = liveOf(call)
  const first = live.nextTradeId(info, call.now) - limit
  return tradeRows(call, info, live.tradesFrom(info, first, limit, call.now))
}

/** `historicalTrades`: those from an id on; the newest ones without it. Futures want a key, and forget. */
export async function historicalTrades(call: RestCall): Promise<Buffer> {
  const spot = call.market === 'spot'
  if (!spot && call.apiKey === undefined) throw new RestFailure(-2014, 'API-key format invalid.', 401)
  const symbol = call.params.symbol() ?? ''
  const limit = spot ? call.params.limit(500, 1000) : call.params.limit(100, 500)
  const fromId = call.params.whole('fromId')
  const info = await listedSymbol(call, symbol)
  const live = liveOf(call)
  const next = live.nextTradeId(info, call.now)
  const oldest = spot ? 1 : live.nextTradeId(info, call.now - FUTURES_TRADE_MEMORY)
  const first = Math.max(oldest, fromId ?? next - limit)
  return tradeRows(call, info, live.tradesFrom(info, first, Math.min(limit, next - first), call.now))
}

function tradeRows(call: RestCall, info: SymbolInfo, trades: readonly LiveTrade[]): Buffer {
  const text = new LiveText(info)
  const out = new ByteWriter(trades.length * 180 + 16).byte(91)
  const value = info.market === 'coinm' ? ',"baseQty":' : ',"quoteQty":'
  const last = info.market === 'spot' ? ',"isBestMatch":true}' : ',"isRPITrade":false}'
  for (const [i, { id, time, price, lots, buyerIsMaker }] of trades.entries()) {
    out.ascii(i > 0 ? ',{"id":' : '{"id":').integer(id)
    text.price(out.ascii(',"price":'), price)
    text.lots(out.ascii(',"qty":'), lots)
    text.value(out.ascii(value), price, lots)
    out.ascii(',"time":').integer(inUnit(call, time / 1000))
    out.ascii(buyerIsMaker ? ',"isBuyerMaker":true' : ',"isBuyerMaker":false').ascii(last)
  }
  return out.byte(93).take()
}

/** `aggTrades`: from an id on, or of a range of time (both ends inside), or the newest ones. */
export async function aggTrades(call: RestCall): Promise<Buffer> {
  const { params } = call
  const symbol = params.symbol() ?? ''
  const limit = params.limit(500, 1000)
  const fromId = params.whole('fromId')
  const startTime = params.time('startTime')
  const endTime = params.time('endTime')
  if (fromId !== undefined && (startTime !== undefined || endTime !== undefined)) {
    throw new RestFailure(-1128, 'Combination of optional parameters invalid.')
  }
  if (call.market !== 'spot' && startTime !== undefined && endTime !== undefined) {
    if (startTime > endTime) throw new RestFailure(-1023, 'Start time is greater than end time.')
    if (endTime - startTime >= HOUR) {
      throw new RestFailure(-1127, 'Lookup interval is too big. More than 1 hours between startTime and endTime.')
    }
  }
  const info = await listedSymbol(call, symbol)
  const live = liveOf(call)
  const rows = aggRows(live, info, call, { fromId, startTime, endTime, limit })
  return writeAggs(call, info, rows)
}

interface AggQuery {
  readonly fromId: number | undefined
  readonly startTime: number | undefined
  readonly endTime: number | undefined
  readonly limit: number
}

function aggRows(live: LiveMarket, info: SymbolInfo, call: RestCall, query: AggQuery): LiveAggTrade[] {
  const { fromId, startTime, endTime, limit } = query
  const { now } = call
  const known = call.market !== 'spot' ? live.nextAggTradeId(info, now - FUTURES_AGG_MEMORY) : 1
  // Times are inclusive: a whole ms stands for all of it, a time in µs for itself.
  const end = endTime === undefined ? now : Math.min(now, endTime + (Number.isInteger(endTime) ? 1 : 0.001))
  const next = live.nextAggTradeId(info, end)
  let first = fromId ?? next - limit
  if (startTime !== undefined) first = live.nextAggTradeId(info, startTime)
  first = Math.max(first, known)
  return live.aggTradesFrom(info, first, Math.max(0, Math.min(limit, next - first)), now)
}

function writeAggs(call: RestCall, info: SymbolInfo, rows: readonly LiveAggTrade[]): Buffer {
  const text = new LiveText(info)
  const out = new ByteWriter(rows.length * 140 + 16).byte(91)
  const spot = info.market === 'spot'
  const usdm = info.market === 'usdm'
  for (const [i, row] of rows.entries()) {
    out.ascii(i > 0 ? ',{"a":' : '{"a":').integer(row.id)
    text.price(out.ascii(',"p":'), row.price)
    text.lots(out.ascii(',"q":'), row.lots)
    // Nobody trades against RPI orders here, so both quantities are the same.
    if (usdm) text.lots(out.ascii(',"nq":'), row.lots)
    out.ascii(',"f":').integer(row.firstId).ascii(',"l":').integer(row.lastId)
    out.ascii(',"T":').integer(inUnit(call, row.time / 1000))
    out.ascii(row.buyerIsMaker ? ',"m":true' : ',"m":false').ascii(spot ? ',"M":true}' : '}')
  }
  return out.byte(93).take()
}

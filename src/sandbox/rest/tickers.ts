import { compareDecimal, decimalToNumber, parseDecimal, subtractDecimal } from '../../model/decimal.ts'
import { padded } from '../decimal-text.ts'
import { pairOf } from '../market/listing.ts'
import type { DayTicker, Quote, SymbolInfo } from '../market/market.ts'
import { averageOf } from '../market/value.ts'
import { RestFailure } from './failure.ts'
import { inUnit, inverseSymbols, listedSymbol, listedSymbols, type RestCall } from './route.ts'

/** One object for `symbol`, a list for `symbols` or none; on COIN-M always a list. */
async function forSymbols(call: RestCall, one: (info: SymbolInfo) => Promise<object>): Promise<object> {
  if (call.market === 'coinm') return Promise.all((await inverseSymbols(call)).map(one))
  const symbol = call.params.symbol()
  const symbols = call.market === 'spot' ? call.params.list('symbols') : undefined
  if (symbol !== undefined && symbols !== undefined) {
    throw new RestFailure(-1128, 'Combination of optional parameters invalid.')
  }
  const status =
    call.market === 'spot'
      ? call.params.oneOf('symbolStatus', ['TRADING', 'HALT', 'BREAK'], -1122, 'Invalid symbolStatus.')
      : undefined
  if (symbol !== undefined) {
    const info = await listedSymbol(call, symbol)
    if (status !== undefined && status !== 'TRADING') {
      throw new RestFailure(-1220, "The symbol's status does not match the requested symbolStatus.")
    }
    return one(info)
  }
  const infos = symbols ? await Promise.all(symbols.map((name) => listedSymbol(call, name))) : await listedSymbols(call)
  return Promise.all((status ?? 'TRADING') === 'TRADING' ? infos.map(one) : [])
}

export function ticker24hr(call: RestCall): Promise<object> {
  const mini =
    call.market === 'spot' && call.params.oneOf('type', ['FULL', 'MINI'], -1139, 'Invalid ticker type.') === 'MINI'
  return forSymbols(call, async (info) => {
    const day = await call.data.ticker(info, call.now)
    if (call.market !== 'spot') return futuresTicker(info, day)
    if (mini) return { symbol: info.symbol, lastPrice: day.last, ...windowFields(call, day) }
    return spotTicker(call, info, day, await call.data.quote(info, call.now))
  })
}

function windowFields(call: RestCall, day: DayTicker): object {
  return {
    openPrice: day.open,
    highPrice: day.high,
    lowPrice: day.low,
    volume: day.volume,
    quoteVolume: day.quoteVolume,
    openTime: inUnit(call, day.openTime),
    closeTime: inUnit(call, day.closeTime),
    firstId: day.firstId,
    lastId: day.lastId,
    count: day.trades,
  }
}

function changes(info: SymbolInfo, day: DayTicker): object {
  const open = parseDecimal(day.open)
  const change = subtractDecimal(parseDecimal(day.last), open)
  const share = decimalToNumber(open) === 0 ? 0 : (decimalToNumber(change) / decimalToNumber(open)) * 100
  const volume = parseDecimal(day.volume)
  const none = compareDecimal(volume, { units: 0n, scale: 0 }) === 0
  const average = none ? '0' : averageOf(info, parseDecimal(day.quoteVolume), volume)
  return {
    priceChange: padded(change, info.priceDecimals),
    priceChangePercent: share.toFixed(3),
    weightedAvgPrice: none ? (0).toFixed(info.priceDecimals) : average,
  }
}

function spotTicker(call: RestCall, info: SymbolInfo, day: DayTicker, quote: Quote): object {
  return {
    symbol: info.symbol,
    ...changes(info, day),
    prevClosePrice: day.previousClose,
    lastPrice: day.last,
    lastQty: day.lastQuantity,
    bidPrice: quote.bid,
    bidQty: quote.bidQuantity,
    askPrice: quote.ask,
    askQty: quote.askQuantity,
    ...windowFields(call, day),
  }
}

function futuresTicker(info: SymbolInfo, day: DayTicker): object {
  const isInverse = info.market === 'coinm'
  return {
    symbol: info.symbol,
    ...(isInverse ? { pair: pairOf(info.symbol) } : {}),
    ...changes(info, day),
    lastPrice: day.last,
    lastQty: day.lastQuantity,
    openPrice: day.open,
    highPrice: day.high,
    lowPrice: day.low,
    volume: day.volume,
    [isInverse ? 'baseVolume' : 'quoteVolume']: day.quoteVolume,
    openTime: day.openTime,
    closeTime: day.closeTime,
    firstId: day.firstId,
    lastId: day.lastId,
    count: day.trades,
  }
}

export function priceTicker(call: RestCall): Promise<object> {
  return forSymbols(call, async (info) => {
    const { last, time } = await call.data.quote(info, call.now)
    if (call.market === 'spot') return { symbol: info.symbol, price: last }
    const pair = call.market === 'coinm' ? { ps: pairOf(info.symbol) } : {}
    return { symbol: info.symbol, ...pair, price: last, time }
  })
}

export function bookTicker(call: RestCall): Promise<object> {
  return forSymbols(call, async (info) => {
    const quote = await call.data.quote(info, call.now)
    return {
      symbol: info.symbol,
      ...(call.market === 'coinm' ? { pair: pairOf(info.symbol) } : {}),
      bidPrice: quote.bid,
      bidQty: quote.bidQuantity,
      askPrice: quote.ask,
      askQty: quote.askQuantity,
      ...(call.market !== 'spot' ? { time: quote.updateTime ?? quote.time, lastUpdateId: quote.updateId } : {}),
    }
  })
}

const AVERAGE_MINUTES = 5

/** Volume-weighted price of the last five minutes; the last price when nothing traded in them. */
export async function averagePrice(call: RestCall): Promise<object> {
  const info = await listedSymbol(call, call.params.symbol() ?? '')
  const quote = await call.data.quote(info, call.now)
  const price = (await call.data.averagePrice(info, call.now - AVERAGE_MINUTES * 60_000, call.now)) ?? quote.last
  return { mins: AVERAGE_MINUTES, price, closeTime: inUnit(call, quote.time) }
}

import type { LiveAggTrade, LiveTrade } from '../../market/live-market.ts'
import type { SymbolInfo } from '../../market/market.ts'
import { type EventWriter, type SourceContext, type SteadySource, Texts } from './source.ts'

/** A trade is told in the millisecond after it was made, when REST has it too. */
function sentAt(micros: number): number {
  return Math.floor(micros / 1000) + 1
}

/** `<symbol>@trade` */
export function tradeSource(context: SourceContext, info: SymbolInfo): SteadySource {
  const texts = new Texts(info)
  const { unit } = context
  return {
    mode: 'steady',
    produce(from, to, out) {
      const skew = context.skew() * 1000
      for (const trade of context.live.trades(info, from * 1000, to * 1000)) {
        const time = inOwnUnit(trade.time, unit)
        out.ascii('{"e":"trade","E":').integer(inOwnUnit(trade.time + skew, unit))
        if (info.market !== 'spot') {
          out.ascii(',"T":').integer(time).ascii(',"s":')
          writeTrade(out, texts, trade)
          out.ascii(',"X":"MARKET","m":').ascii(trade.buyerIsMaker ? 'true}' : 'false}')
        } else {
          out.ascii(',"s":')
          writeTrade(out, texts, trade)
          out.ascii(',"T":').integer(time)
          out.ascii(trade.buyerIsMaker ? ',"m":true,"M":true}' : ',"m":false,"M":true}')
        }
        out.end(sentAt(trade.time))
      }
      return undefined
    },
  }
}

function writeTrade(out: EventWriter, texts: Texts, trade: LiveTrade): void {
  texts.name(out)
  out.ascii(',"t":').integer(trade.id).ascii(',"p":')
  texts.price(out, trade.price)
  out.ascii(',"q":')
  texts.lots(out, trade.lots)
}

/** `<symbol>@aggTrade` */
export function aggTradeSource(context: SourceContext, info: SymbolInfo): SteadySource {
  const texts = new Texts(info)
  const { unit } = context
  return {
    mode: 'steady',
    produce(from, to, out) {
      const skew = context.skew() * 1000
      for (const trade of context.live.aggTrades(info, from * 1000, to * 1000)) {
        out.ascii('{"e":"aggTrade","E":').integer(inOwnUnit(trade.time + skew, unit))
        if (info.market !== 'spot') {
          out.ascii(',"a":').integer(trade.id).ascii(',"s":')
          texts.name(out)
        } else {
          out.ascii(',"s":')
          texts.name(out)
          out.ascii(',"a":').integer(trade.id)
        }
        writeAggTrade(out, texts, trade, inOwnUnit(trade.time, unit))
        // Nobody trades against RPI orders here, so nq is q.
        if (info.market !== 'spot') out.ascii(texts.end)
        else out.ascii(',"M":true}')
        out.end(sentAt(trade.time))
      }
      return undefined
    },
  }
}

function writeAggTrade(out: EventWriter, texts: Texts, trade: LiveAggTrade, time: number): void {
  out.ascii(',"p":')
  texts.price(out, trade.price)
  out.ascii(',"q":')
  texts.lots(out, trade.lots)
  if (texts.info.market === 'usdm') {
    out.ascii(',"nq":')
    texts.lots(out, trade.lots)
  }
  out.ascii(',"f":').integer(trade.firstId).ascii(',"l":').integer(trade.lastId).ascii(',"T":').integer(time)
  out.ascii(trade.buyerIsMaker ? ',"m":true' : ',"m":false')
}

/** Trades keep their time in µs. */
function inOwnUnit(micros: number, unit: 'ms' | 'us'): number {
  return unit === 'us' ? Math.floor(micros) : Math.floor(micros / 1000)
}

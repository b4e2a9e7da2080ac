import {
  addDecimal,
  compareDecimal,
  type Decimal,
  decimalToNumber,
  formatDecimal,
  parseDecimal,
  subtractDecimal,
} from '../../../model/decimal.ts'
import { HOUR, MINUTE } from '../../../model/time.ts'
import { ByteWriter } from '../../bytes.ts'
import { padded } from '../../decimal-text.ts'
import { pairOf } from '../../market/listing.ts'
import type { DayTicker, SymbolInfo } from '../../market/market.ts'
import { averageOf } from '../../market/value.ts'
import { inUnit, nextMultiple, type PeriodicSource, type SourceContext } from './source.ts'

const ZERO: Decimal = { units: 0n, scale: 0 }
const SPOT_PERIOD = 1000
const FUTURES_PERIOD = 2000
const LIST_PERIOD = 1000
const AVERAGE_PERIOD = 1000
const AVERAGE_WINDOW = 5 * MINUTE

/** Makes the payload of one symbol; undefined leaves it out. */
type Teller = (info: SymbolInfo, time: number) => Promise<string | undefined>

interface TickerOptions {
  readonly period: number
  /** One frame with all symbols that traded since the last one, instead of a frame for the one. */
  readonly asList: boolean
}

function source(
  context: SourceContext,
  symbols: () => Promise<readonly SymbolInfo[]>,
  tell: Teller,
  options: TickerOptions,
): PeriodicSource {
  const lastTrade = new Map<string, number>()
  return {
    mode: 'periodic',
    next: (after) => nextMultiple(after, options.period),
    async write(time, out) {
      const told: string[] = []
      for (const info of await symbols()) {
        const trade = context.live.nextTradeId(info, time)
        if (options.asList && lastTrade.get(info.symbol) === trade) continue
        lastTrade.set(info.symbol, trade)
        const payload = await tell(info, time)
        if (payload !== undefined) told.push(payload)
      }
      if (told.length === 0) return
      out.text(options.asList ? `[${told.join(',')}]` : told[0]!)
      out.end(time)
    },
  }
}

function optionsFor(info: SymbolInfo | undefined): TickerOptions {
  if (!info) return { period: LIST_PERIOD, asList: true }
  return { period: info.market === 'spot' ? SPOT_PERIOD : FUTURES_PERIOD, asList: false }
}

/** `@miniTicker` of one symbol, or of all that changed. */
export function miniTickerSource(
  context: SourceContext,
  one: SymbolInfo | undefined,
  symbols: () => Promise<readonly SymbolInfo[]>,
): PeriodicSource {
  const tell: Teller = async (info, time) => {
    const day = await context.data.ticker(info, time)
    const name = JSON.stringify(info.symbol)
    const tail = info.market === 'spot' ? '}' : futuresEnd(info)
    return `{"e":"24hrMiniTicker","E":${inUnit(time + context.skew(), context.unit)},"s":${name},"c":"${day.last}","o":"${day.open}","h":"${day.high}","l":"${day.low}","v":"${day.volume}","q":"${day.quoteVolume}"${tail}`
  }
  return source(context, symbols, tell, optionsFor(one))
}

/** `@ticker` of one symbol, and `!ticker@arr` of USD-M. */
export function tickerSource(
  context: SourceContext,
  one: SymbolInfo | undefined,
  symbols: () => Promise<readonly SymbolInfo[]>,
): PeriodicSource {
  const tell: Teller = async (info, time) => {
    const { unit } = context
    const day = await context.data.ticker(info, time)
    const name = JSON.stringify(info.symbol)
    const head = `{"e":"24hrTicker","E":${inUnit(time + context.skew(), unit)},"s":${name},${changes(info, day)}`
    const tail = `"o":"${day.open}","h":"${day.high}","l":"${day.low}","v":"${day.volume}","q":"${day.quoteVolume}","O":${inUnit(day.openTime, unit)},"C":${inUnit(day.closeTime, unit)},"F":${day.firstId},"L":${day.lastId},"n":${day.trades}`
    if (info.market !== 'spot') return `${head},"c":"${day.last}","Q":"${day.lastQuantity}",${tail}${futuresEnd(info)}`
    const quote = await context.data.quote(info, time)
    return `${head},"x":"${day.previousClose}","c":"${day.last}","Q":"${day.lastQuantity}","b":"${quote.bid}","B":"${quote.bidQuantity}","a":"${quote.ask}","A":"${quote.askQuantity}",${tail}}`
  }
  return source(context, symbols, tell, optionsFor(one))
}

/** Pair and market, at the end of what futures tell. */
function futuresEnd({ symbol, market }: SymbolInfo): string {
  return `,"ps":${JSON.stringify(pairOf(symbol))},"st":${market === 'coinm' ? 2 : 1}}`
}

/** Change, change in percent and weighted average price. */
function changes(info: SymbolInfo, day: Pick<DayTicker, 'open' | 'last' | 'volume' | 'quoteVolume'>): string {
  const open = parseDecimal(day.open)
  const change = subtractDecimal(parseDecimal(day.last), open)
  const share = decimalToNumber(open) === 0 ? 0 : (decimalToNumber(change) / decimalToNumber(open)) * 100
  const volume = parseDecimal(day.volume)
  const none = compareDecimal(volume, ZERO) === 0
  const average = none ? (0).toFixed(info.priceDecimals) : averageOf(info, parseDecimal(day.quoteVolume), volume)
  return `"p":"${padded(change, info.priceDecimals)}","P":"${share.toFixed(3)}","w":"${average}"`
}

/** `@ticker_1h` and its like (spot): from the start of a minute, one window ago, up to now. */
export function windowTickerSource(
  context: SourceContext,
  one: SymbolInfo | undefined,
  symbols: () => Promise<readonly SymbolInfo[]>,
  window: string,
  hours: number,
): PeriodicSource {
  const writer = new ByteWriter(512)
  const tell: Teller = async (info, time) => {
    const { unit } = context
    const openTime = Math.max(Math.floor((time - hours * HOUR) / MINUTE) * MINUTE, info.listedAt)
    const range = { interval: '1m', from: openTime, to: time, max: hours * 60 + 2 } as const
    const rows = await context.data.candles(info, range, time)
    let day: Omit<DayTicker, 'lastQuantity' | 'previousClose' | 'firstId' | 'lastId'> | undefined
    let volume = ZERO
    let quote = ZERO
    for (let i = 0; i < rows.length; i++) {
      rows.writeJson(writer, i, 'ms')
      const [, o, h, l, c, v, , q, n] = JSON.parse(writer.take().toString()) as [
        ...[number, string, string, string, string, string, number, string, number],
        ...string[],
      ]
      volume = addDecimal(volume, parseDecimal(v))
      quote = addDecimal(quote, parseDecimal(q))
      day = {
        open: day?.open ?? o,
        high: day && Number(day.high) >= Number(h) ? day.high : h,
        low: day && Number(day.low) <= Number(l) ? day.low : l,
        last: c,
        volume: formatDecimal(volume),
        quoteVolume: formatDecimal(quote),
        trades: (day?.trades ?? 0) + n,
        openTime,
        closeTime: time,
      }
    }
    if (!day) return undefined
    const first = day.trades === 0 ? -1 : context.live.nextTradeId(info, openTime)
    const last = day.trades === 0 ? -1 : first + day.trades - 1
    const text = (value: Decimal): string => padded(value, 8)
    return `{"e":"${window}Ticker","E":${inUnit(time + context.skew(), unit)},"s":${JSON.stringify(info.symbol)},${changes(info, day)},"c":"${day.last}","o":"${day.open}","h":"${day.high}","l":"${day.low}","v":"${text(volume)}","q":"${text(quote)}","O":${inUnit(openTime, unit)},"C":${inUnit(time, unit)},"F":${first},"L":${last},"n":${day.trades}}`
  }
  return source(context, symbols, tell, optionsFor(one))
}

/** `@avgPrice` (spot). */
export function averageSource(context: SourceContext, info: SymbolInfo): PeriodicSource {
  const tell: Teller = async (_, time) => {
    const { unit, data } = context
    const quote = await data.quote(info, time)
    const price = (await data.averagePrice(info, time - AVERAGE_WINDOW, time)) ?? quote.last
    return `{"e":"avgPrice","E":${inUnit(time + context.skew(), unit)},"s":${JSON.stringify(info.symbol)},"i":"5m","w":"${price}","T":${inUnit(quote.time, unit)}}`
  }
  return source(context, async () => [info], tell, { period: AVERAGE_PERIOD, asList: false })
}

import { isInterval } from '../../../model/interval.ts'

/** Events that become records. Any other is well-formed, and counted as unknown. */
export const Events = {
  other: 0,
  trade: 1,
  aggTrade: 2,
  kline: 3,
  depthUpdate: 4,
  bookTicker: 5,
  ticker: 6,
  miniTicker: 7,
  markPrice: 8,
  forceOrder: 9,
} as const
export type EventCode = (typeof Events)[keyof typeof Events]

const NAMES: ReadonlyMap<string, EventCode> = new Map<string, EventCode>([
  ['trade', Events.trade],
  ['aggTrade', Events.aggTrade],
  ['kline', Events.kline],
  ['depthUpdate', Events.depthUpdate],
  ['bookTicker', Events.bookTicker],
  ['24hrTicker', Events.ticker],
  ['24hrMiniTicker', Events.miniTicker],
  ['markPriceUpdate', Events.markPrice],
  ['forceOrder', Events.forceOrder],
])

export function eventOf(name: string): EventCode {
  return NAMES.get(name) ?? Events.other
}

/** What the name of a stream says that its payload does not. */
export interface StreamName {
  readonly text: string
  /** The symbol before the `@`, in upper case; empty for streams of every symbol. */
  readonly symbol: string
  /** `delta` for the diff stream, levels per side for a partial one, undefined for any other stream. */
  readonly depth: 'delta' | number | undefined
  /** Candles on the grid of another time zone: nothing that a lake of UTC candles could hold. */
  readonly zoned: boolean
}

export function streamName(text: string): StreamName {
  const at = text.indexOf('@')
  const symbol = at > 0 && !text.startsWith('!') ? text.slice(0, at).toUpperCase() : ''
  const book = at < 0 ? undefined : /^@depth(\d*)(?:@\d+ms)?$/.exec(text.slice(at))
  const depth = book ? (book[1] === '' ? 'delta' : Number(book[1])) : undefined
  return { text, symbol, depth, zoned: /@kline_\w+@./.test(text) }
}

/** A symbol as payloads name it. */
export interface SymbolName {
  readonly text: string
  /** By its spelling: streams of every symbol carry both futures markets, not always saying which. */
  readonly isCoinM: boolean
}

export function symbolName(text: string): SymbolName {
  return { text, isCoinM: text.includes('USD_') }
}

export function intervalName(text: string): string {
  return isInterval(text) ? text : ''
}

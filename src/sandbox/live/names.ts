import { type Interval, isInterval } from '../../model/interval.ts'
import { HOUR } from '../../model/time.ts'
import type { SandboxMarket } from '../market/listing.ts'

/** Part of USD-M's WebSocket that a connection was made to; the others have none. */
export type Route = 'public' | 'market' | 'private'

/** What a stream name asks for. `symbol` is the exchange's id, or undefined for a stream of the whole market. */
export type StreamSpec = { readonly name: string; readonly symbol: string | undefined } & (
  | { readonly type: 'trade' | 'aggTrade' | 'bookTicker' | 'ticker' | 'miniTicker' | 'avgPrice' | 'forceOrder' }
  /** `shift`: offset of the candles' boundaries against UTC, ms. */
  | { readonly type: 'kline' | 'continuousKline'; readonly interval: Interval; readonly shift: number }
  /** `speed`: ms between updates. */
  | { readonly type: 'depth'; readonly speed: number }
  | { readonly type: 'partialDepth'; readonly speed: number; readonly levels: number }
  | { readonly type: 'markPrice'; readonly speed: number }
  /** A ticker of the last hour, four hours or day: `hours`. */
  | { readonly type: 'windowTicker'; readonly window: string; readonly hours: number }
)

type Shape = StreamSpec extends infer One ? (One extends unknown ? Omit<One, 'name' | 'symbol'> : never) : never

const WINDOWS: Readonly<Record<string, number>> = { '1h': 1, '4h': 4, '1d': 24 }

/** Stream words without parameters that carry one symbol. */
const PLAIN: Readonly<Record<SandboxMarket, ReadonlySet<string>>> = {
  spot: new Set(['trade', 'aggTrade', 'bookTicker', 'ticker', 'miniTicker', 'avgPrice']),
  usdm: new Set(['trade', 'aggTrade', 'bookTicker', 'ticker', 'miniTicker', 'forceOrder']),
  coinm: new Set(['trade', 'aggTrade', 'bookTicker', 'ticker', 'miniTicker', 'forceOrder']),
}

/** Streams of a whole market as of 2026; those that were retired are left out, so they stay silent. */
const EVERY: Readonly<Record<SandboxMarket, Readonly<Record<string, Shape>>>> = {
  spot: {
    '!miniTicker@arr': { type: 'miniTicker' },
    '!ticker_1h@arr': { type: 'windowTicker', window: '1h', hours: 1 },
    '!ticker_4h@arr': { type: 'windowTicker', window: '4h', hours: 4 },
    '!ticker_1d@arr': { type: 'windowTicker', window: '1d', hours: 24 },
  },
  usdm: {
    '!miniTicker@arr': { type: 'miniTicker' },
    '!ticker@arr': { type: 'ticker' },
    '!bookTicker': { type: 'bookTicker' },
    '!forceOrder@arr': { type: 'forceOrder' },
    '!markPrice@arr': { type: 'markPrice', speed: 3000 },
    '!markPrice@arr@1s': { type: 'markPrice', speed: 1000 },
  },
  coinm: {
    '!miniTicker@arr': { type: 'miniTicker' },
    '!ticker@arr': { type: 'ticker' },
    '!bookTicker': { type: 'bookTicker' },
    '!forceOrder@arr': { type: 'forceOrder' },
  },
}

const SPEEDS: Readonly<Record<SandboxMarket, Readonly<Record<string, number>>>> = {
  spot: { '': 1000, '@100ms': 100 },
  usdm: { '': 250, '@100ms': 100, '@500ms': 500 },
  coinm: { '': 250, '@100ms': 100, '@500ms': 500 },
}

/** Reads a stream name; undefined for one that the market does not have, which is acknowledged and stays silent. */
export function parseStream(market: SandboxMarket, name: string): StreamSpec | undefined {
  const every = Object.hasOwn(EVERY[market], name) ? EVERY[market][name] : undefined
  if (every) return { ...every, name, symbol: undefined } as StreamSpec
  const at = name.indexOf('@')
  if (at <= 0) return undefined
  const lower = name.slice(0, at)
  // Names in capitals are taken and stay silent, as on the real exchange.
  if (lower !== lower.toLowerCase()) return undefined
  const word = name.slice(at + 1)
  const shape = shapeOf(market, word)
  if (!shape) return undefined
  if (shape.type !== 'continuousKline') return { ...shape, name, symbol: lower.toUpperCase() } as StreamSpec
  const pair = /^(.+)_perpetual$/.exec(lower)?.[1]
  return pair === undefined ? undefined : ({ ...shape, name, symbol: pair.toUpperCase() } as StreamSpec)
}

function shapeOf(market: SandboxMarket, word: string): Shape | undefined {
  if (PLAIN[market].has(word)) return { type: word } as Shape
  const [, kind = '', rest = ''] = /^(kline_|continuousKline_|depth|ticker_|markPrice)(.*)$/.exec(word) ?? []
  switch (kind) {
    case 'kline_': {
      const [interval = '', zone] = rest.split('@')
      if (!isInterval(interval) || (market !== 'spot' && (interval === '1s' || zone !== undefined))) return undefined
      if (zone !== undefined && zone !== '+08:00') return undefined
      return { type: 'kline', interval, shift: zone === undefined ? 0 : 8 * HOUR }
    }
    case 'continuousKline_':
      return market === 'usdm' && isInterval(rest) ? { type: 'continuousKline', interval: rest, shift: 0 } : undefined
    case 'depth': {
      const [, levels = '', suffix = ''] = /^(5|10|20)?(@.*)?$/.exec(rest) ?? [undefined, '', '?']
      const speed = Object.hasOwn(SPEEDS[market], suffix) ? SPEEDS[market][suffix] : undefined
      if (speed === undefined) return undefined
      return levels === '' ? { type: 'depth', speed } : { type: 'partialDepth', speed, levels: Number(levels) }
    }
    case 'ticker_': {
      const hours = market === 'spot' && Object.hasOwn(WINDOWS, rest) ? WINDOWS[rest] : undefined
      return hours === undefined ? undefined : { type: 'windowTicker', window: rest, hours }
    }
    case 'markPrice':
      if (market === 'spot' || (rest !== '' && rest !== '@1s')) return undefined
      return { type: 'markPrice', speed: rest === '' ? 3000 : 1000 }
    default:
      return undefined
  }
}

const PUBLIC: ReadonlySet<StreamSpec['type']> = new Set(['trade', 'bookTicker', 'depth', 'partialDepth'])

/** The route of USD-M that carries a stream. */
export function routeOf(spec: StreamSpec): Route {
  return PUBLIC.has(spec.type) ? 'public' : 'market'
}

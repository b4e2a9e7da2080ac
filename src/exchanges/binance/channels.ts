import { InvalidRangeError } from '../../model/errors.ts'
import { isInterval } from '../../model/interval.ts'
import type { Market } from '../../model/series.ts'
import { type Channel, channelKey, EVERY_SYMBOL } from '../stream.ts'
import { intervalsOf } from './candles.ts'

type Kind = Channel['kind']

/** Part of a futures market's WebSocket that carries a stream; spot has none. */
export type Route = 'public' | 'market'

/** Levels per side that partial-depth streams have. */
export const SNAPSHOT_DEPTHS = [5, 10, 20] as const

const ON_PUBLIC: ReadonlySet<Kind> = new Set(['trade', 'bookDelta', 'bookSnapshot', 'quote'])

/** Stream words whose name is the symbol, `@` and the word. */
const WORDS: Readonly<Record<string, Kind>> = {
  trade: 'trade',
  aggTrade: 'aggTrade',
  bookTicker: 'quote',
  ticker: 'ticker',
  forceOrder: 'liquidation',
}

const SPOT_KINDS: readonly Kind[] = ['candle', 'trade', 'aggTrade', 'bookDelta', 'bookSnapshot', 'quote', 'ticker']
const KINDS: Readonly<Record<Market, readonly Kind[]>> = {
  spot: SPOT_KINDS,
  usdm: [...SPOT_KINDS, 'markPrice', 'liquidation'],
  coinm: [...SPOT_KINDS, 'markPrice', 'liquidation'],
  option: [],
}

/** Times between updates that a market's book streams come in, ms, and how a stream's name tells them. */
const BOOK_SPEEDS: Readonly<Record<Market, ReadonlyMap<number, string>>> = {
  spot: new Map([
    [100, '@100ms'],
    [1000, ''],
  ]),
  usdm: new Map([
    [100, '@100ms'],
    [250, ''],
    [500, '@500ms'],
  ]),
  coinm: new Map([
    [100, '@100ms'],
    [250, ''],
    [500, '@500ms'],
  ]),
  option: new Map(),
}

const MARK_SPEEDS: ReadonlyMap<number, string> = new Map([
  [1000, '@1s'],
  [3000, ''],
])

/** Streams of a whole market, as they exist in 2026: spot lost `!ticker@arr` and `!bookTicker`. */
const EVERY: Readonly<Record<Market, readonly [name: string, channel: Omit<Channel, 'market' | 'symbol'>][]>> = {
  spot: [['!miniTicker@arr', { kind: 'ticker', mini: true }]],
  usdm: [
    ['!miniTicker@arr', { kind: 'ticker', mini: true }],
    ['!ticker@arr', { kind: 'ticker' }],
    ['!bookTicker', { kind: 'quote' }],
    ['!markPrice@arr@1s', { kind: 'markPrice', speed: 1000 }],
    ['!markPrice@arr', { kind: 'markPrice', speed: 3000 }],
    ['!forceOrder@arr', { kind: 'liquidation' }],
  ],
  coinm: [
    ['!miniTicker@arr', { kind: 'ticker', mini: true }],
    ['!ticker@arr', { kind: 'ticker' }],
    ['!bookTicker', { kind: 'quote' }],
    ['!forceOrder@arr', { kind: 'liquidation' }],
  ],
  option: [],
}

export function kindsOf(market: Market): readonly Kind[] {
  return KINDS[market]
}

/** The part of a futures WebSocket that carries a channel: on the other one it is acknowledged and silent. */
export function routeOf(channel: Channel): Route | undefined {
  if (channel.market === 'spot') return undefined
  return ON_PUBLIC.has(channel.kind) ? 'public' : 'market'
}

/** The channel with what it leaves open filled in, so that one stream has one channel and one key. */
export function settledChannel(channel: Channel): Channel {
  checkChannel(channel)
  const { market, kind, symbol } = channel
  const every = symbol === EVERY_SYMBOL
  const hasSpeed = !every
    ? kind === 'bookDelta' || kind === 'bookSnapshot' || kind === 'markPrice'
    : kind === 'markPrice'
  return {
    market,
    kind,
    symbol,
    ...(channel.interval === undefined ? {} : { interval: channel.interval }),
    ...(channel.depth === undefined ? {} : { depth: channel.depth }),
    ...(hasSpeed ? { speed: channel.speed ?? [...speedsOf(channel).keys()][0]! } : {}),
    ...(channel.mini ? { mini: true } : {}),
  }
}

/** Binance's name of the stream, e.g. `btcusdt@depth@100ms`. @throws InvalidRangeError for a channel that is not there. */
export function streamName(channel: Channel): string {
  const settled = settledChannel(channel)
  if (settled.symbol === EVERY_SYMBOL) {
    const key = channelKey(settled)
    return EVERY[settled.market].find(([, parts]) => channelKey(everyChannel(settled.market, parts)) === key)![0]
  }
  const { kind, interval, depth = '' } = settled
  // Symbols may hold letters of any script; the exchange lowers them as Unicode does.
  const symbol = settled.symbol.toLowerCase()
  const suffix = settled.speed === undefined ? '' : speedsOf(settled).get(settled.speed)!
  switch (kind) {
    case 'candle':
      return `${symbol}@kline_${interval}`
    case 'bookDelta':
      return `${symbol}@depth${suffix}`
    case 'bookSnapshot':
      return `${symbol}@depth${depth}${suffix}`
    case 'ticker':
      return `${symbol}@${settled.mini ? 'miniTicker' : 'ticker'}`
    case 'quote':
      return `${symbol}@bookTicker`
    case 'markPrice':
      return `${symbol}@markPrice${suffix}`
    case 'liquidation':
      return `${symbol}@forceOrder`
    default:
      return `${symbol}@${kind}`
  }
}

/** The channel of one of Binance's stream names. @throws InvalidRangeError for a name that is none or has no kind. */
export function channelOfStream(name: string, market: Market): Channel {
  const every = EVERY[market].find(([known]) => known === name)
  if (every) return everyChannel(market, every[1])
  const at = name.indexOf('@')
  const word = name.slice(at + 1)
  const parts = at > 0 && !name.startsWith('!') ? partsOf(word, market) : undefined
  if (parts === undefined) {
    const hint = 'btcusdt@trade, @aggTrade, @kline_1m, @depth@100ms, @depth20@100ms, @bookTicker, @ticker, @miniTicker'
    const futures = market === 'spot' ? '' : ', @markPrice@1s, @forceOrder'
    const arrays = EVERY[market].map(([known]) => known).join(', ')
    throw new InvalidRangeError(
      `"${name}" is no stream of binance ${market} that ticklake has a kind for. There are ${hint}${futures}, ${arrays}.`,
    )
  }
  return settledChannel({ market, symbol: name.slice(0, at).toUpperCase(), ...parts })
}

function partsOf(word: string, market: Market): Omit<Channel, 'market' | 'symbol'> | undefined {
  if (word === 'miniTicker') return { kind: 'ticker', mini: true }
  if (Object.hasOwn(WORDS, word)) {
    const kind = WORDS[word]!
    return kindsOf(market).includes(kind) ? { kind } : undefined
  }
  const candle = /^kline_(.+)$/.exec(word)?.[1]
  if (candle !== undefined) return isInterval(candle) ? { kind: 'candle', interval: candle } : undefined
  const book = /^depth(5|10|20)?(@\d+ms)?$/.exec(word)
  if (book) {
    const speed = [...BOOK_SPEEDS[market]].find(([, suffix]) => suffix === (book[2] ?? ''))?.[0]
    if (speed === undefined) return undefined
    return book[1] === undefined
      ? { kind: 'bookDelta', speed }
      : { kind: 'bookSnapshot', depth: Number(book[1]), speed }
  }
  if (market === 'spot') return undefined
  if (word === 'markPrice') return { kind: 'markPrice', speed: 3000 }
  return word === 'markPrice@1s' ? { kind: 'markPrice', speed: 1000 } : undefined
}

function everyChannel(market: Market, parts: Omit<Channel, 'market' | 'symbol'>): Channel {
  return { market, symbol: EVERY_SYMBOL, ...parts }
}

function speedsOf(channel: Channel): ReadonlyMap<number, string> {
  return channel.kind === 'markPrice' ? MARK_SPEEDS : BOOK_SPEEDS[channel.market]
}

/** @throws InvalidRangeError for a channel that Binance does not have, saying which exist. */
export function checkChannel(channel: Channel): void {
  if (typeof channel !== 'object' || channel === null) {
    throw new InvalidRangeError(
      `${JSON.stringify(channel)} is no channel. Use { market, kind, symbol, … }, or the name of a stream, e.g. btcusdt@trade.`,
    )
  }
  const { market, kind, symbol } = channel
  const where = `binance ${market} ${kind}`
  const kinds = Object.hasOwn(KINDS, market) ? KINDS[market] : []
  if (kinds.length === 0)
    throw new InvalidRangeError(`binance ${market} has no live channels. Use spot, usdm or coinm.`)
  if (!kinds.includes(kind)) {
    throw new InvalidRangeError(`${where}: there is no such channel. binance ${market} has ${kinds.join(', ')}.`)
  }
  const extra = (name: string, value: unknown, allowed: boolean): void => {
    if (value !== undefined && value !== false && !allowed) {
      throw new InvalidRangeError(`${where}: a channel of this kind has no ${name}. Leave it out.`)
    }
  }
  extra('interval', channel.interval, kind === 'candle')
  extra('depth', channel.depth, kind === 'bookSnapshot')
  extra('mini form', channel.mini, kind === 'ticker')
  extra('speed', channel.speed, kind === 'bookDelta' || kind === 'bookSnapshot' || kind === 'markPrice')
  if (kind === 'candle' && !intervalsOf(market).includes(channel.interval!)) {
    throw new InvalidRangeError(
      `${where}: ${channel.interval === undefined ? 'a candle channel needs an interval' : `there is no interval ${channel.interval}`}. Use one of ${intervalsOf(market).join(', ')}.`,
    )
  }
  if (kind === 'bookSnapshot' && !(SNAPSHOT_DEPTHS as readonly (number | undefined)[]).includes(channel.depth)) {
    throw new InvalidRangeError(
      `${where}: the depth is ${channel.depth ?? 'missing'}. Use ${SNAPSHOT_DEPTHS.join(', ')}.`,
    )
  }
  if (channel.speed !== undefined && !speedsOf(channel).has(channel.speed)) {
    const speeds = [...speedsOf(channel).keys()].join(', ')
    throw new InvalidRangeError(`${where}: there is no speed of ${channel.speed} ms. Use one of ${speeds}.`)
  }
  if (symbol === EVERY_SYMBOL) checkEvery(channel, where)
  else checkSymbol(symbol, where)
}

/** @throws InvalidRangeError for a text that can be no symbol of Binance. */
export function checkSymbol(symbol: string, where: string): void {
  if (typeof symbol === 'string' && /^[\p{L}\p{N}\p{M}_-]+$/u.test(symbol)) return
  throw new InvalidRangeError(`${where}: "${symbol}" can not be a symbol. Use the exchange's id, e.g. BTCUSDT.`)
}

function checkEvery(channel: Channel, where: string): void {
  const fits = EVERY[channel.market].some(
    ([, parts]) =>
      parts.kind === channel.kind &&
      (parts.mini ?? false) === (channel.mini ?? false) &&
      (channel.speed === undefined || parts.speed === channel.speed),
  )
  if (fits) return
  const names = EVERY[channel.market].map(([name]) => name).join(', ')
  throw new InvalidRangeError(
    `${where}: there is no stream of all symbols. binance ${channel.market} has only ${names}.`,
  )
}

/** How long two frames of a channel are apart at most on a busy symbol, ms; undefined where silence means nothing. */
export function paceOf(channel: Channel): number | undefined {
  const { market, kind } = channel
  const every = channel.symbol === EVERY_SYMBOL
  switch (kind) {
    case 'candle':
      if (market !== 'spot') return 250
      return channel.interval === '1s' ? 1000 : 2000
    case 'trade':
    case 'aggTrade':
      return 10_000
    case 'bookDelta':
    case 'bookSnapshot':
      return Math.max(1000, channel.speed ?? 0)
    case 'quote':
      return every ? 5000 : 1000
    case 'ticker':
      return market === 'usdm' && !every ? 2000 : 1000
    case 'markPrice':
      return channel.speed ?? 1000
    case 'liquidation':
      return undefined
  }
}

/** Whether a channel speaks by the clock, whatever the market does, so that any silence is a fault. */
export function isClocked(channel: Channel): boolean {
  if (channel.kind === 'markPrice') return true
  if (channel.symbol === EVERY_SYMBOL) return channel.kind === 'ticker' || channel.kind === 'quote'
  return channel.kind === 'candle' && channel.market === 'spot'
}

import { assertOneForm } from '../../engine/live/forms.ts'
import type { BaseDataClient, Exchange } from '../../exchanges/exchange.ts'
import { type Channel, channelKey, EVERY_SYMBOL } from '../../exchanges/stream.ts'
import { ConfigError, InvalidRangeError } from '../../model/errors.ts'
import type { Interval } from '../../model/interval.ts'
import type { LiveKind } from '../../model/live/index.ts'
import type { Market } from '../../model/series.ts'
import { loadPairs } from '../config/pairs.ts'
import type { Context } from '../context.ts'
import { plural } from '../render/text.ts'
import { readIntervals, readSymbols, type SelectOptions, symbolWords } from '../select.ts'

/** Levels per side of a stream of snapshots when `--depth` names none of the exchange's. */
const SNAPSHOT_DEPTH = 20
const SNAPSHOT_DEPTHS = [5, 10, 20]

interface Wanted {
  readonly symbol: string
  readonly market: Market
}

/**
 * The channels that symbols, kinds and intervals come to, each checked against what the exchange has. Nothing is
 * subscribed before all of them are known to exist: a typing mistake should cost a second, not a night.
 * @throws InvalidSymbolError with the nearest names for a symbol that the exchange does not have.
 * @throws ConfigError, InvalidRangeError for kinds and intervals that do not fit.
 */
export async function planChannels(
  context: Context,
  exchange: Exchange,
  client: BaseDataClient,
  typed: readonly string[],
  options: SelectOptions,
): Promise<Channel[]> {
  const { settings, origins } = await context.load()
  const { live } = exchange
  if (!live) throw new ConfigError(`${exchange.id} has no live side in ticklake.`)
  const { kinds, depth } = settings.collect
  const chosen = readIntervals(options)
  const intervals =
    chosen.length > 0 ? chosen : (settings.collect.intervals ?? [settings.download.defaultInterval as Interval])
  const asked = origins.get('collect.depth')?.from ?? 'default'
  if (kinds.includes('bookSnapshot') && asked !== 'default' && !SNAPSHOT_DEPTHS.includes(depth)) {
    throw new ConfigError(
      `bookSnapshot comes with ${SNAPSHOT_DEPTHS.join(', ')} levels per side; ${asked} says ${depth}.`,
    )
  }
  if (chosen.length > 0 && !kinds.includes('candle')) {
    context.warn('intervals are of candles, and none are collected (--kinds): they have no effect.')
  }
  if (asked === '--depth' && !kinds.includes('bookDelta') && !kinds.includes('bookSnapshot')) {
    context.warn('--depth is of order books, and none are collected (--kinds): it has no effect.')
  }
  const wanted = await (typed.length > 0
    ? typedSymbols(context, exchange, client, typed)
    : pairSymbols(context, exchange, client))
  const channels: Channel[] = []
  for (const { market, symbol } of wanted) {
    if (!exchange.markets.includes(market) || live.kinds(market).length === 0) {
      throw new ConfigError(`${symbol} is of market ${market}; ${exchange.id} has ${exchange.markets.join(', ')} here.`)
    }
    for (const kind of kinds) channels.push(...channelsOf({ market, symbol }, kind, intervals, depth))
  }
  const hasInterval = ({ market, interval }: Channel): boolean =>
    interval === undefined || exchange.intervals(market).includes(interval)
  const fits = (channel: Channel): boolean =>
    live.kinds(channel.market).includes(channel.kind) &&
    // An interval that none of the markets has is a mistake too, and the exchange says so.
    (hasInterval(channel) || !channels.some((other) => other.interval === channel.interval && hasInterval(other)))
  for (const channel of channels) {
    if (live.kinds(channel.market).includes(channel.kind)) continue
    // With symbols of several markets, each market gives what it has; a kind that none has is a mistake.
    if (channels.some((other) => other.kind === channel.kind && fits(other))) continue
    const markets = exchange.markets.filter((market) => live.kinds(market).includes(channel.kind))
    // Fundings come with the mark price, which nobody needs to know who asked for them.
    const asked = channel.kind === 'markPrice' && !kinds.includes('markPrice') ? 'fundingRate' : channel.kind
    throw new InvalidRangeError(
      `${exchange.id} ${channel.market} has no ${asked}; ${markets.join(' and ')} ${markets.length === 1 ? 'has' : 'have'}. Write BTC/USDT:USDT, or use --market ${markets[0]}.`,
    )
  }
  const found = channels.filter(fits)
  for (const channel of found) live.checkChannel(channel)
  assertOneForm(found)
  if (typed.length > 0) await checkSymbols(context, client, wanted)
  return [...new Map(found.map((channel) => [channelKey(channel), channel])).values()]
}

function channelsOf(
  { market, symbol }: Wanted,
  kind: LiveKind,
  intervals: readonly Interval[],
  depth: number,
): Channel[] {
  switch (kind) {
    case 'candle':
      return intervals.map((interval) => ({ market, kind, symbol, interval }))
    case 'bookSnapshot':
      return [{ market, kind, symbol, depth: SNAPSHOT_DEPTHS.includes(depth) ? depth : SNAPSHOT_DEPTH }]
    case 'fundingRate':
      if (symbol === EVERY_SYMBOL) {
        throw new InvalidRangeError(
          'there is no stream of all symbols for fundingRate: it is asked for by symbol. Name the symbols.',
        )
      }
      // Fundings paid are polled for whatever has a mark price.
      return [{ market, kind: 'markPrice', symbol }]
    case 'ticker':
      // All symbols at once exist in the small form on every market.
      return [{ market, kind, symbol, ...(symbol === EVERY_SYMBOL ? { mini: true } : {}) }]
    default:
      return [{ market, kind, symbol }]
  }
}

/** Named symbols, and those that patterns name now; `*` alone is a stream of the whole market. */
async function typedSymbols(
  context: Context,
  exchange: Exchange,
  client: BaseDataClient,
  typed: readonly string[],
): Promise<Wanted[]> {
  const { isSymbolPattern } = await import('../../model/symbol-pattern.ts')
  const settings = await context.settings()
  const list = symbolWords(typed)
  const named = list.filter((word) => word !== EVERY_SYMBOL)
  const patterns = named.filter(isSymbolPattern)
  const symbols = await readSymbols(
    context,
    named.filter((word) => !isSymbolPattern(word)),
  )
  return [
    ...symbols.map(({ symbol, market }) => ({ symbol, market: market ?? 'spot' })),
    ...(patterns.length > 0 ? await matchingSymbols(context, exchange, client, patterns) : []),
    ...(named.length < list.length ? [{ symbol: EVERY_SYMBOL, market: settings.exchange.market ?? 'spot' }] : []),
  ]
}

async function matchingSymbols(
  context: Context,
  exchange: Exchange,
  client: BaseDataClient,
  patterns: readonly string[],
): Promise<Wanted[]> {
  const { selectSymbols } = await import('../../engine/select-symbols.ts')
  const { market = 'spot' } = (await context.settings()).exchange
  const source = {
    exchange,
    instruments: (of: Market, signal?: AbortSignal) => client.instruments(of, signal),
    // Only what trades now has streams.
    archived: async () => [],
    isArchived: async () => false,
  }
  const found = await selectSymbols(source, { symbols: patterns, market, delisted: false, signal: context.signal })
  context.say(`${plural(found.length, 'symbol')} of ${patterns.join(' ')}`)
  return found
}

/** The pairs of the config. Those that the exchange lacks (a sandbox, or after a delisting) are told and left out. */
async function pairSymbols(context: Context, exchange: Exchange, client: BaseDataClient): Promise<Wanted[]> {
  const { settings, origins } = await context.load()
  const { pairs, from } = await loadPairs(settings, origins.get('download.pairs')?.from !== 'default')
  const wanted: Wanted[] = []
  for (const pair of pairs) {
    const [parsed] = await readSymbols(context, [pair.symbol])
    const market = context.common.market === undefined ? (pair.market ?? parsed!.market) : parsed!.market
    wanted.push({ symbol: parsed!.symbol, market: market ?? 'spot' })
  }
  const known = new Map<Market, ReadonlySet<string>>()
  for (const { market } of wanted) {
    if (known.has(market) || !exchange.markets.includes(market)) continue
    const instruments = await client.instruments(market, context.signal)
    known.set(market, new Set(instruments.filter(({ active }) => active).map(({ symbol }) => symbol)))
  }
  const there = wanted.filter(({ market, symbol }) => known.get(market)?.has(symbol) ?? true)
  const absent = wanted.filter((pair) => !there.includes(pair)).map(({ symbol }) => symbol)
  if (there.length === 0) throw new InvalidRangeError(`The exchange trades none of the pairs: ${absent.join(', ')}.`)
  const where = from === 'default' ? 'the default pairs (ticklake init writes a pairs.yaml to change)' : from
  context.say(`${plural(there.length, 'pair')} of ${where}`)
  if (absent.length > 0) context.warn(`the exchange does not trade ${absent.join(', ')}; left out.`)
  return there
}

async function checkSymbols(context: Context, client: BaseDataClient, wanted: readonly Wanted[]): Promise<void> {
  for (const { market, symbol } of wanted) {
    if (symbol === EVERY_SYMBOL) continue
    const { active, status } = await client.instrument(market, symbol, context.signal)
    if (!active) context.warn(`${symbol} is not trading now (${status}); nothing may come of it.`)
  }
}

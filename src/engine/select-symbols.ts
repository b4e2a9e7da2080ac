import type { Exchange } from '../exchanges/exchange.ts'
import { InvalidRangeError, InvalidSymbolError, isTicklakeError } from '../model/errors.ts'
import type { Instrument } from '../model/instrument.ts'
import type { Interval } from '../model/interval.ts'
import type { Market, SeriesId } from '../model/series.ts'
import { nearestTexts, resolveNative } from '../model/symbol.ts'
import { isSymbolPattern, parseSymbolPattern, type SymbolPattern } from '../model/symbol-pattern.ts'
import type { TimeRange } from '../model/time.ts'
import { limiter } from './limiter.ts'

/** Which symbols are wanted. */
export interface SymbolSelection {
  /** Symbols in any spelling, patterns (`*USDT`, `BTC*`, `um:*`), or `ALL`; all where only `quote` is given. */
  readonly symbols?: readonly string[]
  /** Market of what names none. */
  readonly market?: Market
  /** Of those that patterns name, only what is priced in one of these assets. */
  readonly quote?: string | readonly string[]
  /** Those too that the exchange no longer trades, as the archive knows them. When left out: with `ALL` only. */
  readonly delisted?: boolean
  /** What is no longer traded counts only where the archive has files of this range. */
  readonly range?: TimeRange
  /** Of which kind of data, and which interval; candles of a day when left out. */
  readonly kind?: string
  readonly interval?: Interval
  readonly signal?: AbortSignal
}

export interface SelectedSymbol {
  readonly market: Market
  /** The exchange's own id. */
  readonly symbol: string
  /** What it was chosen by. */
  readonly by: string
  /** Whether the exchange trades it now; undefined where nobody was asked: a symbol that was named. */
  readonly isListed?: boolean
}

/** Where symbols are looked up. */
export interface SymbolSource {
  readonly exchange: Exchange
  instruments(market: Market, signal?: AbortSignal): Promise<readonly Instrument[]>
  /** Every symbol that the archive has candles of. */
  archived(market: Market, signal?: AbortSignal): Promise<readonly string[]>
  /** Whether the archive has files of a series in a range. */
  isArchived(series: SeriesId, range: TimeRange, signal?: AbortSignal): Promise<boolean>
}

interface Candidate {
  readonly symbol: string
  readonly base: string | undefined
  readonly quote: string | undefined
  readonly isListed: boolean
}

/** Listings of the archive that are asked for at the same time. */
const PARALLEL = 12

/**
 * The symbols that a selection names: the named ones as they are, those of patterns by name, each once.
 * @throws InvalidSymbolError for a pattern that nothing matches, with what comes near.
 * @throws InvalidRangeError for a quote asset that nothing is priced in.
 */
export async function selectSymbols(source: SymbolSource, selection: SymbolSelection): Promise<SelectedSymbol[]> {
  const { market: fallback = 'spot', signal } = selection
  const quotes = (typeof selection.quote === 'string' ? [selection.quote] : (selection.quote ?? [])).map((asset) =>
    asset.toUpperCase(),
  )
  const words = selection.symbols ?? []
  const wholes = words.length === 0 && quotes.length > 0 ? ['*'] : []
  const chosen = new Map<string, SelectedSymbol>()
  const add = (one: SelectedSymbol): void => {
    const key = `${one.market}:${one.symbol}`
    if (!chosen.has(key)) chosen.set(key, one)
  }
  const candidates = new Map<Market, Promise<readonly Candidate[]>>()
  const patterns = [...words, ...wholes].filter(isSymbolPattern).map(parseSymbolPattern)
  const marketOf = (pattern: SymbolPattern): Market => pattern.market ?? fallback
  for (const pattern of patterns) {
    const market = marketOf(pattern)
    const wantsAll = patterns.some((other) => other.isAll && marketOf(other) === market)
    if (!candidates.has(market))
      candidates.set(market, candidatesOf(source, market, selection.delisted ?? wantsAll, signal))
  }
  for (const word of words) {
    if (isSymbolPattern(word)) continue
    add({ ...resolveNative(word, undefined, fallback), by: word })
  }
  for (const pattern of patterns) {
    const market = marketOf(pattern)
    const all = await candidates.get(market)!
    checkQuotes(quotes, all, `${source.exchange.id} ${market}`)
    const matching = all.filter(({ symbol }) => pattern.matches(symbol))
    if (matching.length === 0) {
      throw new InvalidSymbolError(pattern.text, `${source.exchange.id} ${market}`, nearTo(pattern, all))
    }
    const priced = matching.filter(
      ({ quote }) => quotes.length === 0 || (quote !== undefined && quotes.includes(quote)),
    )
    if (priced.length === 0) {
      throw new InvalidRangeError(
        `None of the ${matching.length} symbols of ${pattern.text} is priced in ${quotes.join(' or ')}.`,
      )
    }
    const { kind } = selection
    const able = priced.filter(
      ({ symbol }) => kind === undefined || (source.exchange.hasKind?.(market, kind, symbol) ?? true),
    )
    if (able.length === 0) {
      throw new InvalidRangeError(`None of the ${priced.length} symbols of ${pattern.text} can have ${kind}.`)
    }
    for (const { symbol, isListed } of await traded(source, market, able, selection)) {
      add({ market, symbol, by: pattern.text, isListed })
    }
  }
  return [...chosen.values()]
}

/** What a market has, by name: what it trades, and, where wanted, what it traded once. */
async function candidatesOf(
  source: SymbolSource,
  market: Market,
  withDelisted: boolean,
  signal: AbortSignal | undefined,
): Promise<readonly Candidate[]> {
  const found = new Map<string, Candidate>()
  let failure: unknown
  const instruments = await source.instruments(market, signal).catch((error: unknown) => {
    signal?.throwIfAborted()
    if (!isTicklakeError(error)) throw error
    failure = error
    return []
  })
  for (const { symbol, base, quote, active } of instruments) {
    if (active || withDelisted) found.set(symbol, { symbol, base, quote, isListed: active })
  }
  if (withDelisted || failure !== undefined) {
    const quotes = new Set(instruments.map(({ quote }) => quote))
    const known = new Set(instruments.map(({ symbol }) => symbol))
    const archived = await source.archived(market, signal).catch((error: unknown) => {
      // Without REST the archive is all that there is.
      if (failure !== undefined) throw failure
      throw error
    })
    for (const symbol of archived) {
      if (known.has(symbol)) continue
      const quote = quoteOf(symbol, quotes)
      const base = quote === undefined ? undefined : pairOf(symbol).slice(0, -quote.length)
      found.set(symbol, { symbol, base, quote, isListed: false })
    }
  }
  if (found.size === 0 && failure !== undefined) throw failure
  return [...found.values()].sort((a, b) => (a.symbol < b.symbol ? -1 : 1))
}

/**
 * The asset that a delisted symbol was priced in, by the end of its name: the longest of the assets that the market
 * still has. Nothing tells it better.
 */
function quoteOf(symbol: string, quotes: ReadonlySet<string>): string | undefined {
  const pair = pairOf(symbol)
  for (let length = pair.length - 1; length > 0; length--) {
    const end = pair.slice(-length)
    if (quotes.has(end)) return end
  }
  return undefined
}

function pairOf(symbol: string): string {
  return symbol.replace(/_(?:PERP|\d{6})$/, '')
}

function checkQuotes(quotes: readonly string[], all: readonly Candidate[], where: string): void {
  const known = new Set(all.flatMap(({ quote }) => quote ?? []))
  for (const quote of quotes) {
    if (known.has(quote)) continue
    const near = nearestTexts(quote, known)
    const hint = near.length > 0 ? ` Did you mean ${near.join(', ')}?` : ''
    throw new InvalidRangeError(`Nothing on ${where} is priced in ${quote}.${hint}`)
  }
}

/** Patterns and symbols that come near to one that matches nothing. */
function nearTo(pattern: SymbolPattern, all: readonly Candidate[]): string[] {
  const { ending, beginning } = pattern
  if (ending !== undefined) {
    return nearestTexts(ending, new Set(all.flatMap(({ quote }) => quote ?? []))).map((quote) => `*${quote}`)
  }
  if (beginning !== undefined) {
    return nearestTexts(beginning, new Set(all.flatMap(({ base }) => base ?? []))).map((base) => `${base}*`)
  }
  return nearestTexts(
    pattern.text.replace(/[*?]/g, ''),
    all.map(({ symbol }) => symbol),
  )
}

/** Those that trade, and those that did in the range. */
async function traded(
  source: SymbolSource,
  market: Market,
  all: readonly Candidate[],
  { range, kind = 'candle', interval = '1d', signal }: SymbolSelection,
): Promise<readonly Candidate[]> {
  if (!range) return all
  const limit = limiter(PARALLEL)
  const exchange = source.exchange.id
  const found = await Promise.all(
    all.map(({ isListed, symbol }) => {
      if (isListed) return true
      const name = source.exchange.seriesSymbol?.(market, kind, symbol) ?? symbol
      const series = { exchange, market, kind, symbol: name, interval }
      return limit(() => source.isArchived(series, range, signal), signal)
    }),
  )
  return all.filter((_, index) => found[index])
}

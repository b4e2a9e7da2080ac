import type { Command } from 'commander'
import { ConfigError, InvalidSymbolError, StorageError } from '../model/errors.ts'
import { INTERVALS, type Interval, intervalLength } from '../model/interval.ts'
import { KINDS } from '../model/kinds.ts'
import { MARKETS, type Market, type SeriesId } from '../model/series.ts'
import type { SeriesCoverage } from '../store/lake/coverage-file.ts'
import type { Lake } from '../store/lake/lake.ts'
import { words } from './config/values.ts'
import type { Context } from './context.ts'
import { tellError } from './failure.ts'
import { intervalHint } from './interval-hint.ts'
import { seriesLabel } from './progress/state.ts'
import { didYouMean, nearest } from './suggest.ts'

/** Flags by which several verbs choose series. */
export interface SelectOptions {
  readonly symbols?: readonly string[]
  readonly kind?: string
  readonly interval?: string | readonly string[]
  readonly intervals?: readonly string[]
}

/** Adds the argument and the options by which a verb chooses among the series of the lake. */
export function selectOptions(command: Command): Command {
  return command
    .argument('[symbols...]', 'only these symbols')
    .option('--kind <kind>', 'only this kind of data')
    .option('--interval <list>', 'only these intervals, e.g. 1m,1h')
}

/** A symbol as it was typed and as the exchange knows it. */
export interface WantedSymbol {
  readonly typed: string
  readonly symbol: string
  /** The market that the spelling, the flag or the config names. */
  readonly market: Market | undefined
}

/** The intervals named by `--interval` and `--intervals`. @throws ConfigError for one that does not exist. */
export function readIntervals(options: SelectOptions): Interval[] {
  const found: Interval[] = []
  for (const [flag, value] of [
    ['--interval', options.interval],
    ['--intervals', options.intervals],
  ] as const) {
    for (const word of value === undefined ? [] : words(value)) {
      const known = word === '1mo' ? '1M' : INTERVALS.find((interval) => interval === word)
      if (!known) {
        throw new ConfigError(
          `${flag} is "${word}"; allowed: ${INTERVALS.join(', ')} (1m is a minute, 1M a month).${intervalHint(word)}`,
        )
      }
      if (!found.includes(known)) found.push(known)
    }
  }
  return found
}

/** @throws ConfigError for a kind that does not exist. */
export function readKind(options: SelectOptions): string {
  const kind = options.kind ?? 'candle'
  if (Object.hasOwn(KINDS, kind)) return kind
  const known = Object.keys(KINDS)
  const hint = /^(k-?lines?|candles|candlesticks?|bars?|ohlcv?)$/i.test(kind)
    ? ' Did you mean candle?'
    : didYouMean(kind, known)
  throw new ConfigError(`--kind is "${kind}"; allowed: ${known.join(', ')}.${hint}`)
}

/**
 * The symbols and patterns of a command line; commas separate, as blanks do.
 * @throws ConfigError for text without any: a variable of the shell that is not set must not come to mean everything.
 */
export function symbolWords(typed: readonly string[]): string[] {
  const found = words(typed)
  const blank = typed.find((text) => words(text).length === 0)
  if (blank !== undefined)
    throw new ConfigError(
      `A symbol is ${JSON.stringify(blank)}, which names none (a variable of the shell that is not set?). Leave it out, or write one.`,
    )
  return found
}

/**
 * Reads symbols in any spelling; commas separate, as blanks do.
 * @throws InvalidSymbolError for text that has no form of a symbol.
 * @throws ConfigError when the spelling names one market and `--market` another.
 */
export async function readSymbols(context: Context, typed: readonly string[]): Promise<WantedSymbol[]> {
  const settings = await context.settings()
  const { namedMarket, parseSymbol, resolveNative } = await import('../model/symbol.ts')
  const chosen = settings.exchange.market
  const wanted: WantedSymbol[] = []
  for (const word of words(typed)) {
    const parsed = parseSymbol(word)
    const named = namedMarket(parsed)
    // A market of the config is only what counts where a symbol names none; the flag is said about these symbols.
    if (named !== undefined && chosen !== undefined && named !== chosen && context.common.market !== undefined) {
      throw new ConfigError(
        `${word} is a symbol of market ${named}, but --market is "${chosen}". Leave one of them out.`,
      )
    }
    const native = resolveNative(word, named ?? chosen)
    // `BTCUSDT` alone may be of any market; `BTC/USDT` alone is spot.
    const market = named ?? chosen ?? parsed.market
    if (!wanted.some((other) => other.symbol === native.symbol && other.market === market)) {
      wanted.push({ typed: word, symbol: native.symbol, market })
    }
  }
  return wanted
}

/** Opens the lake of the settings for reading. */
export async function openLake(context: Context): Promise<Lake> {
  const settings = await context.settings()
  const { Lake } = await import('../store/lake/lake.ts')
  return Lake.open(settings.data.dataDir, { log: await context.log() })
}

/**
 * The series of the lake that symbols, kind, interval and market choose, sorted; all when nothing is chosen.
 * @throws InvalidSymbolError for a symbol that the lake does not have.
 * @throws ConfigError when a symbol is there, but not so.
 */
export async function selectSeries(
  context: Context,
  lake: Lake,
  typed: readonly string[],
  options: SelectOptions,
): Promise<SeriesId[]> {
  const settings = await context.settings()
  const kind = options.kind === undefined ? undefined : readKind(options)
  const intervals = readIntervals(options)
  const all = (await lake.list()).filter((id) => id.exchange === settings.exchange.name)
  const { isSymbolPattern } = await import('../model/symbol-pattern.ts')
  const given = symbolWords([...typed, ...(options.symbols ?? [])])
  const patterns = given.filter(isSymbolPattern)
  const wanted = await readSymbols(
    context,
    given.filter((word) => !isSymbolPattern(word)),
  )
  const fits = (id: SeriesId): boolean =>
    (kind === undefined || id.kind === kind) &&
    (intervals.length === 0 || (id.interval !== undefined && intervals.includes(id.interval)))
  const market = settings.exchange.market
  if (given.length === 0) {
    return all.filter((id) => fits(id) && (market === undefined || id.market === market)).sort(bySeries)
  }
  const chosen: SeriesId[] = []
  for (const text of patterns) {
    for (const id of await matching(text, all, market, context, settings.data.dataDir)) {
      if (fits(id) && !chosen.includes(id)) chosen.push(id)
    }
  }
  for (const { typed: word, symbol, market: inMarket } of wanted) {
    const ofSymbol = all.filter((id) => id.symbol === symbol && (inMarket === undefined || id.market === inMarket))
    if (ofSymbol.length === 0) throw unknownSymbol(word, symbol, all, settings.data.dataDir, context)
    const found = ofSymbol.filter(fits)
    if (found.length === 0) {
      const have = ofSymbol.sort(bySeries).map(seriesLabel).join(', ')
      throw new ConfigError(`The lake has no such series of ${word}; it has ${have}.`)
    }
    for (const id of found) if (!chosen.includes(id)) chosen.push(id)
  }
  return chosen.sort(bySeries)
}

/** The series whose symbols a pattern means. @throws InvalidSymbolError when there are none. */
async function matching(
  text: string,
  all: readonly SeriesId[],
  market: Market | undefined,
  context: Context,
  dataDir: string,
): Promise<SeriesId[]> {
  const { nearPatterns, parseSymbolPattern } = await import('../model/symbol-pattern.ts')
  const pattern = parseSymbolPattern(text)
  const where = pattern.market ?? market
  const found = all.filter((id) => (where === undefined || id.market === where) && pattern.matches(id.symbol))
  if (found.length > 0) return found
  if (all.length === 0) throw unknownSymbol(text, text, all, dataDir, context)
  const symbols = [...new Set(all.map((id) => id.symbol))]
  throw new InvalidSymbolError(text, `the lake ${context.shortPath(dataDir)}`, nearPatterns(pattern, symbols))
}

function unknownSymbol(
  typed: string,
  symbol: string,
  all: readonly SeriesId[],
  dataDir: string,
  context: Context,
): Error {
  const where = `the lake ${context.shortPath(dataDir)}`
  if (all.length === 0) {
    return new ConfigError(
      `${where[0]!.toUpperCase()}${where.slice(1)} holds nothing yet. Run: ticklake download ${typed}`,
    )
  }
  const known = [...new Set(all.map((id) => id.symbol))]
  return new InvalidSymbolError(typed, where, nearest(symbol, known, 3))
}

/**
 * The coverage of each series; one that is damaged is told on stderr and left out, so that the others still show.
 * @param onDamage called for each series that is left out
 */
export async function* readCoverages(
  context: Context,
  lake: Lake,
  series: readonly SeriesId[],
  onDamage: () => void,
): AsyncGenerator<{ readonly id: SeriesId; readonly coverage: SeriesCoverage }, void, void> {
  for (const id of series) {
    context.signal.throwIfAborted()
    try {
      const coverage = await lake.coverage(id)
      if (coverage) yield { id, coverage }
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      onDamage()
      tellError(context, error)
    }
  }
}

/** What to say when nothing was chosen: that there is nothing at all, or nothing of what the flags name. */
export async function sayNothing(context: Context, lake: Lake, run = 'ticklake download BTCUSDT'): Promise<void> {
  const isEmpty = (await lake.list()).length === 0
  const what = isEmpty ? `holds nothing yet. Run: ${run}` : 'holds nothing of it. See what there is: ticklake list'
  context.say(`The lake ${context.shortPath(lake.dataDir)} ${what}`)
}

/** By exchange, market, kind, symbol, then the length of the interval. */
export function bySeries(a: SeriesId, b: SeriesId): number {
  return (
    compare(a.exchange, b.exchange) ||
    MARKETS.indexOf(a.market) - MARKETS.indexOf(b.market) ||
    compare(a.kind, b.kind) ||
    compare(a.symbol, b.symbol) ||
    length(a) - length(b)
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function length(id: SeriesId): number {
  return id.interval === undefined ? 0 : intervalLength(id.interval)
}

/** The fields that name a series in JSON results. */
export function seriesFields(id: SeriesId): Record<string, string> {
  return {
    exchange: id.exchange,
    market: id.market,
    kind: id.kind,
    symbol: id.symbol,
    ...(id.interval === undefined ? {} : { interval: id.interval }),
  }
}

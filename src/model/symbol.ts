import { InvalidSymbolError } from './errors.ts'
import type { Instrument } from './instrument.ts'
import { type Market, parseMarket } from './series.ts'

/**
 * What a symbol text says by its punctuation alone. Concatenations (`BTCUSDT`) can't be split without a catalogue, so
 * they carry only the native id.
 */
export interface ParsedSymbol {
  /** The text as given, trimmed. */
  readonly text: string
  readonly exchange?: string
  readonly market?: Market
  /** The exchange's own id, in upper case, when the text is one. */
  readonly symbol?: string
  readonly base?: string
  readonly quote?: string
  readonly settle?: string
  /** `yymmdd` of a dated contract. */
  readonly expiry?: string
  /** Decimal text without trailing zeros. */
  readonly strike?: string
  readonly right?: 'call' | 'put'
}

const UNIFIED = /^([^/:\s]+)\/([^/:\s]+?)(?::([^/:\s-]+)(?:-(\d{6})(?:-(\d+(?:\.\d+)?)-([CP]))?)?)?$/i
const OPTION = /^([^-/:\s]+)-(\d{6})-(\d+(?:\.\d+)?)-([CP])$/i
const DATED = /^([^/:\s]+)_(\d{6})$/
const PERPETUAL = /^([^/:\s]+)_PERP$/i
const PAIR = /^([^-/:\s]+)-([^-/:\s]+?)(-SWAP)?$/i
const PREFIX = /^([a-z]+):(?:([a-z]+):)?(.+)$/i
const SPELLINGS = 'write BTCUSDT, BTC/USDT or BTC/USDT:USDT'
const ID = /^[\p{L}\p{N}\p{M}_.-]+$/u

/**
 * Reads every usual spelling: `BTCUSDT`, `btcusdt@depth`, `BTC/USDT`, `BTC/USDT:USDT`, `BTC/USD:BTC-261225`,
 * `BTC-261225-86000-C`, `BTCUSD_PERP`, `BTC-USDT`, `um:BTCUSDT`, `binance:um:BTCUSDT`, `BINANCE:BTCUSDT.P`.
 * `market` settles what the text leaves open. A concatenation is never split by guessing.
 * @throws InvalidSymbolError when the text has none of these forms.
 */
export function parseSymbol(text: string, options: { market?: Market } = {}): ParsedSymbol {
  // Plain JavaScript gives what it likes.
  if (typeof text !== 'string') throw new InvalidSymbolError(String(text), `any market: ${SPELLINGS}`)
  const trimmed = text.trim()
  const parsed = parseForm(trimmed, trimmed)
  if (parsed.market === undefined && options.market !== undefined) return { ...parsed, market: options.market }
  return parsed
}

function parseForm(input: string, text: string): ParsedSymbol {
  const body = input.replace(/@.*$/, '')
  const unified = UNIFIED.exec(body)
  if (unified) return { text, ...unifiedParts(unified) }
  const prefix = PREFIX.exec(body)
  if (prefix) return { text, ...prefixed(prefix, text) }
  const option = OPTION.exec(body)
  if (option) {
    const symbol = body.toUpperCase()
    return {
      text,
      market: 'option',
      symbol,
      expiry: option[2]!,
      strike: plainStrike(option[3]!),
      right: rightOf(option[4]!),
    }
  }
  const dated = DATED.exec(body)
  if (dated) {
    const symbol = body.toUpperCase()
    return { text, market: /USD$/i.test(dated[1]!) ? 'coinm' : 'usdm', symbol, expiry: dated[2]! }
  }
  if (PERPETUAL.test(body)) return { text, market: 'coinm', symbol: body.toUpperCase() }
  const pair = PAIR.exec(body)
  if (pair) return { text, ...pairParts(pair) }
  if (!ID.test(body)) throw new InvalidSymbolError(text, `any market: ${SPELLINGS}`)
  return { text, symbol: body.toUpperCase() }
}

function unifiedParts(form: RegExpExecArray): Omit<ParsedSymbol, 'text'> {
  const base = form[1]!.toUpperCase()
  const quote = form[2]!.toUpperCase()
  const settle = form[3]?.toUpperCase()
  if (settle === undefined) return { base, quote, market: 'spot' }
  const dated = form[4] === undefined ? {} : { expiry: form[4] }
  if (form[5] !== undefined) {
    return { base, quote, settle, market: 'option', ...dated, strike: plainStrike(form[5]), right: rightOf(form[6]!) }
  }
  return { base, quote, settle, market: settle === base && settle !== quote ? 'coinm' : 'usdm', ...dated }
}

function pairParts(form: RegExpExecArray): Omit<ParsedSymbol, 'text'> {
  const base = form[1]!.toUpperCase()
  const quote = form[2]!.toUpperCase()
  if (form[3] === undefined) return { base, quote }
  return quote === 'USD'
    ? { base, quote, settle: base, market: 'coinm' }
    : { base, quote, settle: quote, market: 'usdm' }
}

function prefixed(form: RegExpExecArray, text: string): Omit<ParsedSymbol, 'text'> {
  const names = [form[1]!, form[2]].filter((name) => name !== undefined)
  const markets = names.map((name) => marketOf(name))
  const market = markets.find((name) => name !== undefined)
  const exchange = names.find((_, index) => markets[index] === undefined)?.toLowerCase()
  // `BINANCE:BTCUSDT.P` is how charting sites write a perpetual.
  const perpetual = /\.(?:P|PERP)$/i.test(form[3]!)
  const rest = parseForm(form[3]!.replace(/\.(?:P|PERP)$/i, ''), text)
  if (market !== undefined && rest.market !== undefined && market !== rest.market && rest.symbol === undefined) {
    throw new InvalidSymbolError(text, `market ${market}: the text itself names a ${rest.market} symbol`)
  }
  const { text: _, ...parts } = rest
  if (perpetual && market === undefined && rest.symbol !== undefined) {
    const inverse = rest.symbol.endsWith('USD')
    const symbol = inverse ? `${rest.symbol}_PERP` : rest.symbol
    return { ...parts, symbol, market: inverse ? 'coinm' : 'usdm', ...(exchange === undefined ? {} : { exchange }) }
  }
  const known = market ?? rest.market
  return {
    ...parts,
    ...(known === undefined ? {} : { market: known }),
    ...(exchange === undefined ? {} : { exchange }),
  }
}

function marketOf(name: string): Market | undefined {
  try {
    return parseMarket(name)
  } catch {
    return undefined
  }
}

function plainStrike(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

function rightOf(letter: string): 'call' | 'put' {
  return letter.toUpperCase() === 'C' ? 'call' : 'put'
}

/** A symbol of a market by the exchange's own id. */
export interface NativeSymbol {
  readonly market: Market
  readonly symbol: string
}

/**
 * The Binance id that a parsed symbol must have, built from its parts without asking anyone; undefined where only a
 * catalogue can tell. Text without a market is spot.
 */
export function offlineNative(parsed: ParsedSymbol): NativeSymbol | undefined {
  const market = parsed.market ?? 'spot'
  if (parsed.symbol !== undefined) return { market, symbol: parsed.symbol }
  const { base, quote, expiry } = parsed
  if (base === undefined || quote === undefined) return undefined
  switch (market) {
    case 'spot':
      return expiry === undefined && parsed.settle === undefined ? { market, symbol: base + quote } : undefined
    case 'usdm':
      return { market, symbol: expiry === undefined ? base + quote : `${base}${quote}_${expiry}` }
    case 'coinm':
      return { market, symbol: `${base}${quote}_${expiry ?? 'PERP'}` }
    case 'option':
      if (expiry === undefined || parsed.strike === undefined || parsed.right === undefined) return undefined
      return { market, symbol: `${base}-${expiry}-${parsed.strike}-${parsed.right === 'call' ? 'C' : 'P'}` }
  }
}

/**
 * The market that a text insists on. `BTC/USDT` insists on none: it says spot only for want of a settlement, so a market
 * named beside it decides.
 */
export function namedMarket(parsed: ParsedSymbol): Market | undefined {
  const prefixes = parsed.text.split(':').length - 1 - (parsed.exchange === undefined ? 0 : 1)
  const isPair = parsed.symbol === undefined && parsed.settle === undefined && prefixes === 0
  return isPair ? undefined : parsed.market
}

/**
 * The Binance id of a text whose market may be named beside it.
 * @param market what the caller names; `fallback` counts where neither text nor caller names one
 * @throws InvalidSymbolError when the text is no symbol, or one of another market.
 */
export function resolveNative(text: string, market: Market | undefined, fallback: Market = 'spot'): NativeSymbol {
  const parsed = parseSymbol(text)
  const named = namedMarket(parsed)
  if (market !== undefined && named !== undefined && named !== market) {
    throw new InvalidSymbolError(text, `market ${market}: it is written as a symbol of ${named}`)
  }
  const where = named ?? market ?? fallback
  const native = offlineNative({ ...parsed, market: where })
  if (!native) throw new InvalidSymbolError(text, `market ${where}: write it as the exchange does, e.g. BTCUSDT`)
  return native
}

/** The symbol in the form that ccxt made usual: `BTC/USDT`, `BTC/USDT:USDT`, `BTC/USD:BTC-261225`. */
export function unifiedSymbol(instrument: Instrument): string {
  const { base, quote, settle, contract } = instrument
  const pair = `${base}/${quote}`
  if (contract === undefined) return pair
  const swap = `${pair}:${settle ?? quote}`
  if (contract === 'perpetual') return swap
  const dated = `${swap}-${expiryOf(instrument)}`
  if (contract === 'delivery') return dated
  return `${dated}-${plainStrike(instrument.strike ?? '')}-${instrument.right === 'put' ? 'P' : 'C'}`
}

/** The id's own date comes first: it stays when a contract is settled early. */
function expiryOf(instrument: Instrument): string {
  const inId = /[_-](\d{6})(?:-|$)/.exec(instrument.symbol)?.[1]
  if (inId !== undefined) return inId
  if (instrument.expiresAt === undefined) return ''
  return new Date(instrument.expiresAt).toISOString().slice(2, 10).replaceAll('-', '')
}

/** Instruments by native id and by unified symbol. Resolves what `parseSymbol` alone can't. */
export class SymbolCatalogue {
  readonly #byId = new Map<string, Instrument>()
  readonly #byUnified = new Map<string, Instrument>()

  constructor(instruments: Iterable<Instrument>) {
    for (const instrument of instruments) {
      this.#byId.set(key(instrument.market, instrument.symbol.toUpperCase()), instrument)
      const unified = key(instrument.market, unifiedSymbol(instrument).toUpperCase())
      // A market can list two rows of one name (a settled one beside its successor): the one that trades is meant.
      const other = this.#byUnified.get(unified)
      if (!other || (instrument.active && !other.active)) this.#byUnified.set(unified, instrument)
    }
  }

  byId(market: Market, symbol: string): Instrument | undefined {
    return this.#byId.get(key(market, symbol.toUpperCase()))
  }

  /** The instrument of a unified symbol (`BTC/USDT:USDT`). */
  byUnified(market: Market, unified: string): Instrument | undefined {
    return this.#byUnified.get(key(market, unified.toUpperCase()))
  }

  /**
   * The instrument that a text means; `market` settles what the text leaves open, spot when nothing does.
   * @throws InvalidSymbolError with the nearest symbols of that market.
   */
  resolve(text: string, market?: Market): Instrument {
    const parsed = parseSymbol(text, market === undefined ? {} : { market })
    const where = parsed.market ?? 'spot'
    const native = offlineNative(parsed)
    const found = (native && this.byId(native.market, native.symbol)) ?? this.#byParts(parsed, where)
    if (found) return found
    throw new InvalidSymbolError(text, where, this.nearest(native?.symbol ?? text, where))
  }

  /** The symbols of a market nearest to a text, best first. */
  nearest(text: string, market: Market, count = 3): string[] {
    const symbols = [...this.#byId.values()].filter((one) => one.market === market).map((one) => one.symbol)
    return nearestTexts(text, symbols, count)
  }

  #byParts(parsed: ParsedSymbol, market: Market): Instrument | undefined {
    const { base, quote, settle, expiry, strike, right } = parsed
    if (base === undefined || quote === undefined) return undefined
    const swap = market === 'spot' ? `${base}/${quote}` : `${base}/${quote}:${settle ?? quote}`
    const dated = expiry === undefined ? swap : `${swap}-${expiry}`
    return this.byUnified(market, strike === undefined ? dated : `${dated}-${strike}-${right === 'put' ? 'P' : 'C'}`)
  }
}

function key(market: Market, name: string): string {
  return `${market}:${name}`
}

/** The texts nearest to `text` by edit distance, letter case aside; none that differs in more than about a third. */
export function nearestTexts(text: string, candidates: Iterable<string>, count = 3): string[] {
  const wanted = text.toUpperCase()
  const bound = Math.max(2, Math.floor(wanted.length / 3))
  const near: { candidate: string; distance: number }[] = []
  for (const candidate of candidates) {
    const own = candidate.toUpperCase()
    const distance = isContractOf(wanted, own) ? 1 : editDistance(wanted, own, bound)
    if (distance <= bound) near.push({ candidate, distance })
  }
  near.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
  return near.slice(0, count).map((one) => one.candidate)
}

/** A pair is the name of its contracts but for the end: `BTCUSD` means `BTCUSD_PERP`, and so may `BTCUSDT`. */
function isContractOf(pair: string, contract: string): boolean {
  return contract.startsWith(`${pair}_`) || (pair.endsWith('USDT') && contract.startsWith(`${pair.slice(0, -1)}_`))
}

/** Levenshtein distance, or anything above `bound` once it is sure to pass it. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) > bound) return bound + 1
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const cost = a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1
      const value = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + cost)
      row.push(value)
      if (value < least) least = value
    }
    if (least > bound) return bound + 1
    previous = row
  }
  return previous[b.length]!
}

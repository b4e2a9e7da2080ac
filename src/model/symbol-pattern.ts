import { InvalidSymbolError } from './errors.ts'
import { type Market, parseMarket } from './series.ts'
import { nearestTexts } from './symbol.ts'

/** A name for several symbols of a market: `ALL`, `*USDT`, `BTC*`, `BTC/*`, `um:*`. */
export interface SymbolPattern {
  /** As it was typed. */
  readonly text: string
  /** The market that the text names. */
  readonly market?: Market
  /** Every symbol of the market, those included that it no longer trades. */
  readonly isAll: boolean
  /** The letters at its end, or at its beginning, where they are all that it says. */
  readonly ending?: string
  readonly beginning?: string
  /** Whether a symbol (the exchange's own id) is meant. */
  matches(symbol: string): boolean
}

const PREFIX = /^([a-z]+):([^/]+)$/i
const PAIR = /^([^/:]+)\/([^/:]+)$/
const LETTERS = /^[\p{L}\p{N}\p{M}_.\-*?]+$/u

/** Whether a text names several symbols. */
export function isSymbolPattern(text: string): boolean {
  return /[*?]/.test(text) || /^(?:[a-z]+:)?all$/i.test(text.trim())
}

/**
 * Reads a pattern: `*` stands for any letters, `?` for one. `ALL` is every symbol that ever traded.
 * @throws InvalidSymbolError for a text that has no such form.
 */
export function parseSymbolPattern(text: string): SymbolPattern {
  const trimmed = text.trim()
  const prefixed = PREFIX.exec(trimmed)
  const market = prefixed ? parseMarket(prefixed[1]!) : undefined
  const body = prefixed ? prefixed[2]! : trimmed
  const known = { text: trimmed, ...(market === undefined ? {} : { market }) }
  if (/^all$/i.test(body)) return { ...known, isAll: true, matches: () => true }
  const pair = PAIR.exec(body)
  const name = (pair ? pair[1]! + pair[2]! : body).toUpperCase()
  if (!LETTERS.test(name)) {
    throw new InvalidSymbolError(trimmed, 'any market: a pattern is like *USDT, BTC*, */USDT, um:*USDT or ALL')
  }
  // The contracts of COIN-M say more than their pair.
  const end = pair ? '(?:_.+)?' : ''
  const form = new RegExp(`^${[...name].map(asRegExp).join('')}${end}$`, 'u')
  const ending = /^\*([^*?]+)$/.exec(name)?.[1]
  const beginning = /^([^*?]+)\*$/.exec(name)?.[1]
  return {
    ...known,
    isAll: false,
    ...(ending === undefined ? {} : { ending }),
    ...(beginning === undefined ? {} : { beginning }),
    matches: (symbol) => form.test(symbol.toUpperCase()),
  }
}

/** What comes near to a pattern that none of some symbols matches: patterns of their own ends and beginnings, or names. */
export function nearPatterns({ text, ending, beginning }: SymbolPattern, symbols: readonly string[]): string[] {
  const letters = ending ?? beginning
  if (letters === undefined) return nearestTexts(text.replace(/[*?]/g, ''), symbols)
  const parts = new Set<string>()
  for (const symbol of symbols) {
    for (const length of [letters.length, letters.length + 1]) {
      if (length < symbol.length) parts.add(ending === undefined ? symbol.slice(0, length) : symbol.slice(-length))
    }
  }
  return nearestTexts(letters, parts, 2).map((part) => (ending === undefined ? `${part}*` : `*${part}`))
}

function asRegExp(letter: string): string {
  if (letter === '*') return '.*'
  if (letter === '?') return '.'
  return letter === '.' ? '\\.' : letter
}

import { InvalidRangeError, InvalidSymbolError } from '../model/errors.ts'
import { KINDS } from '../model/kinds.ts'
import type { LiveKind, LiveRecord } from '../model/live/index.ts'
import { parseSymbol, resolveNative } from '../model/symbol.ts'

const ROOT = 'market_data'

/** `market_data.trade`, or `market_data.trade.BTCUSDT` for one symbol. */
export function topicOf(kind: LiveKind, symbol?: string): `market_data.${string}` {
  return symbol === undefined ? `${ROOT}.${kind}` : `${ROOT}.${kind}.${symbol}`
}

/** The topic that a record is published under; those who subscribed to its kind get it too. */
export function topicOfRecord(record: LiveRecord): string {
  return topicOf(record.kind, record.symbol)
}

/** What a topic selects; undefined means all. */
export interface Selection {
  readonly kind: string | undefined
  readonly symbol: string | undefined
}

/**
 * Reads `market_data.*`, `market_data.<kind>`, `market_data.<kind>.*`, `market_data.<kind>.<symbol>` and
 * `market_data.*.<symbol>`.
 * @throws InvalidRangeError for anything else, naming the kinds; InvalidSymbolError for a symbol in a spelling that no
 * record has.
 */
export function parseTopic(topic: string): Selection {
  const [root, kind, ...rest] = topic.split('.')
  // A symbol may hold dots of its own.
  const symbol = rest.length > 0 ? rest.join('.') : undefined
  const known = kind === '*' || (kind !== undefined && Object.hasOwn(KINDS, kind))
  if (root !== ROOT || !known || symbol === '') {
    throw new InvalidRangeError(
      `Unknown topic "${topic}". Topics are ${ROOT}.<kind>, ${ROOT}.<kind>.<symbol> and ${ROOT}.*; kinds are ${Object.keys(KINDS).join(', ')}.`,
    )
  }
  return {
    kind: kind === '*' ? undefined : kind,
    symbol: symbol === undefined || symbol === '*' ? undefined : ownId(symbol, topic),
  }
}

/**
 * The id of a symbol as records have it. Other spellings (`BTC/USDT`) name a market too, which a topic can't: they would
 * select something else than they say, or nothing for ever.
 */
function ownId(symbol: string, topic: string): string {
  const id = symbol.toUpperCase()
  if (parseSymbol(symbol).symbol === id) return id
  throw new InvalidSymbolError(symbol, `a topic (${topic}), which takes it as the exchange writes it`, [
    resolveNative(symbol, undefined, 'spot').symbol,
  ])
}

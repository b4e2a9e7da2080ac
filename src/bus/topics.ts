import { InvalidRangeError } from '../model/errors.ts'
import { KINDS } from '../model/kinds.ts'
import type { LiveKind, LiveRecord } from '../model/live/index.ts'

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
 * @throws InvalidRangeError for anything else, naming the kinds.
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
  return { kind: kind === '*' ? undefined : kind, symbol: symbol === '*' ? undefined : symbol }
}

import { candle } from './candle.ts'
import { InvalidRangeError } from './errors.ts'
import {
  bookDepth,
  continuousCandle,
  exchangeInfo,
  metrics,
  timedBookDelta,
  timedBookSnapshot,
  timedQuote,
} from './history/index.ts'
import type { ColumnSpec, Kind } from './kind.ts'
import {
  aggTrade,
  bookDelta,
  bookSnapshot,
  fundingRate,
  liquidation,
  markPrice,
  quote,
  ticker,
  trade,
} from './live/index.ts'
import { indexCandle, markCandle, premiumCandle } from './price-candle.ts'

/** Every kind of data, by id. A new kind is one file and one line here. */
export const KINDS: Readonly<Record<string, Kind>> = {
  candle,
  trade,
  aggTrade,
  bookDelta,
  bookSnapshot,
  quote,
  ticker,
  markPrice,
  fundingRate,
  liquidation,
  markCandle,
  indexCandle,
  premiumCandle,
  continuousCandle,
  bookDepth,
  metrics,
  exchangeInfo,
  timedQuote,
  timedBookDelta,
  timedBookSnapshot,
}

/** @throws InvalidRangeError naming the kinds that exist. */
export function kindOf(id: string): Kind {
  const kind = Object.hasOwn(KINDS, id) ? KINDS[id] : undefined
  if (!kind) throw new InvalidRangeError(`Unknown kind "${id}". Use one of ${Object.keys(KINDS).join(', ')}.`)
  return kind
}

/**
 * The columns a caller asked for, by name or property, in the caller's order; the default ones when none are named.
 * @throws InvalidRangeError for a column that the kind does not have.
 */
export function selectColumns(kind: Kind, names?: readonly string[]): ColumnSpec[] {
  if (names === undefined || names.length === 0) return kind.columns.filter((spec) => spec.isDefault)
  return names.map((name) => {
    const spec = kind.columns.find((candidate) => candidate.name === name || candidate.property === name)
    if (spec) return spec
    const known = kind.columns.map((candidate) => candidate.name).join(', ')
    throw new InvalidRangeError(`Unknown column "${name}" of ${kind.id}. Use ${known}.`)
  })
}

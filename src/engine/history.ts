import { ConfigError } from '../model/errors.ts'
import type { Market } from '../model/series.ts'

/** Kinds whose past can be downloaded. */
const KINDS_WITH_HISTORY: readonly string[] = [
  'candle',
  'trade',
  'aggTrade',
  'fundingRate',
  'markCandle',
  'indexCandle',
  'premiumCandle',
  'continuousCandle',
  'quote',
  'bookDepth',
  'metrics',
  'liquidation',
]
/** Of these there is a past of futures only. */
const FUTURES_ONLY: readonly string[] = [
  ...['fundingRate', 'markCandle', 'indexCandle', 'premiumCandle', 'continuousCandle'],
  ...['quote', 'bookDepth', 'metrics', 'liquidation'],
]

/** Whether the past of a kind can be downloaded (of a market, where one is named); the others are collected as they happen. */
export function hasHistory(kind: string, market?: Market): boolean {
  return KINDS_WITH_HISTORY.includes(kind) && (market !== 'spot' || !FUTURES_ONLY.includes(kind))
}

/** @throws ConfigError for a kind whose past can't be downloaded. */
export function checkHistory(kind: string): void {
  if (hasHistory(kind)) return
  throw new ConfigError(`${kind} has no history download yet; collect it live with "ticklake collect".`)
}

import { ConfigError } from '../model/errors.ts'

/** Kinds whose past can be downloaded. */
const KINDS_WITH_HISTORY: readonly string[] = [
  'candle',
  'trade',
  'aggTrade',
  'fundingRate',
  'markCandle',
  'indexCandle',
  'premiumCandle',
]

/** Whether the past of a kind can be downloaded; the others are collected as they happen. */
export function hasHistory(kind: string): boolean {
  return KINDS_WITH_HISTORY.includes(kind)
}

/** @throws ConfigError for a kind whose past can't be downloaded. */
export function checkHistory(kind: string): void {
  if (hasHistory(kind)) return
  throw new ConfigError(`${kind} has no history download yet; collect it live with "ticklake collect".`)
}

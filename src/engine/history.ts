import { exchangeOf } from '../exchanges/index.ts'
import { ConfigError } from '../model/errors.ts'
import { isFileKind, SNAPSHOT_KINDS } from '../model/history/index.ts'
import type { Market } from '../model/series.ts'
import type { TimeRange } from '../model/time.ts'
import type { SeriesCoverage } from '../store/lake/coverage-file.ts'

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
/** Everything that a download brings: the past, and snapshots of the present. */
export const DOWNLOAD_KINDS: readonly string[] = [...KINDS_WITH_HISTORY, ...SNAPSHOT_KINDS]
/** Of these there is a past of futures only. */
const FUTURES_ONLY: readonly string[] = [
  ...['fundingRate', 'markCandle', 'indexCandle', 'premiumCandle', 'continuousCandle'],
  ...['quote', 'bookDepth', 'metrics', 'liquidation'],
]

/** Whether the past of a kind can be downloaded (of a market, where one is named); the others are collected as they happen. */
export function hasHistory(kind: string, market?: Market): boolean {
  return KINDS_WITH_HISTORY.includes(kind) && (market !== 'spot' || !FUTURES_ONLY.includes(kind))
}

/** Whether a market has a kind at all, live or in its past: spot has nothing that is about contracts. */
export function isOfMarket(kind: string, market: Market): boolean {
  return market !== 'spot' || kind === 'quote' || (kind !== 'markPrice' && !FUTURES_ONLY.includes(kind))
}

/**
 * Of ranges that a series lacks, those that a download may bring. Where the archive has ended and a series was collected
 * since, only the collector can.
 */
export function downloadable<R extends TimeRange>(
  { series, covered }: Pick<SeriesCoverage, 'series' | 'covered'>,
  ranges: readonly R[],
): readonly R[] {
  const endedAt = exchangeOf(series.exchange).archive?.traits?.(series.market, series.kind)?.endedAt
  if (endedAt === undefined || !covered.some(({ source }) => source === 'stream')) return ranges
  return ranges.filter(({ from }) => from < endedAt)
}

/** @throws ConfigError for a kind whose past can't be downloaded, or not of this market. */
export function checkHistory(kind: string, market?: Market): void {
  if (hasHistory(kind, market) || SNAPSHOT_KINDS.includes(kind)) return
  if (hasHistory(kind))
    throw new ConfigError(
      `There is no past ${kind} of ${market}; usdm and coinm have it. Write BTC/USDT:USDT, or use --market usdm.`,
    )
  if (isFileKind({ id: kind }))
    throw new ConfigError(`Nobody gives ${kind} out but in files: bring in those that you have with "ticklake import".`)
  throw new ConfigError(`${kind} has no history download yet; collect it live with "ticklake collect".`)
}

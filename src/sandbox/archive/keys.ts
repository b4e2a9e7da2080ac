import {
  ceilOpen,
  INTERVALS,
  type Interval,
  type IntervalGrid,
  intervalLength,
  isInterval,
  parseInterval,
} from '../../model/interval.ts'
import { DAY, formatDay, formatMonth, nextMonth } from '../../model/time.ts'
import type { SandboxMarket } from '../market/listing.ts'

export type Period = 'daily' | 'monthly'

/** A candle file of the archive, as its key tells. */
export interface ArchiveFile {
  readonly market: SandboxMarket
  readonly period: Period
  readonly symbol: string
  readonly interval: Interval
  /** First instant of the day or month, epoch ms. */
  readonly start: number
}

export const MARKET_FOLDER: Readonly<Record<SandboxMarket, string>> = {
  spot: 'data/spot/',
  usdm: 'data/futures/um/',
}

/** The archive's name of an interval: `1mo`, because `1M` and `1m` are one name to some file systems. */
export function archiveInterval(interval: Interval): string {
  return interval === '1M' ? '1mo' : interval
}

/** Intervals that a market has files of. Those longer than a day come in monthly files only. */
export function archiveIntervals(market: SandboxMarket, period: Period): Interval[] {
  return INTERVALS.filter(
    (interval) => (market === 'spot' || interval !== '1s') && (period === 'monthly' || intervalLength(interval) <= DAY),
  )
}

/** `data/spot/daily/klines/BTCUSDT/1m/` */
export function folderOf(market: SandboxMarket, period: Period, symbol: string, interval: Interval): string {
  return `${MARKET_FOLDER[market]}${period}/klines/${symbol}/${archiveInterval(interval)}/`
}

/** `BTCUSDT-1m-2025-01-01` */
export function stemOf(file: ArchiveFile): string {
  const date = file.period === 'daily' ? formatDay(file.start) : formatMonth(file.start)
  return `${file.symbol}-${archiveInterval(file.interval)}-${date}`
}

export function keyOf(file: ArchiveFile): string {
  return `${folderOf(file.market, file.period, file.symbol, file.interval)}${stemOf(file)}.zip`
}

const KEY = /^data\/(spot|futures\/um)\/(daily|monthly)\/klines\/([^/]+)\/([^/]+)\/([^/]+)\.zip$/
const DATE = /-(\d{4})-(\d{2})(?:-(\d{2}))?$/

/** Reads the key of a zip; undefined for anything else. */
export function parseKey(key: string): ArchiveFile | undefined {
  const parts = KEY.exec(key)
  if (!parts) return undefined
  const [, folder, period, symbol, interval, stem] = parts as unknown as [
    string,
    string,
    Period,
    string,
    string,
    string,
  ]
  if (!isInterval(interval) && interval !== '1mo') return undefined
  const date = DATE.exec(stem)
  if (!date || (date[3] === undefined) !== (period === 'monthly')) return undefined
  const start = Date.UTC(Number(date[1]), Number(date[2]) - 1, Number(date[3] ?? 1))
  const file: ArchiveFile = {
    market: folder === 'spot' ? 'spot' : 'usdm',
    period,
    symbol,
    interval: parseInterval(interval),
    start,
  }
  return stemOf(file) === stem ? file : undefined
}

/** End (exclusive) of the open times that a file holds. */
export function periodEnd(file: Pick<ArchiveFile, 'period' | 'start'>): number {
  return file.period === 'daily' ? file.start + DAY : nextMonth(file.start)
}

/**
 * When a file appears: a day is there two days after it began (so the archive ends with the day before yesterday), a
 * month from the first Monday of the next one; neither before its last candle is a day old.
 */
export function publishedAt(file: Pick<ArchiveFile, 'period' | 'start'>, grid: IntervalGrid): number {
  const end = periodEnd(file)
  // The last candle that opens in the file closes where the first one beyond it opens.
  const complete = ceilOpen(grid, end) + DAY
  if (file.period === 'daily') return complete
  const weekday = new Date(end).getUTCDay()
  return Math.max(complete, end + ((8 - weekday) % 7) * DAY)
}

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

/** Folders of the kinds of data that the sandbox has files of. */
export const ARCHIVE_KINDS = [
  ...(['aggTrades', 'bookDepth', 'bookTicker', 'fundingRate', 'indexPriceKlines', 'klines'] as const),
  ...(['liquidationSnapshot', 'markPriceKlines', 'metrics', 'premiumIndexKlines', 'trades'] as const),
] as const
export type ArchiveKind = (typeof ARCHIVE_KINDS)[number]

/** A file of the archive, as its key tells. */
export interface ArchiveFile {
  readonly market: SandboxMarket
  readonly period: Period
  readonly kind: ArchiveKind
  readonly symbol: string
  /** Of candles. */
  readonly interval?: Interval
  /** First instant of the day or month, epoch ms. */
  readonly start: number
}

export const MARKET_FOLDER: Readonly<Record<SandboxMarket, string>> = {
  spot: 'data/spot/',
  usdm: 'data/futures/um/',
  coinm: 'data/futures/cm/',
}

const MARKET_OF_FOLDER: Readonly<Record<string, SandboxMarket>> = {
  spot: 'spot',
  'futures/um': 'usdm',
  'futures/cm': 'coinm',
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

/** Whether a market has files of a kind by day or by month. */
export function hasKind(market: SandboxMarket, period: Period, kind: ArchiveKind): boolean {
  if (market === 'spot') return kind === 'klines' || kind === 'trades' || kind === 'aggTrades'
  return ONLY[kind] === undefined || ONLY[kind] === period
}

/** Kinds of which there are no files of the other period. */
const ONLY: Readonly<Partial<Record<ArchiveKind, Period>>> = {
  fundingRate: 'monthly',
  bookDepth: 'daily',
  metrics: 'daily',
  liquidationSnapshot: 'daily',
}

/** Folders of candles of other prices than the traded one. */
export const PRICE_FOLDERS = {
  markPriceKlines: 'mark',
  indexPriceKlines: 'index',
  premiumIndexKlines: 'premium',
} as const

/** Whether files of a kind lie in a folder per interval. */
export function isCandles(kind: ArchiveKind): boolean {
  return kind === 'klines' || kind in PRICE_FOLDERS
}

/** `data/spot/daily/klines/BTCUSDT/1m/` */
export function folderOf(market: SandboxMarket, period: Period, symbol: string, interval: Interval): string {
  return `${MARKET_FOLDER[market]}${period}/klines/${symbol}/${archiveInterval(interval)}/`
}

/** `BTCUSDT-1m-2025-01-01`, `BTCUSDT-trades-2025-01` */
export function stemOf(file: ArchiveFile): string {
  const date = file.period === 'daily' ? formatDay(file.start) : formatMonth(file.start)
  return `${file.symbol}-${file.interval === undefined ? file.kind : archiveInterval(file.interval)}-${date}`
}

export function keyOf(file: ArchiveFile): string {
  const folder = `${MARKET_FOLDER[file.market]}${file.period}/${file.kind}/${file.symbol}/`
  const inside = file.interval === undefined ? folder : `${folder}${archiveInterval(file.interval)}/`
  return `${inside}${stemOf(file)}.zip`
}

const KEY = /^data\/(spot|futures\/um|futures\/cm)\/(daily|monthly)\/([A-Za-z]+)\/([^/]+)\/(?:([^/]+)\/)?([^/]+)\.zip$/
const DATE = /-(\d{4})-(\d{2})(?:-(\d{2}))?$/

/** Reads the key of a zip; undefined for anything else. */
export function parseKey(key: string): ArchiveFile | undefined {
  const parts = KEY.exec(key)
  if (!parts) return undefined
  const [, folder, period, word, symbol, interval, stem] = parts as unknown as [
    ...[whole: string, folder: string, period: Period, kind: string, symbol: string],
    ...[interval: string | undefined, stem: string],
  ]
  const kind = ARCHIVE_KINDS.find((known) => known === word)
  const market = MARKET_OF_FOLDER[folder]!
  if (!kind || !hasKind(market, period, kind) || isCandles(kind) !== (interval !== undefined)) return undefined
  if (interval !== undefined && !isInterval(interval) && interval !== '1mo') return undefined
  const date = DATE.exec(stem)
  if (!date || (date[3] === undefined) !== (period === 'monthly')) return undefined
  const start = Date.UTC(Number(date[1]), Number(date[2]) - 1, Number(date[3] ?? 1))
  const step = interval === undefined ? {} : { interval: parseInterval(interval) }
  const file: ArchiveFile = { market, period, kind, symbol, start, ...step }
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
export function publishedAt(file: Pick<ArchiveFile, 'period' | 'start'>, grid?: IntervalGrid): number {
  const end = periodEnd(file)
  // The last candle that opens in the file closes where the first one beyond it opens.
  const complete = (grid ? ceilOpen(grid, end) : end) + DAY
  if (file.period === 'daily') return complete
  const weekday = new Date(end).getUTCDay()
  return Math.max(complete, end + ((8 - weekday) % 7) * DAY)
}

import type { Interval } from '../../model/interval.ts'
import { parseInterval } from '../../model/interval.ts'
import type { Market } from '../../model/series.ts'
import { DAY, formatDay, formatMonth, nextMonth } from '../../model/time.ts'
import type { ArchiveLayout, ArchivePeriod } from '../exchange.ts'
import { ARCHIVE_FIELDS, ARCHIVE_TRAITS } from './archive-fields.ts'

/** Folder of each market in Binance Vision (reference: binance-vision.md, section 1). */
const MARKET_FOLDER: Readonly<Partial<Record<Market, string>>> = {
  spot: 'spot',
  usdm: 'futures/um',
  coinm: 'futures/cm',
}

/** What the archive has of a kind of data. */
interface ArchivedKind {
  /** Folder of the kind, which is also the middle of a file's name where there is no interval. */
  readonly folder: string
  readonly markets: readonly Market[]
  readonly periods: readonly ArchivePeriod[]
  readonly hasInterval?: boolean
}

const ALL: readonly Market[] = ['spot', 'usdm', 'coinm']
const FUTURES: readonly Market[] = ['usdm', 'coinm']
const BOTH: readonly ArchivePeriod[] = ['monthly', 'daily']

const KINDS: Readonly<Record<string, ArchivedKind>> = {
  candle: { folder: 'klines', markets: ALL, periods: BOTH, hasInterval: true },
  trade: { folder: 'trades', markets: ALL, periods: BOTH },
  aggTrade: { folder: 'aggTrades', markets: ALL, periods: BOTH },
  markCandle: { folder: 'markPriceKlines', markets: FUTURES, periods: BOTH, hasInterval: true },
  indexCandle: { folder: 'indexPriceKlines', markets: FUTURES, periods: BOTH, hasInterval: true },
  premiumCandle: { folder: 'premiumIndexKlines', markets: FUTURES, periods: BOTH, hasInterval: true },
  fundingRate: { folder: 'fundingRate', markets: FUTURES, periods: ['monthly'] },
  quote: { folder: 'bookTicker', markets: FUTURES, periods: BOTH },
  bookDepth: { folder: 'bookDepth', markets: FUTURES, periods: ['daily'] },
  metrics: { folder: 'metrics', markets: FUTURES, periods: ['daily'] },
  liquidation: { folder: 'liquidationSnapshot', markets: FUTURES, periods: ['daily'] },
}

const KIND_OF_FOLDER: ReadonlyMap<string, ArchivedKind> = new Map(
  Object.values(KINDS).map((kind) => [kind.folder, kind]),
)

/** `1M` is `1mo` there, for file systems that ignore case. */
function intervalName(interval: Interval): string {
  return interval === '1M' ? '1mo' : interval
}

/** Kind, symbol, interval and the file's name: `<symbol>-<interval or kind>-<date>.zip`. */
const FILE = /\/([A-Za-z]+)\/([^/]+)\/(?:([^/]+)\/)?\2-([^/]+?)-(\d{4})-(\d{2})(?:-(\d{2}))?\.zip$/

function symbolsFolder(market: Market, period: ArchivePeriod, kind = 'candle'): string {
  return `data/${MARKET_FOLDER[market] ?? market}/${period}/${KINDS[kind]?.folder ?? kind}/`
}

/** How Binance Vision names its files. */
export const binanceArchive: ArchiveLayout = {
  has({ market, kind, interval }) {
    const known = KINDS[kind]
    if (!known?.markets.includes(market)) return false
    return known.hasInterval !== true || market === 'spot' || interval !== '1s'
  },
  symbolsFolder,
  folder({ market, kind, symbol, interval }, period) {
    if (!KINDS[kind]?.periods.includes(period)) return undefined
    const folder = `${symbolsFolder(market, period, kind)}${symbol}/`
    return interval === undefined ? folder : `${folder}${intervalName(interval)}/`
  },
  file({ market, kind, symbol, interval }, period, start) {
    const folder = `${symbolsFolder(market, period, kind)}${symbol}/`
    const date = period === 'monthly' ? formatMonth(start) : formatDay(start)
    if (interval === undefined) return `${folder}${symbol}-${KINDS[kind]?.folder ?? kind}-${date}.zip`
    const name = intervalName(interval)
    return `${folder}${name}/${symbol}-${name}-${date}.zip`
  },
  parseFile(path) {
    const match = FILE.exec(path)
    const kind = match ? KIND_OF_FOLDER.get(match[1]!) : undefined
    if (!match || !kind || !namesFit(kind, match[3], match[4]!)) return undefined
    const month = Number(match[6])
    const day = match[7] === undefined ? undefined : Number(match[7])
    const from = Date.UTC(Number(match[5]), month - 1, day ?? 1)
    const made = new Date(from)
    if (made.getUTCMonth() !== month - 1 || (day !== undefined && made.getUTCDate() !== day)) return undefined
    return day === undefined
      ? { period: 'monthly', from, to: nextMonth(from) }
      : { period: 'daily', from, to: from + DAY }
  },
  checksumPath: (path) => `${path}.CHECKSUM`,
  fields: (_market, kind) => ARCHIVE_FIELDS[kind],
  traits: (market, kind) => ARCHIVE_TRAITS[market]?.[kind],
}

/** Whether a file's folder and name are of one kind, or of one interval. */
function namesFit(kind: ArchivedKind, interval: string | undefined, name: string): boolean {
  if (kind.hasInterval !== true) return interval === undefined && name === kind.folder
  if (interval !== name) return false
  try {
    parseInterval(name)
    return true
  } catch {
    return false
  }
}

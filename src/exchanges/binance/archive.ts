import type { Interval } from '../../model/interval.ts'
import { parseInterval } from '../../model/interval.ts'
import type { Market } from '../../model/series.ts'
import { DAY, formatDay, formatMonth, nextMonth } from '../../model/time.ts'
import type { ArchiveLayout, ArchivePeriod } from '../exchange.ts'

/** Folder of each market in Binance Vision (reference: binance-vision.md, section 1). */
const MARKET_FOLDER: Readonly<Partial<Record<Market, string>>> = {
  spot: 'spot',
  usdm: 'futures/um',
  coinm: 'futures/cm',
}

/** `1M` is `1mo` there, for file systems that ignore case. */
function intervalName(interval: Interval): string {
  return interval === '1M' ? '1mo' : interval
}

const FILE = /\/klines\/([^/]+)\/([^/]+)\/\1-\2-(\d{4})-(\d{2})(?:-(\d{2}))?\.zip$/

function symbolsFolder(market: Market, period: ArchivePeriod): string {
  return `data/${MARKET_FOLDER[market] ?? market}/${period}/klines/`
}

/** How Binance Vision names its candle files. */
export const binanceArchive: ArchiveLayout = {
  hasCandles(market, interval) {
    if (MARKET_FOLDER[market] === undefined) return false
    return market === 'spot' || interval !== '1s'
  },
  symbolsFolder,
  candleFolder(market, period, symbol, interval) {
    return `${symbolsFolder(market, period)}${symbol}/${intervalName(interval)}/`
  },
  candleFile(market, period, symbol, interval, start) {
    const name = intervalName(interval)
    const date = period === 'monthly' ? formatMonth(start) : formatDay(start)
    return `${symbolsFolder(market, period)}${symbol}/${name}/${symbol}-${name}-${date}.zip`
  },
  parseFile(path) {
    const match = FILE.exec(path)
    if (!match) return undefined
    try {
      parseInterval(match[2]!)
    } catch {
      return undefined
    }
    const month = Number(match[4])
    const day = match[5] === undefined ? undefined : Number(match[5])
    const from = Date.UTC(Number(match[3]), month - 1, day ?? 1)
    const made = new Date(from)
    if (made.getUTCMonth() !== month - 1 || (day !== undefined && made.getUTCDate() !== day)) return undefined
    return day === undefined
      ? { period: 'monthly', from, to: nextMonth(from) }
      : { period: 'daily', from, to: from + DAY }
  },
  checksumPath: (path) => `${path}.CHECKSUM`,
}

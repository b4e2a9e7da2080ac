import { open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import type { ArchiveLayout, ArchivePeriod, Exchange } from '../../exchanges/exchange.ts'
import { ParseError } from '../../model/errors.ts'
import { type Interval, parseInterval } from '../../model/interval.ts'
import { KINDS, kindOf } from '../../model/kinds.ts'
import type { Market } from '../../model/series.ts'
import { DAY, nextMonth } from '../../model/time.ts'
import type { ImportFormat, ImportHints, ImportTarget } from './types.ts'

/** `<symbol>-<interval or kind>-<month or day>`, as archives name their files. */
const DATED = /^(.+)-([^-]+)-(\d{4})-(\d{2})(?:-(\d{2}))?$/
/** `BTC_USDT-1h`, `BTC_USDT_USDT-1h-futures`: base, quote, settlement, interval, sort of candles. */
const PAIRED = /^([^_-]+)_([^_-]+?)(?:_([^_-]+))?-(\d+[a-zA-Z]+)(?:-([a-zA-Z_]+))?$/
/** `BTCUSDT-1h` */
const PLAIN = /^(.+?)-(\d+[a-zA-Z]+)$/
/** `binance_trades_2024-01-31_BTCUSDT` */
const TARDIS = /^([a-z-]+)_([A-Za-z0-9_]+?)_(\d{4}-\d{2}-\d{2})_(.+)$/
const TARDIS_HEADER = 'exchange,symbol,timestamp,local_timestamp'

const TARDIS_MARKETS: Readonly<Record<string, Market>> = {
  binance: 'spot',
  'binance-futures': 'usdm',
  'binance-delivery': 'coinm',
}

/**
 * What a file is about, by its name and folders, then by hints; a CSV also by its first line.
 * @throws ParseError for a file that nothing tells enough about, naming what is missing.
 */
export async function identifyFile(path: string, exchange: Exchange, hints: ImportHints): Promise<ImportTarget> {
  const name = path.split(/[\\/]/).at(-1)!
  const stem = name.replace(/\.(?:zip|csv\.gz|csv|json|feather|parquet)$/i, '')
  const ending = name.slice(stem.length).toLowerCase()
  const format = hints.format ?? (await formatOf(path, stem, ending))
  if (format === 'archive') return identifyArchive(path, stem, ending === '.zip', exchange, hints)
  if (format === 'tardis') return identifyTardis(path, stem, hints)
  return identifyCandles(path, stem, format, hints)
}

async function formatOf(path: string, stem: string, ending: string): Promise<ImportFormat> {
  if (ending === '.json') return 'ccxt'
  if (ending === '.feather') return 'freqtrade'
  if (ending === '.parquet') return 'parquet'
  if (ending === '.zip') return 'archive'
  if (ending === '.csv' || ending === '.csv.gz') {
    const dataset = TARDIS.exec(stem)
    if (dataset && Object.hasOwn(TARDIS_MARKETS, dataset[1]!)) return 'tardis'
    if ((await firstBytes(path, ending === '.csv.gz')).startsWith(TARDIS_HEADER)) return 'tardis'
    if (ending === '.csv') return 'archive'
  }
  throw new ParseError(path, 'is of no form that is known; name it with --layout binance, ccxt, freqtrade or tardis')
}

/** The beginning of a file, unpacked. */
async function firstBytes(path: string, isPacked: boolean): Promise<string> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0)
  const bytes = buffer.subarray(0, bytesRead)
  if (!isPacked) return bytes.toString('latin1')
  const gunzip = createGunzip()
  // Only the beginning is there: that it ends too soon is no news.
  gunzip.on('error', () => {})
  return new Promise((done) => {
    gunzip.once('data', (data: Buffer) => done(data.toString('latin1')))
    gunzip.once('close', () => done(''))
    gunzip.end(bytes)
  })
}

function identifyArchive(
  path: string,
  stem: string,
  isZip: boolean,
  exchange: Exchange,
  hints: ImportHints,
): ImportTarget {
  const layout = exchange.archive
  if (!layout) throw new ParseError(path, `${exchange.id} has no archive; name another --layout`)
  const dated = DATED.exec(stem)
  if (!dated) {
    if (isZip)
      throw new ParseError(path, 'is not named as the archive names its files, <symbol>-<interval or kind>-<date>.zip')
    // A table without a period: its rows tell it.
    return identifyCandles(path, stem, 'archive', hints)
  }
  const [, symbol = '', middle = '', year, month, day] = dated
  const from = Date.UTC(Number(year), Number(month) - 1, Number(day ?? 1))
  const made = new Date(from)
  if (made.getUTCMonth() !== Number(month) - 1 || (day !== undefined && made.getUTCDate() !== Number(day)))
    throw new ParseError(path, 'has a date in its name that is none')
  const period: ArchivePeriod = day === undefined ? 'monthly' : 'daily'
  const range = { from, to: day === undefined ? nextMonth(from) : from + DAY }
  const interval = intervalOf(middle)
  const placed = placeOf(path, layout, exchange.markets, period)
  const market = placed?.market ?? hints.market ?? 'spot'
  const kind = placed?.kind ?? (interval ? (hints.kind ?? 'candle') : kindOfFolder(middle, layout, market, period))
  const id = kind === undefined ? undefined : { market, kind, symbol, ...(interval ? { interval } : {}) }
  if (!id || kindOf(id.kind).hasInterval !== (interval !== undefined) || !layout.has(id))
    throw new ParseError(path, `holds "${middle}" of ${market}, which the lake does not keep, or not of this market`)
  const series = { exchange: exchange.id, ...id }
  return { path, format: 'archive', series, range, ...(isZip ? { archivePath: layout.file(id, period, from) } : {}) }
}

/** Market and kind by the folders that a path goes through, as in the archive. */
function placeOf(
  path: string,
  layout: ArchiveLayout,
  markets: readonly Market[],
  period: ArchivePeriod,
): { market: Market; kind: string } | undefined {
  const text = path.replaceAll('\\', '/')
  for (const market of markets) {
    for (const kind of Object.keys(KINDS)) {
      // A tree need not begin with the archive's own root.
      const folder = layout.symbolsFolder(market, period, kind).replace(/^data\//, '/')
      if (text.includes(folder)) return { market, kind }
    }
  }
  return undefined
}

/** The kind whose files have a word for a name, e.g. `aggTrades`. */
function kindOfFolder(word: string, layout: ArchiveLayout, market: Market, period: ArchivePeriod): string | undefined {
  const isNamed = (kind: string): boolean => layout.symbolsFolder(market, period, kind).endsWith(`/${word}/`)
  return Object.values(KINDS).find(({ id, hasInterval }) => !hasInterval && isNamed(id))?.id
}

function identifyTardis(path: string, stem: string, hints: ImportHints): ImportTarget {
  const named = TARDIS.exec(stem)
  const market = (named && TARDIS_MARKETS[named[1]!]) ?? hints.market
  const dataset = named?.[2] ?? (hints.kind === undefined ? undefined : datasetOf(hints.kind))
  if (dataset !== undefined && dataset !== 'trades') {
    throw new ParseError(
      path,
      `is a dataset of "${dataset}", which carries no ids of updates: the lake could not tell its records apart. Of tardis.dev only trades are imported`,
    )
  }
  const symbol = hints.symbol ?? named?.[4]
  const missing = [market ? '' : '--market', symbol ? '' : '--symbol'].filter((flag) => flag !== '')
  if (!market || !symbol || missing.length > 0) throw untold(path, missing)
  const day = named ? Date.parse(named[3]!) : Number.NaN
  const range = Number.isNaN(day) ? {} : { range: { from: day, to: day + DAY } }
  const series = { exchange: hints.exchange, market, kind: 'trade', symbol: symbol.toUpperCase() }
  return { path, format: 'tardis', series, ...range }
}

function datasetOf(kind: string): string {
  return kind === 'trade' ? 'trades' : kind
}

/** Candles of one series without a period in the name. */
function identifyCandles(path: string, stem: string, format: ImportFormat, hints: ImportHints): ImportTarget {
  const named = namedPair(path, stem)
  const kind = hints.kind ?? named?.kind ?? 'candle'
  if (!kindOf(kind).hasInterval) throw new ParseError(path, `holds candles in this form, not ${kind}`)
  const symbol = hints.symbol ?? named?.symbol
  const interval = hints.interval ?? named?.interval
  const missing = [symbol ? '' : '--symbol', interval ? '' : '--interval'].filter((flag) => flag !== '')
  if (symbol === undefined || interval === undefined) throw untold(path, missing)
  const market = named?.market ?? hints.market ?? 'spot'
  return { path, format, series: { exchange: hints.exchange, market, kind, symbol, interval } }
}

interface Named {
  readonly symbol: string
  readonly interval: Interval | undefined
  readonly market?: Market
  readonly kind?: string
}

const SORTS: Readonly<Record<string, string>> = {
  futures: 'candle',
  spot: 'candle',
  mark: 'markCandle',
  index: 'indexCandle',
  premiumIndex: 'premiumCandle',
}

function namedPair(path: string, stem: string): Named | undefined {
  const pair = PAIRED.exec(stem)
  if (pair) {
    const [, base = '', quote = '', settle, frame = '', sort] = pair
    if (sort !== undefined && !Object.hasOwn(SORTS, sort))
      throw new ParseError(path, `holds "${sort}", which is not imported; candles are`)
    const kind = sort === undefined ? {} : { kind: SORTS[sort]! }
    const interval = intervalOf(frame)
    if (settle === undefined && sort === undefined) return { symbol: base + quote, interval }
    // Settled in what it is quoted in, or in what is traded.
    if (settle !== undefined && settle === base)
      return { symbol: `${base}${quote}_PERP`, interval, market: 'coinm', ...kind }
    return { symbol: base + quote, interval, market: settle === undefined ? 'spot' : 'usdm', ...kind }
  }
  const plain = PLAIN.exec(stem)
  const interval = plain ? intervalOf(plain[2]!) : undefined
  return plain && interval ? { symbol: plain[1]!, interval } : undefined
}

/** An interval in any of the spellings of file names: a month is `1M`, `1mo` or `1Mo`. */
function intervalOf(text: string): Interval | undefined {
  try {
    return parseInterval(/^1mo$/i.test(text) ? '1M' : text)
  } catch {
    return undefined
  }
}

function untold(path: string, missing: readonly string[]): ParseError {
  return new ParseError(path, `its name does not tell everything: add ${missing.join(' and ')}`)
}

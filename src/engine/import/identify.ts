import type { ArchiveLayout, ArchivePeriod, Exchange } from '../../exchanges/exchange.ts'
import { ParseError } from '../../model/errors.ts'
import { exchangeInfo, isFileKind } from '../../model/history/index.ts'
import { type Interval, parseInterval } from '../../model/interval.ts'
import { KINDS, kindOf } from '../../model/kinds.ts'
import type { Market } from '../../model/series.ts'
import { parseSymbol } from '../../model/symbol.ts'
import { DAY, HOUR, nextMonth } from '../../model/time.ts'
import { isOfMarket } from '../history.ts'
import { firstLines, formatOf, namesOfTable, splitName, TARDIS_MARKETS, TARDIS_NAME } from './sniff.ts'
import { kindOfTable } from './table-columns.ts'
import type { TardisDataset } from './tardis/dataset.ts'
import { TARDIS_DATASETS, tardisDataset, tardisDatasetIn, tardisDatasetOf } from './tardis/datasets.ts'
import { type ImportFormat, type ImportHints, type ImportTarget, isTableFormat } from './types.ts'

/** `<symbol>-<interval or kind>-<month or day>`, as archives name their files. */
const DATED = /^(.+)-([^-]+)-(\d{4})-(\d{2})(?:-(\d{2}))?$/
/** `BTC_USDT-1h`, `BTC_USDT_USDT-1h-futures`: base, quote, settlement, interval, sort of candles. */
const PAIRED = /^([^_-]+)_([^_-]+?)(?:_([^_-]+))?-(\d+[a-zA-Z]+)(?:-([a-zA-Z_]+))?$/
/** `BTCUSDT-1h`, `BTCUSD_PERP-trade`, `BTCUSDT-markCandle-1h`: the exchange's own id, kind, interval. */
const PLAIN = /^(.+?)(?:-([a-zA-Z]+))?(?:-(\d+[a-zA-Z]+))?$/
/** Ids of the exchange that look like a pair. */
const NATIVE = /^[^_-]+_(?:PERP|\d{6}|PERPETUAL|CURRENT_QUARTER|NEXT_QUARTER|TRADIFI_PERPETUAL)-/

/** Files of tardis.dev are cut by when rows arrived: what is told of them may have happened a while before. */
const TARDIS_SLACK = HOUR

/**
 * What a file is about, by its name and folders, then by hints; a table also by its columns.
 * @throws ParseError for a file that nothing tells enough about, naming what is missing.
 */
export async function identifyFile(path: string, exchange: Exchange, hints: ImportHints): Promise<ImportTarget> {
  const { stem, ending } = splitName(path)
  const format = hints.format ?? (hints.columns ? 'csv' : await formatOf(path))
  if (format === 'archive') return identifyArchive(path, stem, ending === '.zip', exchange, hints)
  if (format === 'tardis') return identifyTardis(path, stem, hints)
  return identifyNamed(path, stem, format, hints)
}

async function identifyArchive(
  path: string,
  stem: string,
  isZip: boolean,
  exchange: Exchange,
  hints: ImportHints,
): Promise<ImportTarget> {
  const layout = exchange.archive
  if (!layout) throw new ParseError(path, `${exchange.id} has no archive; name another --layout`)
  const dated = DATED.exec(stem)
  // A file without a period: its rows tell it.
  if (!dated) return identifyNamed(path, stem, 'archive', hints)
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
  const slackMs = layout.traits?.(market, id.kind)?.slackMs
  return {
    ...{ path, format: 'archive', series, range },
    ...(slackMs === undefined ? {} : { slackMs }),
    ...(isZip ? { archivePath: layout.file(id, period, from) } : {}),
  }
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

async function identifyTardis(path: string, stem: string, hints: ImportHints): Promise<ImportTarget> {
  const named = TARDIS_NAME.exec(stem)
  const told = (TARDIS_MARKETS as Readonly<Record<string, Market>>)[named?.[1] ?? '']
  const market = told ?? hints.market
  const { kind } = await tardisDatasetOfFile(path, named?.[2], hints)
  const symbol = hints.symbol ?? named?.[4]
  const missing = [market ? '' : '--market', symbol ? '' : '--symbol'].filter((flag) => flag !== '')
  if (!market || !symbol || missing.length > 0) throw untold(path, missing)
  if (!isOfMarket(kind.id, market)) throw new ParseError(path, `holds ${kind.id}, which spot has not`)
  const day = named ? Date.parse(named[3]!) : Number.NaN
  const isItsDay = !Number.isNaN(day) && (!isFileKind(kind) || (await cameOnDay(path, day)))
  const range = isItsDay ? { range: { from: day, to: day + DAY }, slackMs: TARDIS_SLACK } : {}
  const series = { exchange: hints.exchange, market, kind: kind.id, symbol: symbol.toUpperCase() }
  return { path, format: 'tardis', series, ...range }
}

/**
 * Whether the first row came on the day that a file is named by. One that was collected by a clock of another year, as from
 * a sandbox, says nothing of a day by its name: only its rows do.
 */
async function cameOnDay(path: string, day: number): Promise<boolean> {
  const [names = '', row = ''] = await firstLines(path)
  const local = Number(row.split(',')[names.split(',').indexOf('local_timestamp')]) / 1000
  return Number.isNaN(local) || (local >= day - TARDIS_SLACK && local < day + DAY + TARDIS_SLACK)
}

/** The dataset of a file by its name, else by what is said of it, else by its first line. */
async function tardisDatasetOfFile(
  path: string,
  name: string | undefined,
  { kind }: ImportHints,
): Promise<TardisDataset> {
  const dataset =
    name !== undefined
      ? tardisDataset(name)
      : kind !== undefined
        ? tardisDatasetOf(kind)
        : tardisDatasetIn(await namesOfTable(path, 'csv', undefined))
  if (dataset) return dataset
  const what = name ?? (kind === undefined ? 'none that is known' : `--kind ${kind}`)
  throw new ParseError(
    path,
    `is a dataset of tardis.dev (${what}) that is not imported; ${TARDIS_DATASETS.join(', ')} are`,
  )
}

/** A file of one series whose name has no period that counts: the rows tell it. */
async function identifyNamed(
  path: string,
  stem: string,
  format: ImportFormat,
  hints: ImportHints,
): Promise<ImportTarget> {
  const named = readName(path, stem)
  const told = hints.kind ?? named.kind
  const kind =
    told ?? (isTableFormat(format) ? kindOfTable(await namesOfTable(path, format, hints.columns), path) : 'candle')
  const { hasInterval } = kindOf(kind)
  if (!hasInterval && !isTableFormat(format) && format !== 'archive')
    throw new ParseError(path, `holds candles in this form, not ${kind}`)
  if (kind === exchangeInfo.id) {
    const why = 'only counts what the exchange listed, while the lake keeps the answers themselves'
    throw new ParseError(path, `${why}: download them, or copy the folder of the series`)
  }
  const symbol = hints.symbol ?? named.symbol
  const interval = hints.interval ?? named.interval
  const missing = [symbol ? '' : '--symbol', interval || !hasInterval ? '' : '--interval'].filter((flag) => flag !== '')
  if (symbol === undefined || missing.length > 0) throw untold(path, missing)
  const market = named.market ?? hints.market ?? 'spot'
  if (!isOfMarket(kind, market))
    throw new ParseError(path, `holds ${kind}, which spot has not: add --market usdm or --market coinm`)
  const series = { exchange: hints.exchange, market, kind, symbol }
  return { path, format, series: hasInterval && interval ? { ...series, interval } : series }
}

/** What a name tells. */
interface Named {
  readonly symbol?: string
  readonly interval?: Interval
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

function readName(path: string, stem: string): Named {
  const pair = NATIVE.test(stem) ? null : PAIRED.exec(stem)
  if (pair) {
    const [, base = '', quote = '', settle, frame = '', sort] = pair
    if (sort !== undefined && !Object.hasOwn(SORTS, sort))
      throw new ParseError(path, `holds "${sort}", which is not imported; candles are`)
    const kind = sort === undefined ? {} : { kind: SORTS[sort]! }
    const interval = intervalOf(frame)
    const about = { ...kind, ...(interval && { interval }) }
    if (settle === undefined && sort === undefined) return { symbol: base + quote, ...about }
    // Settled in what it is quoted in, or in what is traded.
    if (settle !== undefined && settle === base) return { symbol: `${base}${quote}_PERP`, market: 'coinm', ...about }
    return { symbol: base + quote, market: settle === undefined ? 'spot' : 'usdm', ...about }
  }
  const [, symbol = '', word, frame] = PLAIN.exec(stem.replace(/-\d{4}-\d{2}(?:-\d{2})?$/, '')) ?? []
  const kind = word !== undefined && Object.hasOwn(KINDS, word) ? word : undefined
  const interval = frame === undefined ? undefined : intervalOf(frame)
  if (kind === undefined && (interval === undefined || word !== undefined)) return {}
  const market = NATIVE.test(stem) ? parseSymbol(symbol).market : undefined
  return { symbol, ...(kind && { kind }), ...(interval && { interval }), ...(market && { market }) }
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

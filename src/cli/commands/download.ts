import type { DataSourceManager } from '../../engine/data-source-manager.ts'
import type { DownloadRequest, SeriesReport, SourceChoice } from '../../engine/types.ts'
import type { Exchange } from '../../exchanges/exchange.ts'
import { ConfigError, InvalidRangeError, InvalidSymbolError, isTicklakeError } from '../../model/errors.ts'
import { floorOpen, type Interval } from '../../model/interval.ts'
import type { Market, SeriesId } from '../../model/series.ts'
import { loadPairs } from '../config/pairs.ts'
import type { Context } from '../context.ts'
import { chosenExchange, openEngine } from '../engine.ts'
import { wordOption } from '../options.ts'
import { createProgressView, type ProgressView } from '../progress/show.ts'
import { seriesLabel } from '../progress/state.ts'
import { addMonths, type RangeOptions, readRange, readRangeWithLength } from '../range.ts'
import { renderTable } from '../render/table.ts'
import { formatBytes, formatCount, formatDuration, plural, printable } from '../render/text.ts'
import { formatInstant } from '../render/time.ts'
import {
  openLake,
  readIntervals,
  readKind,
  readSymbols,
  type SelectOptions,
  selectSeries,
  seriesFields,
} from '../select.ts'
import { explainGap, isHarmless } from '../summary.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface DownloadOptions extends SelectOptions, RangeOptions {
  readonly update?: boolean
  readonly parallel?: string
  readonly source?: SourceChoice
}

export const verb: Verb<DownloadOptions> = {
  configure(command) {
    command
      .argument('[symbols...]', 'symbols in any spelling; without any, the pairs of the config')
      .option('--symbols <list...>', 'more symbols')
      .option('--kind <kind>', 'kind of data (default: candle)')
      .option('--interval <list>', 'intervals, e.g. 1m,1h (default: DEFAULT_INTERVAL, 1m; of the pairs: 30m, 1h, 2h)')
      .option('--intervals <list...>', 'intervals, e.g. 1m 1h')
      .option('--from <time>', 'first instant wanted: 2024-01-31, ISO or epoch ms (default: since listing)')
      .option('--to <time>', 'first instant no longer wanted (default: now)')
      .option('--start-date <date>', 'the same as --from')
      .option('--end-date <date>', 'last day, month or instant wanted: inclusive')
      .option('--days <n>', 'this many days, back from the end or on from the start')
      .option('--months <n>', 'this many calendar months, likewise (default of the pairs: 12)')
      .option('--update', 'bring what the lake has up to now; without symbols, all of it')
      .option('--parallel <n>', 'downloads at a time (default: 13)')
      .addOption(wordOption('--source <source>', 'where from', ['auto', 'archive', 'rest'], 'auto: archive, then REST'))
    command.addHelpText(
      'after',
      `
What the lake has is not fetched again. Ctrl-C stops cleanly, and the same command then goes on where it was.
--json gives a line per series with its rows, gaps, files and defects; times are epoch ms.`,
    )
    examples(command, [
      ['ticklake download BTCUSDT', 'every 1m candle since listing'],
      [
        'ticklake download BTC/USDT ETH/USDT:USDT --interval 1m,1h --from 2024-01-01',
        'spot and USD-M, two intervals, since 2024',
      ],
      [
        'ticklake download --symbols BTCUSDT ETHUSDT --intervals 1h --start-date 2024-01-01 --end-date 2024-01-31',
        'January, both ends included',
      ],
      ['ticklake download', 'the pairs and intervals of pairs.yaml'],
      ['ticklake download --update', 'bring the whole lake up to now'],
    ])
  },

  async run(context, operands, options) {
    checkCombination(options)
    readKind(options)
    readRange(options)
    readIntervals(options)
    const settings = await context.settings({ 'download.parallel': options.parallel })
    const exchange = await chosenExchange(settings)
    const typed = [...operands, ...(options.symbols ?? [])]
    await using engine = await openEngine(context)
    const { requests, leftOut } = options.update
      ? await planUpdate(context, engine, typed, options)
      : await planDownload(context, exchange, engine, typed, options)
    if (requests.length === 0) return ExitCode.done

    const done = new Map<string, SeriesReport>()
    let stored = 0
    const view: ProgressView = await createProgressView(context, requests.length)
    const onAbort = (): void => {
      if (context.io.signal.aborted)
        context.say('Stopping: what is under way is put on disk first. Ctrl-C again stops at once.')
    }
    context.signal.addEventListener('abort', onAbort, { once: true })
    let reports: SeriesReport[]
    try {
      reports = await engine.download(requests, {
        parallel: settings.download.parallel,
        signal: context.signal,
        onEvent: (event) => {
          if (event.type === 'done') done.set(seriesLabel(event.series), event.report)
          if (event.type === 'commit') stored += event.rows
          view.event(event)
        },
      })
      // Whoever stopped the work must hear so, even when the last series was just done.
      context.signal.throwIfAborted()
    } catch (error) {
      view.close()
      if (context.io.signal.aborted) {
        context.say(
          `Stopped: ${done.size} of ${plural(requests.length, 'series', 'series')} done, ${plural(stored, 'new row')} stored; files that came in part are kept too. The same command goes on from here.`,
        )
      }
      throw error
    } finally {
      view.close()
      context.signal.removeEventListener('abort', onAbort)
    }
    if (context.json)
      for (const report of reports)
        await context.out.json({ ...seriesFields(report.series), ...report, series: undefined })
    else await printReports(context, reports, settings.data.dataDir)
    if (reports.some((report) => report.error !== undefined)) return ExitCode.failed
    return leftOut === 0 && reports.every((report) => report.complete) ? ExitCode.done : ExitCode.incomplete
  },
}

interface DownloadPlan {
  readonly requests: readonly DownloadRequest[]
  /** Series that were asked for and that the exchange does not have. */
  readonly leftOut: number
}

function checkCombination(options: DownloadOptions): void {
  if (!options.update) return
  for (const [flag, value] of Object.entries({
    '--from': options.from,
    '--start-date': options.startDate,
    '--to': options.to,
    '--end-date': options.endDate,
    '--days': options.days,
    '--months': options.months,
  })) {
    if (value !== undefined)
      throw new ConfigError(`--update goes from the last stored candle to now; leave ${flag} out.`)
  }
}

async function planDownload(
  context: Context,
  exchange: Exchange,
  engine: DataSourceManager,
  typed: readonly string[],
  options: DownloadOptions,
): Promise<DownloadPlan> {
  const { settings, origins } = await context.load()
  const kind = readKind(options)
  let intervals: readonly Interval[] = readIntervals(options)
  let symbols = await readSymbols(context, typed)
  let months: number | undefined
  if (symbols.length === 0) {
    const pairs = await loadPairs(settings, origins.get('download.pairs')?.from !== 'default')
    symbols = await Promise.all(
      pairs.pairs.map(async (pair) => {
        const [symbol] = await readSymbols(context, [pair.symbol])
        return {
          ...symbol!,
          market: context.common.market === undefined ? (pair.market ?? symbol!.market) : symbol!.market,
        }
      }),
    )
    if (intervals.length === 0) intervals = pairs.intervals
    months = pairs.months
    const from =
      pairs.from === 'default' ? 'the default pairs (ticklake init writes a pairs.yaml to change)' : pairs.from
    context.say(`${plural(symbols.length, 'pair')} of ${from}, ${intervals.join(', ')}`)
  }
  if (intervals.length === 0) intervals = [settings.download.defaultInterval]

  const wanted: SeriesId[] = symbols.flatMap(({ symbol, market }) =>
    intervals.map((interval) => ({
      exchange: settings.exchange.name,
      market: market ?? 'spot',
      kind,
      symbol,
      interval,
    })),
  )
  checkSeries(exchange, wanted)
  // One question, before many are asked at once: an exchange that can't be reached is told once, and soon.
  const nows = new Map<Market, number>()
  for (const market of new Set(wanted.map((id) => id.market)))
    nows.set(market, await engine.now(market, context.signal))
  const series = await (typed.length > 0 ? existingSeries : existingPairs)(context, engine, wanted)
  const requests = series.map((id): DownloadRequest => {
    const now = nows.get(id.market)!
    const { from, to } = readRangeWithLength(options, now)
    const end = to ?? now
    if (from !== undefined && from >= now) {
      throw new InvalidRangeError(
        `The range starts at ${formatInstant(from)}, which has not come yet; the exchange's clock says ${formatInstant(Math.floor(now / 1000) * 1000)}.`,
      )
    }
    // 0 stands for the listing, which the engine finds.
    const start = from ?? (months === undefined ? 0 : addMonths(end, -months))
    // A length that counts back from now would else begin inside a candle.
    const onGrid = options.from === undefined && options.startDate === undefined && start > 0 && id.interval !== '3d'
    return {
      series: id,
      from: onGrid ? floorOpen({ interval: id.interval! }, start) : start,
      to: end,
      source: options.source ?? 'auto',
    }
  })
  return { requests, leftOut: wanted.length - series.length }
}

/**
 * One look per series before anything is fetched: a typing mistake should cost a second, not an hour. Gives the series
 * that the exchange has candles of.
 */
async function existingSeries(
  context: Context,
  engine: DataSourceManager,
  series: readonly SeriesId[],
): Promise<SeriesId[]> {
  const archived = archiveMemory(context, engine)
  const found = await Promise.all(series.map((id) => hasCandles(context, engine, id, archived)))
  const empty = series.filter((_, index) => !found[index])
  if (empty.length === series.length) {
    throw new InvalidRangeError(`The exchange has no candles of ${empty.map(seriesLabel).join(', ')}.`)
  }
  for (const id of empty) context.warn(`the exchange has no candles of ${seriesLabel(id)}; it is left out.`)
  return series.filter((_, index) => found[index])
}

/**
 * The same for the pairs of the config, by one look per symbol. An exchange that lacks a few of them (a sandbox, or after
 * a delisting) is no reason to fetch nothing.
 */
async function existingPairs(
  context: Context,
  engine: DataSourceManager,
  series: readonly SeriesId[],
): Promise<SeriesId[]> {
  const bySymbol = new Map<string, SeriesId[]>()
  for (const id of series) {
    const key = `${id.market} ${id.symbol}`
    bySymbol.set(key, [...(bySymbol.get(key) ?? []), id])
  }
  const groups = [...bySymbol.values()]
  const archived = archiveMemory(context, engine)
  const found = await Promise.all(
    groups.map(([first]) =>
      hasCandles(context, engine, first!, archived).catch((error: unknown) => {
        if (error instanceof InvalidSymbolError) return false
        throw error
      }),
    ),
  )
  const absent = groups.filter((_, index) => !found[index]).map(([id]) => pairLabel(id!))
  if (absent.length === groups.length) {
    throw new InvalidRangeError(`The exchange has none of the pairs: ${absent.join(', ')}.`)
  }
  if (absent.length > 0) {
    context.warn(
      `the exchange does not have ${absent.join(', ')}; ${absent.length === 1 ? 'it is' : 'they are'} left out.`,
    )
  }
  return groups.filter((_, index) => found[index]).flat()
}

function pairLabel({ interval: _, ...pair }: SeriesId): string {
  return seriesLabel(pair)
}

type ArchivedSymbols = (market: Market) => Promise<readonly string[]>

/** The archive's symbols, listed once per market, and only when someone asks. */
function archiveMemory(context: Context, engine: DataSourceManager): ArchivedSymbols {
  const lists = new Map<Market, Promise<readonly string[]>>()
  return (market) => {
    const known = lists.get(market) ?? engine.archivedSymbols(market, context.signal).catch((): string[] => [])
    lists.set(market, known)
    return known
  }
}

async function hasCandles(
  context: Context,
  engine: DataSourceManager,
  id: SeriesId,
  archived: ArchivedSymbols,
): Promise<boolean> {
  try {
    return (await engine.firstAvailable(id, context.signal)) !== undefined
  } catch (error) {
    if (context.signal.aborted || !isTicklakeError(error)) throw error
    // A network that does not answer is for the download to deal with, series by series.
    if (!(error instanceof InvalidSymbolError)) return true
    // REST forgets what was delisted; the archive does not.
    if (!(await archived(id.market)).includes(id.symbol)) throw error
    return true
  }
}

/** @throws ConfigError, InvalidRangeError for a market or an interval that the exchange does not have. */
function checkSeries(exchange: Exchange, series: readonly SeriesId[]): void {
  for (const { market, symbol, interval } of series) {
    if (!exchange.markets.includes(market)) {
      throw new ConfigError(`${symbol} is of market ${market}; ${exchange.id} has ${exchange.markets.join(', ')} here.`)
    }
    const intervals = exchange.intervals(market)
    if (interval !== undefined && !intervals.includes(interval)) {
      throw new InvalidRangeError(
        `${exchange.id} has no ${interval} candles on ${market}; it has ${intervals.join(', ')}.`,
      )
    }
  }
}

async function planUpdate(
  context: Context,
  engine: DataSourceManager,
  typed: readonly string[],
  options: DownloadOptions,
): Promise<DownloadPlan> {
  const lake = await openLake(context)
  const series = await selectSeries(context, lake, typed, { ...options, symbols: [] })
  if (series.length === 0) {
    context.say(
      `The lake ${context.shortPath(lake.dataDir)} holds nothing to update. Run first: ticklake download BTCUSDT`,
    )
    return { requests: [], leftOut: 0 }
  }
  const requests: DownloadRequest[] = []
  for (const id of series) {
    const coverage = await lake.coverage(id)
    const from = coverage?.covered.at(-1)?.to ?? 0
    const to = await engine.now(id.market, context.signal)
    requests.push({ series: id, from: Math.min(from, to), to, source: options.source ?? 'auto' })
  }
  return { requests, leftOut: 0 }
}

async function printReports(context: Context, reports: readonly SeriesReport[], dataDir: string): Promise<void> {
  const { style, out } = context
  const columns = [
    { title: 'market' },
    { title: 'symbol' },
    { title: 'interval' },
    { title: 'from (UTC)' },
    { title: 'to (UTC)' },
    { title: 'rows', align: 'right' as const },
    { title: 'new', align: 'right' as const },
    { title: 'files', align: 'right' as const },
    { title: 'REST', align: 'right' as const },
    { title: 'received', align: 'right' as const },
    { title: 'time', align: 'right' as const },
    { title: 'state' },
  ]
  const rows = reports.map((report) => [
    report.series.market,
    report.series.symbol,
    report.series.interval ?? report.series.kind,
    formatInstant(report.from),
    formatInstant(report.to),
    formatCount(report.rows),
    formatCount(report.added),
    String(report.files.length),
    String(report.restRequests),
    formatBytes(report.bytes),
    formatDuration(report.durationMs),
    report.error !== undefined ? 'failed' : report.complete ? 'complete' : 'incomplete',
  ])
  for (const line of renderTable(columns, rows, { paintTitle: style.bold })) await out.line(line)
  for (const report of reports) {
    const notes: string[] = []
    if (report.error !== undefined) notes.push(style.red(printable(report.error)))
    for (const gap of report.gaps.filter((one) => !isHarmless(one)).slice(0, 5)) {
      notes.push(
        `${style.yellow('missing')}  ${formatInstant(gap.from)} to ${formatInstant(gap.to)}${gap.count === undefined ? '' : `, ${plural(gap.count, 'candle')}`}: ${explainGap(gap)}`,
      )
    }
    const harmless = report.gaps.filter((gap) => isHarmless(gap) && gap.cause !== 'not-listed')
    if (harmless.length > 0) {
      const candles = harmless.reduce((sum, gap) => sum + (gap.count ?? 0), 0)
      notes.push(`${plural(candles, 'candle')} in ${plural(harmless.length, 'gap')} never published by the exchange`)
    }
    const odd = report.files.filter((check) => check.outcome !== 'verified')
    for (const check of odd.slice(0, 5))
      notes.push(
        `${style.yellow(check.outcome)}  ${printable(check.path)}${check.note === undefined ? '' : `: ${printable(check.note)}`}`,
      )
    if (odd.length > 5) notes.push(`… and ${plural(odd.length - 5, 'more file')} with something to note`)
    if (report.defects > 0)
      notes.push(`${plural(report.defects, 'defect')} on record: ticklake coverage ${report.series.symbol}`)
    if (notes.length === 0) continue
    await out.line('')
    await out.line(style.bold(seriesLabel(report.series)))
    for (const note of notes) await out.line(`  ${note}`)
  }
  context.say(`The lake is in ${context.shortPath(dataDir)}.`)
}

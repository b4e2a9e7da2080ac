import type { ImportFormat, ImportHints, ImportReport } from '../../engine/import/index.ts'
import { ConfigError } from '../../model/errors.ts'
import { words } from '../config/values.ts'
import { chosenExchange } from '../engine.ts'
import { returnMemoryEarly } from '../memory.ts'
import { wordOption } from '../options.ts'
import { seriesLabel } from '../progress/state.ts'
import { formatCount, plural, printable } from '../render/text.ts'
import { readIntervals, readKind, readSymbols, type SelectOptions, seriesFields } from '../select.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

const LAYOUTS: Readonly<Record<string, ImportFormat>> = {
  binance: 'archive',
  ccxt: 'ccxt',
  freqtrade: 'freqtrade',
  tardis: 'tardis',
  csv: 'csv',
  jsonl: 'jsonl',
  parquet: 'parquet',
  arrow: 'arrow',
}

/** Files that are each told of. */
const SHOWN = 50

interface ImportVerbOptions extends SelectOptions {
  readonly symbol?: string
  readonly layout?: string
  readonly columns?: string[]
}

export const verb: Verb<ImportVerbOptions> = {
  configure(command) {
    command
      .argument('<paths...>', 'files, or folders: then all files of data in them and below')
      .option('--symbol <symbol>', 'symbol of files whose names do not tell, in any spelling')
      .option('--interval <interval>', 'interval of candles whose files do not tell')
      .option('--kind <kind>', 'kind of data of files that do not tell')
      .addOption(
        wordOption('--layout <layout>', 'how the files are written', Object.keys(LAYOUTS), 'by name and first line'),
      )
      .option('--columns <names...>', 'columns of CSV without a line of names, in their order')
    command.addHelpText(
      'after',
      `
Takes what is on disk already into the lake, without downloading it again: zips and CSVs of the Binance archive (a tree
in its layout, or loose files), candles of ccxt (JSON) and freqtrade (Feather), trades, quotes, books, derivative tickers
and liquidations of tardis.dev (CSV, .gz; quotes and books as timedQuote, timedBookDelta, timedBookSnapshot), and what
ticklake export writes: CSV and JSON lines (.gz too), Parquet and Arrow of every kind, with all its columns. Names and
folders tell symbol, interval and period, columns the kind; --market, --symbol and the others tell what they do not. A .CHECKSUM beside a file is compared; without one its rows are flagged as unverified.
Of rows that the lake has already the lake's stand, and each difference goes on record. A file that cannot be read, or
does not have the published hash, is told of with its line and left out; the others go in.
Exit codes: 0 all taken as they are, 1 failed, 3 something was left out, unreadable or different.`,
    )
    examples(command, [
      ['ticklake import ./data', 'a tree that was fetched from data.binance.vision'],
      ['ticklake import BTCUSDT-1m-2024-0*.zip --market usdm', 'loose files, of a USD-M perpetual'],
      ['ticklake import user_data/data/binance', 'what freqtrade has'],
      ['ticklake import candles.json --symbol BTC/USDT --interval 1h', 'candles as ccxt gives them'],
      ['ticklake import binance_trades_2024-01-31_BTCUSDT.csv.gz', 'trades of tardis.dev'],
      ['ticklake import trades.parquet --symbol BTCUSDT', 'a table of ticklake export'],
    ])
  },

  async run(context, paths, options) {
    const settings = await context.settings()
    const exchange = await chosenExchange(settings)
    const hints = await readHints(context, exchange.id, options)
    await returnMemoryEarly()
    const { Lake } = await import('../../store/lake/lake.ts')
    const { dataDir, maxFileSize, compression } = settings.data
    const lake = await Lake.open(dataDir, { maxFileSize, compression, log: await context.log() })
    const { importFiles } = await import('../../engine/import/index.ts')
    let done = 0
    let found = 0
    const reports = await importFiles({
      lake,
      paths,
      cwd: context.cwd,
      hints,
      signal: context.signal,
      onFound: (files) => {
        found = files
      },
      onReport: (report) => {
        done++
        const place = found > 1 ? `${done}/${found} ` : ''
        // Of a large tree only what is worth a look; the rest is counted.
        if (found <= SHOWN || !isClean(report)) context.say(`${place}${lineOf(report, context.shortPath(report.path))}`)
        else if (done % 500 === 0) context.say(`${place}files done`)
        if (context.json) void context.out.json(jsonOf(report))
      },
    })
    if (reports.length === 0) {
      context.say(
        'There is no file of data in it: .zip, .csv, .json, .jsonl, .ndjson, .feather, .arrow and .parquet are read, and .gz of text.',
      )
      return ExitCode.incomplete
    }
    await tellSum(context, reports)
    return reports.every(isClean) ? ExitCode.done : ExitCode.incomplete
  },
}

async function readHints(
  context: Parameters<Verb['run']>[0],
  exchange: string,
  options: ImportVerbOptions,
): Promise<ImportHints> {
  const settings = await context.settings()
  const intervals = readIntervals(options)
  if (intervals.length > 1)
    throw new ConfigError('--interval takes one interval here: files of several are told apart by name.')
  const [symbol] = options.symbol === undefined ? [] : await readSymbols(context, [options.symbol])
  const market = symbol?.market ?? settings.exchange.market
  const [interval] = intervals
  return {
    exchange,
    ...(market === undefined ? {} : { market }),
    ...(symbol === undefined ? {} : { symbol: symbol.symbol }),
    ...(interval === undefined ? {} : { interval }),
    ...(options.kind === undefined ? {} : { kind: readKind(options) }),
    ...(options.layout === undefined ? {} : { format: LAYOUTS[options.layout]! }),
    ...(options.columns === undefined ? {} : { columns: readColumns(options) }),
  }
}

function readColumns({ columns = [], layout }: ImportVerbOptions): string[] {
  const names = words(columns)
  if (layout !== undefined && layout !== 'csv')
    throw new ConfigError(`--columns is for CSV, not for --layout ${layout}.`)
  if (names.length === 0) throw new ConfigError('--columns names none; write them in their order, e.g. id,time,price.')
  return names
}

/** Nothing was left out, unreadable or different. */
function isClean({ outcome, defects, differing, lacking }: ImportReport): boolean {
  return outcome === 'taken' && defects + differing + lacking === 0
}

function lineOf(report: ImportReport, path: string): string {
  if (report.outcome === 'failed') return `not taken  ${printable(report.error ?? path)}`
  const label = report.series ? seriesLabel(report.series) : ''
  const parts = [`${formatCount(report.added)} new`]
  if (report.same > 0) parts.push(`${formatCount(report.same)} there already`)
  if (report.differing > 0) parts.push(`${formatCount(report.differing)} differ from the lake's, which stand`)
  if (report.lacking > 0) parts.push(`${formatCount(report.lacking)} of the lake's are missing in it`)
  if (report.defects > 0)
    parts.push(`${plural(report.defects, 'defect')}, first: ${printable(report.firstDefect ?? '')}`)
  const hash = report.check?.outcome === 'verified' ? ', hash verified' : ''
  return `taken  ${printable(path)}  ${label}${hash}: ${parts.join(', ')}`
}

async function tellSum(context: Parameters<Verb['run']>[0], reports: readonly ImportReport[]): Promise<void> {
  const sum = (of: (report: ImportReport) => number): number => reports.reduce((total, one) => total + of(one), 0)
  const failed = reports.filter(({ outcome }) => outcome === 'failed').length
  const differing = sum(({ differing }) => differing)
  const parts = [
    `${plural(reports.length - failed, 'file')} taken, ${plural(
      sum(({ added }) => added),
      'new row',
    )}`,
    ...(failed > 0 ? [`${plural(failed, 'file')} left out`] : []),
    ...(differing > 0 ? [`${plural(differing, 'row')} differ from the lake's (ticklake coverage shows them)`] : []),
  ]
  if (!context.json) await context.out.line(parts.join('; '))
}

function jsonOf({ series, check, ...report }: ImportReport): Record<string, unknown> {
  return { ...(series ? seriesFields(series) : {}), ...report, ...(check ? { check } : {}) }
}

import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { BatchTransformer } from '../../analysis/transform/index.ts'
import { gridOf, heldRange, isHarmless, lacksOf } from '../../engine/holes.ts'
import { ConfigError, InvalidRangeError } from '../../model/errors.ts'
import { type ColumnSpec, column, type Kind } from '../../model/kind.ts'
import { kindOf, selectColumns } from '../../model/kinds.ts'
import type { SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import type { SeriesCoverage } from '../../store/lake/coverage-file.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { lockForReading } from '../../store/lake/reader-lock.ts'
import { words } from '../config/values.ts'
import type { Context } from '../context.ts'
import {
  csvHeader,
  csvRows,
  jsonRows,
  type NamedColumn,
  type Rows,
  sliceRows,
  type TimeFormat,
} from '../export/rows.ts'
import { FileSink, OutputSink, type Sink } from '../export/sink.ts'
import { wordOption } from '../options.ts'
import { seriesLabel } from '../progress/state.ts'
import { type RangeOptions, readRange } from '../range.ts'
import { formatBytes, plural } from '../render/text.ts'
import { formatInstant } from '../render/time.ts'
import { openLake, readKind, type SelectOptions, selectSeries, seriesFields } from '../select.ts'
import { explainGap } from '../summary.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

const FORMATS = ['csv', 'jsonl', 'parquet', 'arrow'] as const
type Format = (typeof FORMATS)[number]

interface ExportOptions extends SelectOptions, RangeOptions {
  readonly interval?: string
  readonly columns?: string[]
  readonly names?: 'snake' | 'camel'
  readonly time?: TimeFormat
  readonly format?: Format
  readonly out?: string
  readonly layout?: string
  readonly period?: 'day' | 'month'
  readonly transform?: string
  readonly header: boolean
}

export const verb: Verb<ExportOptions> = {
  configure(command) {
    command
      .argument('<symbol>', 'symbol, in any spelling')
      .option('--kind <kind>', 'kind of data (default: candle)')
      .option('--interval <interval>', 'interval (default: the only one there is, else DEFAULT_INTERVAL)')
      .option('--from <time>', 'first instant wanted: 2024-01-31, ISO or epoch ms (default: the first)')
      .option('--to <time>', 'first instant no longer wanted (default: the end)')
      .option('--start-date <date>', 'the same as --from')
      .option('--end-date <date>', 'last day, month or instant wanted: inclusive')
      .option('--columns <names...>', 'columns, e.g. open_time,close; all of them with "all" (default: all but flags)')
      .addOption(wordOption('--names <style>', 'how columns are called', ['snake', 'camel'], 'snake, open_time'))
      .addOption(wordOption('--time <format>', 'times', ['ms', 'us', 'iso'], 'ms; Parquet and Arrow: timestamps'))
      .addOption(wordOption('--format <format>', 'format', FORMATS, 'by the name of --out, else csv'))
      .addOption(
        wordOption(
          '--layout <layout>',
          'the form of another program',
          ['binance', 'ccxt', 'freqtrade', 'tardis'],
          'ours',
        ),
      )
      .addOption(wordOption('--period <period>', 'files of --layout binance', ['day', 'month'], 'month'))
      .option('--out <file>', 'write to a file, whole or not at all; with --layout also a folder (default: stdout)')
      .option(
        '--transform <file>',
        'add columns and drop rows by the formulas of a file: csv, jsonl and arrow, candles only',
      )
      .option('--no-header', 'CSV without the line of names')
    command.addHelpText(
      'after',
      `
Numbers are written with the fewest digits that read back as the same float64, and never with an exponent in CSV.
Arrow is the file format (Feather v2) with --out and the stream format on stdout. Text to a name that ends in .gz is packed.
--layout binance is the archive's raw CSV, ccxt [[time, open, high, low, close, volume], …], freqtrade its Feather, tardis
the CSV of tardis.dev: trade, quote, bookDelta (with its snapshots). With a folder, --out data/, files are named, divided
and packed as that program has them. ticklake import reads all of it again; quotes and books of tardis, which have no ids
there, as the kinds timedQuote and timedBookDelta.
A --transform file has a line per column (name = close / prev(close) - 1) or condition (where volume > 0), or is a module
(.js, .mjs) of your own transforms; see docs/analysis.md.
A row of bookDelta and bookSnapshot is a level of the book. What a record lacks is empty (null in JSON, Parquet and Arrow).
Exit code 3 and a note on stderr tell that records are missing which the exchange published, or may have.`,
    )
    examples(command, [
      ['ticklake export BTCUSDT --interval 1m --from 2024-01-01 --to 2024-02-01 > january.csv', 'a month as CSV'],
      ['ticklake export BTC/USDT:USDT --interval 1h --out btc.parquet', 'all of a USD-M perpetual as Parquet'],
      ['ticklake export BTCUSDT --kind trade --from 2024-06-01 --out trades.parquet', 'trades that were collected'],
      [
        'ticklake export BTCUSDT --interval 1m --layout binance --out archive/',
        'zips with checksums, as the archive has',
      ],
      ['ticklake export BTC/USDT --interval 1h --layout freqtrade --out user_data/data/binance/', 'for freqtrade'],
      [
        'ticklake export BTCUSDT --interval 1d --columns open_time,close --time iso --format jsonl',
        'two columns as JSON lines',
      ],
    ])
  },

  async run(context, [symbol], options) {
    const kind = kindOf(readKind(options))
    const { names } = options
    const chosen: NamedColumn[] = chooseColumns(kind, options).map((spec) => ({
      spec,
      name: names === 'camel' ? spec.property : spec.name,
    }))
    checkLayout(options)
    const format = chooseFormat(context, options)
    const transformer = await readTransformer(context, kind, format, options)
    const columns = withOutputs(chosen, transformer)
    const { from, to } = readRange(options)
    const lake = await openLake(context)
    const id = await chooseSeries(context, lake, symbol!, { ...options, kind: kind.id })
    const coverage = (await lake.coverage(id))!
    const held = heldRange(coverage)
    const range = { from: from ?? held.from, to: to ?? held.to }
    if (range.from > range.to) {
      throw new InvalidRangeError(
        `The lake holds ${seriesLabel(id)} from ${formatInstant(held.from)} to ${formatInstant(held.to)}; the range lies outside.`,
      )
    }
    const settled = { from: from ?? coverage.covered[0]?.from ?? 0, to: to ?? coverage.covered.at(-1)?.to ?? 0 }
    const job: Job = { context, lake, id, coverage, columns, range, settled, format, options, transformer }

    if (options.layout !== undefined) {
      const { exportLayout } = await import('../export/layouts/run.ts')
      const rows = await exportLayout({ context, lake, series: id, range, typed: symbol!, ...options })
      return tellMissing(job, rows) ? ExitCode.incomplete : ExitCode.done
    }
    const written = format === 'parquet' ? await exportParquet(job) : await exportRows(job)
    if (context.signal.aborted) context.signal.throwIfAborted()
    if (options.out !== undefined && options.out !== '-') {
      const file = resolve(context.cwd, options.out)
      if (context.json) await context.out.json({ ...seriesFields(id), ...range, format, file, ...written })
      else
        context.say(
          `wrote ${plural(written.rows, 'row')} of ${seriesLabel(id)} to ${context.shortPath(file)} (${formatBytes(written.bytes)})`,
        )
    }
    return tellMissing(job, written.rows) ? ExitCode.incomplete : ExitCode.done
  },
}

interface Job {
  readonly context: Context
  readonly lake: Lake
  readonly id: SeriesId
  readonly coverage: SeriesCoverage
  readonly columns: readonly NamedColumn[]
  readonly range: TimeRange
  /** The part of it that the coverage must have settled. */
  readonly settled: TimeRange
  readonly format: Format
  readonly options: ExportOptions
  readonly transformer: BatchTransformer | undefined
}

interface Written {
  readonly rows: number
  readonly bytes: number
}

/** @throws ConfigError for flags that a layout decides. */
function checkLayout(options: ExportOptions): void {
  if (options.layout === undefined) {
    if (options.period !== undefined) throw new ConfigError('--period is for --layout binance.')
    return
  }
  for (const [flag, value] of Object.entries({
    '--format': options.format,
    '--columns': options.columns,
    '--names': options.names,
    '--time': options.time,
    '--transform': options.transform,
    '--no-header': options.header ? undefined : true,
  })) {
    if (value !== undefined)
      throw new ConfigError(`--layout ${options.layout} has a form of its own; leave ${flag} out.`)
  }
}

/** @throws InvalidRangeError for a column that the kind does not have. */
function chooseColumns(kind: Kind, options: ExportOptions): readonly ColumnSpec[] {
  const named = options.columns === undefined ? [] : words(options.columns)
  return named.length === 1 && named[0] === 'all' ? kind.columns : selectColumns(kind, named)
}

function chooseFormat(context: Context, options: ExportOptions): Format {
  const toFile = options.out !== undefined && options.out !== '-'
  const ending = /\.([a-z]+)(?:\.gz)?$/i.exec(options.out ?? '')?.[1]?.toLowerCase()
  const byName = {
    csv: 'csv',
    jsonl: 'jsonl',
    ndjson: 'jsonl',
    json: 'jsonl',
    parquet: 'parquet',
    arrow: 'arrow',
    feather: 'arrow',
  } as const
  const named =
    ending !== undefined && Object.hasOwn(byName, ending) ? byName[ending as keyof typeof byName] : undefined
  const format = options.format ?? named ?? (context.json && !toFile ? 'jsonl' : 'csv')
  if (context.json && !toFile && format !== 'jsonl') {
    throw new ConfigError(`--json writes JSON lines to stdout; ${format} needs --out FILE, or leave --json out.`)
  }
  if (toFile && isPacked(options.out!) && format !== 'csv' && format !== 'jsonl')
    throw new ConfigError(`${format} is packed as it is; leave .gz off the name of --out.`)
  if ((format === 'parquet' || format === 'arrow') && options.time === 'iso') {
    throw new ConfigError(
      `--time iso is for csv and jsonl; ${format} has real timestamps (leave --time out) or whole numbers (ms, us).`,
    )
  }
  if (!toFile && (format === 'parquet' || format === 'arrow') && context.out.stream.isTTY) {
    throw new ConfigError(`${format} is not for a terminal; use --out FILE, or a pipe.`)
  }
  return format
}

/** Whether the name of a file says that it is gzipped. */
function isPacked(name: string): boolean {
  return /\.gz$/i.test(name)
}

async function packed(target: Sink): Promise<Sink> {
  const { GzipSink } = await import('../export/packed-sink.ts')
  return new GzipSink(target)
}

/** The series that a symbol means; without `--interval` the only one, else that of the default interval. */
async function chooseSeries(context: Context, lake: Lake, symbol: string, options: SelectOptions): Promise<SeriesId> {
  const found = await selectSeries(context, lake, [symbol], options)
  const { defaultInterval } = (await context.settings()).download
  const markets = new Set(found.map((id) => id.market))
  const inMarket = markets.size > 1 && markets.has('spot') ? found.filter((id) => id.market === 'spot') : found
  if (inMarket.length === 1) return inMarket[0]!
  const byDefault = inMarket.filter((id) => id.interval === defaultInterval)
  if (byDefault.length === 1) return byDefault[0]!
  const list = found.map(seriesLabel).join(', ')
  throw new ConfigError(
    `The lake has several series of ${symbol}: ${list}. Choose one with --interval${markets.size > 1 ? ' and --market' : ''}.`,
  )
}

async function exportRows(job: Job): Promise<Written> {
  const { context, columns, range, format, options } = job
  const toFile = options.out !== undefined && options.out !== '-'
  const target: Sink = toFile ? await FileSink.create(resolve(context.cwd, options.out!)) : new OutputSink(context.out)
  await using sink = toFile && isPacked(options.out!) ? await packed(target) : target
  const time = options.time
  const read = readRows(job, { ...range, signal: context.signal })
  let rows = 0
  if (format === 'arrow') {
    const { ArrowEncoder } = await import('../export/arrow.ts')
    const encoder = await ArrowEncoder.create(columns, toFile ? 'file' : 'stream', time)
    for await (const batch of read) {
      rows += batch.length
      for (const chunk of encoder.encode(batch)) await sink.write(chunk)
    }
    for (const chunk of encoder.finish()) await sink.write(chunk)
  } else {
    if (format === 'csv' && options.header) await sink.write(csvHeader(columns))
    const render = format === 'csv' ? csvRows : jsonRows
    for await (const batch of read) {
      rows += batch.length
      for (let at = 0; at < batch.length; at += TEXT_ROWS) {
        await sink.write(render(sliceRows(batch, at, Math.min(batch.length, at + TEXT_ROWS)), columns, time ?? 'ms'))
      }
    }
  }
  await sink.commit()
  return { rows, bytes: sink.bytes }
}

/** The rows of the lake, after the transforms where there are any. */
async function* readRows(
  { lake, id, columns, transformer }: Job,
  wanted: TimeRange & { readonly signal: AbortSignal },
): AsyncGenerator<Rows, void, void> {
  const kind = kindOf(id.kind)
  if (!kind.hasInterval) {
    yield* lake.readEvents(id, { ...wanted, columns: columns.map(({ spec }) => spec.name) })
    return
  }
  const own = kind.columns.map(({ name }) => name)
  const names = new Set([...columns.map(({ spec }) => spec.name), ...(transformer?.inputs ?? [])])
  const batches = lake.read(id, { ...wanted, columns: own.filter((name) => names.has(name)) })
  for await (const batch of batches)
    yield transformer === undefined ? batch : made(transformer.push(batch), columns, own)
}

/**
 * What transforms made of rows, with all columns that are written: a record transform may leave some out.
 * @throws ConfigError for a column that it adds without having told: it would be lost.
 */
function made({ length, columns: there }: Rows, columns: readonly NamedColumn[], own: readonly string[]): Rows {
  const names = columns.map(({ spec }) => spec.name)
  const untold = Object.keys(there).find((name) => !names.includes(name) && !own.includes(name))
  if (untold !== undefined) {
    throw new ConfigError(
      `A record transform of --transform adds "${untold}" and does not tell: outputs: ['${untold}'].`,
    )
  }
  const filled = names.map((name) => [name, there[name] ?? new Float64Array(length).fill(Number.NaN)] as const)
  return { length, columns: Object.fromEntries(filled) }
}

/** @throws ConfigError where transforms cannot be used, and for a file that holds none or a mistake. */
async function readTransformer(
  context: Context,
  kind: Kind,
  format: Format,
  options: ExportOptions,
): Promise<BatchTransformer | undefined> {
  if (options.transform === undefined) return undefined
  if (!kind.hasInterval) throw new ConfigError(`--transform is for candles; ${kind.id} has other rows.`)
  if (format === 'parquet') throw new ConfigError('--transform writes csv, jsonl or arrow; name one with --format.')
  const { BatchTransformer } = await import('../../analysis/transform/index.ts')
  const { readTransformFile } = await import('../transform-file.ts')
  return new BatchTransformer(await readTransformFile(context, options.transform, [kind]))
}

/** The columns chosen, and those that transforms add; what is made may lack anywhere, and is a number, whatever it was. */
function withOutputs(
  chosen: readonly NamedColumn[],
  transformer: BatchTransformer | undefined,
): readonly NamedColumn[] {
  if (transformer === undefined) return chosen
  const { outputs } = transformer
  const there = chosen.map(({ spec }) => spec.name)
  const made = (name: string) => column(name, 'float64', '', 'made by --transform', { isOptional: true })
  return [
    ...chosen.map(({ spec, name }) => ({
      spec: outputs.includes(spec.name) ? made(spec.name) : { ...spec, isOptional: true },
      name,
    })),
    ...outputs.filter((name) => !there.includes(name)).map((name) => ({ spec: made(name), name })),
  ]
}

/** Rows turned into text at a time: about a megabyte. */
const TEXT_ROWS = 8_192

async function exportParquet(job: Job): Promise<Written> {
  const { context, lake, id, coverage, columns, range, options } = job
  const { writeParquetFile } = await import('../export/parquet.ts')
  const kind = kindOf(id.kind)
  // Files of events are merged while they are read, unless somebody says so.
  await using _reading = kind.hasInterval ? undefined : await lockForReading(lake.folder(id))
  const { files } = kind.hasInterval ? coverage : ((await lake.coverage(id)) ?? coverage)
  const base = {
    kind,
    folder: lake.folder(id),
    files: files.filter((file) => file.last >= range.from && file.first < range.to),
    columns,
    ...range,
    time: options.time,
    compression: (await context.settings()).data.compression,
    signal: context.signal,
  }
  if (options.out !== undefined && options.out !== '-') {
    await using sink = await FileSink.create(resolve(context.cwd, options.out))
    const written = await writeParquetFile({ ...base, target: sink.temp })
    await sink.commit()
    return written
  }
  // A Parquet file ends with its index: it can be piped only once it is whole.
  const folder = await mkdtemp(join(tmpdir(), 'ticklake-'))
  try {
    const target = join(folder, 'export.parquet')
    const written = await writeParquetFile({ ...base, target })
    for await (const chunk of createReadStream(target)) await context.out.write(chunk as Uint8Array)
    return written
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Says on stderr what is missing in the range. True when something is. */
function tellMissing(job: Job, rows: number): boolean {
  const { context, coverage, range, settled, id } = job
  const gaps = lacksOf(coverage, range).gaps.filter((gap) => !isHarmless(gap))
  const { absent } = lacksOf(coverage, settled)
  const grid = gridOf(coverage)
  for (const gap of gaps.slice(0, 5)) {
    context.warn(`missing ${formatInstant(gap.from)} to ${formatInstant(gap.to)}: ${explainGap(gap)}`)
  }
  if (gaps.length > 5) context.warn(`${gaps.length - 5} more gaps: ticklake coverage ${id.symbol} --gaps all`)
  for (const part of absent.slice(0, 5)) {
    context.warn(
      `not in the lake: ${formatInstant(part.from)} to ${formatInstant(part.to)}${grid ? `; fetch it with ticklake download ${id.symbol} --interval ${grid.interval}` : ''}`,
    )
  }
  if (rows === 0 && absent.length === 0 && gaps.length === 0) context.say('The range holds no rows.')
  return gaps.length > 0 || absent.length > 0
}

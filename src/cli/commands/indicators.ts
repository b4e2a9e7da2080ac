import { INDICATORS, IndicatorRunner } from '../../analysis/indicators/index.ts'
import { CandleResampler } from '../../analysis/resample/index.ts'
import { checkHistory } from '../../engine/history.ts'
import { exchangeOf } from '../../exchanges/index.ts'
import { type Batch, columnOf, sliceBatch } from '../../model/batch.ts'
import { candle } from '../../model/candle.ts'
import { ConfigError } from '../../model/errors.ts'
import { addOpens, floorOpen, type Interval } from '../../model/interval.ts'
import type { Kind } from '../../model/kind.ts'
import { KINDS, kindOf, selectColumns } from '../../model/kinds.ts'
import { subtractRanges } from '../../model/ranges.ts'
import type { SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { words } from '../config/values.ts'
import type { Context } from '../context.ts'
import { openEngine } from '../engine.ts'
import { type TimeFormat, valueFormatter } from '../export/rows.ts'
import { wordOption } from '../options.ts'
import { seriesLabel } from '../progress/state.ts'
import { csvField } from '../query/values.ts'
import { type RangeOptions, readRange } from '../range.ts'
import { renderTable } from '../render/table.ts'
import { formatNumber, plural } from '../render/text.ts'
import { formatInstant } from '../render/time.ts'
import { openLake, readIntervals, readKind, readSymbols } from '../select.ts'
import { didYouMean } from '../suggest.ts'
import { gridOf, isHarmless } from '../summary.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

type Format = 'table' | 'csv' | 'jsonl'

interface IndicatorsOptions extends RangeOptions {
  readonly kind?: string
  readonly interval?: string
  readonly add?: string[]
  readonly resample?: string
  readonly timeZone?: string
  readonly columns?: string[]
  readonly format?: Format
  readonly time?: TimeFormat
  readonly limit?: string
  readonly warmUp?: string
  readonly source?: 'lake' | 'auto'
  readonly list?: boolean
}

const TABLE_ROWS = 20
/** Candles before the range that are read for each one of the longest warm-up: averages forget where they began. */
const WARM_UPS = 10

export const verb: Verb<IndicatorsOptions> = {
  configure(command) {
    command
      .argument('[symbol]', 'symbol, in any spelling')
      .option('--interval <interval>', 'interval of the candles (default: DEFAULT_INTERVAL)')
      .option('--kind <kind>', 'candles of another price: markCandle, indexCandle, premiumCandle, continuousCandle')
      .option('--add <expression>', 'an indicator, e.g. "ema(20)"; again for more', collect, [])
      .option('--from <time>', 'first candle wanted: 2024-01-31, ISO or epoch ms (default: the first)')
      .option('--to <time>', 'first candle no longer wanted (default: the end)')
      .option('--start-date <date>', 'the same as --from')
      .option('--end-date <date>', 'last day, month or instant wanted: inclusive')
      .option('--columns <names...>', 'columns of the candles to show beside (default: open_time,close)')
      .option('--resample <interval>', 'make larger candles first: 7m, 45m, 2d, 3M …')
      .option('--time-zone <name>', 'IANA zone whose days the larger candles keep to (default: UTC)')
      .option(
        '--warm-up <candles>',
        `candles before the range to begin with (default: ${WARM_UPS} times the longest warm-up)`,
      )
      .addOption(wordOption('--source <source>', 'candles', ['lake', 'auto'], 'lake; auto for a --from that it lacks'))
      .addOption(wordOption('--format <format>', 'format', ['table', 'csv', 'jsonl'], 'table; jsonl with --json'))
      .addOption(wordOption('--time <format>', 'times', ['ms', 'us', 'iso'], 'iso in a table, else ms'))
      .option('--limit <rows>', `only the last so many rows, or all (default: ${TABLE_ROWS} in a table, else all)`)
      .option('--list', 'list every indicator with its parameters and outputs')
    command.addHelpText(
      'after',
      `
An expression is an indicator with its parameters: ema(20), sma(hlc3, 50), rsi(14, smoothing=cutler). With .output it is
one of several results: bollinger(20, 2).upper. It can stand on another: ema(20) of rsi(14). "as name" names the result.
A value that does not exist (warm-up, nothing traded) is empty in CSV, null in JSON and - in a table.`,
    )
    examples(command, [
      [
        'ticklake indicators BTCUSDT --interval 1h --add "ema(20)" --add "rsi(14)"',
        'the newest values of two indicators',
      ],
      [
        'ticklake indicators BTCUSDT --interval 1d --from 2024-01-01 --add "bollinger(20, 2)" --format csv > bands.csv',
        'a year of bands as CSV; what the lake lacks is fetched',
      ],
      [
        'ticklake indicators BTCUSDT --interval 1m --resample 45m --add "supertrend(10, 3)"',
        'on candles that the exchange does not have',
      ],
    ])
  },

  async run(context, [symbol], options) {
    if (options.list) return list(context)
    const wanted = options.add ?? []
    if (symbol === undefined || wanted.length === 0) {
      throw new ConfigError(
        'Say of which symbol, and which indicators: ticklake indicators BTCUSDT --interval 1h --add "ema(20)". --list shows them all.',
      )
    }
    const format = options.format ?? (context.json ? 'jsonl' : 'table')
    if (context.json && format !== 'jsonl') {
      throw new ConfigError(`--json writes JSON lines; leave it out for --format ${format}.`)
    }
    const limit = readCount('--limit', options.limit, format === 'table' ? TABLE_ROWS : Number.POSITIVE_INFINITY)
    if (options.timeZone !== undefined && options.resample === undefined) {
      throw new ConfigError('--time-zone says whose days larger candles keep to; it needs --resample.')
    }
    const kind = readCandleKind(options)
    const runner = new IndicatorRunner(wanted)
    assertColumns(kind, wanted)
    const resampler =
      options.resample === undefined
        ? undefined
        : new CandleResampler({
            interval: readResample(options.resample),
            ...(options.timeZone === undefined ? {} : { timeZone: options.timeZone }),
          })
    const shown = selectColumns(kind, words(options.columns ?? ['open_time', 'close']))
    // Samples are of the candles of the exchange; nobody has counted those of larger ones.
    const lacking = resampler && shown.find(({ name }) => name === 'samples')
    if (lacking) throw new ConfigError(`Larger candles have no ${lacking.name}: leave it out of --columns.`)
    const twice = runner.results.find(({ name }) => shown.some((spec) => spec.name === name))
    if (twice) {
      throw new ConfigError(`"${twice.name}" is a column that is shown, too: call the result otherwise, with "as".`)
    }
    const lake = await openLake(context)
    const { id, range, complete } = await findCandles(
      context,
      lake,
      symbol,
      kind,
      options,
      Math.max(...runner.results.map((result) => result.warmUp)),
      resampler,
    )

    const names = new Set([...runner.columns, ...shown.map(({ name }) => name)])
    const columns = resampler ? kind.columns.map(({ name }) => name) : ['open_time', ...names]
    const table = new Rows(
      format,
      shown.map((spec) => ({
        name: spec.name,
        text: valueFormatter(spec, timeOf(options, format), format === 'jsonl'),
      })),
      runner.results.map(({ name }) => name),
    )
    const start = range.from
    const add = async (batch: Batch): Promise<void> => {
      if (batch.length === 0) return
      const found = runner.append(batch)
      const times = columnOf(batch, 'open_time')
      let first = 0
      while (first < batch.length && times[first]! < start) first++
      await table.add(context, batch, found, first, limit)
    }
    const read = lake.read(id, {
      from: range.warmFrom,
      to: range.to,
      columns: [...new Set(columns)],
      signal: context.signal,
    })
    for await (const batch of read) {
      for (let at = 0; at < batch.length; at += BATCH_ROWS) {
        const part = sliceBatch(batch, at, at + BATCH_ROWS)
        await add(resampler ? resampler.append(part) : part)
      }
    }
    context.signal.throwIfAborted()
    await table.end(context)
    if (format === 'table') {
      const more = table.total > table.shown ? ` of ${plural(table.total, 'row')} (--limit all shows the rest)` : ''
      context.say(
        `${table.total > table.shown ? `the last ${table.shown}` : plural(table.total, 'row')}${more} of ${seriesLabel(id)}${options.resample === undefined ? '' : ` as ${options.resample}`}`,
      )
    }
    return complete ? ExitCode.done : ExitCode.incomplete
  },
}

/** Rows computed and written at a time. */
const BATCH_ROWS = 8_192

function collect(text: string, before: string[]): string[] {
  return [...before, text]
}

function timeOf(options: IndicatorsOptions, format: Format): TimeFormat {
  return options.time ?? (format === 'table' ? 'iso' : 'ms')
}

function readCount(flag: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  if (text === 'all' && flag === '--limit') return Number.POSITIVE_INFINITY
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new ConfigError(`${flag} is "${text}"; allowed: a whole number${flag === '--limit' ? ', or all' : ''}.`)
}

/** @throws ConfigError for a kind that does not exist, or that is not of candles. */
function readCandleKind(options: IndicatorsOptions): Kind {
  const kind = kindOf(readKind(options))
  if (kind.hasInterval) return kind
  const known = Object.values(KINDS).filter(({ hasInterval }) => hasInterval)
  throw new ConfigError(`--kind is "${kind.id}"; indicators are of candles: ${known.map(({ id }) => id).join(', ')}.`)
}

/** Prices that nobody trades at have no volume. @throws ConfigError naming the indicator that asks for one. */
function assertColumns(kind: Kind, wanted: readonly string[]): void {
  const known = kind.columns.map(({ name }) => name)
  for (const expression of wanted) {
    const lacking = new IndicatorRunner(expression).columns.filter((name) => !known.includes(name))
    if (lacking.length === 0) continue
    throw new ConfigError(
      `"${expression}" needs ${lacking.join(', ')}; ${kind.id} has ${known.join(', ')}.${didYouMean(lacking[0]!, known)}`,
    )
  }
}

/** @throws ConfigError for what is no length. */
function readResample(text: string): string {
  if (/^(?=.*[1-9])\d{1,6}[smhdwM]$/.test(text)) return text
  const hint = text === 'session' ? ' Bars of sessions need their hours, which only the library takes.' : ''
  throw new ConfigError(
    `--resample is "${text}"; allowed: a number and a unit, e.g. 7m, 45m, 4h, 1d, 2w, 3M (s, m, h, d, w; M is a month).${hint}`,
  )
}

interface Found {
  readonly id: SeriesId
  readonly range: TimeRange & { readonly warmFrom: number }
  /** False when candles are missing that the exchange published. */
  readonly complete: boolean
}

/** The series and the range to read; what the lake lacks is fetched first, if that is wanted. */
async function findCandles(
  context: Context,
  lake: Lake,
  typed: string,
  { id: kind }: Kind,
  options: IndicatorsOptions,
  warmUp: number,
  resampler: CandleResampler | undefined,
): Promise<Found> {
  const settings = await context.settings()
  const { from, to } = readRange(options)
  const intervals = readIntervals(options.interval === undefined ? {} : { interval: options.interval })
  if (intervals.length > 1) throw new ConfigError('--interval takes one interval here.')
  const interval = (intervals[0] ?? settings.download.defaultInterval) as Interval
  const [wanted] = await readSymbols(context, [typed])
  const ownMarket = wanted!.market ?? 'spot'
  checkHistory(kind, ownMarket)
  const exchange = exchangeOf(settings.exchange.name)
  const symbol = exchange.seriesSymbol?.(ownMarket, kind, wanted!.symbol) ?? wanted!.symbol
  const id: SeriesId = { exchange: exchange.id, market: ownMarket, kind, symbol, interval }
  const before = await lake.coverage(id)
  const grid = (before && gridOf(before)) ?? { interval }
  const rows = readCount('--warm-up', options.warmUp, warmUp * WARM_UPS)
  const warmed = (time: number): number => {
    if (!resampler) return addOpens(grid, floorOpen(grid, time), -rows)
    // One bar more, so that the first one that counts is whole.
    const { start, end } = resampler.grid.at(time)
    return floorOpen(grid, start - (rows + 1) * (end - start))
  }
  const held = before?.covered ?? []
  const lacks =
    from !== undefined &&
    subtractRanges(
      [{ from: Math.max(from, before?.listedAt ?? from), to: to ?? Math.max(from + 1, held.at(-1)?.to ?? 0) }],
      held,
    ).length > 0
  if ((options.source ?? (lacks ? 'auto' : 'lake')) === 'auto') {
    if (from === undefined) throw new ConfigError('--source auto needs a start: give --from.')
    await using engine = await openEngine(context)
    const series = engine.series({ symbol: wanted!.symbol, market: ownMarket, kind, interval })
    const end = to ?? (await engine.now(series.market, context.signal))
    const [report] = await engine.download([{ series, from: Math.max(0, warmed(from)), to: end, source: 'auto' }], {
      signal: context.signal,
    })
    if (report?.error !== undefined) context.warn(String(report.error))
  }
  const coverage = await lake.coverage(id)
  if (!coverage || coverage.files.length === 0) {
    throw new ConfigError(
      `The lake has no ${seriesLabel(id)}. Run: ticklake download ${typed}${kind === candle.id ? '' : ` --kind ${kind}`} --interval ${interval}, or give --from to fetch what is needed.`,
    )
  }
  const start = from ?? coverage.covered[0]?.from ?? 0
  const end = to ?? coverage.covered.at(-1)?.to ?? 0
  if (start >= end) {
    const { from: first, to: last } = { from: coverage.covered[0]?.from ?? 0, to: coverage.covered.at(-1)?.to ?? 0 }
    throw new ConfigError(
      `The lake has ${seriesLabel(id)} from ${formatInstant(first)} to ${formatInstant(last)}, and nothing of the range. Give --source auto to fetch it.`,
    )
  }
  const range = { from: start, to: end, warmFrom: from === undefined ? start : warmed(start) }
  const gaps = coverage.gaps.filter((gap) => gap.from < end && gap.to > range.warmFrom && !isHarmless(gap))
  for (const gap of gaps.slice(0, 5)) {
    context.warn(
      `candles are missing from ${formatInstant(gap.from)} to ${formatInstant(gap.to)}; the values run over them`,
    )
  }
  if (gaps.length > 5) context.warn(`${gaps.length - 5} more gaps: ticklake coverage ${typed} --gaps all`)
  const listed = { from: Math.max(start, coverage.listedAt ?? start), to: end }
  const absent = listed.from < listed.to ? subtractRanges([listed], coverage.covered) : []
  for (const part of absent.slice(0, 5)) {
    context.warn(`not in the lake: ${formatInstant(part.from)} to ${formatInstant(part.to)}`)
  }
  return { id, range, complete: gaps.length === 0 && absent.length === 0 }
}

interface Shown {
  readonly name: string
  readonly text: (value: number) => string
}

/** Rows as they are written; a table keeps the last ones until it knows which those are. */
class Rows {
  readonly #format: Format
  readonly #columns: readonly Shown[]
  readonly #names: readonly string[]
  #kept: string[][] = []
  #limit = Number.POSITIVE_INFINITY
  #started = false
  total = 0
  shown = 0

  constructor(format: Format, columns: readonly Shown[], names: readonly string[]) {
    this.#format = format
    this.#columns = columns
    this.#names = names
  }

  async add(
    context: Context,
    batch: Batch,
    found: Readonly<Record<string, Float64Array>>,
    first: number,
    limit: number,
  ): Promise<void> {
    this.#limit = limit
    const columns = this.#columns.map(({ name }) => columnOf(batch, name))
    const values = this.#names.map((name) => found[name]!)
    const rows: string[][] = []
    for (let row = first; row < batch.length; row++) {
      rows.push([
        ...columns.map((column, k) => this.#columns[k]!.text(column[row]!)),
        ...values.map((column) => this.#value(column[row]!)),
      ])
    }
    this.total += rows.length
    if (limit === Number.POSITIVE_INFINITY && this.#format !== 'table') return this.#write(context, rows)
    this.#kept.push(...rows)
    // Cut now and then only: cutting at every batch would copy all of them every time.
    if (this.#kept.length > 2 * limit) this.#kept = limit === 0 ? [] : this.#kept.slice(-limit)
  }

  async end(context: Context): Promise<void> {
    const kept = this.#limit === 0 ? [] : this.#kept.slice(-this.#limit)
    if (this.#format !== 'table') return this.#write(context, kept)
    this.shown = kept.length
    const titles = [...this.#columns.map(({ name }) => name), ...this.#names]
    const columns = titles.map((title, k) => ({ title, align: k === 0 ? ('left' as const) : ('right' as const) }))
    for (const line of renderTable(columns, kept, { paintTitle: context.style.bold })) await context.out.line(line)
  }

  async #write(context: Context, rows: readonly (readonly string[])[]): Promise<void> {
    const names = [...this.#columns.map(({ name }) => name), ...this.#names]
    let text = ''
    if (this.#format === 'csv') {
      if (!this.#started) text = `${names.map(csvField).join(',')}\n`
      for (const row of rows) text += `${row.join(',')}\n`
    } else {
      const keys = names.map((name, k) => `${k === 0 ? '{' : ','}${JSON.stringify(name)}:`)
      for (const row of rows) text += `${row.map((value, k) => keys[k]! + value).join('')}}\n`
    }
    this.#started = true
    this.shown += rows.length
    if (text !== '') await context.out.write(text)
  }

  #value(value: number): string {
    if (!Number.isFinite(value)) return this.#format === 'csv' ? '' : this.#format === 'jsonl' ? 'null' : '-'
    // Ten digits are enough to look at; files get all of them.
    return formatNumber(this.#format === 'table' ? Number(value.toPrecision(10)) : value)
  }
}

/** Every indicator: parameters with their defaults, and outputs. */
async function list(context: Context): Promise<ExitCode> {
  const rows: string[][] = []
  for (const definition of Object.values(INDICATORS)) {
    const { id, title, parameters, convention } = definition
    const defaults = Object.fromEntries(parameters.map((spec) => [spec.name, spec.fallback])) as Record<string, number>
    const outputs = definition.outputs(defaults)
    if (context.json)
      await context.out.json({ id, title, parameters, inputs: definition.inputs(defaults), outputs, convention })
    else {
      const signature = parameters.map(({ name, fallback }) =>
        fallback === undefined ? name : `${name}=${String(fallback)}`,
      )
      rows.push([`${id}(${signature.join(', ')})`, title, outputs.map((output) => output.name).join(', ')])
    }
  }
  if (!context.json) {
    const columns = [{ title: 'indicator' }, { title: 'name' }, { title: 'outputs' }]
    for (const line of renderTable(columns, rows, { paintTitle: context.style.bold, maxCell: 90 })) {
      await context.out.line(line)
    }
  }
  return ExitCode.done
}

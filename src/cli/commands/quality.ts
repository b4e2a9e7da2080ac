import type {
  Anomaly,
  DayQuality,
  LargerSeries,
  PeerSeries,
  ScoredEvent,
  SeriesQuality,
} from '../../analysis/quality/index.ts'
import { ConfigError } from '../../model/errors.ts'
import { type Interval, intervalLength } from '../../model/interval.ts'
import { kindOf } from '../../model/kinds.ts'
import { bookSnapshot } from '../../model/live/book-snapshot.ts'
import { narrowId } from '../../model/live/ids.ts'
import type { RecordId } from '../../model/live/record.ts'
import { isPriceCandle } from '../../model/price-candle.ts'
import type { SeriesId } from '../../model/series.ts'
import { type TimeRange, WEEK } from '../../model/time.ts'
import type { SeriesCoverage } from '../../store/lake/coverage-file.ts'
import type { Lake } from '../../store/lake/lake.ts'
import type { Context } from '../context.ts'
import { dataLabel, seriesLabel } from '../progress/state.ts'
import { type OpenRange, type RangeOptions, readRange } from '../range.ts'
import { renderScoreMap } from '../render/score-map.ts'
import { renderTable } from '../render/table.ts'
import { formatCount, plural } from '../render/text.ts'
import { formatInstant } from '../render/time.ts'
import {
  openLake,
  readCoverages,
  type SelectOptions,
  sayNothing,
  selectOptions,
  selectSeries,
  seriesFields,
} from '../select.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface QualityOptions extends SelectOptions, RangeOptions {
  readonly reasons?: string
  readonly anomalies?: boolean
  readonly min?: string
  readonly map?: boolean
}

interface Scored {
  readonly id: SeriesId
  readonly quality: SeriesQuality
  readonly anomalies: readonly Anomaly[]
  readonly anomalyCount: number
}

/** Rows of larger candles and of other markets that are read to compare with, at most. */
const MAX_PEER_ROWS = 2_000_000

export const verb: Verb<QualityOptions> = {
  configure(command) {
    selectOptions(command)
      .option('--from <time>', 'first instant, inclusive')
      .option('--to <time>', 'last instant, exclusive')
      .option('--start-date <date>', 'first day, inclusive')
      .option('--end-date <date>', 'last day, inclusive')
      .option('--reasons <count>', 'show the reasons of this many days, the worst first (default: 3)')
      .option('--no-map', 'draw no calendar')
      .option('--anomalies', 'also look for price jumps, stuck prices and volume spikes')
      .option('--min <score>', 'end with code 3 where a series scores less, 0 to 100')
    command.addHelpText(
      'after',
      `
A day's score, of 100: completeness 35, continuity 15, validity 25, timeliness 10, agreement 15. What cannot be judged
(no second source) gives its points to the others. Candles that the exchange never published cost no completeness.
Agreement asks the published checksums, and larger intervals of the same symbol where the lake has them.
Candles of mark, index, premium and continuous prices are scored alike.
Of events: ids, chains, the grid of metrics, the schedule of fundings and the pace of streams tell what is missing, values
(crossed books too) and times what is wrong. Of quotes, liquidations and snapshots of books nothing tells it: the dash.
Nothing is changed. --json gives a line per series with every day, its reasons and the rows behind them.`,
    )
    examples(command, [
      ['ticklake quality', 'how good every series of the lake is'],
      ['ticklake quality BTCUSDT --interval 1m --reasons 10', 'the ten worst days, and why'],
      ['ticklake quality --min 99 --json', 'for programs: code 3 where something is below 99'],
    ])
  },

  async run(context, symbols, options) {
    const least = readNumber('--min', options.min, 0, 100)
    const shown = readNumber('--reasons', options.reasons, 0, Number.POSITIVE_INFINITY) ?? 3
    const asked = readRange(options)
    const lake = await openLake(context)
    const series = await selectSeries(context, lake, symbols, options)
    if (series.length === 0) {
      await sayNothing(context, lake)
      return ExitCode.done
    }
    let damaged = false
    const onDamage = (): void => {
      damaged = true
    }
    const found: Scored[] = []
    for await (const { id, coverage } of readCoverages(context, lake, series, onDamage)) {
      const scored = await score(context, lake, id, coverage, asked, options.anomalies ?? false)
      found.push(scored)
      if (context.json) await context.out.json(toJson(scored, options.anomalies ?? false))
    }
    if (!context.json) await print(context, found, shown, options)
    if (damaged) return ExitCode.failed
    return least !== undefined && found.some(({ quality }) => quality.score !== null && quality.score < least)
      ? ExitCode.incomplete
      : ExitCode.done
  },
}

function readNumber(flag: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() !== '' && value >= least && value <= most) return value
  const limit = most === Number.POSITIVE_INFINITY ? `a number of ${least} or more` : `a number from ${least} to ${most}`
  throw new ConfigError(`${flag} is "${text}"; allowed: ${limit}.`)
}

async function score(
  context: Context,
  lake: Lake,
  id: SeriesId,
  coverage: SeriesCoverage,
  asked: OpenRange,
  withAnomalies: boolean,
): Promise<Scored> {
  const { AnomalyDetector, CandleQuality } = await import('../../analysis/quality/index.ts')
  const kind = kindOf(id.kind)
  if (!kind.hasInterval) return scoreOfEvents(context, lake, id, coverage, asked)
  const interval = id.interval as Interval
  const range: TimeRange = {
    from: asked.from ?? coverage.covered[0]?.from ?? 0,
    to: asked.to ?? coverage.covered.at(-1)?.to ?? 0,
  }
  const { signal } = context
  const options = { ...range, signal }
  const quality = new CandleQuality({
    interval,
    kind: id.kind,
    market: id.market,
    range,
    gaps: coverage.gaps,
    defects: coverage.defects,
    larger: await largerOf(lake, id, options),
    ...(coverage.origin !== undefined && { origin: coverage.origin }),
  })
  const peers = withAnomalies ? await peersOf(lake, id, options) : []
  const detector = withAnomalies ? new AnomalyDetector({ peers }) : undefined
  const columns = COLUMNS.filter((name) => kind.columns.some((spec) => spec.name === name))
  for await (const batch of lake.read(id, { ...options, columns })) {
    quality.add(batch)
    detector?.add(batch)
  }
  const report = detector?.report
  const counts = Object.values(report?.counts ?? {}).reduce((sum, count) => sum + count, 0)
  return { id, quality: quality.result, anomalies: report?.anomalies ?? [], anomalyCount: counts }
}

/** Whatever has no interval: by what its ids, pace, values and times say. */
async function scoreOfEvents(
  context: Context,
  lake: Lake,
  id: SeriesId,
  coverage: SeriesCoverage,
  asked: OpenRange,
): Promise<Scored> {
  const { EventQuality } = await import('../../analysis/quality/index.ts')
  const { signal } = context
  const range = {
    ...(asked.from === undefined ? {} : { from: asked.from }),
    ...(asked.to === undefined ? {} : { to: asked.to }),
  }
  const { covered, gaps, defects, listedAt } = coverage
  const begin = covered[0]?.from
  const snapshots = id.kind === 'bookDelta' ? await snapshotsOf(lake, id, { ...range, signal }) : []
  const quality = new EventQuality(id.kind as ScoredEvent, {
    range: { from: asked.from ?? Number.NEGATIVE_INFINITY, to: asked.to ?? Number.POSITIVE_INFINITY },
    covered: {
      // Fundings and metrics began some time after trading: a series that goes back so far begins with its first record.
      from: begin !== undefined && begin > (listedAt ?? 0) + WEEK ? begin : Number.NEGATIVE_INFINITY,
      to: covered.at(-1)?.to ?? Number.POSITIVE_INFINITY,
    },
    gaps,
    defects,
    ...(snapshots.length > 0 && { snapshots }),
  })
  const columns = kindOf(id.kind).columns.map(({ name }) => name)
  for await (const batch of lake.readEvents(id, { ...range, columns, signal })) quality.add(batch)
  return { id, quality: quality.result, anomalies: [], anomalyCount: 0 }
}

/** The ids of the snapshots that the lake has of a book, with which it goes on after a break. */
async function snapshotsOf(lake: Lake, id: SeriesId, options: Partial<ReadRange>): Promise<RecordId[]> {
  const ids: RecordId[] = []
  const series = { ...id, kind: bookSnapshot.id }
  for await (const { length, columns } of lake.readEvents(series, { ...options, columns: ['last_update_id'] })) {
    const found = columns.last_update_id!
    for (let i = 0; i < length; i++) {
      const one = narrowId(found[i]!)
      if (one !== ids.at(-1)) ids.push(one)
    }
  }
  return ids
}

const COLUMNS = [
  'open_time',
  'open',
  'high',
  'low',
  'close',
  'volume',
  'close_time',
  'quote_volume',
  'trades',
  'taker_buy_volume',
  'taker_buy_quote_volume',
  'flags',
]

type ReadRange = TimeRange & { readonly signal: AbortSignal }

/** The larger candles of the same symbol that the lake has. */
async function largerOf(lake: Lake, id: SeriesId, options: ReadRange): Promise<LargerSeries[]> {
  const { isMadeOf } = await import('../../analysis/quality/index.ts')
  const larger: LargerSeries[] = []
  for (const other of await lake.list()) {
    // Whether a candle of samples is the sum of smaller ones no exchange says.
    if (isPriceCandle(id.kind) || other.kind !== id.kind) continue
    if (other.symbol !== id.symbol || other.market !== id.market) continue
    if (other.exchange !== id.exchange || !isMadeOf(other.interval as Interval, id.interval as Interval)) continue
    if (tooMany(other, options)) continue
    const columns = ['open_time', 'open', 'high', 'low', 'close', 'volume', 'trades']
    larger.push({ interval: other.interval as Interval, batch: await lake.load(other, { ...options, columns }) })
  }
  return larger
}

/** The same candles of other markets, and those that they are made of: a price that jumped in all of them did jump. */
async function peersOf(lake: Lake, id: SeriesId, options: ReadRange): Promise<PeerSeries[]> {
  const { isMadeOf } = await import('../../analysis/quality/index.ts')
  const peers: PeerSeries[] = []
  for (const other of await lake.list()) {
    if (other.kind !== id.kind || other.symbol !== id.symbol || other.exchange !== id.exchange) continue
    // Larger candles hold more than the move that is asked about.
    const isPeer =
      other.market === id.market
        ? isMadeOf(id.interval as Interval, other.interval as Interval)
        : other.interval === id.interval
    if (!isPeer || tooMany(other, options)) continue
    const columns = ['open_time', 'close', 'close_time']
    peers.push({ name: seriesLabel(other), batch: await lake.load(other, { ...options, columns }) })
  }
  return peers
}

function tooMany({ interval }: SeriesId, { from, to }: TimeRange): boolean {
  return (to - from) / intervalLength(interval as Interval) > MAX_PEER_ROWS
}

function toJson({ id, quality, anomalies, anomalyCount }: Scored, withAnomalies: boolean): Record<string, unknown> {
  return { ...seriesFields(id), ...quality, ...(withAnomalies && { anomalyCount, anomalies }) }
}

async function print(
  context: Context,
  found: readonly Scored[],
  shown: number,
  options: QualityOptions,
): Promise<void> {
  const { style, out } = context
  const { QUALITY_PARTS } = await import('../../analysis/quality/index.ts')
  const columns = [
    { title: 'market' },
    { title: 'symbol' },
    { title: found.some(({ id }) => id.kind !== 'candle') ? 'data' : 'interval' },
    { title: 'days', align: 'right' as const },
    { title: 'rows', align: 'right' as const },
    { title: 'score', align: 'right' as const },
    ...QUALITY_PARTS.map((part) => ({ title: part, align: 'right' as const })),
    ...(options.anomalies ? [{ title: 'anomalies', align: 'right' as const }] : []),
  ]
  const rows = found.map(({ id, quality, anomalyCount }) => [
    id.market,
    id.symbol,
    dataLabel(id),
    formatCount(quality.days.length),
    formatCount(quality.rows),
    quality.score === null ? '-' : scoreText(quality.score),
    ...QUALITY_PARTS.map((part) => {
      const share = quality.parts[part]
      return share === null ? '-' : scoreText(share * 100)
    }),
    ...(options.anomalies ? [formatCount(anomalyCount)] : []),
  ])
  for (const line of renderTable(columns, rows, { paintTitle: style.bold })) await out.line(line)
  const notes = unjudgedLines(found)
  if (notes.length > 0) await out.line('')
  for (const line of notes) await out.line(line)
  for (const { id, quality, anomalies, anomalyCount } of found) {
    const lines = [
      ...(options.map === false ? [] : renderScoreMap(quality.days, style)),
      ...reasonLines(quality.days, shown),
      ...anomalyLines(anomalies, anomalyCount),
    ]
    if (lines.length === 0) continue
    await out.line('')
    await out.line(style.bold(seriesLabel(id)))
    for (const line of lines) await out.line(`  ${line}`)
  }
}

/** Why the table has dashes, once for all kinds that have the same; no second source is the usual case. */
function unjudgedLines(found: readonly Scored[]): string[] {
  const notes = new Map<string, { readonly part: string; readonly why: string; readonly kinds: Set<string> }>()
  for (const { id, quality } of found) {
    for (const [part, why] of Object.entries(quality.unjudged)) {
      if (part === 'agreement') continue
      const note = notes.get(`${part} ${why}`) ?? { part, why, kinds: new Set() }
      notes.set(`${part} ${why}`, note)
      note.kinds.add(id.kind)
    }
  }
  return [...notes.values()].map(({ part, why, kinds }) => `- ${part} of ${[...kinds].join(', ')}: ${why}`)
}

/** Cut, not rounded, so that only what is without a flaw is called 100. */
function scoreText(score: number): string {
  return (Math.floor(score * 100 + 1e-9) / 100).toFixed(2)
}

function reasonLines(days: readonly DayQuality[], shown: number): string[] {
  const lines: string[] = []
  const flawed = days.filter(({ score }) => score < 100).sort((a, b) => a.score - b.score || a.from - b.from)
  for (const { day, score, reasons } of flawed.slice(0, shown)) {
    lines.push(`${day}  ${scoreText(score)}`)
    for (const { part, points, detail, count, rows } of reasons) {
      const first = rows[0] === undefined ? '' : `, first ${formatInstant(rows[0])}`
      lines.push(`  ${part} -${points.toFixed(2)}: ${detail} (${plural(count, 'row')}${first})`)
    }
  }
  if (flawed.length > shown && shown > 0) {
    lines.push(`… and ${plural(flawed.length - shown, 'more day')} below 100 (--reasons ${flawed.length})`)
  }
  return lines
}

const MAX_ANOMALIES = 10

function anomalyLines(anomalies: readonly Anomaly[], count: number): string[] {
  const lines = anomalies.slice(0, MAX_ANOMALIES).map(({ type, time, detail, confirmedBy, deniedBy }) => {
    const seen = confirmedBy.length > 0 ? `, also in ${confirmedBy.join(', ')}` : ''
    const unseen = deniedBy.length > 0 ? `, not in ${deniedBy.join(', ')}` : ''
    return `${type}  ${formatInstant(time)}: ${detail}${seen}${unseen}`
  })
  if (count > MAX_ANOMALIES)
    lines.push(`… and ${plural(count - MAX_ANOMALIES, 'more anomaly', 'more anomalies')} (--json)`)
  return lines
}

import type { Gap } from '../../model/coverage.ts'
import { ConfigError } from '../../model/errors.ts'
import type { SeriesId } from '../../model/series.ts'
import type { SeriesCoverage } from '../../store/lake/coverage-file.ts'
import type { Context } from '../context.ts'
import { dataLabel, seriesLabel } from '../progress/state.ts'
import { buildHeatMap, renderHeatMap } from '../render/heatmap.ts'
import type { Style } from '../render/style.ts'
import { renderTable } from '../render/table.ts'
import { formatCount, formatPercent, plural, printable } from '../render/text.ts'
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
import {
  type CoverageSummary,
  explainGap,
  gridOf,
  holeLines,
  isHarmless,
  recordWord,
  spanText,
  summarise,
} from '../summary.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface CoverageOptions extends SelectOptions {
  readonly map?: boolean
  readonly gaps?: string
}

/** Calendars of more series than this are only drawn when asked for. */
const MAX_MAPS = 4

export const verb: Verb<CoverageOptions> = {
  configure(command) {
    selectOptions(command)
      .option('--gaps <count>', 'list this many gaps and defects per series, or all (default: 10)')
      .option('--map', `draw the calendar of every series (default: of up to ${MAX_MAPS})`)
      .option('--no-map', 'draw no calendar')
    command.addHelpText(
      'after',
      `
Exit code 3 tells that records are missing which the exchange published, or may have: candles, trades, updates of books.
Stretches between covered ones that nobody has asked for count as missing candles.
--json gives a line per series with all covered ranges, gaps, checks and defects; times are epoch ms.`,
    )
    examples(command, [
      ['ticklake coverage', 'what the lake holds, and what is missing and why'],
      ['ticklake coverage BTCUSDT --interval 1m --gaps all', 'every gap of one series, with its calendar'],
      ['ticklake coverage --json', 'all of it for programs'],
    ])
  },

  async run(context, symbols, options) {
    const maxGaps = readMaxGaps(options.gaps)
    const lake = await openLake(context)
    const series = await selectSeries(context, lake, symbols, options)
    if (series.length === 0) {
      await sayNothing(context, lake)
      return ExitCode.done
    }
    const found: { id: SeriesId; coverage: SeriesCoverage; summary: CoverageSummary }[] = []
    let damaged = false
    const onDamage = (): void => {
      damaged = true
    }
    for await (const { id, coverage } of readCoverages(context, lake, series, onDamage)) {
      found.push({ id, coverage, summary: summarise(coverage) })
    }
    if (context.json) {
      for (const { id, coverage, summary } of found) await context.out.json(toJson(id, coverage, summary))
    } else {
      await printTable(context, found)
      const maps = options.map ?? found.length <= MAX_MAPS
      for (const { id, coverage, summary } of found) {
        const lines = [
          ...details(context.style, coverage, summary, maxGaps),
          ...(maps ? calendar(context.style, coverage) : []),
        ]
        if (lines.length === 0) continue
        await context.out.line('')
        await context.out.line(context.style.bold(seriesLabel(id)))
        for (const line of lines) await context.out.line(`  ${line}`)
      }
    }
    if (damaged) return ExitCode.failed
    return found.every(({ summary }) => summary.complete) ? ExitCode.done : ExitCode.incomplete
  },
}

function readMaxGaps(text: string | undefined): number {
  if (text === undefined) return 10
  if (text === 'all') return Number.POSITIVE_INFINITY
  if (/^\d+$/.test(text)) return Number(text)
  throw new ConfigError(`--gaps is "${text}"; allowed: a whole number, or all.`)
}

function toJson(id: SeriesId, coverage: SeriesCoverage, summary: CoverageSummary): Record<string, unknown> {
  const { range, holes, ...numbers } = summary
  return {
    ...seriesFields(id),
    from: range?.from ?? null,
    to: range?.to ?? null,
    ...numbers,
    ...(coverage.origin === undefined ? {} : { origin: coverage.origin }),
    ...(coverage.listedAt === undefined ? {} : { listedAt: coverage.listedAt }),
    covered: coverage.covered,
    holes,
    gaps: coverage.gaps,
    checks: coverage.checks,
    defects: coverage.defects,
    defectCount: coverage.defectCount,
    inexactValues: coverage.inexactValues,
    files: coverage.files,
    updatedAt: coverage.updatedAt,
  }
}

async function printTable(
  context: Context,
  found: readonly { id: SeriesId; coverage: SeriesCoverage; summary: CoverageSummary }[],
): Promise<void> {
  // Most lakes were filled without holes; the column is for the others.
  const hasHoles = found.some(({ summary }) => summary.holes.length > 0)
  const rows = found.map(({ id, coverage, summary }) => [
    id.market,
    id.symbol,
    dataLabel(id),
    formatInstant(summary.range?.from),
    formatInstant(summary.range?.to),
    formatCount(summary.rows),
    completeText(coverage, summary),
    missingText(coverage, summary),
    ...(hasHoles ? [formatCount(summary.notAskedFor)] : []),
    formatCount(summary.unpublished),
    formatCount(coverage.defectCount),
    [...new Set(coverage.covered.map((part) => part.source))].join(', '),
  ])
  const columns = [
    { title: 'market' },
    { title: 'symbol' },
    { title: 'interval' },
    { title: 'from (UTC)' },
    { title: 'to (UTC)' },
    { title: 'rows', align: 'right' as const },
    { title: 'complete', align: 'right' as const },
    { title: 'missing', align: 'right' as const },
    ...(hasHoles ? [{ title: 'not asked for', align: 'right' as const }] : []),
    { title: 'unpublished', align: 'right' as const },
    { title: 'defects', align: 'right' as const },
    { title: 'sources' },
  ]
  for (const line of renderTable(columns, rows, { paintTitle: context.style.bold })) await context.out.line(line)
}

/** Gaps that hold nobody knows how many records: update ids of books, or what only its time tells. */
function uncountedGaps(coverage: SeriesCoverage): Gap[] {
  if (gridOf(coverage)) return []
  return coverage.gaps.filter((gap) => gap.count === undefined && !isHarmless(gap))
}

/** The share of records that are there; of time, where missing records can't be counted. */
function completeText(coverage: SeriesCoverage, summary: CoverageSummary): string {
  const uncounted = uncountedGaps(coverage)
  if (uncounted.length === 0 || summary.range === undefined) {
    const expected = summary.expected - summary.unpublished
    return formatPercent(expected - summary.missing, expected)
  }
  const whole = summary.range.to - summary.range.from
  const lost = uncounted.reduce((sum, gap) => sum + gap.to - gap.from, 0)
  return formatPercent(Math.max(0, whole - lost), whole)
}

function missingText(coverage: SeriesCoverage, { missing }: CoverageSummary): string {
  if (uncountedGaps(coverage).length === 0) return formatCount(missing)
  return missing === 0 ? '?' : `over ${formatCount(missing)}`
}

function calendar(style: Style, coverage: SeriesCoverage): string[] {
  const grid = gridOf(coverage)
  return grid ? renderHeatMap(buildHeatMap(grid, coverage.covered, coverage.gaps), style) : []
}

function details(style: Style, coverage: SeriesCoverage, summary: CoverageSummary, maxGaps: number): string[] {
  const lines: string[] = []
  const checks = Object.entries(summary.checksByOutcome).map(([outcome, count]) => `${formatCount(count)} ${outcome}`)
  if (checks.length > 0) lines.push(`archive files: ${checks.join(', ')}`)
  for (const { from, to, symbol } of coverage.covered) {
    if (symbol !== undefined) lines.push(`${printable(symbol)}, its former name: ${spanText({ from, to })}`)
  }
  if (coverage.inexactValues > 0) {
    lines.push(`${plural(coverage.inexactValues, 'value')} with more digits than a float64 keeps`)
  }
  lines.push(...holeLines(style, summary.holes, gridOf(coverage), maxGaps))
  // What matters comes first: a lost candle before one that never was.
  const gaps = [...coverage.gaps].sort((a, b) => Number(isHarmless(a)) - Number(isHarmless(b)) || a.from - b.from)
  for (const gap of gaps.slice(0, maxGaps)) lines.push(gapLine(gap, recordWord(coverage.series.kind), style.red))
  if (gaps.length > maxGaps) lines.push(`… and ${plural(gaps.length - maxGaps, 'more gap')} (--gaps all)`)
  for (const defect of coverage.defects.slice(0, maxGaps)) {
    const when = defect.time === undefined ? '' : ` at ${formatInstant(defect.time)}`
    lines.push(
      `defect  ${defect.type}${when} in ${printable(defect.where)}: ${printable(defect.detail)} (kept: ${defect.kept})`,
    )
  }
  if (coverage.defectCount > maxGaps)
    lines.push(`… and ${plural(coverage.defectCount - maxGaps, 'more defect')} (--gaps all)`)
  return lines
}

function gapLine(gap: Gap, noun: string, alarm: (text: string) => string): string {
  const count = gap.count === undefined ? '' : `, ${plural(gap.count, noun)}`
  const ids =
    gap.firstId === undefined
      ? ''
      : gap.firstId === gap.lastId
        ? `, id ${gap.firstId}`
        : `, ids ${gap.firstId} to ${gap.lastId}`
  const word = isHarmless(gap) ? 'gap' : alarm('gap')
  return `${word}  ${spanText(gap)}${count}${ids}: ${explainGap(gap)}`
}

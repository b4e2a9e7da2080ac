import type { ParallelReport } from '../../engine/tuning/decide.ts'
import type { SeriesReport } from '../../engine/types.ts'
import { countOpens } from '../../model/interval.ts'
import type { SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import type { Context } from '../context.ts'
import { dataLabel, seriesLabel } from '../progress/state.ts'
import type { Style } from '../render/style.ts'
import { renderTable } from '../render/table.ts'
import { formatBytes, formatCount, formatDuration, plural, printable } from '../render/text.ts'
import { formatInstant } from '../render/time.ts'
import { explainGap, isHarmless } from '../summary.ts'

/** Entries of a sort that are shown per series; more are counted. */
const MAX_NOTES = 5

/** The outcome of a download as a table, with notes on what is not as it should be. */
export async function printReports(context: Context, reports: readonly SeriesReport[], dataDir: string): Promise<void> {
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
    dataLabel(report.series),
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
    const notes = notesOf(style, report)
    if (notes.length === 0) continue
    await out.line('')
    await out.line(style.bold(seriesLabel(report.series)))
    for (const note of notes) await out.line(`  ${note}`)
  }
  const tuned = tuningNote(reports[0]?.parallel)
  if (tuned !== undefined) context.say(tuned)
  context.say(`The lake is in ${context.shortPath(dataDir)}.`)
}

/** How the number of files at a time changed on the way, and why it is what it was at the end; undefined where it stood. */
export function tuningNote(parallel: ParallelReport | undefined): string | undefined {
  const last = parallel?.decisions.at(-1)
  if (!parallel || !last || parallel.decisions.length < 2) return undefined
  return `Files at a time: ${parallel.first} at first, ${parallel.last} at last (${last.detail}).`
}

/** What is worth knowing of one series, the worst first. */
function notesOf(style: Style, report: SeriesReport): string[] {
  const notes: string[] = []
  if (report.error !== undefined) notes.push(style.red(printable(report.error)))
  if (report.restError !== undefined && !report.complete)
    notes.push(`${style.red('REST could not be asked')}  ${printable(report.restError)}`)
  const why =
    report.restError === undefined
      ? report.error === undefined
        ? 'not published yet, or not closed for certain'
        : 'not fetched'
      : 'only REST can tell'
  for (const range of report.unsettled.slice(0, MAX_NOTES))
    notes.push(`${style.yellow('unknown')}  ${stretch(report.series, range, candlesIn(report.series, range))}: ${why}`)
  if (report.unsettled.length > MAX_NOTES)
    notes.push(`… and ${plural(report.unsettled.length - MAX_NOTES, 'more stretch', 'more stretches')} unknown`)
  if (report.unsettled.length > 0) {
    const when = report.error === undefined ? 'The same command' : 'Once that is mended, a download'
    notes.push(`${when} goes on with what is unknown.`)
  }
  for (const gap of report.gaps.filter((one) => !isHarmless(one)).slice(0, MAX_NOTES))
    notes.push(`${style.yellow('missing')}  ${stretch(report.series, gap, gap.count)}: ${explainGap(gap)}`)
  const harmless = report.gaps.filter(
    (gap) => isHarmless(gap) && gap.cause !== 'not-listed' && gap.cause !== 'delisted',
  )
  if (harmless.length > 0) {
    // How many events a gap lacks is not known where they have no ids.
    const count = harmless.reduce((sum, gap) => sum + (gap.count ?? 0), 0)
    const lacking = count > 0 ? `${plural(count, recordOf(report.series))} in ` : ''
    notes.push(`${lacking}${plural(harmless.length, 'gap')} never published by the exchange`)
  }
  const odd = report.files.filter((check) => check.outcome !== 'verified')
  for (const check of odd.slice(0, MAX_NOTES)) {
    const note = check.note === undefined ? '' : `: ${printable(check.note)}`
    notes.push(`${style.yellow(check.outcome)}  ${printable(check.path)}${note}`)
  }
  if (odd.length > MAX_NOTES) notes.push(`… and ${plural(odd.length - MAX_NOTES, 'more file')} with something to note`)
  if (report.defects > 0)
    notes.push(`${plural(report.defects, 'defect')} on record: ticklake coverage ${report.series.symbol}`)
  return notes
}

/** What a series is made of. */
function recordOf({ interval }: SeriesId): string {
  return interval === undefined ? 'record' : 'candle'
}

function stretch(series: SeriesId, range: TimeRange, records: number | undefined): string {
  const count = records === undefined ? '' : `, ${plural(records, recordOf(series))}`
  return `${formatInstant(range.from)} to ${formatInstant(range.to)}${count}`
}

/** Undefined where the grid is the symbol's own. */
function candlesIn({ interval }: SeriesId, range: TimeRange): number | undefined {
  return interval === undefined || interval === '3d' ? undefined : countOpens({ interval }, range)
}

import { InvalidArgumentError } from 'commander'
import type { RemoteWitness } from '../../engine/reconcile/index.ts'
import type { VerifyProblem, VerifyReport } from '../../engine/types.ts'
import { ConfigError } from '../../model/errors.ts'
import { openEngine } from '../engine.ts'
import { dataLabel, seriesLabel } from '../progress/state.ts'
import { createVerifyView } from '../progress/verify.ts'
import { reconciliationLines } from '../render/reconciliation.ts'
import type { Style } from '../render/style.ts'
import { renderTable } from '../render/table.ts'
import { formatBytes, formatCount, plural, printable } from '../render/text.ts'
import { openLake, type SelectOptions, sayNothing, selectOptions, selectSeries, seriesFields } from '../select.ts'
import { holeLines, isHarmless } from '../summary.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface VerifyOptions extends SelectOptions {
  readonly archive?: boolean
  readonly keep?: boolean
  readonly repair?: boolean
  readonly compare?: readonly RemoteWitness[]
}

/** Holes that are shown per series; more are counted. */
const MAX_HOLES = 5

export const verb: Verb<VerifyOptions> = {
  configure(command) {
    selectOptions(command)
      .option('--archive', 'also find files that the archive has published anew, and take them in')
      .option('--keep', 'with --archive: only say which files were published anew')
      .option('--repair', 'mend what is wrong: fetch it again, rebuild the coverage, ask REST about what differs')
      .option(
        '--compare <source>',
        'also hold candles against: rest, archive (days against months); comma for both',
        sources,
      )
    command.addHelpText(
      'after',
      `
Reads every file of the lake: its hash, its rows, their order and values, and whether they are what the coverage says.
Candles are held against the trades and the smaller candles that the lake has of the same time. Where they differ it is
said whose candle is kept and why.
Exit codes: 0 all is right (or was repaired), 1 something is damaged or could not be checked, 3 sound, but candles are
missing, were never asked for between covered stretches, or differ and nobody has said which one is right (--repair asks
REST). --json gives a line per series; times are epoch ms.`,
    )
    examples(command, [
      ['ticklake verify', 'check every file of the lake; needs no network'],
      ['ticklake verify BTCUSDT --archive', 'also take in archive files that were published anew'],
      ['ticklake verify BTCUSDT --compare rest', 'hold what came from the archive against REST'],
      ['ticklake verify --repair', 'check and mend'],
    ])
  },

  async run(context, symbols, options) {
    if (options.keep && !options.archive)
      throw new ConfigError('--keep goes with --archive: add it, or leave --keep out.')
    const lake = await openLake(context)
    const series = await selectSeries(context, lake, symbols, options)
    if (series.length === 0) {
      await sayNothing(context, lake)
      return ExitCode.done
    }
    await using engine = await openEngine(context)
    const view = await createVerifyView(context, series)
    let reports: VerifyReport[]
    try {
      reports = await engine.verify(series, {
        archive: options.archive === true ? (options.keep ? true : 'take') : false,
        repair: options.repair ?? false,
        compare: options.compare ?? [],
        signal: context.signal,
        onEvent: (event) => view.event(event),
        onProgress: (progress) => view.progress(progress),
        onReport: (report) => view.report(report),
      })
    } finally {
      view.close()
    }
    for (const report of reports)
      if (context.json) await context.out.json({ ...seriesFields(report.series), ...report, series: undefined })
    if (!context.json) {
      // Most lakes were filled without holes; the column is for the others.
      const hasHoles = reports.some((report) => report.holes.length > 0)
      const rows = reports.map((report) => [
        report.series.market,
        report.series.symbol,
        dataLabel(report.series),
        String(report.files),
        formatCount(report.rows),
        formatBytes(report.bytes),
        formatCount(report.gaps.filter((gap) => !isHarmless(gap)).length),
        ...(hasHoles ? [formatCount(report.holes.length)] : []),
        verdict(report),
      ])
      const columns = [
        { title: 'market' },
        { title: 'symbol' },
        { title: 'interval' },
        { title: 'files', align: 'right' as const },
        { title: 'rows', align: 'right' as const },
        { title: 'size', align: 'right' as const },
        { title: 'open gaps', align: 'right' as const },
        ...(hasHoles ? [{ title: 'not asked for', align: 'right' as const }] : []),
        { title: 'verdict' },
      ]
      for (const line of renderTable(columns, rows, { paintTitle: context.style.bold })) await context.out.line(line)
      for (const report of reports) {
        if (report.problems.length + report.holes.length + report.reconciled.length === 0) continue
        await context.out.line('')
        await context.out.line(context.style.bold(seriesLabel(report.series)))
        for (const problem of report.problems) await context.out.line(`  ${problemLine(problem, context.style)}`)
        const { interval } = report.series
        // The grid of 3d is the symbol's own.
        const grid = interval === undefined || interval === '3d' ? undefined : { interval }
        for (const line of holeLines(context.style, report.holes, grid, MAX_HOLES)) await context.out.line(`  ${line}`)
        for (const line of reconciliationLines(report.reconciled, context.style)) await context.out.line(`  ${line}`)
      }
    }
    if (options.archive) context.say(publishedLine(reports))
    if (reports.some((report) => !report.ok)) {
      const problems = reports.flatMap((report) => report.problems)
      if (problems.some(({ type }) => type === 'not-checked'))
        context.say('What could not be checked is not known to be wrong: ask again when the exchange answers.')
      if (problems.some(({ type }) => type === 'out-of-reach'))
        context.say('What is out of reach was left as it is: check it when it can be read again.')
      if (!options.repair && problems.some((problem) => !isUnknown(problem) && !isNote(problem)))
        context.say(`Mend it with: ticklake verify ${[...symbols, '--repair'].join(' ')}`)
      return ExitCode.failed
    }
    const differing = reports.some(isDisputed)
    if (differing && !options.repair)
      context.say(`Ask REST which one is right: ticklake verify ${[...symbols, '--repair'].join(' ')}`)
    return reports.every((report) => report.complete) && !differing ? ExitCode.done : ExitCode.incomplete
  },
}

/** What `--archive` came to, also where it found nothing. */
function publishedLine(reports: readonly VerifyReport[]): string {
  const compared = reports.reduce((sum, report) => sum + (report.compared ?? 0), 0)
  const anew = reports.flatMap(({ problems }) => problems).filter(({ type }) => type === 'replaced-in-archive').length
  const found = anew === 0 ? 'none was published anew' : `published anew: ${formatCount(anew)}`
  return `${plural(compared, 'archive file')} compared with the hashes that are published now; ${found}.`
}

/** Whether candles differ from what others say, and nobody knows which one is right. */
function isDisputed(report: VerifyReport): boolean {
  return report.reconciled.some(({ unresolved }) => unresolved > 0)
}

const SOURCES: readonly string[] = ['rest', 'archive'] satisfies RemoteWitness[]

function sources(text: string): RemoteWitness[] {
  const names = text.split(',').map((name) => name.trim())
  const wrong = names.find((name) => !SOURCES.includes(name))
  if (wrong !== undefined) throw new InvalidArgumentError(`"${wrong}" is nothing to compare with; use rest, archive.`)
  return names as RemoteWitness[]
}

/** Whether a problem is only worth knowing: nothing is lost by it, and nothing reads it. */
function isNote(problem: VerifyProblem): boolean {
  return problem.type === 'stray-file'
}

/** Whether nobody could look: neither right nor wrong. */
function isUnknown({ type }: VerifyProblem): boolean {
  return type === 'not-checked' || type === 'out-of-reach'
}

function stateOf(problem: VerifyProblem, style: Style): string {
  if (isUnknown(problem)) return style.yellow('unknown')
  return isNote(problem) ? style.yellow('note') : style.red('wrong')
}

function problemLine(problem: VerifyProblem, style: Style): string {
  const { type, path, repaired } = problem
  const state = repaired ? style.green('repaired') : stateOf(problem, style)
  // Errors name their path in front, as the line does; advice is of no use to one who has followed it.
  const at = problem.detail.indexOf(`${path}: `)
  const told = at === -1 ? problem.detail : problem.detail.slice(at + path.length + 2)
  const detail = repaired
    ? told.replace(/ Nothing was changed\./, '').replace(/ Run "ticklake verify --repair".*$/, '')
    : told
  return `${state}  ${type}: ${printable(path)}: ${printable(detail)}`
}

function verdict(report: VerifyReport): string {
  const repaired = report.problems.filter((problem) => problem.repaired).length
  const notes = report.problems.filter((problem) => !problem.repaired && isNote(problem)).length
  const wrong = report.problems.length - repaired - notes
  const parts = [
    wrong > 0 ? plural(wrong, 'problem') : report.ok ? 'ok' : 'not ok',
    ...(repaired > 0 ? [`${formatCount(repaired)} repaired`] : []),
    ...(isDisputed(report) ? ['differs'] : []),
    ...(notes > 0 ? [plural(notes, 'note')] : []),
  ]
  return parts.join(', ')
}

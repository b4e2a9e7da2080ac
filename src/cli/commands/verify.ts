import type { VerifyReport } from '../../engine/types.ts'
import { openEngine } from '../engine.ts'
import { createProgressView } from '../progress/show.ts'
import { seriesLabel } from '../progress/state.ts'
import { renderTable } from '../render/table.ts'
import { formatBytes, formatCount, plural, printable } from '../render/text.ts'
import { openLake, type SelectOptions, sayNothing, selectSeries, seriesFields } from '../select.ts'
import { isHarmless } from '../summary.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

interface VerifyOptions extends SelectOptions {
  readonly archive?: boolean
  readonly repair?: boolean
}

export const verb: Verb<VerifyOptions> = {
  configure(command) {
    command
      .argument('[symbols...]', 'only these symbols')
      .option('--kind <kind>', 'only this kind of data')
      .option('--interval <list>', 'only these intervals, e.g. 1m,1h')
      .option('--archive', 'also ask the archive whether it has replaced a file since')
      .option('--repair', 'mend what is wrong: fetch it again, rebuild the coverage')
    command.addHelpText(
      'after',
      `
Reads every file of the lake: its hash, its rows, their order and values, and whether they are what the coverage says.
Exit codes: 0 all is right (or was repaired), 1 something is damaged, 3 sound, but candles are missing.`,
    )
    examples(command, [
      ['ticklake verify', 'check every file of the lake; needs no network'],
      ['ticklake verify BTCUSDT --archive', 'also find archive files that were published anew'],
      ['ticklake verify --repair', 'check and mend'],
    ])
  },

  async run(context, symbols, options) {
    const lake = await openLake(context)
    const series = await selectSeries(context, lake, symbols, options)
    if (series.length === 0) {
      sayNothing(context, lake, symbols.length > 0)
      return ExitCode.done
    }
    await using engine = await openEngine(context)
    const view = options.repair ? await createProgressView(context, series.length) : undefined
    let reports: VerifyReport[]
    try {
      reports = await engine.verify(series, {
        archive: options.archive ?? false,
        repair: options.repair ?? false,
        signal: context.signal,
        ...(view ? { onEvent: (event) => view.event(event) } : {}),
      })
    } finally {
      view?.close()
    }
    for (const report of reports)
      if (context.json) await context.out.json({ ...seriesFields(report.series), ...report, series: undefined })
    if (!context.json) {
      const rows = reports.map((report) => [
        report.series.market,
        report.series.symbol,
        report.series.interval ?? report.series.kind,
        String(report.files),
        formatCount(report.rows),
        formatBytes(report.bytes),
        formatCount(report.gaps.filter((gap) => !isHarmless(gap)).length),
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
        { title: 'verdict' },
      ]
      for (const line of renderTable(columns, rows, { paintTitle: context.style.bold })) await context.out.line(line)
      for (const report of reports) {
        if (report.problems.length === 0) continue
        await context.out.line('')
        await context.out.line(context.style.bold(seriesLabel(report.series)))
        for (const { type, path, detail, repaired } of report.problems) {
          const state = repaired ? context.style.green('repaired') : context.style.red('wrong')
          await context.out.line(`  ${state}  ${type}: ${printable(path)}: ${printable(detail)}`)
        }
      }
    }
    if (reports.some((report) => !report.ok)) {
      if (!options.repair) context.say(`Mend it with: ticklake verify ${[...symbols, '--repair'].join(' ')}`)
      return ExitCode.failed
    }
    return reports.every((report) => report.gaps.every(isHarmless)) ? ExitCode.done : ExitCode.incomplete
  },
}

function verdict(report: VerifyReport): string {
  const open = report.problems.filter((problem) => !problem.repaired).length
  const repaired = report.problems.length - open
  if (!report.ok) return `${plural(open, 'problem')}${repaired > 0 ? `, ${formatCount(repaired)} repaired` : ''}`
  return repaired > 0 ? `ok, ${formatCount(repaired)} repaired` : 'ok'
}

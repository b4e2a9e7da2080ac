import { checkHistory, DOWNLOAD_KINDS } from '../../engine/history.ts'
import type { SeriesReport } from '../../engine/types.ts'
import { checkCombination, checkIntervals, type DownloadOptions, planDownload } from '../download/plan.ts'
import { printReports } from '../download/reports.ts'
import { planUpdate } from '../download/update.ts'
import { chosenExchange, openEngine } from '../engine.ts'
import { wordOption } from '../options.ts'
import { createProgressView, type ProgressView } from '../progress/show.ts'
import { seriesLabel } from '../progress/state.ts'
import { readRange } from '../range.ts'
import { plural } from '../render/text.ts'
import { readKind, seriesFields } from '../select.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

export const verb: Verb<DownloadOptions> = {
  configure(command) {
    command
      .argument(
        '[symbols...]',
        "symbols in any spelling, patterns ('*USDT'), ALL; without any, the pairs of the config",
      )
      .option('--symbols <list...>', 'more symbols')
      .option('--quote <list>', 'of ALL or a pattern only what is priced in these; without symbols all of that')
      .option('--delisted', 'of a pattern also what is traded no longer (ALL means that)')
      .option('--no-delisted', 'of ALL only what is traded now')
      .option('--kind <kind>', `candle (default), ${DOWNLOAD_KINDS.slice(1).join(', ')}`)
      .option('--interval <list>', 'intervals, e.g. 1m,1h (default: DEFAULT_INTERVAL, 1m; of the pairs: 30m, 1h, 2h)')
      .option('--intervals <list...>', 'intervals, e.g. 1m 1h')
      .option('--from <time>', 'first instant wanted: 2024-01-31, ISO or epoch ms (default: since listing)')
      .option('--to <time>', 'first instant no longer wanted (default: now)')
      .option('--start-date <date>', 'the same as --from')
      .option('--end-date <date>', 'last day, month or instant wanted: inclusive')
      .option('--days <n>', 'this many days, back from the end or on from the start')
      .option('--months <n>', 'this many calendar months, likewise (default of the pairs: 12)')
      .option('--update', 'bring what the lake has up to now, with what earlier runs left open; without symbols, all')
      .option('--prepend', 'extend what the lake has back to the listing, or to --from; without symbols, all')
      .option('--parallel <n>', 'archive files at a time (default: what machine and line bear, 13 at most)')
      .addOption(wordOption('--source <source>', 'where from', ['auto', 'archive', 'rest'], 'auto: archive, then REST'))
    command.addHelpText(
      'after',
      `
What the lake has is not fetched again. When REST does not answer, the archive is taken as far as it goes.
Exit codes: 0 complete, 1 something failed, 3 done, but data are missing or unknown.
Ctrl-C stops cleanly, and the same command then goes on where it was.
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
      ['ticklake download BTCUSDT --kind aggTrade --days 7', 'aggregate trades of a week'],
      ["ticklake download '*USDT' --interval 1d", 'every USDT pair that trades'],
      ['ticklake download ALL --quote BTC --interval 1d --from 2021-01-01', 'what was ever priced in BTC since 2021'],
      ['ticklake download', 'the pairs and intervals of pairs.yaml'],
      ['ticklake download --update', 'bring the whole lake up to now'],
    ])
  },

  async run(context, operands, options) {
    checkCombination(options)
    checkHistory(readKind(options))
    readRange(options)
    checkIntervals(options)
    const settings = await context.settings({ 'download.parallel': options.parallel })
    const exchange = await chosenExchange(settings)
    const typed = [...operands, ...(options.symbols ?? [])]
    await using engine = await openEngine(context)
    const { requests, leftOut } =
      options.update || options.prepend
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
        ...(settings.download.parallel === undefined ? {} : { parallel: settings.download.parallel }),
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

import { renderTable } from '../render/table.ts'
import { formatBytes, formatCount } from '../render/text.ts'
import { formatInstant } from '../render/time.ts'
import { openLake, type SelectOptions, selectSeries, seriesFields } from '../select.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

export const verb: Verb<SelectOptions> = {
  configure(command) {
    command
      .argument('[symbols...]', 'only these symbols')
      .option('--kind <kind>', 'only this kind of data')
      .option('--interval <list>', 'only these intervals, e.g. 1m,1h')
    examples(command, [
      ['ticklake stats', 'rows, files and bytes of each series, and of all together'],
      ['ticklake stats --json', 'the same for programs: a line per series, sizes in bytes, times in epoch ms'],
    ])
  },

  async run(context, symbols, options) {
    const lake = await openLake(context)
    const series = await selectSeries(context, lake, symbols, options)
    const rows: string[][] = []
    const total = { rows: 0, bytes: 0, files: 0, missing: 0 }
    for (const id of series) {
      context.signal.throwIfAborted()
      const stats = await lake.stats(id)
      if (!stats) continue
      total.rows += stats.rows
      total.bytes += stats.bytes
      total.files += stats.files
      total.missing += stats.missing
      if (context.json) {
        const { series: _, first, last, ...numbers } = stats
        await context.out.json({ ...seriesFields(id), ...numbers, first: first ?? null, last: last ?? null })
      } else {
        rows.push([
          id.market,
          id.symbol,
          id.interval ?? id.kind,
          formatCount(stats.rows),
          String(stats.files),
          formatBytes(stats.bytes),
          stats.rows > 0 ? (stats.bytes / stats.rows).toFixed(1) : '-',
          formatInstant(stats.first),
          formatInstant(stats.last),
          formatCount(stats.missing),
        ])
      }
    }
    if (series.length === 0) {
      context.say(
        `The lake ${context.shortPath(lake.dataDir)} holds nothing${symbols.length > 0 ? ' of it' : ' yet. Run: ticklake download BTCUSDT'}`,
      )
    } else if (!context.json) {
      if (rows.length > 1) {
        rows.push([
          '',
          'all',
          '',
          formatCount(total.rows),
          formatCount(total.files),
          formatBytes(total.bytes),
          total.rows > 0 ? (total.bytes / total.rows).toFixed(1) : '-',
          '',
          '',
          formatCount(total.missing),
        ])
      }
      const columns = [
        { title: 'market' },
        { title: 'symbol' },
        { title: 'interval' },
        { title: 'rows', align: 'right' as const },
        { title: 'files', align: 'right' as const },
        { title: 'size', align: 'right' as const },
        { title: 'bytes/row', align: 'right' as const },
        { title: 'first row (UTC)' },
        { title: 'last row (UTC)' },
        { title: 'missing', align: 'right' as const },
      ]
      for (const line of renderTable(columns, rows, { paintTitle: context.style.bold })) await context.out.line(line)
    }
    return ExitCode.done
  },
}

import { renderTable } from '../render/table.ts'
import { formatCount } from '../render/text.ts'
import { formatInstant } from '../render/time.ts'
import { openLake, type SelectOptions, selectSeries, seriesFields } from '../select.ts'
import { summarise } from '../summary.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

export const verb: Verb<SelectOptions> = {
  configure(command) {
    command
      .argument('[symbols...]', 'only these symbols')
      .option('--kind <kind>', 'only this kind of data')
      .option('--interval <list>', 'only these intervals, e.g. 1m,1h')
    examples(command, [
      ['ticklake list', 'every series of the lake'],
      ['ticklake list BTCUSDT --json', 'the series of one symbol, for programs'],
    ])
  },

  async run(context, symbols, options) {
    const lake = await openLake(context)
    const series = await selectSeries(context, lake, symbols, options)
    const rows: string[][] = []
    for (const id of series) {
      context.signal.throwIfAborted()
      const coverage = await lake.coverage(id)
      if (!coverage) continue
      const { range, rows: count } = summarise(coverage)
      if (context.json) {
        await context.out.json({ ...seriesFields(id), from: range?.from ?? null, to: range?.to ?? null, rows: count })
      } else {
        rows.push([
          id.exchange,
          id.market,
          id.kind,
          id.symbol,
          id.interval ?? '',
          formatInstant(range?.from),
          formatInstant(range?.to),
          formatCount(count),
        ])
      }
    }
    if (series.length === 0)
      context.say(
        `The lake ${context.shortPath(lake.dataDir)} holds nothing${symbols.length > 0 ? ' of it' : ' yet. Run: ticklake download BTCUSDT'}`,
      )
    else if (!context.json) {
      const columns = [
        { title: 'exchange' },
        { title: 'market' },
        { title: 'kind' },
        { title: 'symbol' },
        { title: 'interval' },
        { title: 'from (UTC)' },
        { title: 'to (UTC)' },
        { title: 'rows', align: 'right' as const },
      ]
      for (const line of renderTable(columns, rows, { paintTitle: context.style.bold })) await context.out.line(line)
    }
    return ExitCode.done
  },
}

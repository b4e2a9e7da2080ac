import { renderTable } from '../render/table.ts'
import { formatCount } from '../render/text.ts'
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
import { summarise } from '../summary.ts'
import { ExitCode, examples, type Verb } from '../verb.ts'

export const verb: Verb<SelectOptions> = {
  configure(command) {
    selectOptions(command)
    examples(command, [
      ['ticklake list', 'every series of the lake'],
      ['ticklake list BTCUSDT --json', 'the series of one symbol, for programs'],
    ])
  },

  async run(context, symbols, options) {
    const lake = await openLake(context)
    const series = await selectSeries(context, lake, symbols, options)
    const rows: string[][] = []
    let exitCode: ExitCode = ExitCode.done
    const onDamage = (): void => {
      exitCode = ExitCode.failed
    }
    for await (const { id, coverage } of readCoverages(context, lake, series, onDamage)) {
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
    if (series.length === 0) await sayNothing(context, lake)
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
    return exitCode
  },
}

import { dataLabel } from '../progress/state.ts'
import { renderTable } from '../render/table.ts'
import { formatBytes, formatCount } from '../render/text.ts'
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
      ['ticklake stats', 'rows, files and bytes of each series, and of all together'],
      ['ticklake stats --json', 'the same for programs: a line per series, sizes in bytes, times in epoch ms'],
    ])
  },

  async run(context, symbols, options) {
    const lake = await openLake(context)
    const series = await selectSeries(context, lake, symbols, options)
    const rows: string[][] = []
    const total = { rows: 0, bytes: 0, files: 0, missing: 0 }
    let exitCode: ExitCode = ExitCode.done
    const onDamage = (): void => {
      exitCode = ExitCode.failed
    }
    for await (const { id, coverage } of readCoverages(context, lake, series, onDamage)) {
      const { rows: count, missing, unpublished } = summarise(coverage)
      const bytes = coverage.files.reduce((sum, file) => sum + file.bytes, 0)
      const files = coverage.files.length
      const first = coverage.files[0]?.first
      const last = coverage.files.at(-1)?.last
      total.rows += count
      total.bytes += bytes
      total.files += files
      total.missing += missing
      if (context.json) {
        const numbers = { rows: count, files, bytes, first: first ?? null, last: last ?? null }
        const gaps = coverage.gaps.length
        const { updatedAt } = coverage
        await context.out.json({ ...seriesFields(id), ...numbers, gaps, missing, unpublished, updatedAt })
      } else {
        rows.push([
          id.market,
          id.symbol,
          dataLabel(id),
          formatCount(count),
          formatCount(files),
          formatBytes(bytes),
          count > 0 ? (bytes / count).toFixed(1) : '-',
          formatInstant(first),
          formatInstant(last),
          formatCount(missing),
        ])
      }
    }
    if (series.length === 0) {
      await sayNothing(context, lake)
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
    return exitCode
  },
}

import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ConfigError } from '../../../model/errors.ts'
import { kindOf } from '../../../model/kinds.ts'
import type { SeriesId } from '../../../model/series.ts'
import type { TimeRange } from '../../../model/time.ts'
import type { Lake } from '../../../store/lake/lake.ts'
import type { Context } from '../../context.ts'
import { seriesLabel } from '../../progress/state.ts'
import { formatBytes, plural } from '../../render/text.ts'
import { seriesFields } from '../../select.ts'
import { FileSink, OutputSink } from '../sink.ts'
import { LAYOUTS } from './index.ts'
import { writeFolder, writeLayout } from './write.ts'

/** An export in the form of another program, as it was asked for. */
export interface LayoutExport {
  readonly context: Context
  readonly lake: Lake
  readonly series: SeriesId
  readonly range: TimeRange
  /** The symbol as it was typed. */
  readonly typed: string
  readonly layout?: string
  readonly period?: 'day' | 'month'
  readonly out?: string
}

/** Carries it out, tells what was written, and gives its rows. */
export async function exportLayout(wanted: LayoutExport): Promise<number> {
  const { context, lake, series, range, typed, out } = wanted
  const { signal } = context
  const layout = LAYOUTS[wanted.layout!]!
  layout.columns(kindOf(series.kind), series)
  const periods = layout.periods(series)
  const period = wanted.period ?? periods[0]!
  if (!periods.includes(period))
    throw new ConfigError(`--layout ${wanted.layout} has no files of a ${period} of ${series.kind}.`)
  const job = { lake, series, layout, range, signal }
  if (out === undefined || out === '-') {
    if (context.json)
      throw new ConfigError(`--json and --layout ${wanted.layout} both want stdout: name a file with --out.`)
    if (wanted.layout === 'freqtrade' && context.out.stream.isTTY)
      throw new ConfigError('Feather is not for a terminal; use --out FILE, or a pipe.')
    return (await writeLayout(job, new OutputSink(context.out), undefined)).rows
  }
  const path = resolve(context.cwd, out)
  const isFolder = /[\\/]$/.test(out) || ((await stat(path).catch(() => undefined))?.isDirectory() ?? false)
  let [files, rows, bytes] = [0, 0, 0]
  const tell = async (file: string, written: { readonly rows: number; readonly bytes: number }): Promise<void> => {
    files++
    rows += written.rows
    bytes += written.bytes
    if (context.json) await context.out.json({ ...seriesFields(series), layout: wanted.layout, file, ...written })
  }
  if (isFolder) for await (const file of writeFolder(job, path, period, typed)) await tell(file.path, file)
  else await tell(path, await writeLayout(job, await FileSink.create(path), path))
  if (!context.json) {
    const where = isFolder ? `${plural(files, 'file')} below ${context.shortPath(path)}` : context.shortPath(path)
    context.say(`wrote ${plural(rows, 'row')} of ${seriesLabel(series)} to ${where} (${formatBytes(bytes)})`)
  }
  return rows
}

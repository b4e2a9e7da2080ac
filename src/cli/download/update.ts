import type { DataSourceManager } from '../../engine/data-source-manager.ts'
import { unclosedCandles, unfinishedRanges } from '../../engine/download/unfinished.ts'
import { downloadable, hasHistory } from '../../engine/history.ts'
import type { DownloadRequest } from '../../engine/types.ts'
import { exchangeInfo } from '../../model/history/index.ts'
import { HOUR } from '../../model/time.ts'
import { readInterrupted } from '../../store/lake/interrupted.ts'
import type { Context } from '../context.ts'
import { readRange } from '../range.ts'
import { plural } from '../render/text.ts'
import { openLake, selectSeries } from '../select.ts'
import type { DownloadOptions, DownloadPlan } from './plan.ts'

/**
 * What the lake has, brought up to now with `--update`: from the last candle on, and what earlier runs left open. With
 * `--prepend` back from the first candle to the listing, or to `--from`.
 */
export async function planUpdate(
  context: Context,
  engine: DataSourceManager,
  typed: readonly string[],
  options: DownloadOptions,
): Promise<DownloadPlan> {
  const lake = await openLake(context)
  const selected = await selectSeries(context, lake, typed, { ...options, symbols: [] })
  const series = selected.filter(({ kind, market }) => hasHistory(kind, market) || kind === exchangeInfo.id)
  let live = selected.length - series.length
  if (live > 0)
    context.say(`${plural(live, 'series', 'series')} of live data left alone: they have no history download yet.`)
  live = 0
  if (series.length === 0) {
    context.say(
      `The lake ${context.shortPath(lake.dataDir)} holds nothing to update. Run first: ticklake download BTCUSDT`,
    )
    return { requests: [], leftOut: 0 }
  }
  const { recentHours } = (await context.settings()).download
  const source = options.source ?? 'auto'
  const requests: DownloadRequest[] = []
  for (const id of series) {
    const coverage = await lake.coverage(id)
    if (!coverage) continue
    const now = await engine.now(id.market, context.signal, source)
    if (options.prepend) {
      // 0 stands for the listing, which the engine finds.
      const { from = 0 } = readRange(options)
      const to = coverage.covered[0]?.from ?? now
      if (from < to)
        requests.push({ series: id, from, to, source, unfinished: options.update ?? false, remember: true })
    }
    if (!options.update) continue
    const unclosed = await unclosedCandles(lake, coverage, context.signal)
    const interrupted = await readInterrupted(lake.folder(id))
    const unfinished = unfinishedRanges(coverage, now, recentHours * HOUR, unclosed, interrupted)
    const ranges = downloadable(coverage, unfinished)
    for (const range of ranges) requests.push({ series: id, ...range, source, unfinished: true, remember: true })
    if (ranges.length === 0 && unfinished.length > 0) {
      live++
      continue
    }
    // Nothing is known to be missing: the engine says so.
    if (!requests.some((request) => request.series === id)) requests.push({ series: id, from: now, to: now, source })
  }
  if (live > 0)
    context.say(
      `${plural(live, 'series', 'series')} left alone: the archive has ended, and what is new only comes with ticklake collect.`,
    )
  else if (requests.length === 0) context.say('There is nothing before what the lake has.')
  return { requests, leftOut: 0 }
}

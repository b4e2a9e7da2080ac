import type { Interval, IntervalGrid } from '../../model/interval.ts'
import type { SeriesId } from '../../model/series.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { CandleSink } from './candle-sink.ts'
import { EventSink } from './event-sink.ts'
import type { SeriesSink } from './series-sink.ts'

/** Opens the place in the lake where a series' records go, and the grid of its candles. */
export async function openSink(
  lake: Lake,
  series: SeriesId,
  spoolId: string | undefined,
): Promise<{ sink: SeriesSink; grid?: IntervalGrid }> {
  if (series.kind !== 'candle') return { sink: await EventSink.open(lake, series, spoolId) }
  const sink = await CandleSink.open(lake, series)
  return { sink, grid: sink.grid }
}

/** The grid of a series of candles that the lake knows nothing of. */
export function plainGrid(series: SeriesId): IntervalGrid | undefined {
  return series.interval === undefined ? undefined : { interval: series.interval as Interval }
}

import { type Batch, columnOf } from '../../src/model/batch.ts'
import { candle } from '../../src/model/candle.ts'
import { closeTimeOf, type Interval, nextOpen } from '../../src/model/interval.ts'
import type { Market, SeriesId } from '../../src/model/series.ts'
import type { TimeRange } from '../../src/model/time.ts'
import type { GapFinding } from '../../src/store/lake/gaps.ts'
import { Lake } from '../../src/store/lake/lake.ts'

export const START = Date.UTC(2024, 0, 1)

export function seriesOf(symbol: string, interval: Interval, market: Market = 'spot'): SeriesId {
  return { exchange: 'binance', market, kind: 'candle', symbol, interval }
}

/** Candles whose values follow from their number, but for those that open in a hole. */
export function candles(interval: Interval, range: TimeRange, holes: readonly TimeRange[] = []): Batch {
  const grid = { interval }
  const opens: number[] = []
  for (let open = range.from; open < range.to; open = nextOpen(grid, open)) {
    if (!holes.some((hole) => open >= hole.from && open < hole.to)) opens.push(open)
  }
  const columns = Object.fromEntries(candle.columns.map(({ name }) => [name, new Float64Array(opens.length)]))
  const batch: Batch = { length: opens.length, columns }
  opens.forEach((open, index) => {
    const set = (name: string, value: number): void => {
      columnOf(batch, name)[index] = value
    }
    set('open_time', open)
    set('open', 100 + index / 8)
    set('high', 101 + index / 8)
    set('low', 1e-7)
    set('close', 100.5 + index / 8)
    set('volume', index + 0.1)
    // As in files since 2025: the last microsecond.
    set('close_time', index === 0 ? closeTimeOf(grid, open) + 0.999 : closeTimeOf(grid, open))
    set('quote_volume', 1234.5678)
    set('trades', index)
  })
  return batch
}

/** Puts a series on disk, with findings for its holes. */
export async function storeSeries(
  lake: Lake,
  series: SeriesId,
  range: TimeRange,
  findings: readonly GapFinding[] = [],
): Promise<number> {
  await using writer = await lake.writer(series)
  const batch = candles(series.interval!, range, findings)
  await writer.commit({
    batches: [batch],
    covered: [{ ...range, source: 'archive' }],
    findings,
    listedAt: range.from,
    checks: [{ path: `data/${series.symbol}.zip`, outcome: 'verified', at: '2024-02-01T00:00:00Z' }],
  })
  return batch.length
}

/** A lake of three series: one with an outage, one with a real gap, one complete. */
export async function makeLake(dataDir: string): Promise<void> {
  const lake = await Lake.open(dataDir)
  const hour = 3_600_000
  const days = (count: number): TimeRange => ({ from: START, to: START + count * 24 * hour })
  await storeSeries(lake, seriesOf('BTCUSDT', '1m'), days(3), [
    { from: START + 30 * hour, to: START + 32 * hour, cause: 'exchange-outage', checked: ['archive', 'rest'] },
  ])
  await storeSeries(lake, seriesOf('BTCUSDT', '1h', 'usdm'), days(40), [
    { from: START + 50 * hour, to: START + 60 * hour, cause: 'unknown', checked: ['archive'], note: 'a note' },
  ])
  await storeSeries(lake, seriesOf('ETHUSDT', '1h'), days(10))
}

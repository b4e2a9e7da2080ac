import { type Batch, columnOf } from '../../model/batch.ts'
import { candle } from '../../model/candle.ts'
import type { LiveCandle } from '../../model/live/index.ts'
import type { SeriesId } from '../../model/series.ts'

/** Rows with all columns of a candle as closed candles; `flags` are added to their own. */
export function candlesOf({ market, symbol, interval }: SeriesId, batch: Batch, flags = 0): LiveCandle[] {
  const columns = candle.columns.map((spec) => [spec.property, columnOf(batch, spec.name)] as const)
  const records: LiveCandle[] = []
  for (let row = 0; row < batch.length; row++) {
    const values: Record<string, unknown> = { kind: 'candle', market, symbol, interval, closed: true }
    for (const [property, column] of columns) values[property] = column[row]
    values.eventTime = Number.NaN
    values.receiveTime = Number.NaN
    values.flags = (values.flags as number) | flags
    records.push(values as unknown as LiveCandle)
  }
  return records
}

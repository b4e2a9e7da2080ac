import type { Table } from 'apache-arrow'
import { expect } from 'vitest'
import type { Batch } from '../../../src/model/batch.ts'
import type { Interval } from '../../../src/model/interval.ts'
import type { SeriesId } from '../../../src/model/series.ts'
import type { TimeRange } from '../../../src/model/time.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { VALUE_COLUMNS } from '../../helpers/truth.ts'

export function seriesOf(interval: Interval, symbol = 'BTCUSDT'): SeriesId {
  return { exchange: 'binance', market: 'spot', kind: 'candle', symbol, interval }
}

/** Puts rows into a lake; `covered` says what else was asked for. */
export async function store(
  lake: Lake,
  series: SeriesId,
  batches: readonly Batch[],
  covered?: TimeRange,
): Promise<void> {
  await using writer = await lake.writer(series)
  await writer.commit({ batches, ...(covered ? { covered: [{ ...covered, source: 'archive' }] } : {}) })
}

/** Every column of a table as one array of numbers, times as epoch ms. */
export function columnsOf(table: Table): Float64Array[] {
  return VALUE_COLUMNS.map((name) => {
    const numbers = new Float64Array(table.numRows)
    let at = 0
    for (const { values, length } of table.getChild(name)!.data) {
      const part = values as Float64Array | BigInt64Array
      for (let i = 0; i < length; i++)
        numbers[at++] = typeof part[i] === 'bigint' ? Number(part[i]) / 1000 : (part[i] as number)
    }
    return numbers
  })
}

/** Two tables hold the same values, whatever batches they come in. */
export function expectSame(actual: Table, expected: Table, hint?: string): void {
  expect(actual.numRows, hint).toBe(expected.numRows)
  const [a, b] = [columnsOf(actual), columnsOf(expected)]
  for (const [index, name] of VALUE_COLUMNS.entries()) {
    const same = Buffer.from(a[index]!.buffer).equals(Buffer.from(b[index]!.buffer))
    const row = same ? -1 : a[index]!.findIndex((value, at) => !Object.is(value, b[index]![at]))
    expect(row, `${name} of row ${row} differs ${hint ?? ''}`).toBe(-1)
  }
}

export { Lake }

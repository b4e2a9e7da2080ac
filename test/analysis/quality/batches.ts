import type { Batch } from '../../../src/model/batch.ts'
import type { Interval } from '../../../src/model/interval.ts'
import { closeTimeOf } from '../../../src/model/interval.ts'

export const START = Date.UTC(2024, 0, 1)

/** Candles around 100 whose values follow from their open times. `change` may alter or, with undefined, drop a row. */
export function candlesOf(
  interval: Interval,
  opens: readonly number[],
  change: (row: Record<string, number>, i: number) => Record<string, number> | undefined = (row) => row,
): Batch {
  const rows = opens.flatMap((open_time, i) => {
    const wave = Math.sin(open_time / 7_200_000)
    const row = {
      open_time,
      open: 100 + wave,
      high: 101 + wave,
      low: 99 + wave,
      close: 100.5 + wave,
      volume: 10,
      close_time: closeTimeOf({ interval }, open_time),
      trades: 5,
      flags: 0,
    }
    const changed = change(row, i)
    return changed === undefined ? [] : [changed]
  })
  const names = ['open_time', 'open', 'high', 'low', 'close', 'volume', 'close_time', 'trades', 'flags']
  const columns = Object.fromEntries(names.map((name) => [name, Float64Array.from(rows, (row) => row[name]!)]))
  return { length: rows.length, columns }
}

export function opensOf(length: number, count: number, from = START): number[] {
  return Array.from({ length: count }, (_, i) => from + i * length)
}

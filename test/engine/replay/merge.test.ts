import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Merge } from '../../../src/engine/replay/merge.ts'
import { SeriesSource } from '../../../src/engine/replay/source.ts'
import { trade } from '../../../src/model/live/index.ts'
import type { SeriesId } from '../../../src/model/series.ts'
import type { EventBatch } from '../../../src/store/lake/event-columns.ts'
import type { Lake } from '../../../src/store/lake/lake.ts'

/** Batches of trades with these times; their ids count from 1. */
function batchesOf(times: readonly number[], sizes: readonly number[]): EventBatch[] {
  const batches: EventBatch[] = []
  let at = 0
  for (let turn = 0; at < times.length; turn++) {
    // Empty batches may come, too, but not for ever.
    const size = turn < sizes.length ? sizes[turn]! : times.length
    const part = times.slice(at, at + size)
    const columns: Record<string, Float64Array | BigInt64Array> = {}
    for (const { name } of trade.columns) columns[name] = new Float64Array(part.length)
    columns.id = BigInt64Array.from(part, (_, index) => BigInt(at + index + 1))
    columns.time = Float64Array.from(part)
    batches.push({ length: part.length, columns })
    at += part.length
  }
  return batches
}

const seriesOf = (index: number): SeriesId => ({
  ...{ exchange: 'binance', market: 'spot', kind: 'trade' },
  symbol: `COIN${index}USDT`,
})

const given = fc.array(
  fc.record({
    times: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 30 }),
    sizes: fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 6 }),
  }),
  { maxLength: 9 },
)

it('many series become one by time, each in its own order, whatever their times and batches are', async () => {
  await fc.assert(
    fc.asyncProperty(given, fc.integer({ min: 0, max: 30 }), async (all, from) => {
      const sources = all.map(({ times, sizes }, rank) => {
        const lake = {
          async *readEvents() {
            yield* batchesOf(times, sizes)
          },
        }
        const signal = new AbortController().signal
        const query = { from, to: Number.POSITIVE_INFINITY, batchRows: 1, signal }
        return new SeriesSource(lake as unknown as Lake, seriesOf(rank), rank, query)
      })
      await using merge = new Merge(sources)
      await merge.open()
      const told: [number, string, unknown][] = []
      for (;;) {
        const source = merge.ready ?? (await merge.next())
        if (!source) break
        told.push([source.instant, source.series.symbol, (source.head as { id: number }).id])
        merge.advance()
      }
      // The slow way: all of them, sorted; what comes out of order counts as known with what came before it.
      const slow = all.flatMap(({ times }, rank) => {
        let known = from
        return times.map((time, index) => {
          known = Math.max(known, time)
          return { known, rank, index }
        })
      })
      slow.sort((a, b) => a.known - b.known || a.rank - b.rank || a.index - b.index)
      expect(told).toEqual(slow.map(({ known, rank, index }) => [known, seriesOf(rank).symbol, index + 1]))
    }),
  )
})

import { describe, expect, it } from 'vitest'
import { Handover } from '../../../src/engine/live/handover.ts'
import type { SeriesSink } from '../../../src/engine/live/series-sink.ts'
import type { LiveRecord } from '../../../src/model/live/index.ts'
import { tradeAt } from '../../helpers/events.ts'

/** What was handed over, call by call: the sink, the spool entry and the ids. */
type Calls = [sink: string, sequence: number, ids: unknown[]][]

function idsOf(records: readonly LiveRecord[], count: number): unknown[] {
  return records.slice(0, count).map((record) => (record as { id: unknown }).id)
}

function sinkOf(name: string, calls: Calls): SeriesSink {
  const appendAll: SeriesSink['appendAll'] = (records, count, sequence) => {
    calls.push([name, sequence, idsOf(records, count)])
  }
  return { appendAll } as SeriesSink
}

describe('the handover of records to their sinks', () => {
  it('hands over at once what one entry brings of one series, and in the order in which it came', async () => {
    const calls: Calls = []
    const counted: number[] = []
    const handover = new Handover(
      (_, __, count) => counted.push(count),
      () => expect.unreachable(),
    )
    const a = sinkOf('a', calls)
    const b = sinkOf('b', calls)
    for (const id of [1, 2, 3]) handover.add(a, tradeAt(id), 7)
    handover.add(b, tradeAt(1), 7)
    handover.add(a, tradeAt(4), 7)
    handover.add(a, tradeAt(5), 8)
    expect(calls).toEqual([
      ['a', 7, [1, 2, 3]],
      ['b', 7, [1]],
      ['a', 7, [4]],
    ])
    await Promise.resolve()
    expect(calls.at(-1)).toEqual(['a', 8, [5]])
    handover.add(a, tradeAt(6), 8)
    handover.settle()
    handover.settle()
    expect(calls.at(-1)).toEqual(['a', 8, [6]])
    expect(counted).toEqual([3, 1, 1, 1, 1])
  })

  it('holds a bounded number of records', () => {
    const calls: Calls = []
    const handover = new Handover(
      () => {},
      () => expect.unreachable(),
    )
    const sink = sinkOf('a', calls)
    for (let id = 0; id < 1000; id++) handover.add(sink, tradeAt(id), 1)
    handover.settle()
    const sizes = calls.map(([, , ids]) => ids.length)
    expect(Math.max(...sizes)).toBeLessThan(1000)
    expect(calls.flatMap(([, , ids]) => ids)).toEqual(Array.from({ length: 1000 }, (_, id) => id))
  })

  it('tells of a sink that throws at the end of a read, and goes on', async () => {
    const errors: unknown[] = []
    const calls: Calls = []
    const handover = new Handover(
      () => {},
      (error) => errors.push(error),
    )
    const full = {
      appendAll() {
        throw new RangeError('no room')
      },
    } as unknown as SeriesSink
    handover.add(full, tradeAt(1), 1)
    await Promise.resolve()
    expect(errors).toEqual([new RangeError('no room')])
    handover.add(sinkOf('a', calls), tradeAt(2), 2)
    await Promise.resolve()
    expect(calls).toEqual([['a', 2, [2]]])
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type HistoryItem, SeriesHistory } from '../../../src/engine/live/event-history.ts'
import { OrderedFlow, type OrderedOptions } from '../../../src/engine/live/feed-ordered.ts'
import { positionOf } from '../../../src/engine/live/feed-window.ts'
import { ID_SEQUENCE } from '../../../src/engine/live/id-ledger.ts'
import { LiveSeries } from '../../../src/engine/live/live-series.ts'
import type { Gap } from '../../../src/model/coverage.ts'
import { BufferOverflowError } from '../../../src/model/errors.ts'
import { type LiveRecord, RecordFlag, type RecordId, type TradeRecord } from '../../../src/model/live/index.ts'

const FIRST = 1000
const series = { exchange: 'binance', market: 'spot', kind: 'trade', symbol: 'BTCUSDT' } as const

function trade(id: number, flags: number = RecordFlag.stream): TradeRecord {
  const rest = flags === RecordFlag.rest
  return {
    ...{ kind: 'trade', market: 'spot', symbol: 'BTCUSDT', eventTime: rest ? Number.NaN : id },
    ...{ receiveTime: rest ? Number.NaN : id, flags, id, time: id, price: 1, quantity: 1, buyerIsMaker: false },
  }
}

/** What the exchange has of ids from FIRST on: all that were published. */
class Past extends SeriesHistory {
  published = FIRST - 1
  reads = 0
  readonly absence = ['no-trades', 'gone'] as const

  constructor() {
    super({ sequence: ID_SEQUENCE, series, signal: new AbortController().signal } as never)
  }

  async start(): Promise<RecordId | undefined> {
    return this.published < FIRST ? undefined : FIRST
  }

  async newest(): Promise<RecordId | undefined> {
    return this.published < FIRST ? undefined : this.published
  }

  override async *read(first: RecordId, last: RecordId): AsyncGenerator<HistoryItem, void, void> {
    this.reads++
    for (let id = Number(first); id <= Number(last); id++) {
      if (id > this.published) throw new Error(`id ${id} was asked for before it happened`)
      await Promise.resolve()
      yield trade(id, RecordFlag.rest)
    }
  }

  protected async *stored(): AsyncGenerator<LiveRecord, void, void> {}
  protected async *asked(): AsyncGenerator<readonly LiveRecord[], void, void> {}
}

/** A flow, fed as a collector feeds it. */
class Bench {
  readonly past = new Past()
  readonly live = new LiveSeries(series)
  readonly gaps: Gap[] = []
  readonly flow: OrderedFlow

  constructor(options: Partial<OrderedOptions> = {}) {
    this.live.onGap = (gap) => this.flow.gap(gap)
    this.flow = new OrderedFlow({
      ...{ name: 'trades', sequence: ID_SEQUENCE, live: () => this.live, history: this.past },
      ...{ from: 0, bound: 100, overflow: 'reread', waitMs: 60_000, includeOpen: false, onRevised: undefined },
      onGap: (gap) => this.gaps.push(gap),
      ...options,
    })
  }

  /** The exchange makes trades up to an id. */
  happen(id: number): void {
    this.past.published = Math.max(this.past.published, id)
  }

  arrive(id: number, flags: number = RecordFlag.stream): void {
    this.happen(id)
    const record = trade(id, flags)
    if (this.live.take(record, 1)) this.flow.offer(record)
  }

  /** Fills every hole, as repairs do. */
  fill(): void {
    for (const { first, last } of [...(this.live.ledger?.holes ?? [])])
      for (let id = Number(first); id <= Number(last); id++) this.arrive(id, RecordFlag.rest)
  }
}

const ids = (records: readonly LiveRecord[]): number[] => records.map((record) => Number(positionOf(record)))
const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('the order of a feed', () => {
  it('is that of the ids, whatever is lost, doubled, late, before its time or too much', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ what: fc.constant('arrive' as const), skip: fc.nat(4) }) },
      { weight: 2, arbitrary: fc.record({ what: fc.constant('again' as const), skip: fc.nat(30) }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('fill' as const), skip: fc.constant(0) }) },
      { weight: 2, arbitrary: fc.record({ what: fc.constant('read' as const), skip: fc.nat(20) }) },
    )
    const run = fc.asyncProperty(
      fc.nat(50),
      fc.integer({ min: 1, max: 12 }),
      fc.array(step, { maxLength: 120 }),
      async (before, bound, steps) => {
        const bench = new Bench({ bound })
        bench.happen(FIRST + before - 1)
        const got: LiveRecord[] = []
        let wanted = 0
        let wake: () => void = () => {}
        const reading = (async () => {
          for await (const record of bench.flow.items()) {
            got.push(record)
            while (--wanted < 0) {
              wanted = 0
              await new Promise<void>((resolve) => {
                wake = resolve
              })
              wanted++
            }
          }
        })()
        let newest = FIRST + before - 1
        for (const { what, skip } of steps) {
          if (what === 'arrive') {
            newest += 1 + skip
            bench.arrive(newest)
          } else if (what === 'again') bench.arrive(Math.max(FIRST, newest - skip))
          else if (what === 'fill') bench.fill()
          else {
            wanted += skip
            wake()
            await turn()
          }
          expect(bench.flow.size).toBeLessThanOrEqual(bound)
        }
        bench.arrive(newest + 1)
        bench.fill()
        wanted = Number.POSITIVE_INFINITY
        wake()
        while (Number(positionOf(got.at(-1) ?? trade(0))) < newest + 1) await turn()
        bench.flow.end()
        await reading
        expect(ids(got)).toEqual(range(FIRST, newest + 1))
        expect(bench.gaps).toEqual([])
      },
    )
    await fc.assert(run, { numRuns: 200 })
  })

  it('waits for a hole, and tells what the collector gives up in its place', async () => {
    const bench = new Bench({ from: undefined })
    bench.arrive(FIRST)
    bench.arrive(FIRST + 5)
    const items = bench.flow.items()
    expect((await items.next()).value).toMatchObject({ id: FIRST })
    const second = items.next()
    bench.arrive(FIRST + 1, RecordFlag.rest)
    expect((await second).value).toMatchObject({ id: FIRST + 1 })
    const third = items.next()
    await turn()
    expect(bench.gaps).toEqual([])
    bench.live.giveUp(FIRST + 2, FIRST + 4, 'no-trades', 'gone', { from: 1, to: 2 })
    expect((await third).value).toMatchObject({ id: FIRST + 5 })
    expect(bench.gaps).toMatchObject([{ cause: 'no-trades', firstId: FIRST + 2, lastId: FIRST + 4, count: 3 }])
  })

  it('goes on without what does not come in time, and says so', async () => {
    const bench = new Bench({ from: undefined, waitMs: 20 })
    bench.arrive(FIRST)
    bench.arrive(FIRST + 3)
    const items = bench.flow.items()
    await items.next()
    expect((await items.next()).value).toMatchObject({ id: FIRST + 3 })
    expect(bench.gaps).toMatchObject([{ cause: 'unknown', firstId: FIRST + 1, lastId: FIRST + 2, count: 2 }])
    // Too late for this reader.
    bench.arrive(FIRST + 1, RecordFlag.rest)
    bench.arrive(FIRST + 4)
    expect((await items.next()).value).toMatchObject({ id: FIRST + 4 })
  })

  it('begins with what comes from now on, where no start is named', async () => {
    const bench = new Bench({ from: undefined })
    bench.live.ledger?.resume(FIRST)
    bench.arrive(FIRST + 3, RecordFlag.rest)
    bench.arrive(FIRST + 9)
    bench.fill()
    bench.flow.end()
    const got: LiveRecord[] = []
    for await (const record of bench.flow.items()) got.push(record)
    expect(ids(got)).toEqual([FIRST + 9])
    expect(bench.past.reads).toBe(0)
  })

  it('can lose the oldest or the newest for a slow reader, and tells which', async () => {
    for (const overflow of ['drop-oldest', 'drop-newest'] as const) {
      const bench = new Bench({ from: undefined, bound: 3, overflow })
      for (const id of range(FIRST, FIRST + 9)) bench.arrive(id)
      expect(bench.flow.size).toBe(3)
      expect(bench.flow.dropped).toBe(7)
      bench.flow.end()
      const got: LiveRecord[] = []
      for await (const record of bench.flow.items()) got.push(record)
      const kept = overflow === 'drop-oldest' ? range(FIRST + 7, FIRST + 9) : range(FIRST, FIRST + 2)
      expect(ids(got)).toEqual(kept)
      expect(bench.gaps).toMatchObject([{ cause: 'own-outage', count: 7 }])
    }
  })

  it('can fail for a slow reader, after what still waits', async () => {
    const bench = new Bench({ from: undefined, bound: 3, overflow: 'error' })
    for (const id of range(FIRST, FIRST + 9)) bench.arrive(id)
    const got: LiveRecord[] = []
    const reading = (async () => {
      for await (const record of bench.flow.items()) got.push(record)
    })()
    await expect(reading).rejects.toThrow(BufferOverflowError)
    expect(ids(got)).toEqual(range(FIRST, FIRST + 2))
  })

  it('keeps ids beyond 2^53 apart', async () => {
    const bench = new Bench({ from: undefined })
    const big = 2n ** 53n - 2n
    const records = [0n, 1n, 3n, 2n, 4n, 4n].map((step) => {
      const id = big + step
      return { ...trade(1), id: id < 2n ** 53n ? Number(id) : id } as TradeRecord
    })
    for (const record of records) if (bench.live.take(record, 1)) bench.flow.offer(record)
    bench.flow.end()
    const got: LiveRecord[] = []
    for await (const record of bench.flow.items()) got.push(record)
    expect(got.map((record) => BigInt(positionOf(record)))).toEqual([0n, 1n, 2n, 3n, 4n].map((step) => big + step))
  })
})

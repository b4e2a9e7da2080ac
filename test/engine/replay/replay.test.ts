import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { EventBus } from '../../../src/bus/event-bus.ts'
import { DataSourceManager } from '../../../src/engine/data-source-manager.ts'
import type { FeedGap } from '../../../src/engine/live/feed-flow.ts'
import type { ReplayClock, ReplayOptions } from '../../../src/engine/replay/index.ts'
import { ConfigError, InvalidRangeError } from '../../../src/model/errors.ts'
import type { BookDelta, TradeRecord } from '../../../src/model/live/index.ts'
import { HOUR, MINUTE, SECOND } from '../../../src/model/time.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { lockReadersOut } from '../../../src/store/lake/reader-lock.ts'
import { makeLake, START, seriesOf, storeSeries } from '../../cli/lake.ts'
import { deltaAt, eventSeries, quoteAt, storeEvents, T0, tradesFrom } from '../../helpers/events.ts'
import { type TempFolder, tempFolder } from '../../helpers/temp.ts'

const TRADES = 100_000
const DELTAS = 30_000
const SECONDS = 100_000

let folder: TempFolder
let lake: Lake
let manager: DataSourceManager

beforeAll(async () => {
  folder = await tempFolder('replay')
  await makeLake(folder.path)
  lake = await Lake.open(folder.path)
  await storeSeries(lake, seriesOf('BTCUSDT', '1s'), { from: START, to: START + SECONDS * SECOND })
  await storeEvents(lake, eventSeries('trade'), tradesFrom(1, TRADES))
  const deltas = Array.from({ length: DELTAS }, (_, n) => deltaAt(n))
  await storeEvents(lake, eventSeries('bookDelta'), deltas)
  await storeEvents(lake, eventSeries('quote'), [quoteAt(500), quoteAt(700)])
  manager = new DataSourceManager({ dataDir: folder.path })
})
afterAll(async () => {
  await manager.close()
  await folder[Symbol.asyncDispose]()
})

/** Who holds no read of a series lets its files be merged at once. */
async function isFree(kind: string): Promise<boolean> {
  await using lock = await lockReadersOut(lake.folder(eventSeries(kind)), 0)
  return lock !== undefined
}

/** Time that goes by only when somebody sleeps, or says so. */
class FakeClock implements ReplayClock {
  time = 1000
  slept = 0
  onSleep: (() => void) | undefined

  now(): number {
    return this.time
  }

  async sleep(ms: number): Promise<void> {
    this.slept++
    this.time += ms
    this.onSleep?.()
  }
}

describe('a replay', () => {
  it('gives books whole, also those whose levels lie in two batches', async () => {
    await using replay = await manager.replay({ symbol: 'BTCUSDT', kind: 'bookDelta' })
    const text = ({ lastUpdateId, bids, asks }: BookDelta) => `${lastUpdateId} ${bids} ${asks}`
    const wrong: string[] = []
    let n = 0
    for await (const delta of replay) if (text(delta) !== text(deltaAt(n++))) wrong.push(text(delta))
    expect([n, wrong]).toEqual([DELTAS, []])
  })

  it('takes the time of arrival where the exchange tells none', async () => {
    await using replay = await manager.replay({ symbol: 'BTCUSDT', kinds: ['quote', 'trade'], to: T0 + SECOND })
    const told: [string, number][] = []
    for await (const { kind } of replay) told.push([kind, replay.time])
    const trades = [100, 200, 300, 400, 500, 600, 700, 800, 900].map((ms) => ['trade', T0 + ms + 0.25])
    const quotes = [500, 700].map((ms) => ['quote', T0 + ms + 2.125])
    expect(told).toEqual([...trades.slice(0, 5), quotes[0], ...trades.slice(5, 7), quotes[1], ...trades.slice(7)])
  })

  it('has no more in memory than a batch of each series', async () => {
    let given = 0
    const counted = (name: 'read' | 'readEvents') => {
      const real = Lake.prototype[name] as (...all: unknown[]) => AsyncGenerator<{ length: number }, void, void>
      return vi.spyOn(Lake.prototype, name).mockImplementation(async function* (this: Lake, ...all: unknown[]) {
        for await (const batch of real.apply(this, all)) {
          given += batch.length
          yield batch as never
        }
      } as never)
    }
    const spies = [counted('read'), counted('readEvents')]
    try {
      const request = { symbol: 'BTCUSDT', kinds: ['trade', 'candle'], interval: '1s' } as const
      await using replay = await manager.replay(request)
      let taken = 0
      let most = 0
      for await (const _ of replay) most = Math.max(most, given - taken++)
      expect(taken).toBe(TRADES + SECONDS)
      expect(given).toBe(taken)
      expect(most).toBeLessThanOrEqual(2 * 65_536)
    } finally {
      for (const spy of spies) spy.mockRestore()
    }
  })

  it('frees what it reads when the loop is left, when it is closed, and at its end', async () => {
    const kinds = ['trade', 'bookDelta'] as const
    const left = await manager.replay({ symbol: 'BTCUSDT', kinds })
    expect(await isFree('trade')).toBe(true)
    for await (const _ of left) {
      expect([await isFree('trade'), await isFree('bookDelta')]).toEqual([false, false])
      break
    }
    expect([await isFree('trade'), await isFree('bookDelta')]).toEqual([true, true])
    for await (const _ of left) expect.unreachable()

    const closed = await manager.replay({ symbol: 'BTCUSDT', kinds })
    let count = 0
    for await (const _ of closed) if (++count === 10) void closed.close()
    await closed.close()
    expect([count, await isFree('trade')]).toEqual([10, true])

    await using whole = await manager.replay({ symbol: 'BTCUSDT', kind: 'trade' })
    await whole.run()
    expect([whole.records, await isFree('trade')]).toEqual([TRADES, true])
  })

  it('ends with the error of its signal, and with its manager', async () => {
    const stop = new AbortController()
    const replay = await manager.replay({ symbol: 'BTCUSDT', kind: 'trade' }, { signal: stop.signal, speed: 1 })
    const reading = (async () => {
      for await (const { id } of replay) if (id === 2) stop.abort()
    })()
    await expect(reading).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
    expect(await isFree('trade')).toBe(true)
    await expect(manager.replay({ symbol: 'BTCUSDT', kind: 'trade' }, { signal: stop.signal })).rejects.toThrow(/abort/)

    const other = new DataSourceManager({ dataDir: folder.path })
    const orphan = await other.replay({ symbol: 'BTCUSDT', kind: 'trade' }, { speed: 0.001 })
    const waiting = orphan.run()
    await other.close()
    await expect(waiting).rejects.toThrow(/abort/)
    await expect(other.replay({ symbol: 'BTCUSDT' })).rejects.toThrow(/was closed/)
  })
})

describe('the speed of a replay', () => {
  const request = { symbol: 'BTCUSDT', kind: 'trade', from: T0, to: T0 + 10 * SECOND } as const
  const open = (options: ReplayOptions) => manager.replay<'trade'>(request, options)

  it.each([1, 60, 0.5])('is %s times that of what happened, to the last record', async (speed) => {
    const clock = new FakeClock()
    await using replay = await open({ speed, clock })
    const off: number[] = []
    for await (const { time } of replay) off.push(clock.time - 1000 - (time - T0 - 100.25) / speed)
    expect(off.length).toBe(99)
    expect(Math.max(...off.map(Math.abs))).toBeLessThan(1e-6)
  })

  it('is as fast as the reader where none is given', async () => {
    const clock = new FakeClock()
    await using replay = await open({ clock })
    await replay.run()
    expect([replay.records, clock.slept]).toEqual([99, 0])
  })

  it('waits for a slow reader, who loses nothing, and is on time again afterwards', async () => {
    const clock = new FakeClock()
    await using replay = await open({ speed: 1, clock })
    const times: number[] = []
    for await (const _ of replay) {
      times.push(clock.time - 1000)
      if (times.length === 11) clock.time += 2050
    }
    expect(times.length).toBe(99)
    // What was due meanwhile comes at once, what was not comes when it is due.
    const late = (n: number) => (n <= 10 || n > 30 ? n * 100 : 3050)
    for (const [n, time] of times.entries()) expect(time, `record ${n}`).toBeCloseTo(late(n), 6)
  })

  it('stands still while it is paused', async () => {
    const clock = new FakeClock()
    await using replay = await open({ speed: 1, clock })
    const times: number[] = []
    for await (const _ of replay) {
      times.push(clock.time - 1000)
      if (times.length !== 5) continue
      replay.pause()
      expect(replay.isPaused).toBe(true)
      setImmediate(() => {
        clock.time += 60_000
        replay.resume()
      })
    }
    const due = Array.from({ length: 99 }, (_, n) => n * 100 + (n < 5 ? 0 : 60_000))
    for (const [n, time] of times.entries()) expect(time, `record ${n}`).toBeCloseTo(due[n]!, 6)
    expect(replay.isPaused).toBe(false)
  })

  it('may be paused in the midst of a wait, and left while it is paused', async () => {
    const clock = new FakeClock()
    await using replay = await open({ speed: 1, clock })
    let count = 0
    clock.onSleep = () => {
      if (count < 3) return
      replay.pause()
      setImmediate(() => void replay.close())
    }
    for await (const _ of replay) count++
    expect([count, replay.isPaused, await isFree('trade')]).toEqual([3, true, true])
  })
})

describe('the bus of a replay', () => {
  it('gives readers with small buffers every record, in order', async () => {
    const bus = new EventBus()
    const signal = new AbortController()
    const read = (async () => {
      const ids: unknown[] = []
      for await (const { id } of bus.subscribe('market_data.trade.BTCUSDT', { bound: 7, signal: signal.signal })) {
        ids.push(id)
        if (ids.length % 20 === 0) await new Promise((done) => setTimeout(done, 1))
      }
      return ids
    })()
    await using replay = await manager.replay({ symbol: 'BTCUSDT', kind: 'trade', to: T0 + 100 * SECOND }, { bus })
    await replay.run()
    signal.abort()
    expect(await read).toEqual(Array.from({ length: 999 }, (_, index) => index + 1))
  })

  it('may be left while a reader sleeps', async () => {
    const bus = new EventBus()
    bus.subscribe('market_data.trade', { bound: 3 })
    await using replay = await manager.replay({ symbol: 'BTCUSDT', kind: 'trade' }, { bus })
    const got: TradeRecord[] = []
    for await (const record of replay) {
      got.push(record)
      if (got.length === 3) setImmediate(() => void replay.close())
    }
    expect(got.length).toBe(3)
  })
})

describe('what a replay lacks', () => {
  it('is told before the first record, and in its place', async () => {
    const told: (FeedGap | number)[] = []
    const onGap = (gap: FeedGap) => void told.push(gap)
    const series = [
      { symbol: 'BTCUSDT', interval: '1m' },
      { symbol: 'BTC/USDT:USDT', interval: '1h' },
    ]
    const range = { from: START + 29 * HOUR, to: START + 62 * HOUR }
    await using replay = await manager.replay({ series, ...range }, { onGap })
    const gap = { from: START + 50 * HOUR, to: START + 60 * HOUR, cause: 'unknown', count: 10, note: 'a note' }
    const outage = { from: START + 30 * HOUR, to: START + 32 * HOUR, cause: 'exchange-outage', count: 120 }
    const names = { series: 'binance-spot/candle/BTCUSDT/1m' }
    expect(replay.gaps).toEqual([
      expect.objectContaining({ ...outage, ...names }),
      expect.objectContaining({ ...gap, series: 'binance-usdm/candle/BTCUSDT/1h' }),
    ])
    // What the exchange never published is no loss.
    expect(replay.series.map(({ complete }) => complete)).toEqual([true, false])
    expect(replay.complete).toBe(false)
    for await (const _ of replay) told.push(replay.time)
    const places = told.flatMap((item, index) => (typeof item === 'number' ? [] : [[item, told[index - 1]]]))
    expect(places).toEqual([
      [replay.gaps[0], START + 30 * HOUR],
      [replay.gaps[1], START + 50 * HOUR],
    ])
  })

  it('is also what nobody has asked for, up to the ends of the range', async () => {
    const from = START + 70 * HOUR
    await using replay = await manager.replay({ symbol: 'BTCUSDT', interval: '1m', from, to: START + 80 * HOUR })
    expect(replay.gaps).toMatchObject([{ from: START + 72 * HOUR, to: START + 80 * HOUR, cause: 'unknown' }])
    expect(replay.complete).toBe(false)
    await replay.run()
    expect([replay.records, replay.time]).toEqual([120, START + 72 * HOUR])
    // Less than a candle is not missed, and nor is what lies beyond an end that was left open.
    const open = { symbol: 'BTCUSDT', interval: '1m', from } as const
    expect((await manager.replay({ ...open, to: START + 72 * HOUR + MINUTE - 1 })).complete).toBe(true)
    expect((await manager.replay(open)).complete).toBe(true)
  })

  it('is an error that says how to get it, where it is all of a series', async () => {
    const wrong = (request: object) => manager.replay(request as never)
    const range = { from: '2020-01-01', to: '2020-02-01' }
    await expect(wrong({ symbols: ['BTCUSDT', 'ETHUSDT'], interval: '1m' })).rejects.toThrow(
      'The lake has no 1m candles of ETHUSDT (spot). Fetch it: ticklake download ETHUSDT --interval 1m.',
    )
    await expect(wrong({ symbol: 'BTC/USDT:USDT', kind: 'trade', ...range })).rejects.toThrow(
      'ticklake download BTCUSDT --market usdm --kind trade --from 2020-01-01T00:00:00Z --to 2020-02-01T00:00:00Z.',
    )
    await expect(wrong({ symbol: 'BTCUSDT', kind: 'ticker' })).rejects.toThrow(
      'The lake has no ticker records of BTCUSDT (spot). Collect it: ticklake collect BTCUSDT --kinds ticker.',
    )
    await expect(wrong({ symbol: 'BTCUSDT', interval: '1m', ...range })).rejects.toThrow(
      /has 1m candles of BTCUSDT \(spot\) from 2024-01-01T00:00:00Z to 2024-01-04T00:00:00Z, and nothing of the range/,
    )
    const many = ['AUSDT', 'BUSDT', 'CUSDT', 'DUSDT', 'EUSDT', 'FUSDT', 'GUSDT']
    await expect(wrong({ symbols: many, interval: '1m' })).rejects.toThrow(/Of 2 more series there is nothing either/)
  })
})

describe('a replay that cannot be', () => {
  it.each([
    [{}, {}, InvalidRangeError, /Say what to replay/],
    [{ symbol: 'BTCUSDT' }, {}, InvalidRangeError, /interval is missing: candles of BTCUSDT need one/],
    [{ symbol: 'BTCUSDT', interval: '7m' }, {}, InvalidRangeError, /Unknown interval "7m"/],
    [{ symbol: 'BTCUSDT', kind: 'trades' }, {}, InvalidRangeError, /Unknown kind "trades"/],
    [
      { symbol: 'BTCUSDT', kind: 'markCandle', interval: '1m' },
      {},
      InvalidRangeError,
      /no markCandle on spot: name an/,
    ],
    [{ symbol: 'BTCUSDT', kind: 'markCandle' }, {}, InvalidRangeError, /interval is missing: candles of BTCUSDT/],
    [{ symbol: 'BTC//USDT', interval: '1m' }, {}, Error, /BTC\/\/USDT/],
    [{ symbol: 'BTCUSDT', market: 'moon', interval: '1m' }, {}, InvalidRangeError, /Unknown market "moon"/],
    [{ symbol: 'BTCUSDT', market: 'option', interval: '1m' }, {}, InvalidRangeError, /no market option here/],
    [{ symbol: 'BTCUSDT', intervall: '1m' }, {}, ConfigError, /no option "intervall". Did you mean interval/],
    [{ symbol: 'BTCUSDT', interval: '1m', from: 5, startTime: 5 }, {}, InvalidRangeError, /not both/],
    [{ symbol: 'BTCUSDT', interval: '1m', from: 5, to: 4 }, {}, InvalidRangeError, /ends .* before it begins/],
    [{ symbol: 'BTCUSDT', interval: '1m' }, { speeds: 1 }, ConfigError, /no option "speeds". Did you mean speed/],
    [{ symbol: 'BTCUSDT', interval: '1m' }, { speed: 0 }, InvalidRangeError, /speed is 0/],
    [{ symbol: 'BTCUSDT', interval: '1m' }, { speed: -1 }, InvalidRangeError, /speed is -1/],
    [{ symbol: 'BTCUSDT', interval: '1m' }, { speed: Number.NaN }, InvalidRangeError, /speed is NaN/],
  ])('%o %o says why', async (request, options, type, message) => {
    const refused = await manager.replay(request as never, options as never).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(type)
    expect((refused as Error).message).toMatch(message)
  })
})

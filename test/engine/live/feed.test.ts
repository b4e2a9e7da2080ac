import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { EventBus } from '../../../src/bus/event-bus.ts'
import type { FeedGap } from '../../../src/engine/live/feed-flow.ts'
import { LatestValues } from '../../../src/engine/live/feed-latest.ts'
import {
  BufferOverflowError,
  ConfigError,
  InvalidRangeError,
  SequenceGapError,
  WebSocketConnectionError,
} from '../../../src/model/errors.ts'
import type { LiveCandle, LiveRecord, QuoteRecord, TradeRecord } from '../../../src/model/live/index.ts'
import { FeedRig } from './feed-rig.ts'
import { randomFrom } from './random.ts'
import { QUICK, SYMBOL } from './rig.ts'

describe('updates of a feed', () => {
  it.each([
    [1, true],
    [2, false],
    [3, true],
  ])(
    'are the truth from the start on, through cuts, losses, doubles and disorder (seed %i, stored: %s)',
    async (seed, stored) => {
      await using rig = await FeedRig.open({ sandbox: { seed }, stored })
      const random = randomFrom(seed)
      await rig.service.subscribeSymbol(SYMBOL, { kinds: ['trade', 'aggTrade', 'candle'], intervals: ['1s'] })
      await rig.service.subscribeSymbol('BTC/USDT:USDT', { kinds: ['aggTrade'] })
      const from = rig.sandbox.now() - 10_000
      const gaps: FeedGap[] = []
      const onGap = (gap: FeedGap): void => void gaps.push(gap)
      let stop = Number.POSITIVE_INFINITY
      const reads = [
        rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade', from, onGap }),
        rig.feed.subscribeToUpdates('btc-usdt', { kind: 'aggTrade', from, onGap }),
        rig.feed.subscribeToUpdates('BTC/USDT', { kind: 'candle', from, onGap }),
        rig.feed.subscribeToUpdates('BTC/USDT:USDT', { kind: 'aggTrade', from, onGap }),
      ].map(async (stream) => {
        const got: LiveRecord[] = []
        for await (const record of stream) {
          got.push(record)
          const time = record.kind === 'candle' ? record.openTime : (record as TradeRecord).time
          if (time >= stop) break
        }
        return got
      })
      for (let round = 0; round < 3; round++) {
        const faults = [
          { type: 'disconnect', times: 1, refuseMs: 100 + Math.floor(random() * 700) },
          { type: 'drop', probability: 0.1 },
          { type: 'duplicate', probability: 0.2 },
          { type: 'reorder', probability: 0.2, by: 1 + Math.floor(random() * 4) },
        ] as const
        rig.faults(...faults.filter(() => random() < 0.7))
        await sleep(500 + random() * 700)
        // A reader that comes in the middle of it.
        const late = rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade', from: rig.sandbox.now() - 3000, onGap })
        for await (const _record of late) break
      }
      rig.sandbox.clearFaults()
      stop = rig.sandbox.now() + 500
      for (const got of await Promise.all(reads)) await rig.expectTruth(got, from)
      expect(gaps).toEqual([])
      expect(rig.feed.gaps).toEqual([])
      expect(rig.feed.subscriptions).toEqual([])
    },
  )

  it('give the past while nothing is connected, and go on from it', async () => {
    await using rig = await FeedRig.open({ stored: true })
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })
    const from = rig.sandbox.now() - 5000
    await rig.until('a first trade', () => rig.feed.getLatestData(SYMBOL, { kind: 'trade' }) !== undefined)
    rig.faults({ type: 'disconnect' }, { type: 'refuse-upgrade' })
    await rig.until('the cut', () => rig.feed.getLatestData(SYMBOL, { kind: 'trade' })?.state === 'down')
    const stream = rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade', from })
    const got: TradeRecord[] = []
    const cut = rig.sandbox.now()
    while ((got.at(-1)?.time ?? 0) < cut - 2000) got.push((await stream.next()).value!)
    expect(rig.feed.getLatestData(SYMBOL, { kind: 'trade' })?.state).toBe('down')
    rig.sandbox.clearFaults()
    got.push(...(await rig.readToNow(stream)))
    await rig.expectTruth(got, from)
  })

  it('flow into a stream that nobody had subscribed, and end it when the reader leaves', async () => {
    await using rig = await FeedRig.open()
    const from = rig.sandbox.now() - 2000
    const stream = rig.feed.subscribeToUpdates('ETH/USDT', { kind: 'trade', from })
    await rig.expectTruth(await rig.readToNow(stream), from)
    await rig.until('the end of the channel', () => rig.service.collector.channels().length === 0)
    expect(rig.feed.subscriptions).toEqual([])
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  it('stop at an abort, also in the middle of a wait', async () => {
    await using rig = await FeedRig.open()
    const stop = new AbortController()
    const stream = rig.feed.subscribeToUpdates(SYMBOL, { kind: 'liquidation', market: 'usdm', signal: stop.signal })
    const waiting = stream.next()
    stop.abort()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(rig.feed.subscriptions).toEqual([])
  })

  it('hold no more than the bound for a reader that sleeps, and lose nothing by it', async () => {
    await using rig = await FeedRig.open({ sandbox: { tradesPerSecond: 100 } })
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })
    const from = rig.sandbox.now() - 1000
    const asleep = rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade', from, bound: 20 })
    const never = rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade', from, bound: 20 })
    const strict = rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade', bound: 20, overflow: 'error' })
    const gaps: FeedGap[] = []
    const loose = rig.feed.subscribeToUpdates(SYMBOL, {
      ...{ kind: 'trade', bound: 20, overflow: 'drop-oldest' },
      onGap: (gap) => void gaps.push(gap),
    })
    const first = (await asleep.next()).value!
    const before = rig.service.getStatistics().bus.published
    await rig.until('many trades', () => rig.service.getStatistics().bus.published > before + 150)
    for (const stream of [asleep, never, strict, loose]) expect(stream.size).toBeLessThanOrEqual(20)
    expect(never.size).toBe(20)
    await rig.expectTruth([first, ...(await rig.readToNow(asleep))], from)
    await expect(rig.readToNow(strict)).rejects.toThrow(BufferOverflowError)
    const got = await rig.readToNow(loose)
    expect(loose.dropped).toBeGreaterThan(0)
    expect(gaps.reduce((sum, gap) => sum + gap.count!, 0)).toBe(loose.dropped)
    expect(gaps[0]).toMatchObject({ series: 'binance-spot/trade/BTCUSDT', cause: 'own-outage' })
    expect(Number(got[0]!.id)).toBe(Number(gaps.at(-1)!.lastId) + 1)
  })

  it('tell a hole that nobody can fill in time, and go on behind it', async () => {
    await using rig = await FeedRig.open()
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })
    const stream = rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade', waitMs: 300 })
    const got = [(await stream.next()).value!]
    rig.faults({ type: 'http-error', status: 503, match: { path: '/historicalTrades' } })
    rig.faults({ type: 'drop', times: 3, match: { stream: '@trade' } })
    await rig.until('a hole', () => rig.service.collector.status().series[0]!.holesFound > 0)
    while (rig.feed.gaps.length === 0) got.push((await stream.next()).value!)
    const hole = rig.feed.gaps[0]!
    expect(hole).toMatchObject({ cause: 'unknown', series: 'binance-spot/trade/BTCUSDT' })
    expect(Number(got.at(-1)!.id)).toBe(Number(hole.lastId) + 1)
    expect(Number(got.at(-2)!.id)).toBe(Number(hole.firstId) - 1)
  })

  it('tell candles that never were as a gap in their place', async () => {
    await using rig = await FeedRig.open()
    const gaps: FeedGap[] = []
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['candle'], interval: '1s' })
    const from = Math.ceil(rig.sandbox.now() / 1000) * 1000 - 20_000
    rig.faults({ type: 'outage', from: from + 5000, to: from + 8000 })
    const stream = rig.feed.subscribeToUpdates(SYMBOL, {
      ...{ kind: 'candle', from },
      onGap: (gap) => void gaps.push(gap),
    })
    const got = await rig.readToNow(stream)
    await rig.expectTruth(got, from)
    expect(gaps).toMatchObject([{ from: from + 5000, to: from + 8000, cause: 'exchange-outage', count: 3 }])
  })

  it('have candles in progress where these are wanted, each before its end', async () => {
    await using rig = await FeedRig.open()
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['candle'], intervals: ['1m', '1s'] })
    const stream = rig.feed.subscribeToUpdates(SYMBOL, { kind: 'candle', interval: '1m', includeOpen: true })
    const { value: open } = await stream.next()
    expect(open).toMatchObject({ closed: false, interval: '1m' })
    await stream.return()
    const from = rig.sandbox.now() - 5000
    const closed = await rig.readToNow(rig.feed.subscribeToUpdates(SYMBOL, { kind: 'candle', interval: '1s', from }))
    expect(closed.every((one: LiveCandle) => one.closed)).toBe(true)
    await rig.expectTruth(closed, from)
  })

  it('of kinds that can not be counted come from the lake first, and an outage is told', async () => {
    await using rig = await FeedRig.open({ stored: true })
    const begin = rig.sandbox.now()
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['quote'] })
    const whole = rig.feed.subscribeToUpdates(SYMBOL, { kind: 'quote', bound: 100_000 })
    await sleep(1000)
    rig.faults({ type: 'disconnect', times: 1, refuseMs: 300 })
    await rig.until('the cut', () => rig.feed.getLatestData(SYMBOL, { kind: 'quote' })?.state === 'down')
    await rig.until('the return', () => rig.feed.getLatestData(SYMBOL, { kind: 'quote' })?.state === 'live')
    const stream = rig.feed.subscribeToUpdates(SYMBOL, { kind: 'quote', from: begin - 60_000 })
    const told: (number | bigint)[] = []
    const gapsBefore = rig.feed.gaps.length
    const last = rig.feed.getLatestData(SYMBOL, { kind: 'quote' })!.record.updateId
    for await (const { updateId } of stream) {
      told.push(updateId)
      if (updateId > last) break
    }
    const real: (number | bigint)[] = []
    for await (const { updateId } of whole as AsyncIterable<QuoteRecord>) {
      real.push(updateId)
      if (updateId >= told.at(-1)!) break
    }
    expect(told).toEqual(real)
    const gaps = rig.feed.gaps.slice(gapsBefore)
    expect(gaps.map(({ note }) => note)).toContain('it was not collected')
    expect(gaps.map(({ note }) => note)).toContain('the connection was down')
  })

  it('refuse what can not be, and say what to do', async () => {
    await using rig = await FeedRig.open()
    const { feed } = rig
    expect(() => feed.subscribeToUpdates(SYMBOL, { kind: 'quote', overflow: 'reread' })).toThrow(InvalidRangeError)
    expect(() => feed.subscribeToUpdates(SYMBOL, { kind: 'markPrice' })).toThrow(/no live kind of binance spot/)
    expect(() => feed.subscribeToUpdates(SYMBOL, { kind: 'trade', bound: 0 })).toThrow(/bound is 0/)
    expect(() => feed.subscribeToUpdates(SYMBOL, { kind: 'trade', from: 'soon' })).toThrow(InvalidRangeError)
    expect(() => feed.subscribeToUpdates(SYMBOL, undefined as never)).toThrow(/kind is missing/)
    expect(() => feed.getLatestData(SYMBOL, {} as never)).toThrow(/kind is missing/)
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['candle'], intervals: ['1s', '1m'] })
    expect(() => feed.subscribeToUpdates(SYMBOL, { kind: 'candle' })).toThrow(/interval is missing/)
    await rig.service.stop()
    expect(() => rig.service.start()).toThrow(ConfigError)
  })
})

describe('a feed without autoReconnect', () => {
  it('ends with the lost connection, is not begun while nothing carries it, and goes on after a reconnect', async () => {
    await using rig = await FeedRig.open({ service: { stream: { ...QUICK.stream, autoReconnect: false } } })
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['trade', 'bookDelta'] })
    const kinds = ['trade', 'quote', 'bookSnapshot'] as const
    const counts = new Map<string, number>()
    const reads = kinds.map(async (kind) => {
      for await (const record of rig.feed.subscribeToUpdates(SYMBOL, { kind })) {
        counts.set(record.kind, (counts.get(record.kind) ?? 0) + 1)
      }
    })
    const ends = Promise.allSettled(reads)
    await rig.until('trades and quotes', () => counts.has('trade') && counts.has('quote'))
    await rig.until('a book', () => rig.service.book(SYMBOL)?.state === 'synced')
    rig.faults({ type: 'disconnect' })
    for (const [index, end] of (await ends).entries()) {
      const error = (end as PromiseRejectedResult).reason as Error
      expect(error, kinds[index]).toBeInstanceOf(WebSocketConnectionError)
      expect(error.message).toMatch(
        /^The connection that carried spot\/\w+\/BTCUSDT was lost \(.+\), and autoReconnect is off/,
      )
    }
    rig.sandbox.clearFaults()
    await expect(rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade' }).next()).rejects.toThrow('was lost')
    // What nobody asked for before gets a connection of its own.
    for await (const _ of rig.feed.subscribeToUpdates('ETHUSDT', { kind: 'quote' })) break
    await rig.service.collector.reconnect()
    await rig.until('trades', () => rig.feed.getLatestData(SYMBOL, { kind: 'trade' })?.state === 'live')
    for await (const _ of rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade' })) break
  })
})

describe('a feed whose exchange counts its ids anew', () => {
  it('ends in words behind what it has read, and a new one goes on', async () => {
    await using rig = await FeedRig.open()
    rig.faults({ type: 'large-ids', offset: 5_000_000 })
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })
    const read: number[] = []
    const reading = (async () => {
      for await (const { id } of rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade' })) read.push(Number(id))
    })()
    const ended = expect(reading).rejects.toThrow(SequenceGapError)
    await rig.until('trades', () => read.length > 10)
    rig.sandbox.clearFaults()
    await ended
    expect(read).toEqual(read.map((_, index) => read[0]! + index))
    const again: number[] = []
    for await (const { id } of rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade' })) {
      if (again.push(Number(id)) === 5) break
    }
    expect(again).toEqual(again.map((_, index) => again[0]! + index))
    expect(again[0]).toBeLessThan(read[0]!)
  })

  it('has the newest value, and not the one with the highest id', () => {
    const bus = new EventBus()
    const latest = new LatestValues()
    const series = { exchange: 'binance', market: 'spot', kind: 'trade', symbol: SYMBOL } as const
    latest.follow(bus, series)
    const tell = (id: number, time: number): void =>
      bus.publish({ kind: 'trade', market: 'spot', symbol: SYMBOL, id, time, eventTime: time } as TradeRecord)
    const id = () => (latest.get(series)?.record as TradeRecord | undefined)?.id
    tell(1000, 1_700_000_000_000)
    tell(999, 1_700_000_000_010)
    expect(id()).toBe(1000)
    tell(7, 1_700_000_009_000)
    expect(id()).toBe(7)
  })
})

describe('the latest value of a feed', () => {
  it('stays readable during a cut, says how old it is, and that it is down', async () => {
    await using rig = await FeedRig.open()
    const latest = () => rig.feed.getLatestData('btc/usdt', { kind: 'trade' })
    expect(latest()).toBeUndefined()
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['trade', 'candle'] })
    await rig.until('data', () => latest()?.state === 'live')
    rig.faults({ type: 'disconnect' }, { type: 'refuse-upgrade' })
    await rig.until('the cut', () => latest()?.state === 'down')
    const during = latest()!
    await sleep(100)
    const later = latest()!
    expect(later.record).toBe(during.record)
    expect(later.ageMs).toBeGreaterThan(during.ageMs)
    rig.sandbox.clearFaults()
    await rig.until('the return', () => latest()?.state === 'live')
    expect(latest()!.record.id).toBeGreaterThan(Number(during.record.id))
    const candle = () => rig.feed.getLatestData(SYMBOL, { kind: 'candle' })
    await rig.until('a candle', () => candle() !== undefined)
    expect(candle()!.record.interval).toBe('1m')
    rig.service.clearCache()
    expect(candle()).toBeUndefined()
    await rig.until('the next candle', () => candle() !== undefined)
  })

  it('of a silent stream is stale', async () => {
    await using rig = await FeedRig.open({ service: { stream: { silenceMs: 300, reconnectDelayMs: 30 } } })
    const state = () => rig.feed.getLatestData(SYMBOL, { kind: 'quote' })?.state
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['quote'] })
    await rig.until('data', () => state() === 'live')
    rig.faults({ type: 'silent-stream' })
    await rig.until('silence', () => state() === 'stale')
    rig.sandbox.clearFaults()
    await rig.until('data again', () => state() === 'live')
  })
})

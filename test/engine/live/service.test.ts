import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Collector } from '../../../src/engine/live/collector.ts'
import { MarketDataService } from '../../../src/engine/live/service.ts'
import { channelKey } from '../../../src/exchanges/stream.ts'
import { ConfigError, InvalidRangeError, InvalidSymbolError } from '../../../src/model/errors.ts'
import type { LiveRecord } from '../../../src/model/live/index.ts'
import { tempFolder } from '../../helpers/temp.ts'
import { FeedRig } from './feed-rig.ts'
import { QUICK, SYMBOL } from './rig.ts'

const keys = (rig: FeedRig): string[] => rig.service.collector.channels().map(channelKey).toSorted()

describe('a market data service', () => {
  it('subscribes symbols in any spelling, with several kinds and intervals', async () => {
    await using rig = await FeedRig.open()
    const { service } = rig
    const spot = await service.subscribeSymbol('btc-usdt', {
      kinds: ['trade', 'candle', 'bookDelta'],
      intervals: ['1s', '5m'],
    })
    const snapshots = await service.subscribeSymbol('ETHUSDT', { kinds: ['bookSnapshot'], depth: 5 })
    const perpetual = await service.subscribeSymbol('BTC/USDT:USDT', { kinds: ['markPrice'] })
    expect(spot).toMatchObject({ symbol: SYMBOL, market: 'spot', intervals: ['1s', '5m'] })
    expect(snapshots).toMatchObject({ kinds: ['bookSnapshot'], depth: 5 })
    expect(perpetual).toMatchObject({ symbol: SYMBOL, market: 'usdm', kinds: ['markPrice'] })
    expect(keys(rig)).toEqual([
      'spot/bookDelta/BTCUSDT',
      'spot/bookSnapshot/ETHUSDT/5',
      'spot/candle/BTCUSDT/1s',
      'spot/candle/BTCUSDT/5m',
      'spot/trade/BTCUSDT',
      'usdm/markPrice/BTCUSDT',
    ])
    const seen: LiveRecord[] = []
    service.bus.on('market_data.*', (record) => void seen.push(record))
    await rig.until('a book', () => service.book('BTC/USDT')?.state === 'synced')
    await rig.until('every kind', () => new Set(seen.map(({ kind }) => kind)).size >= 5)
    expect(service.book('BTC/USDT')!.book.bestBid).toBeGreaterThan(0)
    expect(service.book('ETHUSDT')).toBeUndefined()
    expect(seen.find((record) => record.kind === 'bookSnapshot' && record.depth === 5)).toBeDefined()
    const statistics = service.getStatistics()
    expect(statistics).toMatchObject({
      running: true,
      symbols: [{ symbol: SYMBOL, market: 'spot' }, { symbol: 'ETHUSDT', depth: 5 }, { market: 'usdm' }],
    })
    expect(statistics.latestValues).toBeGreaterThan(3)
    expect(statistics.bus.published).toBeGreaterThanOrEqual(seen.length)
    // A second call adds.
    await service.subscribeSymbol(SYMBOL, { kinds: ['quote'], interval: '1m' })
    expect(spot.kinds).toEqual(['trade', 'candle', 'bookDelta', 'quote'])
    expect(spot.intervals).toEqual(['1s', '5m', '1m'])
    await perpetual.unsubscribe()
    await snapshots.unsubscribe()
    await service.unsubscribeSymbol('BTCUSDT')
    expect(keys(rig)).toEqual([])
    await expect(service.unsubscribeSymbol('BTCUSDT')).rejects.toThrow(/not subscribed on spot/)
  })

  it('changes a subscription at run time and loses nothing of what stays', async () => {
    await using rig = await FeedRig.open({ stored: true, sandbox: { tradesPerSecond: 100 } })
    const { service } = rig
    const handle = await service.subscribeSymbol(SYMBOL, {
      kinds: ['trade', 'candle', 'bookDelta'],
      interval: '1s',
    })
    const snapshots = await service.subscribeSymbol('ETHUSDT', { kinds: ['bookSnapshot'], depth: 5 })
    const from = rig.sandbox.now()
    const seen: LiveRecord[] = []
    service.bus.on('market_data.trade', (record) => void seen.push(record))
    await rig.until('a book', () => service.book(SYMBOL)?.state === 'synced')
    const changes = [
      { kinds: ['trade', 'candle', 'quote', 'bookDelta'] },
      { intervals: ['1s', '1m'] },
      { kinds: ['trade', 'candle', 'bookDelta'], intervals: ['1s'] },
      { kinds: ['trade', 'aggTrade', 'bookDelta', 'candle'] },
    ]
    for (const change of changes) {
      await service.updateSubscription('BTC/USDT', change)
      await sleep(150)
    }
    for (const depth of [20, 10]) await snapshots.update({ depth })
    expect(keys(rig)).toEqual([
      'spot/aggTrade/BTCUSDT',
      'spot/bookDelta/BTCUSDT',
      'spot/bookSnapshot/ETHUSDT/10',
      'spot/candle/BTCUSDT/1s',
      'spot/trade/BTCUSDT',
    ])
    expect(handle).toMatchObject({ intervals: ['1s'] })
    expect(snapshots).toMatchObject({ depth: 10 })
    const snapshot = () => rig.feed.getLatestData('ETHUSDT', { kind: 'bookSnapshot' })?.record
    await rig.until('ten levels', () => snapshot()?.bids.length === 20)
    // The bus had every trade by itself: nothing was lost that a repair had to bring back.
    const status = service.collector.status()
    const trades = status.series.find(({ kind }) => kind === 'trade')!
    expect(trades).toMatchObject({ holesFound: 0, gaps: [] })
    expect(status.series.find(({ kind }) => kind === 'bookDelta')).toMatchObject({ breaks: 0, gaps: [] })
    expect(status.series.find(({ kind }) => kind === 'bookSnapshot')).toMatchObject({ gaps: [] })
    expect(status.counters.lost).toBe(0)
    expect(service.book(SYMBOL)?.state).toBe('synced')
    await rig.expectTruth(seen, Number((seen[0] as { time: number }).time))
    expect(seen.length).toBeGreaterThan(20)
    await rig.expectTruth(
      await rig.readToNow(rig.feed.subscribeToUpdates(SYMBOL, { kind: 'candle', interval: '1s', from: from - 3000 })),
      from - 3000,
    )
  })

  it('fills what a symbol missed between two subscriptions', async () => {
    await using rig = await FeedRig.open({ stored: true })
    const { service } = rig
    await service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })
    await rig.until('a trade', () => rig.feed.getLatestData(SYMBOL, { kind: 'trade' }) !== undefined)
    const from = rig.sandbox.now() - 1000
    await service.unsubscribeSymbol(SYMBOL)
    await sleep(500)
    await service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })
    await rig.expectTruth(await rig.readToNow(rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade', from })), from)
  })

  it.each([true, false])('gives the past as tables (stored: %s)', async (stored) => {
    await using rig = await FeedRig.open({ stored })
    const { service } = rig
    const from = rig.sandbox.now() - 60_000
    const candles = await service.getHistoricalData({ symbol: 'BTC/USDT', interval: '1s', from, to: from + 10_000 })
    const truth = await rig.sandbox.truthCandles('spot', SYMBOL, '1s', from, from + 10_000)
    expect([...candles.getChild('open_time')!]).toEqual(truth.map(([open]) => open))
    expect(candles.schema.metadata.get('ticklake.complete')).toBe('true')
    await service.subscribeSymbol(SYMBOL, { kinds: ['trade', 'quote'] })
    await rig.until('a trade', () => rig.feed.getLatestData(SYMBOL, { kind: 'trade' }) !== undefined)
    await sleep(300)
    const latest = rig.feed.getLatestData(SYMBOL, { kind: 'trade' })!.record
    const trades = await service.getHistoricalData({ symbol: SYMBOL, kind: 'trade', startTime: from })
    const ids = [...(trades.getChild('id')!.toArray() as BigInt64Array)]
    expect(ids.includes(BigInt(latest.id))).toBe(true)
    for (let i = 1; i < ids.length; i++) expect(ids[i]! - ids[i - 1]!).toBe(1n)
    const row = ids.indexOf(BigInt(latest.id))
    expect(trades.getChild('price')!.get(row)).toBe(latest.price)
    const quotes = service.getHistoricalData({ symbol: SYMBOL, kind: 'quote', from })
    if (stored) expect((await quotes).numRows).toBeGreaterThan(0)
    else await expect(quotes).rejects.toThrow(/give the service a dataDir/)
    await expect(service.getHistoricalData({ symbol: SYMBOL, from })).rejects.toThrow(/interval is missing/)
  })

  it('remembers what was subscribed before its start, and ends in order', async () => {
    await using rig = await FeedRig.open()
    const service = new MarketDataService({ ...QUICK, client: { endpoint: rig.sandbox.endpoint }, market: 'usdm' })
    await service.subscribeSymbol('BTC/USDT', { kinds: ['aggTrade'] })
    expect(() => service.bus).toThrow(ConfigError)
    await Promise.all([service.start(), service.start()])
    const read: LiveRecord[] = []
    const reading = (async () => {
      for await (const record of service.feed.subscribeToUpdates(SYMBOL, { kind: 'aggTrade' })) read.push(record)
    })()
    await rig.until('trades', () => read.length > 3)
    const report = await service.stop()
    await reading
    expect(report).toMatchObject({ complete: true })
    expect(read.at(-1)).toMatchObject({ market: 'usdm', id: report!.series[0]!.last })
    expect(await service.stop()).toBe(report)
    expect(service.getStatistics().running).toBe(false)
    expect(service.feed.subscriptions).toEqual([])
  })

  it('ends also while the exchange can not be reached', async () => {
    await using rig = await FeedRig.open()
    rig.faults({ type: 'refuse-upgrade' })
    const subscribing = rig.service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })
    const refused = expect(subscribing).rejects.toThrow('The service was stopped.')
    const waiting = rig.feed.subscribeToUpdates('ETHUSDT', { kind: 'trade' }).next()
    await sleep(100)
    await rig.service.stop()
    await refused
    expect(await waiting).toEqual({ done: true, value: undefined })
  })

  it('is over when it was stopped: a reader that comes then is told so, and does not wait for ever', async () => {
    await using rig = await FeedRig.open()
    await rig.service.stop()
    const over = 'The service was stopped. Make a new one.'
    expect(() => rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade' })).toThrow(over)
    await expect(rig.service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })).rejects.toThrow(over)
    expect(() => rig.service.start()).toThrow(over)
    expect(rig.feed.getLatestData(SYMBOL, { kind: 'trade' })).toBeUndefined()
  })

  it('names the interval that it chose, and keeps it when another one is added', async () => {
    await using rig = await FeedRig.open()
    const handle = await rig.service.subscribeSymbol(SYMBOL, { kinds: ['candle'] })
    expect(handle.intervals).toEqual(['1m'])
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['candle'], interval: '5m' })
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['candle', 'trade'] })
    expect(handle.intervals).toEqual(['1m', '5m'])
    expect(keys(rig)).toEqual(['spot/candle/BTCUSDT/1m', 'spot/candle/BTCUSDT/5m', 'spot/trade/BTCUSDT'])
  })

  it.each([
    [{ flushMs: -1 }, 'flushMs is -1; use milliseconds from 1.'],
    [{ holdMs: Number.NaN }, 'holdMs is NaN; use milliseconds from 0.'],
    [{ bookDepth: 3 }, 'bookDepth is 3; use a whole number from 5.'],
    [{ endpoint: 'http://127.0.0.1:1' } as object, 'endpoint stands in client: { client: { endpoint } }.'],
    [{ wsUrl: 'ws://127.0.0.1:1' } as object, 'wsUrl stands in stream: { stream: { wsUrl } }.'],
    [{ dataDir: '' }, 'dataDir is ""; use the path of a folder, or leave it out to store nothing.'],
    [{ dataDir: 5 as never }, 'dataDir is 5; use the path of a folder'],
    [{ flushms: 5 } as object, 'has no option "flushms". Did you mean flushMs?'],
    [{ verbose: true } as object, 'has no option "verbose". There are exchange, dataDir, '],
    [
      { stream: { autoreconnect: false } as object },
      'stream has no option "autoreconnect". Did you mean autoReconnect?',
    ],
    [{ maxBackfill: 1.5 }, 'maxBackfill is 1.5; use a whole number from 0.'],
    [{ snapshotMs: '10m' as never }, 'snapshotMs is 10m; use milliseconds from 0.'],
  ])('refuses %o, as the collector does', async (options, message) => {
    expect(() => new MarketDataService(options)).toThrow(message)
    await expect(Collector.open(options)).rejects.toThrow(message)
  })

  it('has a market of its own, which a collector does not have', async () => {
    const options = { market: 'usdm' } as object
    await new MarketDataService(options).close()
    await expect(Collector.open(options)).rejects.toThrow('Collector has no option "market".')
  })

  it('leaves nothing open when its streams can not be made: the lake is free for the next one', async () => {
    await using folder = await tempFolder('service')
    const dataDir = folder.join('lake')
    await using wrong = new MarketDataService({ dataDir, stream: { pingIntervalMs: -5 } })
    await expect(wrong.start()).rejects.toThrow('pingIntervalMs: -5 is not a number from 0 on.')
    await using next = await Collector.open({ dataDir, lake: { lockWaitMs: 0 } })
    expect(next.lake!.dataDir).toBe(dataDir)
    await expect(Collector.open({}, AbortSignal.abort())).rejects.toThrow(/abort/)
  })

  it('leaves nothing open when its start is aborted, so that it can be started again', async () => {
    await using rig = await FeedRig.open()
    await using folder = await tempFolder('service')
    const service = new MarketDataService({ dataDir: folder.path, client: { endpoint: rig.sandbox.endpoint } })
    await service.subscribeSymbol(SYMBOL, { kinds: ['quote'] })
    rig.faults({ type: 'refuse-upgrade' })
    await expect(service.start(AbortSignal.timeout(200))).rejects.toThrow(/abort/)
    expect(() => service.collector).toThrow(/not started/)
    rig.sandbox.clearFaults()
    await service.start()
    await rig.until('a quote', () => service.feed.getLatestData(SYMBOL, { kind: 'quote' }) !== undefined)
    await service.stop()
    await expect(service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })).rejects.toThrow(/was stopped/)
  })

  it('is hurt by no listener, async or not', async () => {
    const fails = async (): Promise<never> => {
      throw new Error('mine')
    }
    const throws = (): never => {
      throw new Error('mine')
    }
    await using rig = await FeedRig.open({ service: { onEvent: fails, onBook: throws } })
    rig.service.bus.on('market_data.bookDelta', fails)
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['bookDelta'] })
    await rig.until('a book', () => rig.service.book(SYMBOL)?.state === 'synced')
    expect(rig.service.bus.handlerErrors).toBeGreaterThan(0)
  })

  it('takes an abort, and then knows nothing of the symbol', async () => {
    await using rig = await FeedRig.open()
    rig.faults({ type: 'refuse-upgrade' })
    const options = { kinds: ['trade'], signal: AbortSignal.timeout(100) }
    await expect(rig.service.subscribeSymbol(SYMBOL, options)).rejects.toThrow()
    expect(rig.service.subscriptions).toEqual([])
    expect(keys(rig)).toEqual([])
    rig.sandbox.clearFaults()
    await rig.service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })
    await rig.until('a trade', () => rig.feed.getLatestData(SYMBOL, { kind: 'trade' })?.state === 'live')
  })

  it('refuses a symbol that the exchange does not have, and names the nearest', async () => {
    await using rig = await FeedRig.open()
    const { service, feed } = rig
    const unknown = service.subscribeSymbol('BTCUSTD', { kinds: ['trade'] })
    await expect(unknown).rejects.toThrow(InvalidSymbolError)
    await expect(unknown).rejects.toThrow(/Unknown symbol "BTCUSTD" on binance spot.*BTCUSDT/)
    await expect(feed.subscribeToUpdates('BTCUSTD', { kind: 'trade' }).next()).rejects.toThrow(InvalidSymbolError)
    expect(service.subscriptions).toEqual([])
    expect(keys(rig)).toEqual([])
    await service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })
    await service.subscribeSymbol(SYMBOL, { kinds: ['quote'], market: 'usdm' })
    expect(keys(rig)).toEqual(['spot/trade/BTCUSDT', 'usdm/quote/BTCUSDT'])
  })

  it('looks up what was subscribed before its start when it starts', async () => {
    await using rig = await FeedRig.open()
    await using service = new MarketDataService({ ...QUICK, client: { endpoint: rig.sandbox.endpoint } })
    await service.subscribeSymbol('ETHUSTD', { kinds: ['trade'] })
    await service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })
    await expect(service.start()).rejects.toThrow(/"ETHUSTD".*ETHUSDT/)
    expect(service.subscriptions.map(({ symbol }) => symbol)).toEqual([SYMBOL])
    await service.start()
    expect(service.collector.channels().map(channelKey)).toEqual(['spot/trade/BTCUSDT'])
  })

  it('takes a symbol at its word while REST is away', async () => {
    await using rig = await FeedRig.open()
    const warnings: string[] = []
    const log = { debug() {}, info() {}, error() {}, warn: (_: object, text: string) => void warnings.push(text) }
    const client = { endpoint: rig.sandbox.endpoint, attempts: 1 }
    await using service = new MarketDataService({ ...QUICK, client, log })
    await service.start()
    rig.faults({ type: 'http-error', status: 503, match: { path: 'exchangeInfo' } })
    await service.subscribeSymbol(SYMBOL, { kinds: ['trade'] })
    expect(warnings).toContain('the exchange could not be asked whether it has this symbol')
    expect(service.collector.channels().map(channelKey)).toEqual(['spot/trade/BTCUSDT'])
  })

  it('refuses bookSnapshot beside bookDelta, and lets one take the place of the other', async () => {
    await using rig = await FeedRig.open()
    const { service } = rig
    const mixed = /spot BTCUSDT: both bookDelta \(depth\) and bookSnapshot are wanted/
    await expect(service.subscribeSymbol(SYMBOL, { kinds: ['bookDelta', 'bookSnapshot'] })).rejects.toThrow(mixed)
    expect(service.subscriptions).toEqual([])
    const handle = await service.subscribeSymbol(SYMBOL, { kinds: ['bookSnapshot'], depth: 5 })
    await expect(service.subscribeSymbol(SYMBOL, { kinds: ['bookDelta'] })).rejects.toThrow(mixed)
    await expect(handle.update({ kinds: ['bookDelta', 'bookSnapshot'] })).rejects.toThrow(mixed)
    expect(keys(rig)).toEqual(['spot/bookSnapshot/BTCUSDT/5'])
    await handle.update({ kinds: ['bookDelta'] })
    expect(keys(rig)).toEqual(['spot/bookDelta/BTCUSDT'])
    await rig.until('a book', () => service.book(SYMBOL)?.state === 'synced')
    await handle.update({ kinds: ['bookSnapshot'] })
    expect(keys(rig)).toEqual(['spot/bookSnapshot/BTCUSDT/5'])
    const latest = () => rig.feed.getLatestData(SYMBOL, { kind: 'bookSnapshot' })?.record
    await rig.until('five levels', () => latest()?.depth === 5)
  })

  it('refuses what the exchange does not have, and says what there is', async () => {
    await using rig = await FeedRig.open()
    const subscribe = (symbol: string, options: Parameters<MarketDataService['subscribeSymbol']>[1]) =>
      rig.service.subscribeSymbol(symbol, options)
    await expect(subscribe(SYMBOL, { kinds: ['trades'] })).rejects.toThrow(/Did you mean "trade"/)
    await expect(subscribe(SYMBOL, { kinds: [] })).rejects.toThrow(/kinds is empty/)
    await expect(subscribe(SYMBOL, undefined as never)).rejects.toThrow(/kinds is empty. Name at least one of/)
    await expect(subscribe(SYMBOL, {} as never)).rejects.toThrow(/kinds is empty/)
    await expect(subscribe(SYMBOL, { kinds: 'trades' as never })).rejects.toThrow(/Did you mean "trade"/)
    await expect(rig.service.updateSubscription(SYMBOL)).rejects.toThrow(/call subscribeSymbol/)
    await expect(subscribe(SYMBOL, { kinds: ['candle'], interval: '7m' })).rejects.toThrow(InvalidRangeError)
    await expect(subscribe(SYMBOL, { kinds: ['bookSnapshot'], depth: 7 })).rejects.toThrow(/Use 5, 10, 20/)
    expect(() => rig.feed.subscribeToUpdates(SYMBOL, { kind: 'trade', overflow: 'drop' as never })).toThrow(
      /overflow is "drop"; use reread, error, drop-oldest, drop-newest/,
    )
    await expect(subscribe('no symbol', { kinds: ['trade'] })).rejects.toThrow(InvalidSymbolError)
    await expect(rig.service.updateSubscription(SYMBOL, { kinds: ['trade'] })).rejects.toThrow(/call subscribeSymbol/)
    expect(rig.service.subscriptions).toEqual([])
    expect(() => new MarketDataService({ market: 'moon' })).toThrow(InvalidRangeError)
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import { BinanceStream, type BinanceStreamOptions } from '../../../../src/exchanges/binance/stream/binance-stream.ts'
import { BufferOverflowError, ParseError, WebSocketConnectionError } from '../../../../src/model/errors.ts'
import type { RecordOf } from '../../../../src/model/live/index.ts'
import { StreamServer } from './stream-server.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(options: BinanceStreamOptions = {}): Promise<{ server: StreamServer; stream: BinanceStream }> {
  const server = await StreamServer.start()
  closers.push(() => server.close())
  const stream = new BinanceStream({ endpoint: server.endpoint, reconnectDelayMs: 10, ...options })
  closers.push(() => stream.close())
  return { server, stream }
}

/** Collects values until there are so many. */
function collect<T>(listen: (handler: (value: T) => void) => () => void, count: number): Promise<T[]> {
  return new Promise((resolve) => {
    const values: T[] = []
    const off = listen((value) => {
      values.push(value)
      if (values.length < count) return
      off()
      resolve(values)
    })
  })
}

const ids = (records: readonly RecordOf<'trade'>[]): number[] => records.map((record) => Number(record.id))

const FRAMES: Record<string, string> = {
  'btcusdt@aggTrade':
    '{"e":"aggTrade","E":1784410630175,"s":"BTCUSDT","a":7,"p":"2.5","q":"0.5","f":10,"l":11,"T":1784410630175,"m":true,"M":true}',
  'btcusdt@kline_1m':
    '{"e":"kline","E":1784410630175,"s":"BTCUSDT","k":{"t":1784410620000,"T":1784410679999,"s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"1","c":"2","h":"3","l":"0.5","v":"10","n":2,"x":false,"q":"20","V":"5","Q":"10","B":"0"}}',
  'btcusdt@depth@100ms':
    '{"e":"depthUpdate","E":1784410630175,"s":"BTCUSDT","U":5,"u":6,"b":[["1.5","2"]],"a":[["1.6","0"]]}',
  'btcusdt@depth5@100ms': '{"lastUpdateId":9,"bids":[["1.5","2"]],"asks":[["1.6","3"]]}',
  'btcusdt@bookTicker': '{"u":400,"s":"BTCUSDT","b":"1.5","B":"2","a":"1.6","A":"3"}',
  'btcusdt@miniTicker':
    '{"e":"24hrMiniTicker","E":1784410630175,"s":"BTCUSDT","c":"2","o":"1","h":"3","l":"0.5","v":"10","q":"20"}',
  'btcusdt@markPrice@1s':
    '{"e":"markPriceUpdate","E":1784410630000,"s":"BTCUSDT","p":"2","i":"2.1","P":"2.2","r":"0.0001","T":1784419200000}',
  'btcusdt@forceOrder':
    '{"e":"forceOrder","E":1784410630175,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"1","p":"2","ap":"2.1","X":"FILLED","l":"1","z":"1","T":1784410630174}}',
}

describe('a Binance stream', () => {
  it('calls the handler of each kind', async () => {
    const { server, stream } = await start()
    const spot = Object.keys(FRAMES).filter((name) => !/markPrice|forceOrder/.test(name))
    const futures = ['btcusdt@markPrice@1s', 'btcusdt@forceOrder']
    const waiting = [
      collect(stream.onAggTrade.bind(stream), 1),
      collect(stream.onCandle.bind(stream), 1),
      collect(stream.onBookDelta.bind(stream), 1),
      collect(stream.onBookSnapshot.bind(stream), 1),
      collect(stream.onQuote.bind(stream), 1),
      collect(stream.onTicker.bind(stream), 1),
      collect(stream.onMarkPrice.bind(stream), 1),
      collect(stream.onLiquidation.bind(stream), 1),
    ] as Promise<object[]>[]
    server.manners.isQuiet = true
    await stream.subscribe(spot)
    await stream.subscribe(futures, { market: 'usdm' })
    for (const [name, data] of Object.entries(FRAMES)) server.publish(name, data)
    const records = (await Promise.all(waiting)).map(([record]) => record)
    expect(records).toMatchObject([
      { kind: 'aggTrade', market: 'spot', symbol: 'BTCUSDT', id: 7, firstTradeId: 10, lastTradeId: 11, price: 2.5 },
      { kind: 'candle', interval: '1m', openTime: 1784410620000, close: 2, closed: false },
      { kind: 'bookDelta', firstUpdateId: 5, lastUpdateId: 6, bids: [1.5, 2], asks: [1.6, 0] },
      { kind: 'bookSnapshot', symbol: 'BTCUSDT', lastUpdateId: 9, bids: [1.5, 2] },
      { kind: 'quote', updateId: 400, askQuantity: 3 },
      { kind: 'ticker', last: 2 },
      { kind: 'markPrice', market: 'usdm', fundingRate: 0.0001 },
      { kind: 'liquidation', market: 'usdm', side: 2, averagePrice: 2.1 },
    ])
  })

  it('reads records in a loop and frees everything when the loop is left', async () => {
    const { server, stream } = await start()
    const seen: RecordOf<'trade'>[] = []
    for await (const record of stream.records({ kinds: ['trade'], channels: ['btcusdt@trade'] })) {
      seen.push(record)
      if (seen.length === 20) break
    }
    const got = ids(seen)
    expect(got).toEqual(Array.from({ length: 20 }, (_, i) => got[0]! + i))
    expect(stream.channels()).toEqual([])
    await server.when(() => server.open.length === 0)
    expect(stream.connections()).toEqual([])
  })

  it('keeps channels that somebody else wants when a loop is left', async () => {
    const { server, stream } = await start()
    await stream.subscribe('btcusdt@trade')
    const first = stream.records({ channels: ['btcusdt@trade', 'ethusdt@trade'] })
    const second = stream.records({ channels: ['ethusdt@trade'] })
    await first.next()
    await second.next()
    await first.return()
    expect(stream.channels().map(({ channel }) => channel.symbol)).toEqual(['BTCUSDT', 'ETHUSDT'])
    await second.return()
    expect(stream.channels().map(({ channel }) => channel.symbol)).toEqual(['BTCUSDT'])
    await server.when(() => server.open[0]!.names.size === 1)
  })

  it('keeps channels that are subscribed while a loop has them already', async () => {
    const { stream } = await start()
    const loop = stream.records({ channels: ['btcusdt@trade', 'ethusdt@trade'] })
    await loop.next()
    const asked = stream.subscribe('btcusdt@trade')
    await loop.return()
    await asked
    expect(stream.channels().map(({ channel }) => channel.symbol)).toEqual(['BTCUSDT'])
    await collect(stream.onTrade.bind(stream), 3)
    const refused = stream.records({ channels: ['ethusdt@trade'] })
    await refused.next()
    await expect(stream.subscribe('ethusdt@trade', { signal: AbortSignal.abort() })).rejects.toThrow(/aborted/)
    await refused.return()
    await stream.unsubscribe('btcusdt@trade')
    expect(stream.channels()).toEqual([])
  })

  it('filters by kind and symbol', async () => {
    const { stream } = await start()
    await stream.subscribe(['btcusdt@trade', 'ethusdt@trade'])
    const loop = stream.records({ symbols: ['ethusdt'] })
    for (let i = 0; i < 5; i++) expect((await loop.next()).value).toMatchObject({ symbol: 'ETHUSDT' })
    await loop.return()
  })

  it('never holds more records than the bound, and does what was chosen there', async () => {
    const { server, stream } = await start()
    await stream.subscribe('btcusdt@trade')
    expect(() => stream.records({ overflow: 'drop' as never })).toThrow(/overflow is "drop"; use error, drop-oldest/)
    const oldest = stream.records({ bound: 5, overflow: 'drop-oldest' })
    const newest = stream.records({ bound: 5, overflow: 'drop-newest' })
    const strict = stream.records({ bound: 5 })
    // The first call starts a loop; what is not read afterwards piles up.
    const from = ids([
      (await oldest.next()).value!,
      (await newest.next()).value!,
      (await strict.next()).value!,
    ] as never)
    expect(from[0]).toBe(from[1])
    await collect(stream.onTrade.bind(stream), 50)
    expect([oldest.size, newest.size, strict.size]).toEqual([5, 5, 5])
    expect(oldest.dropped).toBeGreaterThan(40)
    server.manners.isQuiet = true
    expect(Number(((await newest.next()).value as RecordOf<'trade'>).id)).toBe(from[1]! + 1)
    expect(Number(((await oldest.next()).value as RecordOf<'trade'>).id)).toBe(from[0]! + 1 + oldest.dropped)
    for (let i = 0; i < 5; i++) await strict.next()
    await expect(strict.next()).rejects.toThrow(BufferOverflowError)
    expect(await strict.next()).toEqual({ done: true, value: undefined })
    await oldest.return()
    await newest.return()
  })

  it('ends loops when it is closed, and by their signal', async () => {
    const { stream } = await start()
    await stream.subscribe('btcusdt@trade')
    const controller = new AbortController()
    const aborted = stream.records({ signal: controller.signal, kinds: ['quote'] })
    const waiting = aborted.next()
    controller.abort(new RangeError('enough'))
    await expect(waiting).rejects.toThrow('enough')
    let count = 0
    for await (const _ of stream.records({})) if (++count === 3) void stream.close()
    expect(count).toBeGreaterThanOrEqual(3)
  })

  it('ends loops when the last connection is lost and none is to be made again', async () => {
    const { server, stream } = await start({ autoReconnect: false })
    const loop = stream.records({ channels: ['btcusdt@trade'] })
    await loop.next()
    server.manners.isQuiet = true
    const rest = (async () => {
      for await (const _ of loop);
    })()
    server.cutAll()
    await expect(rest).rejects.toThrow(/was lost/)
    await expect(stream.subscribe('ethusdt@trade')).resolves.toBeUndefined()
  })

  it('delivers each record once while a connection is replaced', async () => {
    const { stream } = await start({ rotateOverlapMs: 60 })
    const seen: number[] = []
    stream.onTrade((record) => seen.push(Number(record.id)))
    await stream.subscribe('btcusdt@trade')
    await collect(stream.onTrade.bind(stream), 5)
    for (let turn = 0; turn < 3; turn++) {
      await stream.reconnect()
      await collect(stream.onTrade.bind(stream), 5)
    }
    expect(new Set(seen).size).toBe(seen.length)
    expect(Math.max(...seen) - Math.min(...seen) + 1).toBe(seen.length)
  })

  it('changes the depth of a book at run time', async () => {
    const { server, stream } = await start()
    await stream.subscribe({ market: 'spot', kind: 'bookSnapshot', symbol: 'BTCUSDT', depth: 5 })
    await stream.replace('btcusdt@depth5@100ms', 'btcusdt@depth20@100ms')
    expect(server.peers).toHaveLength(1)
    expect(server.peers[0]!.requests.map(({ method, params }) => [method, ...params])).toEqual([
      ['SUBSCRIBE', 'btcusdt@depth5@100ms'],
      ['SUBSCRIBE', 'btcusdt@depth20@100ms'],
      ['UNSUBSCRIBE', 'btcusdt@depth5@100ms'],
    ])
    expect(stream.channels().map(({ channel }) => channel.depth)).toEqual([20])
  })

  it('tells errors, and a handler that throws hurts nobody', async () => {
    const { server, stream } = await start()
    const errors: Error[] = []
    stream.onError((error) => errors.push(error))
    stream.onError(() => {
      throw new TypeError('no help')
    })
    stream.onTrade(() => {
      throw new TypeError('my mistake')
    })
    stream.onTrade(async () => {
      throw new TypeError('my later mistake')
    })
    stream.onError(async () => {
      throw new TypeError('no help later')
    })
    await stream.subscribe('btcusdt@trade')
    await collect(stream.onTrade.bind(stream), 3)
    server.peers[0]!.socket.send('{"stream":"btcusdt@trade","data":{')
    await collect(stream.onEvent.bind(stream), 1)
    server.cutAll()
    await collect(stream.onTrade.bind(stream), 3)
    expect(errors.some((error) => error.message === 'my mistake')).toBe(true)
    expect(errors.some((error) => error.message === 'my later mistake')).toBe(true)
    expect(errors.some((error) => error instanceof ParseError)).toBe(true)
    expect(errors.some((error) => error instanceof WebSocketConnectionError && /was lost/.test(error.message))).toBe(
      true,
    )
  })

  it('says what is wrong with an order before it connects', async () => {
    const { server, stream } = await start()
    await expect(stream.subscribe('btcusdt@nothing')).rejects.toThrow(/no stream of binance spot/)
    await expect(stream.subscribe({ market: 'spot', kind: 'markPrice', symbol: 'BTCUSDT' })).rejects.toThrow(
      /binance spot has candle, trade/,
    )
    expect(() => stream.on('funding' as never, () => {})).toThrow(/Use candle, trade/)
    expect(() => stream.on('trade', undefined as never)).toThrow(/handler of trade records is no function/)
    expect(() => stream.records({ bound: 0 })).toThrow(/bound/)
    expect(() => stream.records({ kinds: ['trades' as never] })).toThrow(/kind "trades". Use candle, trade/)
    expect(() => stream.records({ kinds: 'trade' as never })).toThrow(/kinds is "trade"; give a list/)
    expect(() => stream.records({ symbols: ['BTC/USDT'] })).toThrow(/"BTC\/USDT" can not be a symbol/)
    await expect(stream.subscribe(null as never)).rejects.toThrow(/null is no channel/)
    await expect(stream.subscribe({ market: 'spot', kind: 'trade' } as never)).rejects.toThrow(/can not be a symbol/)
    await expect(stream.subscribe('btcusdt@trade', { market: 'moon' as never })).rejects.toThrow(/Unknown market/)
    await expect(stream.subscribe({ market: 'moon', kind: 'trade', symbol: 'X' } as never)).rejects.toThrow(
      /moon has no live channels/,
    )
    expect(() => new BinanceStream({ endpoint: 'localhost' })).toThrow(/endpoint/)
    expect(() => new BinanceStream({ pingTimeoutMs: -1 })).toThrow(/pingTimeoutMs/)
    expect(server.upgrades).toBe(0)
  })
})

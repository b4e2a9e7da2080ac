import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BoundedQueue } from '../../src/bus/bounded-queue.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import { parseTopic } from '../../src/bus/topics.ts'
import { BufferOverflowError, InvalidRangeError } from '../../src/model/errors.ts'
import type { TradeRecord } from '../../src/model/live/index.ts'

const trade = (symbol: string, id: number): TradeRecord => ({
  kind: 'trade',
  market: 'spot',
  symbol,
  id,
  time: id,
  price: 1,
  quantity: 1,
  buyerIsMaker: false,
  eventTime: id,
  receiveTime: id,
  flags: 2,
})

describe('topics', () => {
  it('take a symbol as the exchange writes it, in any case', () => {
    expect(parseTopic('market_data.trade.btcusdt')).toEqual({ kind: 'trade', symbol: 'BTCUSDT' })
    for (const symbol of ['BTCUSDT', 'BTCUSD_PERP', 'BTCUSDT_261225', 'BTC-261225-86000-C', '币安人生USDT']) {
      expect(parseTopic(`market_data.*.${symbol}`)).toEqual({ kind: undefined, symbol })
    }
  })

  it.each([
    ['BTC/USDT', 'BTCUSDT'],
    ['BTC-USDT', 'BTCUSDT'],
    ['BTC/USDT:USDT', 'BTCUSDT'],
    ['BTC/USD:BTC', 'BTCUSD_PERP'],
    ['um:BTCUSDT', 'BTCUSDT'],
  ])('refuse the spelling %s, which would select nothing for ever', (spelling, id) => {
    expect(() => new EventBus().on(`market_data.trade.${spelling}`, () => {})).toThrow(
      `takes it as the exchange writes it. Did you mean ${id}?`,
    )
  })

  it('select by kind, by symbol, by both, or everything', () => {
    expect(parseTopic('market_data.*')).toEqual({ kind: undefined, symbol: undefined })
    expect(parseTopic('market_data.trade')).toEqual({ kind: 'trade', symbol: undefined })
    expect(parseTopic('market_data.trade.BTCUSDT')).toEqual({ kind: 'trade', symbol: 'BTCUSDT' })
    expect(parseTopic('market_data.*.BTCUSDT')).toEqual({ kind: undefined, symbol: 'BTCUSDT' })
  })

  it.each(['trade', 'market_data.trades', 'market_data', 'market_data.trade.'])(
    'refuse %s, naming the kinds',
    (topic) => {
      expect(() => parseTopic(topic)).toThrow(InvalidRangeError)
      expect(() => parseTopic(topic)).toThrow(/kinds are candle, trade/)
    },
  )
})

describe('EventBus', () => {
  it('ends only the subscription that is ended, also when that is said twice', () => {
    const bus = new EventBus()
    const seen: number[] = []
    const off = bus.on('market_data.trade.BTCUSDT', () => {})
    off()
    bus.on('market_data.trade.BTCUSDT', ({ id }) => void seen.push(Number(id)))
    off()
    bus.publish(trade('BTCUSDT', 1))
    expect(seen).toEqual([1])
  })

  it('hands a record to everyone who wants it, and to nobody else', () => {
    const bus = new EventBus()
    const got: string[] = []
    const leave = [
      bus.on('market_data.*', (r) => got.push(`all ${r.symbol}`)),
      bus.on('market_data.trade', (r) => got.push(`kind ${r.id}`)),
      bus.on('market_data.trade.A', (r) => got.push(`one ${r.id}`)),
      bus.on('market_data.*.A', (r) => got.push(`symbol ${r.kind}`)),
      bus.on('market_data.quote', () => got.push('wrong')),
    ]
    bus.publish(trade('A', 1))
    bus.publish(trade('B', 2))
    expect(got.sort()).toEqual(['all A', 'all B', 'kind 1', 'kind 2', 'one 1', 'symbol trade'])
    for (const end of leave) end()
    bus.publish(trade('A', 3))
    expect(got).toHaveLength(6)
    expect(bus.published).toBe(3)
  })

  it('goes on when a handler throws', () => {
    const bus = new EventBus()
    let got = 0
    bus.on('market_data.trade', () => {
      throw new Error('mine')
    })
    bus.on('market_data.trade', () => void got++)
    bus.publish(trade('A', 1))
    expect(got).toBe(1)
    expect(bus.handlerErrors).toBe(1)
  })

  it('goes on when an async handler rejects, and the process does, too', async () => {
    const bus = new EventBus()
    let got = 0
    bus.on('market_data.trade', async () => {
      throw new Error('mine')
    })
    bus.on('market_data.trade', async () => void got++)
    bus.publish(trade('A', 1))
    bus.publish(trade('A', 2))
    // vitest fails a run in which a rejection reaches the process.
    await new Promise((done) => setImmediate(done))
    expect([got, bus.handlerErrors]).toEqual([2, 2])
  })

  it('frees a reader that leaves its loop', async () => {
    const bus = new EventBus()
    const seen: number[] = []
    const loop = (async () => {
      for await (const record of bus.subscribe('market_data.trade')) {
        seen.push(Number(record.id))
        if (seen.length === 2) break
      }
    })()
    for (let id = 1; id <= 5; id++) bus.publish(trade('A', id))
    await loop
    expect(seen).toEqual([1, 2])
    expect(bus.readers).toBe(0)
  })

  it('ends a reader by its signal', async () => {
    const bus = new EventBus()
    const stop = new AbortController()
    const reader = bus.subscribe('market_data.trade', { signal: stop.signal })
    bus.publish(trade('A', 1))
    stop.abort()
    expect((await reader.next()).value?.id).toBe(1)
    expect((await reader.next()).done).toBe(true)
    expect(bus.readers).toBe(0)
  })

  it('gives a reader that comes after its end one that is over, and refuses nonsense', async () => {
    const bus = new EventBus()
    const topic = 'market_data.*'
    expect(() => bus.subscribe(topic, { overflow: 'drop' as never })).toThrow(
      'overflow is "drop"; use error, drop-oldest, drop-newest.',
    )
    expect(() => bus.subscribe(topic, { bound: 0 })).toThrow('bound: 0 is not a whole number above 0.')
    bus.close()
    expect(await bus.subscribe(topic).next()).toEqual({ done: true, value: undefined })
    expect(bus.readers).toBe(0)
  })

  it('never holds more than the bound for a reader that never reads, and says what it lost', async () => {
    const bus = new EventBus()
    const newest = bus.subscribe('market_data.trade', { bound: 100, overflow: 'drop-oldest' })
    const oldest = bus.subscribe('market_data.trade', { bound: 100, overflow: 'drop-newest' })
    const strict = bus.subscribe('market_data.trade', { bound: 100 })
    for (let id = 0; id < 1000; id++) bus.publish(trade('A', id))
    expect([newest.size, oldest.size, strict.size]).toEqual([100, 100, 100])
    expect([newest.dropped, oldest.dropped]).toEqual([900, 900])
    expect((await newest.next()).value?.id).toBe(900)
    expect((await oldest.next()).value?.id).toBe(0)
    for (let id = 0; id < 100; id++) expect((await strict.next()).value?.id).toBe(id)
    await expect(strict.next()).rejects.toThrow(BufferOverflowError)
    expect((await strict.next()).done).toBe(true)
  })
})

describe('BoundedQueue', () => {
  it('answers every call that waits, in its order, and all of them at the end', async () => {
    const queue = new BoundedQueue<number>({ name: 'a queue', bound: 10, overflow: 'error' })
    const calls = [queue.next(), queue.next(), queue.next(), queue.next()]
    queue.push(1)
    queue.push(2)
    queue.end()
    const done = { done: true, value: undefined }
    expect(await Promise.all(calls)).toEqual([{ done: false, value: 1 }, { done: false, value: 2 }, done, done])
  })

  it('keeps order and bound under any mix of writes and reads', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.boolean(), { maxLength: 300 }),
        async (bound, steps) => {
          const queue = new BoundedQueue<number>({ name: 'test', bound, overflow: 'drop-oldest' })
          const model: number[] = []
          let next = 0
          for (const write of steps) {
            if (write) {
              queue.push(next)
              model.push(next++)
              if (model.length > bound) model.shift()
            } else if (model.length > 0) expect((await queue.next()).value).toBe(model.shift())
            expect(queue.size).toBe(model.length)
          }
        },
      ),
      { numRuns: 100 },
    )
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { frameBatch } from '../../../src/sandbox/live/frames.ts'
import { parseStream, routeOf } from '../../../src/sandbox/live/names.ts'
import { parseLivePath } from '../../../src/sandbox/live/paths.ts'
import { answerRequest, type RequestTarget } from '../../../src/sandbox/live/requests.ts'
import { connect, liveSandbox } from './client.ts'

const target = (): RequestTarget => ({
  market: 'spot',
  combined: false,
  subscribe: () => undefined,
  unsubscribe: () => {},
  streams: () => ['btcusdt@trade'],
})

const METHODS = ['SUBSCRIBE', 'UNSUBSCRIBE', 'LIST_SUBSCRIPTIONS', 'SET_PROPERTY', 'GET_PROPERTY']

describe('requests', () => {
  it('are answered with JSON that repeats the id, whatever they hold', () => {
    const id = fc.oneof(fc.maxSafeInteger(), fc.constant(null), fc.stringMatching(/^[A-Za-z0-9]{1,36}$/))
    const message = fc.record({
      method: fc.oneof(fc.constantFrom(...METHODS), fc.string()),
      params: fc.jsonValue(),
      id,
    })
    fc.assert(
      fc.property(message, (request) => {
        const answer = JSON.parse(answerRequest(JSON.stringify(request), target())) as Record<string, unknown>
        expect(answer.id).toEqual(request.id)
        expect('result' in answer || typeof answer.code === 'number').toBe(true)
      }),
    )
  })

  it('of any other kind are errors', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const answer = JSON.parse(answerRequest(text, target())) as Record<string, unknown>
        expect([2, 3]).toContain(answer.code)
      }),
    )
  })
})

describe('paths', () => {
  it('are read or refused, and never fail', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'ws',
        'stream',
        'public',
        'market',
        'private',
        'usdm',
        'dstream',
        'spot',
        'btcusdt@trade',
        '%E5',
        '%zz',
        '',
      ),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(word), fc.array(word), (path, query) => {
        const parsed = parseLivePath(`/${path.join('/')}?streams=${query.join('/')}`, ['spot', 'usdm', 'coinm'])
        if (parsed) expect(parsed.streams.every((name) => name !== '')).toBe(true)
      }),
    )
  })
})

it.each([
  ['/ws/btcusdt@trade', { market: 'spot', route: undefined, combined: false }],
  ['/market/stream?streams=btcusdt@aggTrade', { market: 'usdm', route: 'market', combined: true }],
  ['/dstream/ws/btcusd_perp@trade', { market: 'coinm', route: undefined }],
  ['/dstream/public/stream?streams=btcusd_perp@depth', { market: 'coinm', route: 'public' }],
  ['/coinm/stream', { market: 'coinm', route: undefined, streams: [] }],
] as const)('%s is a path of its market', (path, parsed) => {
  expect(parseLivePath(path, ['spot', 'usdm', 'coinm'])).toMatchObject(parsed)
})

it('a path that names no market is of the only one', () => {
  expect(parseLivePath('/ws', ['coinm'])?.market).toBe('coinm')
  expect(parseLivePath('/dstream/ws', ['spot', 'usdm'])).toBeUndefined()
})

describe('stream names', () => {
  it.each([
    ['btcusdt@kline_1M', 'spot', { type: 'kline', interval: '1M', symbol: 'BTCUSDT' }],
    ['btcusdt@kline_1m@+08:00', 'spot', { type: 'kline', shift: 28_800_000 }],
    ['币安人生usdt@depth@100ms', 'usdm', { type: 'depth', speed: 100, symbol: '币安人生USDT' }],
    ['btcusdt_260925@trade', 'usdm', { symbol: 'BTCUSDT_260925' }],
    ['btcusdt@depth', 'usdm', { speed: 250 }],
    ['btcusdt@depth', 'spot', { speed: 1000 }],
    ['btcusdt@depth20@500ms', 'usdm', { type: 'partialDepth', levels: 20, speed: 500 }],
    ['btcusd_perp@markPrice@1s', 'coinm', { type: 'markPrice', speed: 1000, symbol: 'BTCUSD_PERP' }],
    ['btcusd_261225@depth5@100ms', 'coinm', { type: 'partialDepth', levels: 5, symbol: 'BTCUSD_261225' }],
    ['!markPrice@arr', 'usdm', { type: 'markPrice', speed: 3000, symbol: undefined }],
  ] as const)('%s on %s', (name, market, spec) => {
    expect(parseStream(market, name)).toMatchObject(spec)
  })

  it.each([
    ['btcusdt@kline_1s', 'usdm'],
    ['btcusdt@kline_7m', 'spot'],
    ['btcusdt@kline_1m@+09:00', 'spot'],
    ['btcusdt@kline_1m@+08:00', 'usdm'],
    ['btcusdt@depth7', 'spot'],
    ['btcusdt@depth@500ms', 'spot'],
    ['btcusdt@ticker_2h', 'spot'],
    ['btcusdt@avgPrice', 'usdm'],
    ['btcusdt@markPrice@2s', 'usdm'],
    ['@trade', 'spot'],
    ['constructor', 'spot'],
    ['btcusdt@constructor', 'spot'],
    ['btcusdt@ticker_constructor', 'spot'],
  ] as const)('not %s on %s', (name, market) => {
    expect(parseStream(market, name)).toBeUndefined()
  })

  it('have a route on USD-M', () => {
    const route = (name: string): string => routeOf(parseStream('usdm', name)!)
    expect(['trade', 'bookTicker', 'depth', 'depth5'].map((word) => route(`a@${word}`))).toEqual(
      Array(4).fill('public'),
    )
    expect(['aggTrade', 'kline_1m', 'ticker', 'forceOrder'].map((word) => route(`a@${word}`))).toEqual(
      Array(4).fill('market'),
    )
  })
})

describe('frames', () => {
  it('hold their payloads, one behind the other', () => {
    const payload = fc.oneof(
      fc.string(),
      fc.integer({ min: 100, max: 70_000 }).map((length) => 'x'.repeat(length)),
    )
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 6 }), fc.boolean(), (payloads, combined) => {
        const parts = payloads.map((text) => Buffer.from(text))
        let end = 0
        const ends = parts.map((part) => (end += part.length))
        const framed = frameBatch({ bytes: Buffer.concat(parts), ends, times: [] }, combined ? 'a@trade' : undefined)
        const read: string[] = []
        for (let at = 0; at < framed.bytes.length; ) {
          const short = framed.bytes[at + 1]!
          const header = short < 126 ? 2 : short === 126 ? 4 : 10
          const length =
            short < 126
              ? short
              : short === 126
                ? framed.bytes.readUInt16BE(at + 2)
                : Number(framed.bytes.readBigUInt64BE(at + 2))
          read.push(framed.bytes.toString('utf8', at + header, at + header + length))
          at += header + length
          expect(framed.ends[read.length - 1]).toBe(at)
        }
        expect(read).toEqual(
          parts.map((part) => (combined ? `{"stream":"a@trade","data":${part.toString()}}` : part.toString())),
        )
      }),
    )
  })
})

describe('an outage that begins at run time', () => {
  it('ends the trades that were already made ahead', async () => {
    const sandbox = await liveSandbox({ tradesPerSecond: 200 })
    const client = await connect(sandbox, '/ws/btcusdt@trade')
    await client.many(20, '"trade"')
    const from = sandbox.now() + 20
    sandbox.addFaults([{ type: 'outage', from, to: from + 3_600_000 }])
    while (sandbox.now() < from + 500) await new Promise((done) => setTimeout(done, 20))
    const times = client.texts.map((text) => (JSON.parse(text) as { T: number }).T)
    expect(Math.max(...times)).toBeLessThan(from)
    const ids = client.texts.map((text) => (JSON.parse(text) as { t: number }).t)
    expect(ids).toEqual(ids.map((_, i) => ids[0]! + i))
  })
})

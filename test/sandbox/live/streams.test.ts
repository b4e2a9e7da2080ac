import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { findRealData, realDataTitle } from '../../helpers/real-data.ts'
import { connect, liveSandbox } from './client.ts'

/** Half a minute before an hour ends would be a long wait: the clock stands three seconds before one. */
const BEFORE_THE_HOUR = '2026-05-10T10:59:57Z'

type Json = Record<string, unknown>

/** Subscribes on a combined connection and gives frames by stream, once each has `count` (of those named). */
async function frames(
  route: string,
  streams: readonly string[],
  count = 1,
  options: Parameters<typeof liveSandbox>[0] = {},
): Promise<Map<string, Json[]>> {
  const sandbox = await liveSandbox({ now: BEFORE_THE_HOUR, tradesPerSecond: 100, speed: 3, ...options })
  const client = await connect(sandbox, `${route}/stream?streams=${streams.join('/')}`)
  for (const name of streams) await client.many(count, `{"stream":"${name}",`)
  const found = new Map<string, Json[]>()
  for (const text of client.texts) {
    const { stream, data } = JSON.parse(text) as { stream: string; data: Json }
    found.set(stream, [...(found.get(stream) ?? []), data])
  }
  return found
}

/** Names of the fields in their order, and those of `k` and `o` behind them. */
function fieldsOf(data: unknown): string {
  const value = (Array.isArray(data) ? data[0] : data) as Json
  const inner = (value.k ?? (typeof value.o === 'object' ? value.o : undefined)) as Json | undefined
  return Object.keys(value).join(' ') + (inner ? ` / ${Object.keys(inner).join(' ')}` : '')
}

const KLINE = 't T s i f L o c h l v n x q V Q B'
const SPOT: Readonly<Record<string, string>> = {
  'btcusdt@trade': 'e E s t p q T m M',
  'btcusdt@aggTrade': 'e E s a p q f l T m M',
  'btcusdt@kline_1s': `e E s k / ${KLINE}`,
  'btcusdt@kline_1m': `e E s k / ${KLINE}`,
  'btcusdt@kline_1h@+08:00': `e E s k / ${KLINE}`,
  'btcusdt@depth': 'e E s U u b a',
  'btcusdt@depth@100ms': 'e E s U u b a',
  'btcusdt@depth20': 'lastUpdateId bids asks',
  'btcusdt@depth5@100ms': 'lastUpdateId bids asks',
  'btcusdt@bookTicker': 'u s b B a A',
  'btcusdt@ticker': 'e E s p P w x c Q b B a A o h l v q O C F L n',
  'btcusdt@miniTicker': 'e E s c o h l v q',
  'btcusdt@ticker_4h': 'e E s p P w c o h l v q O C F L n',
  'btcusdt@avgPrice': 'e E s i w T',
  '!miniTicker@arr': 'e E s c o h l v q',
  '!ticker_1h@arr': 'e E s p P w c o h l v q O C F L n',
}
const PUBLIC: Readonly<Record<string, string>> = {
  'btcusdt@trade': 'e E T s t p q X m',
  'btcusdt@depth': 'e E T s ps U u pu b a st',
  'btcusdt@depth@500ms': 'e E T s ps U u pu b a st',
  'btcusdt@depth10@100ms': 'e E T s ps U u pu b a st',
  'btcusdt@bookTicker': 'e u E T s ps b B a A st',
  '!bookTicker': 'e u E T s ps b B a A st',
}
const MARKET: Readonly<Record<string, string>> = {
  'btcusdt@aggTrade': 'e E a s p q nq f l T m st',
  'btcusdt@kline_1m': `e E s k / ${KLINE}`,
  'btcusdt_perpetual@continuousKline_1m': 'e E ps ct k / t T i f L o c h l v n x q V Q B',
  'btcusdt@markPrice': 'e E s p ap i P r T st',
  'btcusdt@markPrice@1s': 'e E s p ap i P r T st',
  '!markPrice@arr@1s': 'e E s p ap i P r T st',
  'btcusdt@ticker': 'e E s p P w c Q o h l v q O C F L n ps st',
  'btcusdt@miniTicker': 'e E s c o h l v q ps st',
  '!miniTicker@arr': 'e E s c o h l v q ps st',
  '!ticker@arr': 'e E s p P w c Q o h l v q O C F L n ps st',
  '!forceOrder@arr': 'e E o ps st / s S o f q p ap X l z T',
}

describe('every stream has its fields in their order', () => {
  it.each([
    ['spot', '', SPOT],
    ['USD-M, public', '/public', PUBLIC],
    ['USD-M, market', '/market', MARKET],
  ] as const)('%s', async (_, route, shapes) => {
    const seen = await frames(route, Object.keys(shapes))
    const own = Object.fromEntries([...seen].map(([name, list]) => [name, fieldsOf(list[0])]))
    expect(own).toEqual(shapes)
  })
})

describe('what the streams tell', () => {
  it('agrees: trades, aggregate trades, candles and REST', async () => {
    const sandbox = await liveSandbox({ now: BEFORE_THE_HOUR, tradesPerSecond: 50 })
    const client = await connect(
      sandbox,
      '/stream?streams=btcusdt@trade/btcusdt@aggTrade/btcusdt@kline_1s/btcusdt@kline_1m/btcusdt@kline_1h',
    )
    await client.many(3, '"i":"1m"')
    const all = client.texts.map((text) => (JSON.parse(text) as { data: Json }).data)
    const of = (event: string): Json[] => all.filter(({ e }) => e === event)
    const trades = of('trade')
    expect(trades.length).toBeGreaterThan(50)
    trades.forEach((trade, i) => {
      expect(trade.t).toBe((trades[0]!.t as number) + i)
    })
    const aggs = of('aggTrade')
    aggs.forEach((agg, i) => {
      if (i > 0) expect([agg.a, agg.f]).toEqual([(aggs[i - 1]!.a as number) + 1, (aggs[i - 1]!.l as number) + 1])
    })
    const closed = of('kline')
      .map(({ k }) => k as Json)
      .filter(({ x }) => x === true)
    expect(closed.map(({ i }) => i)).toEqual(expect.arrayContaining(['1s', '1m', '1h']))
    for (const k of closed) {
      const query = `symbol=BTCUSDT&interval=${k.i}&startTime=${k.t}&limit=1`
      const [row] = (await (await fetch(`${sandbox.rest}/api/v3/klines?${query}`)).json()) as [unknown[]]
      expect([k.t, k.o, k.h, k.l, k.c, k.v, k.T, k.q, k.n, k.V, k.Q, k.B]).toEqual(row)
      expect((k.L as number) - (k.f as number) + 1).toBe(k.n)
    }
    // A whole second of trades, one by one, makes its candle.
    const second = closed.find(({ i, t }) => i === '1s' && (t as number) > (trades[0]!.T as number))!
    const inside = trades.filter(
      ({ T }) => (T as number) >= (second.t as number) && (T as number) <= (second.T as number),
    )
    expect([inside[0]!.t, inside.at(-1)!.t, inside.length]).toEqual([second.f, second.L, second.n])
    expect([inside[0]!.p, inside.at(-1)!.p]).toEqual([second.o, second.c])
  })

  it('pushes a candle when it changes, and a closed one once', async () => {
    const seen = await frames('/market', ['btcusdt@kline_1m', 'ethusdt@kline_1m'], 20)
    const candles = seen.get('btcusdt@kline_1m')!.map(({ k }) => k as Json)
    const closed = candles.filter(({ x }) => x)
    expect(closed.length).toBe(1)
    expect(new Set(candles.map((k) => JSON.stringify(k))).size).toBe(candles.length)
    const [next] = candles.slice(candles.indexOf(closed[0]!) + 1)
    expect(next!.t).toBe((closed[0]!.T as number) + 1)
  })

  it('tells a candle without trades with ids of -1', async () => {
    const sandbox = await liveSandbox({ now: BEFORE_THE_HOUR, tradesPerSecond: 0.001 })
    const client = await connect(sandbox, '/ws/btcusdt@kline_1s')
    const [first] = (await client.many(1, '"x":true')) as { k: Json }[]
    expect(first!.k).toMatchObject({ f: -1, L: -1, n: 0, v: '0.00000000', x: true })
  })

  it('has books that chain, by U on spot and by pu on USD-M', async () => {
    for (const [route, speed] of [
      ['', '@100ms'],
      ['', ''],
      ['/public', '@100ms'],
      ['/public', ''],
      ['/public', '@500ms'],
    ] as const) {
      const events = (await frames(route, [`ethusdt@depth${speed}`], 4)).get(`ethusdt@depth${speed}`)!
      events.forEach((event, i) => {
        if (i === 0) return
        const before = events[i - 1]!
        if (route === '') expect(event.U).toBe((before.u as number) + 1)
        else expect(event.pu).toBe(before.u)
      })
    }
  })

  it('has in a partial book what the differences make, and its best in bookTicker', async () => {
    const seen = await frames('', ['btcusdt@depth@100ms', 'btcusdt@depth5@100ms', 'btcusdt@bookTicker'], 15)
    const partial = new Map(seen.get('btcusdt@depth5@100ms')!.map((book) => [book.lastUpdateId, book]))
    let compared = 0
    for (const event of seen.get('btcusdt@depth@100ms')!) {
      const book = partial.get(event.u) as { bids: string[][]; asks: string[][] } | undefined
      if (!book) continue
      for (const [side, levels] of [
        ['b', book.bids],
        ['a', book.asks],
      ] as const) {
        const told = new Map(event[side] as [string, string][])
        for (const [price, quantity] of levels) {
          if (told.has(price!)) compared++
          expect(told.get(price!) ?? quantity).toBe(quantity)
        }
      }
    }
    for (const quote of seen.get('btcusdt@bookTicker')!) {
      const book = partial.get(quote.u) as { bids: string[][]; asks: string[][] } | undefined
      if (!book) continue
      compared++
      expect([quote.b, quote.B, quote.a, quote.A]).toEqual([...book.bids[0]!, ...book.asks[0]!])
    }
    expect(compared).toBeGreaterThan(10)
  })

  it('is in microseconds where asked for', async () => {
    const sandbox = await liveSandbox({ now: BEFORE_THE_HOUR, tradesPerSecond: 100, speed: 3 })
    const streams = ['btcusdt@trade', 'btcusdt@kline_1s', 'btcusdt@depth@100ms', 'btcusdt@ticker', 'btcusdt@avgPrice']
    const client = await connect(sandbox, `/stream?streams=${streams.join('/')}&timeUnit=microsecond`)
    for (const name of streams) {
      const [frame] = (await client.many(1, `"${name}"`)) as { data: Json }[]
      const { E, T, O, C, k } = frame!.data as Record<string, number> & { k?: Json }
      for (const time of [E, T, O, C, k?.t, k?.T]) if (time !== undefined) expect(String(time)).toMatch(/^1778\d{12}$/)
      if (k) expect(String(k.T)).toMatch(/999999$/)
    }
  })
})

describe('what stays silent', () => {
  it.each([
    ['', ['BTCUSDT@trade', 'nosuch@trade', 'btcusdt@depth@1000ms', '!ticker@arr', '!bookTicker', 'btcusdt@markPrice']],
    ['/public', ['btcusdt@aggTrade', 'btcusdt@markPrice@1s', '!miniTicker@arr', 'btcusdt@avgPrice']],
    ['/market', ['btcusdt@depth@100ms', 'btcusdt@bookTicker', 'btcusdt@trade', 'btcusdt@kline_1s']],
    ['/private', ['btcusdt@depth@100ms', 'btcusdt@aggTrade']],
    ['/usdm', ['btcusdt@aggTrade', 'btcusdt@kline_1m']],
  ])('with "%s" in front of the path: %j', async (route, names) => {
    const sandbox = await liveSandbox({ tradesPerSecond: 100, speed: 5 })
    const client = await connect(sandbox, `${route}/ws`)
    expect(await client.ask('SUBSCRIBE', names)).toMatchObject({ result: null })
    // Whatever these streams had to say would have come by the time another connection has some of everything.
    const other = await connect(sandbox, '/stream?streams=btcusdt@trade/btcusdt@kline_1s')
    await other.many(2, '"kline"')
    expect(client.texts.length).toBe(1)
    const [own] = sandbox.live().connections
    expect(own!.streams.map(({ frames }) => frames)).toEqual(names.map(() => 0))
  })

  it('not: depth, quotes and trades of USD-M without a route', async () => {
    const sandbox = await liveSandbox({ tradesPerSecond: 100 })
    const client = await connect(sandbox, '/fstream/ws/btcusdt@depth@100ms/btcusdt@aggTrade')
    await client.many(3, '"pu"')
    expect(client.texts.some((text) => text.includes('aggTrade'))).toBe(false)
  })
})

describe('the clock of a client', () => {
  it('sees event times that are off under clock-skew, and true trade times', async () => {
    const sandbox = await liveSandbox({ tradesPerSecond: 100, faults: [{ type: 'clock-skew', ms: -5000 }] })
    const client = await connect(sandbox, '/ws/btcusdt@trade')
    const [trade] = (await client.many(1, '"trade"')) as Record<'E' | 'T', number>[]
    expect(trade!.E).toBe(trade!.T - 5000)
  })
})

const folder = findRealData()

/** The first frame of each kind of stream in the recordings of 2026. */
function recordedFrames(): [market: string, stream: string, data: Json][] {
  const found: [string, string, Json][] = []
  for (const [market, sub] of [
    ['spot', 'ws/binance-spot'],
    ['usdm', 'ws/binance-usdm'],
  ] as const) {
    const path = join(folder!, sub)
    if (!existsSync(path)) continue
    for (const name of readdirSync(path).filter((file) => /^ps_2026.*jsonl/.test(file))) {
      const bytes = readFileSync(join(path, name))
      const [line = ''] = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().split('\n')
      const { stream, data } = JSON.parse(line) as { stream: string; data: Json }
      found.push([market, stream, data])
    }
  }
  return found
}

describe.skipIf(folder === undefined)(realDataTitle('recorded frames of 2026'), () => {
  it('have the fields of the sandbox, in the same order', async () => {
    const recorded = recordedFrames()
    expect(recorded.length).toBeGreaterThan(4)
    for (const [market, stream, data] of recorded) {
      const own = await frames(market === 'spot' ? '' : '/market', [stream])
      expect(`${stream} ${fieldsOf(own.get(stream)![0])}`).toBe(`${stream} ${fieldsOf(data)}`)
    }
  })
})

describe('a sandbox out of breath', () => {
  it('tells every mark price, late ones too', async () => {
    const sandbox = await liveSandbox({ now: BEFORE_THE_HOUR })
    const client = await connect(sandbox, '/market/stream?streams=btcusdt@markPrice@1s')
    await client.many(1, 'markPriceUpdate')
    const until = performance.now() + 3500
    while (performance.now() < until);
    await client.many(5, 'markPriceUpdate')
    const times = client.texts.map((text) => (JSON.parse(text) as { data: { E: number } }).data.E)
    expect(times).toEqual(times.map((_, index) => times[0]! + index * 1000))
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import { kindsOf, routeOf, streamName } from '../../../../src/exchanges/binance/channels.ts'
import { BinanceStream, type BinanceStreamOptions } from '../../../../src/exchanges/binance/stream/binance-stream.ts'
import type { Channel, StreamEvent } from '../../../../src/exchanges/stream.ts'
import type { LiveRecord } from '../../../../src/model/live/index.ts'
import { type FaultSpec, type Sandbox, type SandboxOptions, startSandbox } from '../../../../src/sandbox/index.ts'
import { parseStream, routeOf as sandboxRouteOf } from '../../../../src/sandbox/live/names.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Run {
  readonly sandbox: Sandbox
  readonly stream: BinanceStream
  readonly records: LiveRecord[]
  readonly events: StreamEvent[]
  of<T extends StreamEvent['type']>(type: T): Extract<StreamEvent, { type: T }>[]
  when(holds: () => boolean): Promise<void>
  ids(symbol: string): number[]
}

async function start(sandboxOptions: SandboxOptions = {}, options: BinanceStreamOptions = {}): Promise<Run> {
  const sandbox = await startSandbox({
    symbols: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'],
    tradesPerSecond: 40,
    ...sandboxOptions,
  })
  closers.push(() => sandbox.close())
  const records: LiveRecord[] = []
  const events: StreamEvent[] = []
  const waiting: { holds: () => boolean; resolve: () => void }[] = []
  const look = (): void => {
    for (const one of [...waiting]) {
      if (!one.holds()) continue
      waiting.splice(waiting.indexOf(one), 1)
      one.resolve()
    }
  }
  const stream = new BinanceStream({ endpoint: sandbox.endpoint, reconnectDelayMs: 20, ...options })
  closers.push(() => stream.close())
  for (const kind of kindsOf('usdm')) {
    stream.on(kind, (record) => {
      records.push(record)
      look()
    })
  }
  stream.onEvent((event) => {
    events.push(event)
    look()
  })
  return {
    sandbox,
    stream,
    records,
    events,
    of: (type) => events.filter((event): event is never => event.type === type),
    when: (holds) => (holds() ? Promise.resolve() : new Promise((resolve) => waiting.push({ holds, resolve }))),
    ids: (symbol) =>
      records.flatMap((record) => (record.kind === 'trade' && record.symbol === symbol ? [Number(record.id)] : [])),
  }
}

const trade = (symbol: string): Channel => ({ market: 'spot', kind: 'trade', symbol })
const TRADES = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'].map(trade)

/** Ids rise by one, without a hole or a double. */
function expectWhole(ids: readonly number[]): void {
  expect(ids.length).toBeGreaterThan(3)
  expect(ids).toEqual(Array.from(ids, (_, i) => ids[0]! + i))
}

describe('a Binance stream at the sandbox', () => {
  it('brings every kind of both markets', async () => {
    const run = await start()
    const channels = (['spot', 'usdm'] as const).flatMap((market) =>
      kindsOf(market)
        .filter((kind) => kind !== 'liquidation')
        .map((kind): Channel => {
          const extra = kind === 'candle' ? { interval: '1m' as const } : kind === 'bookSnapshot' ? { depth: 10 } : {}
          return { market, kind, symbol: 'BTCUSDT', ...extra }
        }),
    )
    await run.stream.subscribe(channels)
    await run.when(() => run.of('live').length === channels.length)
    await run.when(() => new Set(run.records.map(({ market, kind }) => `${market} ${kind}`)).size === channels.length)
    expect(run.of('bad-frame')).toEqual([])
    expect(run.of('unknown-event')).toEqual([])
    expect(
      run.stream
        .connections()
        .map(({ url }) => new URL(url).pathname)
        .sort(),
    ).toEqual(['/market/stream', '/public/stream', '/stream'])
    for (const record of run.records) expect(record.receiveTime).toBeGreaterThan(1.7e12)
  })

  it('agrees with the sandbox on the route of every stream', () => {
    for (const kind of kindsOf('usdm')) {
      const extra = kind === 'candle' ? { interval: '1m' as const } : kind === 'bookSnapshot' ? { depth: 5 } : {}
      const channel: Channel = { market: 'usdm', kind, symbol: 'BTCUSDT', ...extra }
      expect(routeOf(channel)).toBe(sandboxRouteOf(parseStream('usdm', streamName(channel))!))
    }
  })

  it('loses nothing when connections are replaced before the exchange ends them', async () => {
    const run = await start({ liveTimes: { lifeMs: 1500 } }, { rotateAfterMs: 700, rotateOverlapMs: 200 })
    await run.stream.subscribe(TRADES)
    await run.when(() => run.of('closed').length >= 3)
    const count = run.records.length
    await run.when(() => run.records.length > count + 20)
    for (const event of run.of('closed')) expect(event).toMatchObject({ planned: true, channels: [] })
    for (const { symbol } of TRADES) expectWhole(run.ids(symbol))
  })

  it('goes on when the exchange ends a connection after its day', async () => {
    const run = await start({ liveTimes: { lifeMs: 300 } })
    await run.stream.subscribe(TRADES)
    await run.when(() => run.of('closed').length >= 2 && run.of('live').length >= 9)
    expect(run.of('closed')[0]).toMatchObject({ planned: false, channels: TRADES })
  })

  it('holds 400 channels within the limit of five messages a second', async () => {
    const symbols = Array.from({ length: 100 }, (_, i) => `T${i}USDT`)
    const run = await start({ symbols, tradesPerSecond: 0.1 }, { pingIntervalMs: 100, channelsPerConnection: 120 })
    const channels = symbols.flatMap((symbol): Channel[] => [
      trade(symbol),
      { market: 'spot', kind: 'aggTrade', symbol },
      { market: 'spot', kind: 'quote', symbol },
      { market: 'spot', kind: 'ticker', symbol },
    ])
    await run.stream.subscribe(channels)
    for (const symbol of symbols.slice(0, 8)) await run.stream.unsubscribe([trade(symbol)])
    expect(run.of('closed')).toEqual([])
    const sizes = run.stream.connections().map((connection) => connection.channels)
    expect(sizes.reduce((sum, size) => sum + size)).toBe(392)
    expect(Math.max(...sizes)).toBe(100)
  })

  const faults: [name: string, fault: FaultSpec, check: (run: Run) => void, options?: BinanceStreamOptions][] = [
    [
      'cuts',
      { type: 'disconnect', inMs: 300, everyMs: 250, refuseMs: 50 },
      (run) => expect(run.of('reconnecting').length).toBeGreaterThan(0),
    ],
    [
      'a half-open connection',
      { type: 'half-open', inMs: 200, times: 1 },
      (run) => expect(run.of('closed')[0]!.reason).toMatch(/the connection is dead/),
      { pingIntervalMs: 50, pingTimeoutMs: 100 },
    ],
    [
      'refused upgrades',
      { type: 'refuse-upgrade', times: 4, status: 503 },
      (run) =>
        expect(
          run
            .of('reconnecting')
            .map((event) => event.reason)
            .join(),
        ).toMatch(/HTTP 503/),
    ],
    [
      'a serverShutdown',
      { type: 'server-shutdown', inMs: 200, noticeMs: 2000 },
      (run) => {
        expect(run.of('shutdown')).toHaveLength(1)
        for (const { symbol } of TRADES) expectWhole(run.ids(symbol))
      },
      { rotateOverlapMs: 100 },
    ],
    [
      'a silent stream',
      { type: 'silent-stream', match: { stream: '^ethusdt@trade$' }, times: 1 },
      (run) => expect(run.of('silent').map((event) => event.channel.symbol)).toContain('ETHUSDT'),
      { silenceMs: 600 },
    ],
    [
      'garbage, unknown events and fields, and blanks',
      { type: 'garbage-frame', every: 3, body: 'cut' },
      (run) => {
        expect(run.of('bad-frame').length).toBeGreaterThan(3)
        expect(run.of('closed')).toEqual([])
        for (const { symbol } of TRADES) expectWhole(run.ids(symbol))
      },
    ],
    [
      'ids above 2^53',
      { type: 'large-ids' },
      (run) => {
        const ids = run.records.flatMap((record) =>
          record.kind === 'trade' && record.symbol === 'BTCUSDT' ? [record.id] : [],
        )
        expect(ids.every((id) => typeof id === 'bigint')).toBe(true)
        expect(ids.map((id) => BigInt(id) - BigInt(ids[0]!))).toEqual(ids.map((_, i) => BigInt(i)))
      },
    ],
  ]
  for (const [name, fault, check, options] of faults) {
    it(`survives ${name}`, async () => {
      const ends = name === 'cuts' ? 3 : /half-open|serverShutdown/.test(name) ? 1 : 0
      // What hits a connection once must find one: on a slow machine it may take its time to be there.
      const run = await start({ faults: ends === 0 ? [fault] : [] }, options)
      await run.stream.subscribe(TRADES)
      if (ends > 0) run.sandbox.addFaults([fault])
      await run.when(() => run.of('closed').length >= ends)
      if (name === 'cuts') run.sandbox.clearFaults()
      await run.when(() => run.stream.channels().every(({ state }) => state === 'live'))
      const counts = (): number[] => TRADES.map(({ symbol }) => run.ids(symbol).length)
      const before = counts()
      await run.when(() => counts().every((count, i) => count > before[i]! + 12))
      check(run)
      expect(run.stream.channels().map(({ state }) => state)).toEqual(['live', 'live', 'live'])
    })
  }
})

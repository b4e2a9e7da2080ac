import { afterEach, describe, expect, it, vi } from 'vitest'
import { StreamPool } from '../../../../src/exchanges/binance/stream/stream-pool.ts'
import type { Channel, StreamEvent, StreamOptions } from '../../../../src/exchanges/stream.ts'
import type { TradeRecord } from '../../../../src/model/live/index.ts'
import { StreamServer } from './stream-server.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Everything that a pool tells, to wait for. */
class Seen {
  readonly events: StreamEvent[] = []
  /** Trade ids per symbol in the order of their arrival. */
  readonly ids = new Map<string, number[]>()
  readonly #waiting: { holds: () => boolean; resolve: () => void }[] = []

  readonly listener = {
    frame: ({ records }: { records: readonly unknown[] }): void => {
      for (const record of records as TradeRecord[]) {
        const ids = this.ids.get(record.symbol) ?? []
        this.ids.set(record.symbol, ids)
        ids.push(Number(record.id))
      }
      this.look()
    },
    event: (event: StreamEvent): void => {
      this.events.push(event)
      this.look()
    },
  }

  of<T extends StreamEvent['type']>(type: T): Extract<StreamEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<StreamEvent, { type: T }> => event.type === type)
  }

  when(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }))
  }

  look(): void {
    for (const entry of [...this.#waiting]) {
      if (!entry.holds()) continue
      this.#waiting.splice(this.#waiting.indexOf(entry), 1)
      entry.resolve()
    }
  }
}

async function start(options: StreamOptions = {}): Promise<{ server: StreamServer; pool: StreamPool; seen: Seen }> {
  const server = await StreamServer.start()
  closers.push(() => server.close())
  const seen = new Seen()
  const pool = new StreamPool(
    { endpoint: server.endpoint, reconnectDelayMs: 20, maxReconnectDelayMs: 100, ...options },
    seen.listener,
  )
  closers.push(() => pool.close())
  return { server, pool, seen }
}

const trades = (symbol: string): Channel => ({ market: 'spot', kind: 'trade', symbol })
const symbols = (count: number): Channel[] => Array.from({ length: count }, (_, i) => trades(`S${i}USDT`))
/** Missing ids between the first and the last that arrived. */
const holes = (ids: readonly number[] = []): number => Math.max(...ids) - Math.min(...ids) + 1 - new Set(ids).size

describe('a pool of connections', () => {
  it('subscribes, hands on records, and says when data of a channel come', async () => {
    const { server, pool, seen } = await start()
    await pool.subscribe([trades('BTCUSDT'), trades('ETHUSDT')])
    await seen.when(() => (seen.ids.get('BTCUSDT')?.length ?? 0) > 3 && (seen.ids.get('ETHUSDT')?.length ?? 0) > 3)
    expect(server.peers).toHaveLength(1)
    expect(server.peers[0]!.path).toBe('/stream')
    expect(server.peers[0]!.requests).toEqual([
      { method: 'SUBSCRIBE', params: ['btcusdt@trade', 'ethusdt@trade'], id: 1 },
    ])
    expect(seen.of('open')).toHaveLength(1)
    expect(seen.of('live').map((event) => event.channel.symbol)).toEqual(['BTCUSDT', 'ETHUSDT'])
    expect(holes(seen.ids.get('BTCUSDT'))).toBe(0)
    expect(pool.channels().map((channel) => channel.state)).toEqual(['live', 'live'])
    expect(pool.connections()).toMatchObject([{ state: 'open', channels: 2, market: 'spot' }])
  })

  it('keeps an unsubscribed channel quiet and closes a connection that carries nothing', async () => {
    const { server, pool, seen } = await start()
    await pool.subscribe([trades('BTCUSDT'), trades('ETHUSDT')])
    await seen.when(() => seen.of('live').length === 2)
    await pool.unsubscribe([trades('BTCUSDT')])
    const before = seen.ids.get('BTCUSDT')!.length
    const target = seen.ids.get('ETHUSDT')!.length + 5
    await seen.when(() => seen.ids.get('ETHUSDT')!.length >= target)
    expect(seen.ids.get('BTCUSDT')).toHaveLength(before)
    await pool.unsubscribe([trades('ETHUSDT')])
    await seen.when(() => seen.of('closed').length === 1)
    expect(seen.of('closed')[0]).toMatchObject({ planned: true, channels: [] })
    expect(pool.connections()).toEqual([])
    await server.when(() => server.open.length === 0)
  })

  it('that is paused reads nothing, is not taken for dead or silent, and misses nothing', async () => {
    const quick = { pingIntervalMs: 100, pingTimeoutMs: 600, silenceMs: 800, connectTimeoutMs: 1000 }
    const { server, pool, seen } = await start(quick)
    await pool.subscribe([trades('BTCUSDT')])
    await seen.when(() => (seen.ids.get('BTCUSDT')?.length ?? 0) > 3)
    pool.pause()
    const before = seen.ids.get('BTCUSDT')!.length
    // Asked for now, answered when it is read: longer than any of the patience above.
    const later = pool.subscribe([trades('ETHUSDT')])
    const end = performance.now() + 2500
    await server.when(() => performance.now() > end)
    const target = server.lastId
    expect(target).toBeGreaterThan(seen.ids.get('BTCUSDT')!.at(-1)! + 20)
    expect(seen.ids.get('BTCUSDT')).toHaveLength(before)
    pool.resume()
    await later
    await seen.when(() => Math.max(...seen.ids.get('BTCUSDT')!) > target && seen.of('live').length === 2)
    expect(holes(seen.ids.get('BTCUSDT'))).toBe(0)
    expect(seen.events.map(({ type }) => type)).toEqual(['open', 'live', 'live'])
    expect(server.peers[0]!.requests).toHaveLength(2)
  })

  it('spreads 500 channels evenly within the message limit', async () => {
    const { server, pool, seen } = await start({ pingIntervalMs: 50 })
    server.manners.everyMs = 100
    await pool.subscribe(symbols(500))
    await seen.when(() => seen.of('live').length === 500)
    expect(server.peers.map((peer) => peer.names.size).sort()).toEqual([166, 167, 167])
    expect(server.busiestSecond).toBeLessThanOrEqual(5)
    expect(new Set(server.peers.flatMap((peer) => [...peer.names])).size).toBe(500)
  })

  it('sends never more than 5 messages a second, however often channels change', async () => {
    const { server, pool } = await start({ channelsPerConnection: 1000 })
    await pool.subscribe([trades('BTCUSDT')])
    const changes: Promise<void>[] = []
    for (const channel of symbols(12)) {
      changes.push(pool.subscribe([channel]))
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
    await Promise.all(changes)
    expect(server.peers[0]!.requests.length).toBeGreaterThan(5)
    expect(server.busiestSecond).toBeLessThanOrEqual(5)
    expect(server.peers[0]!.names.size).toBe(13)
  })

  it('uses the routes of USD-M', async () => {
    const { server, pool } = await start()
    await pool.subscribe([
      { market: 'usdm', kind: 'trade', symbol: 'BTCUSDT' },
      { market: 'usdm', kind: 'aggTrade', symbol: 'BTCUSDT' },
      { market: 'usdm', kind: 'bookDelta', symbol: 'BTCUSDT' },
      { market: 'usdm', kind: 'markPrice', symbol: 'BTCUSDT' },
    ])
    expect(Object.fromEntries(server.peers.map((peer) => [peer.path, [...peer.names]]))).toEqual({
      '/public/stream': ['btcusdt@trade', 'btcusdt@depth@100ms'],
      '/market/stream': ['btcusdt@aggTrade', 'btcusdt@markPrice@1s'],
    })
  })

  it('comes back after cuts, again and again, and says what was lost', async () => {
    const { server, pool, seen } = await start()
    await pool.subscribe(symbols(3))
    for (let cut = 1; cut <= 4; cut++) {
      await seen.when(() => seen.of('live').length === 3 * cut)
      server.cutAll()
      await seen.when(() => seen.of('reconnecting').length === cut)
    }
    await seen.when(() => seen.of('live').length === 15)
    const closed = seen.of('closed')
    expect(closed).toHaveLength(4)
    for (const event of closed) {
      expect(event).toMatchObject({ planned: false, code: 1006 })
      expect(event.channels.map((channel) => channel.symbol)).toEqual(['S0USDT', 'S1USDT', 'S2USDT'])
      expect(event.lastFrameAt).toBeGreaterThan(0)
    }
    expect(seen.of('reconnecting').map((event) => event.attempt)).toEqual([1, 1, 1, 1])
  })

  it('waits longer after each refused upgrade, at least as long as it is told, and then starts anew', async () => {
    const { server, pool, seen } = await start({ reconnectDelayMs: 8, maxReconnectDelayMs: 30 })
    server.manners.refuse = 503
    const subscribed = pool.subscribe([trades('BTCUSDT')])
    await seen.when(() => seen.of('reconnecting').length >= 4)
    expect(
      seen
        .of('reconnecting')
        .slice(0, 4)
        .map((event) => event.attempt),
    ).toEqual([1, 2, 3, 4])
    expect(seen.of('reconnecting')[0]!.reason).toMatch(/HTTP 503/)
    for (const [i, { delayMs }] of seen.of('reconnecting').entries())
      expect(delayMs).toBeLessThanOrEqual(Math.min(30, 8 * 2 ** i))
    expect(pool.channels()[0]!.state).toBe('down')
    server.manners.refuse = 429
    server.manners.retryAfter = 0.25
    await seen.when(() => seen.of('reconnecting').at(-1)!.delayMs >= 250)
    server.manners.refuse = undefined
    await subscribed
    await seen.when(() => seen.of('live').length === 1)
    server.cutAll()
    const count = seen.of('reconnecting').length
    await seen.when(() => seen.of('reconnecting').length > count)
    expect(seen.of('reconnecting').at(-1)!.attempt).toBe(1)
  })

  it('finds a half-open connection by its ping', async () => {
    const { server, pool, seen } = await start({ pingIntervalMs: 20, pingTimeoutMs: 60 })
    await pool.subscribe([trades('BTCUSDT')])
    await seen.when(() => seen.of('live').length === 1)
    server.peers[0]!.isSilent = true
    server.peers[0]!.socket.pause()
    await seen.when(() => seen.of('live').length === 2)
    expect(seen.of('closed')[0]).toMatchObject({ planned: false, code: 1006, reason: expect.stringMatching(/dead/) })
  })

  it('leaves a server that stopped both its pings and its data', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    closers.push(async () => void vi.useRealTimers())
    // Our own pings would be answered: a front is there, and nothing behind it.
    const { server, pool, seen } = await start({ pingIntervalMs: 0 })
    server.manners.isQuiet = true
    const channel: Channel = { market: 'usdm', kind: 'liquidation', symbol: 'BTCUSDT' }
    await pool.subscribe([channel])
    for (let i = 0; i < 700; i++) vi.advanceTimersByTime(1000)
    expect(seen.of('closed')).toEqual([])
    const { socket } = server.peers[0]!
    const ponged = new Promise((resolve) => socket.once('pong', resolve))
    socket.ping('alive')
    await ponged
    for (let i = 0; i < 590; i++) vi.advanceTimersByTime(1000)
    await new Promise((resolve) => setImmediate(resolve))
    expect(seen.of('closed')).toEqual([])
    for (let i = 0; i < 20; i++) vi.advanceTimersByTime(1000)
    await seen.when(() => seen.of('open').length === 2)
    expect(seen.of('closed')).toMatchObject([
      { planned: false, reason: 'neither a ping of the server nor data for 600 s' },
    ])
  })

  it('moves a channel that was acknowledged and is silent', async () => {
    const { server, pool, seen } = await start({ silenceMs: 800 })
    await pool.subscribe([trades('BTCUSDT'), trades('ETHUSDT')])
    await seen.when(() => seen.of('live').length === 2)
    server.peers[0]!.names.delete('btcusdt@trade')
    await seen.when(() => seen.of('live').length === 3)
    expect(seen.of('silent').map((event) => [event.connection, event.channel.symbol])).toEqual([[1, 'BTCUSDT']])
    expect(seen.of('silent')[0]!.silentMs).toBeGreaterThanOrEqual(800)
    expect(seen.of('live')[2]).toMatchObject({ connection: 2, channel: { symbol: 'BTCUSDT' } })
    await server.when(() => server.peers[0]!.requests.some((request) => request.method === 'UNSUBSCRIBE'))
    expect([...server.peers[1]!.names]).toEqual(['btcusdt@trade'])
    expect(pool.channels().map((channel) => channel.state)).toEqual(['live', 'live'])
  })

  it('keeps trying, ever slower, where a channel is silent everywhere', async () => {
    const { server, pool, seen } = await start({ silenceMs: 20 })
    server.manners.isQuiet = true
    await pool.subscribe([trades('NOTHING')])
    await seen.when(() => seen.of('silent').length === 4)
    const gaps = seen.of('silent').map((event) => event.silentMs)
    for (const [i, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(20 * 2 ** i)
    expect(seen.of('live')).toEqual([])
  })

  it('replaces a connection before its day is over, without losing a record', async () => {
    const { server, pool, seen } = await start({ rotateAfterMs: 250, rotateOverlapMs: 30 })
    await pool.subscribe(symbols(4))
    await seen.when(() => seen.of('rotated').length >= 3)
    await seen.when(() => seen.of('closed').length >= 3)
    for (const event of seen.of('closed')) expect(event).toMatchObject({ planned: true, channels: [] })
    expect(seen.of('reconnecting')).toEqual([])
    for (const ids of seen.ids.values()) expect(holes(ids)).toBe(0)
    expect(server.open.length).toBeLessThanOrEqual(2)
  })

  it('survives the replacement failing, and the old one ending before it is ready', async () => {
    const { server, pool, seen } = await start({ rotateAfterMs: 200, rotateOverlapMs: 1000 })
    await pool.subscribe(symbols(2))
    await seen.when(() => seen.of('live').length === 2)
    server.manners.refuse = 503
    await seen.when(() => seen.of('reconnecting').length >= 2)
    expect(pool.channels().map((channel) => channel.state)).toEqual(['live', 'live'])
    server.cutAll()
    await seen.when(() => seen.of('closed').length === 1)
    expect(seen.of('closed')[0]!.channels).toHaveLength(2)
    server.manners.refuse = undefined
    await seen.when(() => seen.of('live').length === 4)
    expect(server.open).toHaveLength(1)
  })

  it('obeys serverShutdown at once, with both connections side by side', async () => {
    const { server, pool, seen } = await start({ rotateOverlapMs: 30 })
    await pool.subscribe(symbols(2))
    await seen.when(() => seen.of('live').length === 2)
    server.peers[0]!.socket.send('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1784410630175}}')
    await seen.when(() => seen.of('rotated').length === 1)
    expect(seen.of('shutdown')).toMatchObject([{ connection: 1, market: 'spot' }])
    await seen.when(() => seen.of('closed').length === 1)
    expect(seen.of('closed')[0]).toMatchObject({ planned: true, channels: [] })
    for (const ids of seen.ids.values()) expect(holes(ids)).toBe(0)
  })

  it('lets the others try at once when one gets through, whatever they would have waited', async () => {
    const day = 86_400_000
    const { server, pool, seen } = await start({
      channelsPerConnection: 2,
      reconnectDelayMs: day,
      maxReconnectDelayMs: day,
    })
    await pool.subscribe(symbols(4))
    await seen.when(() => seen.of('live').length === 4)
    server.cutAll()
    await seen.when(() => seen.of('reconnecting').length === 2)
    expect(pool.channels().map(({ state }) => state)).toEqual(['down', 'down', 'down', 'down'])
    await pool.subscribe([trades('ETHUSDT')])
    await seen.when(() => seen.of('live').length === 9)
    expect(pool.channels().map(({ state }) => state)).toEqual(['live', 'live', 'live', 'live', 'live'])
  })

  it('replaces every connection when it is told to', async () => {
    const { server, pool, seen } = await start({ rotateOverlapMs: 20, channelsPerConnection: 2 })
    await pool.subscribe(symbols(4))
    await seen.when(() => seen.of('live').length === 4)
    await pool.reconnect()
    expect(seen.of('rotated').map(({ from, to }) => [from, to])).toEqual([
      [1, 3],
      [2, 4],
    ])
    expect(pool.connections()).toHaveLength(2)
    expect(server.peers).toHaveLength(4)
    for (const ids of seen.ids.values()) expect(holes(ids)).toBe(0)
  })

  it('finds the one name that the exchange refuses among many', async () => {
    const { server, pool, seen } = await start()
    server.manners.refused.add('s5usdt@trade')
    await expect(pool.subscribe(symbols(9))).rejects.toThrow(/s5usdt@trade was refused: .*no s5usdt@trade/)
    await seen.when(() => seen.of('live').length === 8)
    expect(seen.of('refused')).toMatchObject([{ channels: [{ symbol: 'S5USDT' }] }])
    expect(pool.channels()).toHaveLength(8)
  })

  it('asks again where no answer comes, then elsewhere', async () => {
    const { server, pool, seen } = await start({ connectTimeoutMs: 600 })
    server.manners.isMute = true
    const subscribed = pool.subscribe([trades('BTCUSDT')])
    await seen.when(() => seen.of('refused').length === 1)
    expect(seen.of('refused')[0]!.reason).toMatch(/no answer to SUBSCRIBE/)
    expect(server.peers[0]!.requests).toHaveLength(2)
    server.manners.isMute = false
    await subscribed
    expect(server.peers.length).toBeGreaterThan(1)
  })

  it('leaves a lost connection lost when it must not reconnect', async () => {
    const { server, pool, seen } = await start({ autoReconnect: false })
    await pool.subscribe([trades('BTCUSDT')])
    server.cutAll()
    await seen.when(() => seen.of('closed').length === 1)
    expect(seen.of('reconnecting')).toEqual([])
    expect(pool.channels()[0]).toMatchObject({ state: 'down', connection: undefined })
    await pool.subscribe([trades('BTCUSDT')])
    expect(server.peers).toHaveLength(2)
    server.manners.refuse = 503
    await expect(pool.subscribe([{ market: 'usdm', kind: 'trade', symbol: 'X' }])).rejects.toThrow(/HTTP 503/)
  })

  it('takes changes while it connects, and a close in any state', async () => {
    const { server, pool, seen } = await start()
    const first = pool.subscribe([trades('BTCUSDT')])
    const second = pool.subscribe([trades('ETHUSDT'), trades('BTCUSDT')])
    await pool.unsubscribe([trades('BTCUSDT')])
    await expect(first).rejects.toThrow(/was unsubscribed/)
    await expect(second).rejects.toThrow(/was unsubscribed/)
    await seen.when(() => seen.of('live').length === 1)
    expect([...server.peers[0]!.names]).toEqual(['ethusdt@trade'])
    await pool.close()
    await pool.close()
    await expect(pool.subscribe([trades('BTCUSDT')])).rejects.toThrow(/closed/)

    for (let wait = 0; wait < 6; wait++) {
      const { server: other, pool: short } = await start({ rotateAfterMs: 5, rotateOverlapMs: 1 })
      const pending = short.subscribe(symbols(3))
      pending.catch(() => {})
      for (let turn = 0; turn < wait; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
      await short.close()
      expect(short.connections()).toEqual([])
      await other.when(() => other.open.length === 0)
    }
  })

  it('takes a channel back that is wanted again while it is being left', async () => {
    const { server, pool, seen } = await start()
    await pool.subscribe(symbols(2))
    await seen.when(() => seen.of('live').length === 2)
    const left = pool.unsubscribe([trades('S1USDT')])
    await server.when(() => server.peers[0]!.requests.some((request) => request.method === 'UNSUBSCRIBE'))
    await Promise.all([left, pool.subscribe([trades('S1USDT')])])
    await seen.when(() => seen.of('live').length === 3)
    expect(pool.channels().map(({ state }) => state)).toEqual(['live', 'live'])
    // Wanted again before a word was sent: nothing is sent.
    const requests = server.peers[0]!.requests.length
    await Promise.all([pool.unsubscribe([trades('S0USDT')]), pool.subscribe([trades('S0USDT')])])
    await seen.when(() => seen.of('live').length === 4)
    expect(server.peers[0]!.requests).toHaveLength(requests)
  })

  it('forgets what an aborted call asked for', async () => {
    const { server, pool } = await start()
    server.manners.refuse = 503
    const controller = new AbortController()
    const subscribed = pool.subscribe([trades('BTCUSDT')], { signal: controller.signal })
    controller.abort()
    await expect(subscribed).rejects.toThrow(/abort/i)
    expect(pool.channels()).toEqual([])
  })

  it('reports bad frames and unknown events with the frame, and goes on', async () => {
    const { server, pool, seen } = await start()
    await pool.subscribe([trades('BTCUSDT')])
    const { socket } = server.peers[0]!
    const garbage = ['{"stream":"btcusdt@trade","data":{"e":"trade","s":', 'not json', '\u0000\u0001', '42', '']
    for (const text of garbage) socket.send(text)
    socket.send('{"stream":"btcusdt@newThing","data":{"e":"newThing","E":1,"s":"BTCUSDT"}}')
    await seen.when(() => seen.of('bad-frame').length === garbage.length && seen.of('unknown-event').length === 1)
    expect(seen.of('bad-frame').map((event) => Buffer.from(event.frame).toString())).toEqual(garbage)
    expect(seen.of('unknown-event')[0]!.event).toBe('newThing')
    const count = seen.ids.get('BTCUSDT')?.length ?? 0
    await seen.when(() => (seen.ids.get('BTCUSDT')?.length ?? 0) > count + 3)
    // They are copies: what arrives later goes into the same memory.
    expect(seen.of('bad-frame').map((event) => Buffer.from(event.frame).toString())).toEqual(garbage)
    expect(holes(seen.ids.get('BTCUSDT'))).toBe(0)
    expect(server.peers).toHaveLength(1)
  })

  it('is not hurt by a listener that throws', async () => {
    const server = await StreamServer.start()
    closers.push(() => server.close())
    let frames = 0
    const errors: string[] = []
    let enough!: () => void
    const done = new Promise<void>((resolve) => {
      enough = resolve
    })
    const quiet = (): void => {}
    const pool = new StreamPool(
      {
        endpoint: server.endpoint,
        log: { debug: quiet, info: quiet, warn: quiet, error: (_, message) => errors.push(message) },
      },
      {
        frame: () => {
          if (++frames === 5) enough()
          throw new TypeError('frame')
        },
        event: () => {
          throw new TypeError('event')
        },
      },
    )
    closers.push(() => pool.close())
    await pool.subscribe([trades('BTCUSDT')])
    await done
    expect(errors.filter((message) => /on a frame/.test(message)).length).toBeGreaterThanOrEqual(4)
    expect(errors.filter((message) => /on an event/.test(message)).length).toBeGreaterThanOrEqual(2)
    expect(server.open).toHaveLength(1)
  })
})

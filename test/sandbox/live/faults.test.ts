import { describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import type { FaultSpec, Sandbox } from '../../../src/sandbox/index.ts'
import { parseFaults } from '../../../src/sandbox/index.ts'
import { type Client, connect, liveSandbox } from './client.ts'
import { tradesFile } from './recorded.ts'

/** Forty trades of a symbol, 10 ms apart, and these faults. */
async function withTrades(faults: FaultSpec[], symbols = ['BTCUSDT'], count = 40): Promise<Sandbox> {
  const limits = { liveLimits: { messagesPerSecond: 1000, attempts: 10_000 } }
  return liveSandbox({ capture: [tradesFile(count, 10, symbols)], faults, ...limits })
}

const ids = (texts: readonly string[]): number[] =>
  texts.flatMap((text) => {
    const id = /"t":(\d+)/.exec(text)?.[1]
    return id === undefined ? [] : [Number(id)]
  })

const last = (client: Client, id: number, symbol = 'BTCUSDT'): Promise<string> =>
  client.until((text) => text.includes(`"s":"${symbol}","t":${id},`))

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

async function played(
  faults: FaultSpec[],
  until = 40,
  path = '/ws/btcusdt@trade',
): Promise<{ client: Client; sandbox: Sandbox }> {
  const sandbox = await withTrades(faults)
  const client = await connect(sandbox, path)
  await last(client, until)
  return { client, sandbox }
}

describe('faults of events', () => {
  it('drop every fourth event, and say which', async () => {
    const { client, sandbox } = await played([{ type: 'drop', every: 4, match: { stream: '@trade$' } }], 39)
    expect(ids(client.texts)).toEqual(upTo(39).filter((id) => id % 4 !== 0))
    expect(sandbox.live().faults.slice(0, 2)).toMatchObject([
      { fault: 'drop', connection: 1, stream: 'btcusdt@trade', id: 4 },
      { fault: 'drop', connection: 1, stream: 'btcusdt@trade', id: 8 },
    ])
    expect(sandbox.faults()[0]).toMatchObject({ type: 'drop', hits: sandbox.live().faults.length })
  })

  it('count for each stream and connection apart', async () => {
    const sandbox = await withTrades([{ type: 'drop', every: 2, times: 8 }], ['BTCUSDT', 'ETHUSDT'], 10)
    const client = await connect(sandbox, '/stream?streams=btcusdt@trade/ethusdt@trade')
    await last(client, 10, 'ETHUSDT')
    const of = (symbol: string): number[] => ids(client.texts.filter((text) => text.includes(symbol)))
    expect(of('BTCUSDT')).toEqual([1, 3, 5, 7, 9, 10])
    expect(of('ETHUSDT')).toEqual([1, 3, 5, 7, 9, 10])
  })

  it('double, in the same form', async () => {
    const { client } = await played([{ type: 'duplicate', every: 10, copies: 3 }], 40, '/stream?streams=btcusdt@trade')
    await client.many(48, '"trade"')
    expect(ids(client.texts).filter((id) => id === 10)).toEqual([10, 10, 10])
    expect(new Set(client.texts).size).toBe(40)
  })

  it('change the order', async () => {
    const { client } = await played([{ type: 'reorder', by: 2, after: 4, times: 1 }])
    expect(ids(client.texts).slice(0, 9)).toEqual([1, 2, 3, 4, 6, 7, 5, 8, 9])
  })

  it('hold events back, and those behind them', async () => {
    const sandbox = await withTrades([{ type: 'delay', ms: 150, after: 10, times: 1 }])
    const client = await connect(sandbox, '/ws/btcusdt@trade')
    const seen = new Map<number, number>()
    client.ws.on('message', (data: Buffer) => seen.set(ids([data.toString()])[0]!, sandbox.now()))
    await last(client, 40)
    expect(ids(client.texts)).toEqual(upTo(40))
    const told = (id: number): number => Number(/"E":(\d+)/.exec(client.texts[id - 1]!)![1])
    expect(seen.get(11)! - told(11)).toBeGreaterThanOrEqual(150)
    expect(seen.get(12)!).toBeGreaterThanOrEqual(seen.get(11)!)
  })

  it('put garbage in front of an event or in its place', async () => {
    const faults: FaultSpec[] = [
      { type: 'garbage-frame', after: 3, times: 1 },
      { type: 'garbage-frame', body: 'text', after: 5, times: 1 },
      { type: 'garbage-frame', body: 'binary', instead: true, after: 7, times: 1 },
    ]
    const { client } = await played(faults)
    expect(() => JSON.parse(client.texts[3]!)).toThrow()
    expect(client.texts[4]!.startsWith(client.texts[3]!)).toBe(true)
    expect(client.texts[6]).toBe('upstream connect error or disconnect/reset before headers')
    expect(client.binaries.length).toBe(1)
    expect(ids(client.texts.filter((text) => text.endsWith('}')))).toEqual(upTo(40).filter((id) => id !== 8))
  })

  it('send what nobody has heard of, and blanks, and large ids', async () => {
    const faults: FaultSpec[] = [
      { type: 'unknown-event', after: 1, times: 1 },
      { type: 'unknown-field', after: 2, times: 1 },
      { type: 'blanks', after: 3, times: 1 },
      { type: 'large-ids', offset: '9007199254740993' },
    ]
    const { client } = await (async () => {
      const sandbox = await withTrades(faults, undefined, 6)
      const client = await connect(sandbox, '/stream?streams=btcusdt@trade')
      await client.until((text) => text.includes('"t":9007199254740999,'))
      return { client }
    })()
    const parsed = client.texts.map((text) => (JSON.parse(text) as { data: Record<string, unknown> }).data)
    expect(parsed.map((data) => data.e)).toEqual(['trade', 'somethingNew', ...Array(5).fill('trade')])
    expect(parsed[3]).toHaveProperty('zz')
    expect(client.texts[4]).toMatch(/ "e" ?\s+: \s+"trade"|\s:\s/)
    expect(client.texts.map((text) => /"t"\s*:\s*(\d+)/.exec(text)?.[1]).filter(Boolean)).toEqual(
      upTo(6).map((id) => String(9007199254740993n + BigInt(id))),
    )
  })

  it('show in a span of time only', async () => {
    const sandbox = await withTrades([])
    const client = await connect(sandbox, '/ws/btcusdt@trade')
    await last(client, 5)
    sandbox.addFaults([{ type: 'drop', inMs: 50, forMs: 100 }])
    await last(client, 40)
    const lost = upTo(40).filter((id) => !ids(client.texts).includes(id))
    expect(lost.length).toBeGreaterThan(5)
    expect(lost).toEqual(lost.map((_, i) => lost[0]! + i))
  })
})

describe('a silent stream', () => {
  it('is acknowledged and sends nothing, on the first connection only', async () => {
    const faults: FaultSpec[] = [{ type: 'silent-stream', match: { symbol: 'BTCUSDT' }, times: 1 }]
    const sandbox = await withTrades(faults, ['BTCUSDT', 'ETHUSDT'])
    const first = await connect(sandbox, '/ws')
    expect(await first.ask('SUBSCRIBE', ['btcusdt@trade', 'ethusdt@trade'])).toMatchObject({ result: null })
    await last(first, 3, 'ETHUSDT')
    const second = await connect(sandbox, '/ws/btcusdt@trade')
    await last(second, 40)
    await last(first, 40, 'ETHUSDT')
    expect(ids(first.texts.filter((text) => text.includes('ETHUSDT')))).toEqual(upTo(40))
    expect(first.texts.some((text) => text.includes('BTCUSDT'))).toBe(false)
    const [lost] = sandbox.live().faults
    expect(lost).toMatchObject({ fault: 'silent-stream', connection: 1, stream: 'btcusdt@trade', id: 1 })
  })

  it('starts in the middle and can be chosen by connection', async () => {
    const sandbox = await withTrades([])
    const first = await connect(sandbox, '/ws/btcusdt@trade')
    const second = await connect(sandbox, '/ws/btcusdt@trade')
    await last(first, 5)
    sandbox.addFaults([{ type: 'silent-stream', match: { connection: 1 } }])
    await last(second, 40)
    expect(ids(second.texts)).toEqual(upTo(40))
    expect(ids(first.texts).length).toBeLessThan(20)
    expect(first.ws.readyState).toBe(WebSocket.OPEN)
  })
})

describe('faults of connections', () => {
  it('cut all at once, and refuse new ones and REST for a while', async () => {
    const sandbox = await withTrades([])
    const clients = [await connect(sandbox, '/ws/btcusdt@trade'), await connect(sandbox, '/public/ws')]
    await last(clients[0]!, 3)
    sandbox.addFaults([{ type: 'disconnect', refuseMs: 300, rest: true }])
    for (const client of clients) expect((await client.closed).code).toBe(1006)
    await expect(connect(sandbox, '/ws')).rejects.toThrow(/hang up|ECONNRESET/)
    await expect(fetch(`${sandbox.rest}/api/v3/time`)).rejects.toThrow()
    for (const until = sandbox.now() + 320; sandbox.now() < until; ) await new Promise((done) => setTimeout(done, 20))
    await connect(sandbox, '/ws')
    expect((await fetch(`${sandbox.rest}/api/v3/time`)).status).toBe(200)
    expect(sandbox.live().connections.map(({ ending }) => ending)).toEqual([
      undefined,
      'cut by a fault',
      'cut by a fault',
    ])
  })

  it('cut again and again at their times, one market only', async () => {
    const sandbox = await withTrades([
      { type: 'disconnect', inMs: 400, everyMs: 600, times: 2, match: { market: 'spot' } },
    ])
    const other = await connect(sandbox, '/public/ws')
    for (let i = 0; i < 2; i++) {
      const client = await connect(sandbox, '/ws/btcusdt@trade')
      expect((await client.closed).code).toBe(1006)
    }
    const third = await connect(sandbox, '/ws/btcusdt@trade')
    for (const until = sandbox.now() + 700; sandbox.now() < until; ) await new Promise((done) => setTimeout(done, 20))
    expect(third.ws.readyState).toBe(WebSocket.OPEN)
    expect(other.ws.readyState).toBe(WebSocket.OPEN)
    expect(sandbox.faults()[0]).toMatchObject({ hits: 2 })
  })

  it('cut at an event', async () => {
    const sandbox = await withTrades([{ type: 'disconnect', after: 7, times: 1 }])
    const client = await connect(sandbox, '/ws/btcusdt@trade')
    await client.closed
    expect(ids(client.texts).every((id) => id <= 7)).toBe(true)
  })

  it('leave a connection half open: no frame, no pong, no end', async () => {
    const sandbox = await withTrades([])
    const client = await connect(sandbox, '/ws/btcusdt@trade')
    await last(client, 3)
    sandbox.addFaults([{ type: 'half-open' }])
    // It happens on the next turn of the loop: whoever connects before is half open too.
    while (sandbox.live().connections[0]?.state !== 'half-open') await new Promise((done) => setTimeout(done, 5))
    const fresh = await connect(sandbox, '/ws/btcusdt@trade')
    await last(fresh, 10)
    let answered = false
    client.ws.on('pong', () => {
      answered = true
    })
    client.ws.ping()
    client.send({ method: 'LIST_SUBSCRIPTIONS', id: 1 })
    await fresh.ask('LIST_SUBSCRIPTIONS')
    expect(client.ws.readyState).toBe(WebSocket.OPEN)
    expect(answered).toBe(false)
    expect(client.texts.at(-1)).toContain('"trade"')
    expect(sandbox.live().connections.find(({ id }) => id === 1)?.state).toBe('half-open')
  })

  it('close with a code, and announce a shutdown first, in both forms', async () => {
    const sandbox = await withTrades([])
    const clients = [await connect(sandbox, '/ws/btcusdt@trade'), await connect(sandbox, '/stream')]
    sandbox.addFaults([{ type: 'server-shutdown', noticeMs: 50 }])
    expect(await clients[0]!.until((text) => text.includes('Shutdown'))).toMatch(
      /^\{"e":"serverShutdown","E":\d{13}\}$/,
    )
    expect(await clients[1]!.until((text) => text.includes('Shutdown'))).toMatch(
      /^\{"stream":"!serverShutdown","data":\{"e":"serverShutdown","E":\d{13}\}\}$/,
    )
    for (const client of clients) expect((await client.closed).code).toBe(1001)
    const third = await connect(sandbox, '/ws')
    sandbox.addFaults([{ type: 'close', code: 4000, reason: 'enough' }])
    expect(await third.closed).toEqual({ code: 4000, reason: 'enough' })
  })

  it('refuse upgrades with a status', async () => {
    const sandbox = await withTrades([{ type: 'refuse-upgrade', status: 403, times: 2 }])
    await expect(connect(sandbox, '/ws')).rejects.toThrow('403')
    await expect(connect(sandbox, '/market/ws')).rejects.toThrow('403')
    await connect(sandbox, '/ws')
    expect(sandbox.live()).toMatchObject({ attempts: 3, refused: 2 })
  })

  it('come at run time by HTTP, and are told of there', async () => {
    const sandbox = await withTrades([])
    const client = await connect(sandbox, '/ws/btcusdt@trade')
    const body = JSON.stringify([{ type: 'close', code: 1012 }])
    const added = await fetch(`${sandbox.endpoint}/sandbox/faults`, { method: 'POST', body })
    expect(added.status).toBe(200)
    expect((await client.closed).code).toBe(1012)
    const live = (await (await fetch(`${sandbox.endpoint}/sandbox/live`)).json()) as ReturnType<Sandbox['live']>
    expect(live.faults).toMatchObject([{ fault: 'close', connection: 1 }])
    expect(live.connections).toMatchObject(
      [{ id: 1, state: 'closed', ending: /1012/ as never }].map(({ id, state }) => ({ id, state })),
    )
  })
})

describe('faults that make no sense', () => {
  it.each([
    [{ type: 'half-opened' }, /Did you mean "half-open"/],
    [{ type: 'drop', evry: 2 }, /unknown key "evry"\. Did you mean "every"/],
    [{ type: 'delay' }, /needs ms/],
    [{ type: 'close', code: 1006 }, /code is 1006; allowed/],
    [{ type: 'drop', match: { stream: '(' } }, /stream is "\("; allowed: a regular expression/],
    [{ type: 'silent-stream', at: 5, inMs: 5 }, /two ways to say when/],
    [{ type: 'large-ids', offset: 'many' }, /offset is "many"/],
    [{ type: 'disconnect', rest: 'yes' }, /rest is "yes"; allowed: true or false/],
  ])('are refused: %j', (fault, message) => {
    expect(() => parseFaults([fault])).toThrow(message)
  })
})

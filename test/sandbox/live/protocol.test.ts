import { describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { connect, liveSandbox } from './client.ts'
import { captureFile, T } from './recorded.ts'

const calm = { tradesPerSecond: 0.001, liveLimits: { messagesPerSecond: 100 } }

/** The frame that answers a raw text. */
async function answerTo(path: string, text: string): Promise<string> {
  const sandbox = await liveSandbox(calm)
  const client = await connect(sandbox, path)
  client.send(text)
  return client.until(() => true)
}

/** Status of a refused upgrade. */
function statusOf(url: string): Promise<number | string> {
  return new Promise((done) => {
    const ws = new WebSocket(url)
    ws.on('unexpected-response', (_, response) => {
      done(response.statusCode ?? 0)
      ws.terminate()
    })
    ws.on('open', () => done('open'))
    ws.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
  })
}

describe('control messages', () => {
  it('subscribe, list and unsubscribe', async () => {
    const client = await connect(await liveSandbox(calm), '/ws')
    expect(await client.ask('SUBSCRIBE', ['btcusdt@trade', 'ethusdt@depth@100ms'], 7)).toEqual({ result: null, id: 7 })
    expect(await client.ask('LIST_SUBSCRIPTIONS')).toMatchObject({ result: ['btcusdt@trade', 'ethusdt@depth@100ms'] })
    expect(await client.ask('UNSUBSCRIBE', ['btcusdt@trade', 'nothing@trade'], 'a1')).toEqual({
      result: null,
      id: 'a1',
    })
    expect(await client.ask('LIST_SUBSCRIPTIONS', [], null)).toEqual({ result: ['ethusdt@depth@100ms'], id: null })
  })

  it('list the streams of the path, percent-decoded', async () => {
    const sandbox = await liveSandbox(calm)
    const raw = await connect(sandbox, `/ws/btcusdt@trade/${encodeURIComponent('币安人生usdt@trade')}`)
    expect(await raw.ask('LIST_SUBSCRIPTIONS')).toMatchObject({ result: ['btcusdt@trade', '币安人生usdt@trade'] })
    const combined = await connect(
      sandbox,
      '/stream?streams=btcusdt@kline_1d@+08:00/ethusdt@trade&timeUnit=MICROSECOND',
    )
    expect(await combined.ask('LIST_SUBSCRIPTIONS')).toMatchObject({
      result: ['btcusdt@kline_1d@+08:00', 'ethusdt@trade'],
    })
  })

  it('read and change the combined property', async () => {
    const client = await connect(await liveSandbox({ liveLimits: { messagesPerSecond: 100 } }), '/ws/btcusdt@trade')
    expect(await client.ask('GET_PROPERTY', ['combined'])).toMatchObject({ result: false })
    expect(await client.until((text) => text.startsWith('{"e":"trade"'))).toContain('"s":"BTCUSDT"')
    expect(await client.ask('SET_PROPERTY', ['combined', true])).toMatchObject({ result: null })
    expect(await client.ask('GET_PROPERTY', ['combined'])).toMatchObject({ result: true })
    expect(await client.until((text) => text.startsWith('{"stream":"btcusdt@trade","data":{'))).toMatch(/\}\}$/)
  })

  it.each([
    [
      '{"method":"SUBSCRIBE","params":["a@trade"],"id":9223372036854775807}',
      '{"result":null,"id":9223372036854775807}',
    ],
    ['{"method":"SUBSCRIBE","params":["a@trade"],"id":-3}', '{"result":null,"id":-3}'],
    ['{"id":"abc","method":"LIST_SUBSCRIPTIONS"}', '{"result":[],"id":"abc"}'],
    ['{"method":"SET_PROPERTY","params":["nothing",true],"id":1}', '{"code":0,"msg":"Unknown property","id":1}'],
    [
      '{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}',
      '{"code":1,"msg":"Invalid value type: expected Boolean","id":1}',
    ],
    [
      '{"method":"GET_PROPERTY","params":[5],"id":1}',
      '{"code":2,"msg":"Invalid request: property name must be a string","id":1}',
    ],
    ['{"method":"GET_PROPERTY","id":1}', '{"code":2,"msg":"Invalid request: property name must be a string","id":1}'],
    [
      '{"method":"SUBSCRIBE","params":["a@trade"]}',
      '{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}',
    ],
    [
      '{"method":"SUBSCRIBE","params":["a@trade"],"id":1.5}',
      '{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}',
    ],
    [
      '{"method":"SUBSCRIBE","params":["a@trade"],"id":9223372036854775808}',
      '{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}',
    ],
    [
      `{"method":"LIST_SUBSCRIPTIONS","id":"${'x'.repeat(37)}"}`,
      '{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}',
    ],
    [
      '{"method":"subscribe","id":1}',
      '{"code":2,"msg":"Invalid request: unknown variant `subscribe`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY` at line 1 column 21","id":1}',
    ],
    [
      '{"method":"LIST_SUBSCRIPTIONS","params":[1],"id":1}',
      '{"code":2,"msg":"Invalid request: too many parameters","id":1}',
    ],
    ['{"params":[],"id":1}', '{"code":2,"msg":"Invalid request: missing field `method` at line 1 column 20","id":1}'],
    ['{"method":"SUB', /^\{"code":3,"msg":"Invalid JSON: expected value at line 1 column \d+"\}$/],
    ['', '{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}'],
  ] as const)('answer %s', async (text, answer) => {
    const told = await answerTo('/ws', text)
    if (typeof answer === 'string') expect(told).toBe(answer)
    else expect(told).toMatch(answer)
  })

  it('wrap errors on USD-M, the other form that the real exchange has', async () => {
    expect(await answerTo('/market/ws', '{"method":"GET_PROPERTY","params":["x"],"id":4}')).toBe(
      '{"error":{"code":0,"msg":"Unknown property"},"id":4}',
    )
  })

  it('are not wrapped on a combined connection', async () => {
    expect(await answerTo('/stream', '{"method":"LIST_SUBSCRIPTIONS","id":1}')).toBe('{"result":[],"id":1}')
  })
})

describe('paths', () => {
  it.each(['/nothing', '/ws2', '/spot/public/ws', '/public/api', '/'])('refuse %s with 404', async (path) => {
    const sandbox = await liveSandbox(calm)
    expect(await statusOf(sandbox.ws + path)).toBe(404)
  })

  it.each([
    ['/ws', 'spot', undefined, false],
    ['/stream', 'spot', undefined, true],
    ['/spot/ws', 'spot', undefined, false],
    ['/public/ws', 'usdm', 'public', false],
    ['/market/stream', 'usdm', 'market', true],
    ['/private/ws', 'usdm', 'private', false],
    ['/usdm/ws', 'usdm', undefined, false],
    ['/fstream/market/ws', 'usdm', 'market', false],
  ] as const)('%s is %s, route %s, combined %s', async (path, market, route, combined) => {
    const sandbox = await liveSandbox(calm)
    await connect(sandbox, path)
    const [connection] = sandbox.live().connections
    expect(connection).toMatchObject({ market, combined, path })
    expect(connection?.route).toBe(route)
  })

  it('without a route are USD-M where that is the only market', async () => {
    const sandbox = await liveSandbox({ ...calm, markets: ['usdm'] })
    await connect(sandbox, '/ws')
    expect(sandbox.live().connections[0]).toMatchObject({ market: 'usdm' })
  })
})

describe('limits', () => {
  it('of messages end the connection: five a second on spot, ten on USD-M', async () => {
    const sandbox = await liveSandbox({ tradesPerSecond: 0.001 })
    for (const [path, limit] of [
      ['/ws', 5],
      ['/public/ws', 10],
    ] as const) {
      const client = await connect(sandbox, path)
      for (let i = 0; i < limit; i++) client.ws.ping()
      client.send('{}')
      expect(await client.closed).toEqual({ code: 1008, reason: 'Too many requests' })
      expect(sandbox.live().connections.find((one) => one.path === path)?.received).toBeGreaterThan(limit)
    }
  })

  it('of streams refuse what is too much', async () => {
    const sandbox = await liveSandbox({ ...calm, liveLimits: { streams: 3, messagesPerSecond: 100 } })
    const client = await connect(sandbox, '/ws/a@trade/b@trade')
    expect(await client.ask('SUBSCRIBE', ['c@trade', 'd@trade'])).toMatchObject({ code: 2 })
    expect(await client.ask('SUBSCRIBE', ['c@trade', 'a@trade'])).toMatchObject({ result: null })
    expect(await statusOf(`${sandbox.ws}/ws/a@trade/b@trade/c@trade/d@trade`)).toBe(400)
  })

  it('of attempts refuse upgrades', async () => {
    const sandbox = await liveSandbox({ ...calm, liveLimits: { attempts: 2 } })
    await connect(sandbox, '/ws')
    await connect(sandbox, '/ws')
    expect(await statusOf(`${sandbox.ws}/ws`)).toBe(429)
    expect(sandbox.live()).toMatchObject({ attempts: 3, refused: 1 })
  })
})

describe('a frame', () => {
  it('of any length arrives whole', async () => {
    const lengths = [0, 90, 91, 92, 93, 94, 95, 120, 121, 65_490, 65_505, 65_506, 65_507, 70_000, 200_000]
    const frames = lengths.map((length) => `{"stream":"a@trade","data":{"e":"${'x'.repeat(length)}"}}`)
    const file = captureFile(frames.map((frame, i) => ({ t: T + i * 1000, frame })))
    const sandbox = await liveSandbox({ capture: [file] })
    const combined = await connect(sandbox, '/stream?streams=a@trade')
    const raw = await connect(sandbox, '/ws/a@trade')
    await combined.many(frames.length, '"e"')
    await raw.many(frames.length, '"e"')
    expect(combined.texts).toEqual(frames)
    expect(raw.texts).toEqual(lengths.map((length) => `{"e":"${'x'.repeat(length)}"}`))
  })

  it('that is never read costs the connection, and no memory without bound', async () => {
    const frame = `{"stream":"a@trade","data":{"e":"${'x'.repeat(400_000)}"}}`
    const file = captureFile(Array.from({ length: 40 }, (_, i) => ({ t: T + i * 1000, frame })))
    const sandbox = await liveSandbox({ capture: [file], liveLimits: { unreadBytes: 1e6 } })
    const client = await connect(sandbox, '/ws/a@trade')
    client.ws.pause()
    while (sandbox.live().connections[0]?.state !== 'closed') await new Promise((done) => setTimeout(done, 20))
    expect(sandbox.live().connections[0]?.ending).toBe('left more than 1000000 bytes unread')
  })
})

describe('the life of a connection', () => {
  it('has pings that want their own payload back', async () => {
    const sandbox = await liveSandbox({ ...calm, liveTimes: { pingMs: 40, pongMs: 1000 } })
    const good = await connect(sandbox, '/ws')
    const deaf = await connect(sandbox, '/ws', { autoPong: false })
    // Pongs that nobody asked for keep nothing alive.
    const chatter = setInterval(() => deaf.ws.pong('hello'), 30)
    expect((await deaf.closed).code).toBe(1006)
    clearInterval(chatter)
    expect(deaf.pings.length).toBeGreaterThan(1)
    expect(good.ws.readyState).toBe(WebSocket.OPEN)
    expect(sandbox.live().connections.find(({ state }) => state === 'closed')?.ending).toBe('no pong in time')
  })

  it('ends', async () => {
    const sandbox = await liveSandbox({ ...calm, liveTimes: { lifeMs: 100 } })
    const client = await connect(sandbox, '/ws')
    expect((await client.closed).code).toBe(1001)
  })

  it('ends with the sandbox', async () => {
    const sandbox = await liveSandbox(calm)
    const client = await connect(sandbox, '/ws')
    await sandbox.close()
    expect((await client.closed).code).toBe(1006)
  })
})

import { createServer as createHttpsServer } from 'node:https'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { WebSocketConnectionError } from '../../../src/model/errors.ts'
import {
  WebSocketClient,
  type WebSocketClose,
  type WebSocketHandlers,
  type WebSocketOptions,
} from '../../../src/net/websocket/index.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Peer {
  readonly url: string
  readonly server: WebSocketServer
  connection(): Promise<WebSocket>
}

/** A server of the `ws` package. */
async function startServer(): Promise<Peer> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
  await new Promise((resolve) => server.once('listening', resolve))
  const arrived: WebSocket[] = []
  const waiting: ((socket: WebSocket) => void)[] = []
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    const next = waiting.shift()
    if (next) next(socket)
    else arrived.push(socket)
  })
  closers.push(async () => {
    for (const client of server.clients) client.terminate()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as { port: number }
  return {
    url: `ws://127.0.0.1:${port}/`,
    server,
    connection: () =>
      new Promise((resolve) => {
        const socket = arrived.shift()
        if (socket) resolve(socket)
        else waiting.push(resolve)
      }),
  }
}

/** A bare TCP server, for what no WebSocket server would send. */
async function startTcp(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}/path?x=1`
}

class Recorder implements WebSocketHandlers {
  readonly messages: string[] = []
  readonly failures: unknown[] = []
  readonly closed: Promise<WebSocketClose>
  pings = 0
  pongs = 0
  #resolve!: (close: WebSocketClose) => void
  #wake: (() => void)[] = []

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  message(bytes: Uint8Array, start: number, end: number, isText: boolean): void {
    this.messages.push(isText ? Buffer.from(bytes.subarray(start, end)).toString() : `binary ${end - start}`)
    for (const wake of this.#wake.splice(0)) wake()
  }

  ping(): void {
    this.pings++
  }

  pong(): void {
    this.pongs++
  }

  close(close: WebSocketClose): void {
    this.#resolve(close)
  }

  failed(error: unknown): void {
    this.failures.push(error)
  }

  async count(messages: number): Promise<void> {
    while (this.messages.length < messages) await new Promise<void>((resolve) => this.#wake.push(resolve))
  }
}

async function open(url: string, options: WebSocketOptions = {}): Promise<{ client: WebSocketClient; seen: Recorder }> {
  const seen = new Recorder()
  const client = await WebSocketClient.connect(url, seen, options)
  closers.push(async () => client.terminate())
  return { client, seen }
}

describe('a WebSocket client with a server of the ws package', () => {
  it('exchanges text and binary messages of every length class', async () => {
    const peer = await startServer()
    const { client, seen } = await open(peer.url)
    const server = await peer.connection()
    const echoed: string[] = []
    server.on('message', (data, isBinary) => {
      echoed.push(isBinary ? `binary ${(data as Buffer).length}` : data.toString())
      server.send(data, { binary: isBinary })
    })
    const texts = ['', 'a', 'é€😀', 'x'.repeat(125), 'y'.repeat(126), 'z'.repeat(65_535), 'w'.repeat(65_536 + 7)]
    for (const text of texts) client.send(text)
    client.send(new Uint8Array(300_000))
    await seen.count(texts.length + 1)
    expect(echoed).toEqual([...texts, 'binary 300000'])
    expect(seen.messages).toEqual([...texts, 'binary 300000'])
  })

  it('never agrees to compression', async () => {
    const peer = await startServer()
    await open(peer.url)
    expect((await peer.connection()).extensions).toBe('')
  })

  it('puts fragments together and answers a ping between them with its payload', async () => {
    const peer = await startServer()
    const { seen } = await open(peer.url)
    const server = await peer.connection()
    const pong = new Promise<string>((resolve) => server.once('pong', (data) => resolve(data.toString())))
    server.send('{"a":', { fin: false })
    server.ping('between')
    server.send('1', { fin: false })
    server.send('}', { fin: true })
    await seen.count(1)
    expect(seen.messages).toEqual(['{"a":1}'])
    expect(await pong).toBe('between')
    expect(seen.pings).toBe(1)
  })

  it('closes with both close frames, whichever side begins', async () => {
    const peer = await startServer()
    const ours = await open(peer.url)
    const first = await peer.connection()
    const told = new Promise((resolve) => first.once('close', (code, reason) => resolve([code, reason.toString()])))
    await ours.client.close(1000, 'done')
    expect(await told).toEqual([1000, 'done'])
    expect(await ours.seen.closed).toEqual({ code: 1000, reason: 'done', clean: true })

    const theirs = await open(peer.url)
    const second = await peer.connection()
    second.close(1012, 'restart')
    expect(await theirs.seen.closed).toEqual({ code: 1012, reason: 'restart', clean: true })
    expect(() => theirs.client.send('late')).toThrow(WebSocketConnectionError)
  })

  it('tells a cut from a close', async () => {
    const peer = await startServer()
    const { seen } = await open(peer.url)
    const server = await peer.connection()
    server.terminate()
    expect(await seen.closed).toMatchObject({ code: 1006, clean: false })
  })

  it('measures the round trip of its pings', async () => {
    const peer = await startServer()
    const { client, seen } = await open(peer.url, { pingIntervalMs: 5 })
    const server = await peer.connection()
    server.on('ping', () => seen.pongs >= 2 && server.send('enough'))
    await seen.count(1)
    expect(client.pingMs).toBeGreaterThanOrEqual(0)
    expect(seen.pongs).toBeGreaterThanOrEqual(2)
  })

  it('finds a dead connection by a ping that nothing answers', async () => {
    const peer = await startServer()
    const { client, seen } = await open(peer.url, { pingIntervalMs: 20, pingTimeoutMs: 50 })
    const server = await peer.connection()
    server.pause()
    const close = await seen.closed
    expect(close.code).toBe(1006)
    expect(close.error?.message).toMatch(/the connection is dead/)
    expect(client.state).toBe('closed')
  })

  it('goes on after a handler that throws', async () => {
    const peer = await startServer()
    const failures: unknown[] = []
    const seen: string[] = []
    let finish!: () => void
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    const client = await WebSocketClient.connect(peer.url, {
      message: (bytes, start, end) => {
        const text = Buffer.from(bytes.subarray(start, end)).toString()
        seen.push(text)
        if (text === 'last') finish()
        throw new TypeError(`can not take ${text}`)
      },
      failed: (error) => failures.push((error as Error).message),
    })
    closers.push(async () => client.terminate())
    const server = await peer.connection()
    server.send('first')
    server.send('last')
    await finished
    await new Promise((resolve) => setImmediate(resolve))
    expect(seen).toEqual(['first', 'last'])
    expect(failures).toEqual(['can not take first', 'can not take last'])
  })

  it('lets the server wait while it is paused', async () => {
    const peer = await startServer()
    const { client, seen } = await open(peer.url)
    const server = await peer.connection()
    client.pause()
    const big = 'm'.repeat(1_000_000)
    for (let i = 0; i < 30; i++) server.send(big)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(server.bufferedAmount).toBeGreaterThan(0)
    expect(seen.messages.length).toBeLessThan(3)
    client.resume()
    await seen.count(30)
    expect(seen.messages.every((message) => message === big)).toBe(true)
  })

  it('ends a connection whose message is too large, with code 1009', async () => {
    const peer = await startServer()
    const { seen } = await open(peer.url, { maxMessageSize: 1000 })
    const server = await peer.connection()
    const code = new Promise((resolve) => server.once('close', resolve))
    server.send('x'.repeat(1000))
    server.send('x'.repeat(1001))
    expect(await code).toBe(1009)
    expect(await seen.closed).toMatchObject({ code: 1009 })
    expect(seen.messages).toHaveLength(1)
  })

  it('checks UTF-8 only when it is told to', async () => {
    const peer = await startServer()
    const lazy = await open(peer.url)
    ;(await peer.connection()).send(Buffer.from([0x22, 0xff, 0x22]), { binary: false })
    await lazy.seen.count(1)
    expect(lazy.client.state).toBe('open')
    const strict = await open(peer.url, { checkUtf8: true })
    ;(await peer.connection()).send(Buffer.from([0x22, 0xff, 0x22]), { binary: false })
    expect(await strict.seen.closed).toMatchObject({ code: 1007 })
    expect(strict.seen.messages).toEqual([])
  })

  it('never sends more frames than its rate allows, pongs included', async () => {
    const peer = await startServer()
    const { client } = await open(peer.url, { sendRate: { frames: 4, perMs: 600_000 } })
    const server = await peer.connection()
    const arrived: string[] = []
    server.on('message', (data) => arrived.push(`message ${data}`))
    server.on('ping', () => arrived.push('ping'))
    server.on('pong', (data) => arrived.push(`pong ${data}`))
    const ponged = new Promise((resolve) => server.once('pong', resolve))
    server.ping('first')
    await ponged
    for (let i = 0; i < 12; i++) client.send(String(i))
    client.ping()
    for (let i = 0; i < 10; i++) server.ping(String(i))
    // The close goes out whatever the rate: all that was allowed arrived before it.
    await client.close()
    expect(arrived).toEqual(['pong first', 'message 0', 'message 1', 'message 2'])
  })

  it('sends what had to wait as soon as the rate allows, control frames first', async () => {
    const peer = await startServer()
    const { client } = await open(peer.url, { sendRate: { frames: 2, perMs: 20 } })
    const server = await peer.connection()
    const arrived: string[] = []
    server.on('ping', () => arrived.push('ping'))
    const all = new Promise<void>((resolve) =>
      server.on('message', (data) => {
        arrived.push(String(data))
        if (arrived.length === 6) resolve()
      }),
    )
    for (const text of ['1', '2', '3', '4', '5']) client.send(text)
    client.ping()
    await all
    expect(arrived).toEqual(['1', '2', 'ping', '3', '4', '5'])
  })

  it('refuses to hold more unsent bytes than its bound', async () => {
    const peer = await startServer()
    const { client } = await open(peer.url, { maxQueuedBytes: 1000, sendRate: { frames: 1, perMs: 60_000 } })
    client.send('x'.repeat(900))
    client.send('y'.repeat(900))
    expect(() => client.send('z'.repeat(200))).toThrow(/wait to be sent/)
  })

  it('stops connecting when its signal aborts, and is closed by `await using`', async () => {
    const url = await startTcp(() => {})
    const controller = new AbortController()
    const opening = WebSocketClient.connect(url, new Recorder(), { signal: controller.signal })
    controller.abort()
    await expect(opening).rejects.toThrow(/abort/i)

    const peer = await startServer()
    const seen = new Recorder()
    {
      await using client = await WebSocketClient.connect(peer.url, seen)
      expect(client.state).toBe('open')
    }
    expect(await seen.closed).toMatchObject({ code: 1000, clean: true })
  })
})

describe('a WebSocket client over TLS', () => {
  it('reads through TLS as through TCP', async () => {
    // A shared key needs no certificate.
    const key = Buffer.from('0123456789abcdef')
    const https = createHttpsServer({ pskCallback: () => key, ciphers: 'PSK', maxVersion: 'TLSv1.2' })
    const server = new WebSocketServer({ server: https, perMessageDeflate: false })
    await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve))
    closers.push(async () => {
      for (const client of server.clients) client.terminate()
      await new Promise((resolve) => https.close(resolve))
    })
    const text = 'n'.repeat(700_000)
    server.on('connection', (socket) => {
      socket.on('message', (data) => socket.send(String(data)))
      socket.send(text)
    })
    const { client, seen } = await open(`wss://127.0.0.1:${(https.address() as { port: number }).port}/`, {
      tls: {
        pskCallback: () => ({ psk: key, identity: 'test' }),
        ciphers: 'PSK',
        maxVersion: 'TLSv1.2',
        checkServerIdentity: () => undefined,
      },
    })
    client.send('back')
    await seen.count(2)
    expect(seen.messages).toEqual([text, 'back'])
    await client.close()
    expect(await seen.closed).toMatchObject({ code: 1000, clean: true })
  })
})

describe('a WebSocket client with a server that misbehaves', () => {
  const answers: [string, string, RegExp, number | undefined][] = [
    ['a redirect', 'HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/\r\n\r\n', /redirects to ws:\/\/elsewhere/, 302],
    [
      'a refusal with a body',
      'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 21\r\n\r\n{"code":-1003, "x":1}',
      /HTTP 429 Too Many Requests: .*-1003/,
      429,
    ],
    ['an answer that is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', /not HTTP/, undefined],
    [
      'a wrong accept key',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
      /Sec-WebSocket-Accept/,
      undefined,
    ],
    ['an upgrade to something else', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n', /lacks/, undefined],
  ]
  for (const [name, answer, message, status] of answers) {
    it(`reports ${name}`, async () => {
      const url = await startTcp((socket) => socket.once('data', () => socket.write(answer)))
      const error = await WebSocketClient.connect(url, new Recorder()).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error).toBeInstanceOf(WebSocketConnectionError)
      expect((error as Error).message).toMatch(message)
      expect((error as WebSocketConnectionError).status).toBe(status)
    })
  }

  it('carries Retry-After, and reports a refusal whose body never ends', async () => {
    const url = await startTcp((socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 503 Busy\r\nRetry-After: 3\r\n\r\nplease wa')),
    )
    const error = await WebSocketClient.connect(url, new Recorder(), { connectTimeoutMs: 50 }).catch((e) => e)
    expect(error).toMatchObject({ status: 503, retryAfterMs: 3000 })
    expect(error.message).toContain('please wa')
  })

  it('gives up on an answer that does not come, and on one without end', async () => {
    const silent = await startTcp(() => {})
    await expect(WebSocketClient.connect(silent, new Recorder(), { connectTimeoutMs: 30 })).rejects.toThrow(
      /no answer to the handshake within 30 ms/,
    )
    const endless = await startTcp((socket) => {
      socket.write(`HTTP/1.1 101 Hello\r\nX: ${'x'.repeat(20_000)}`)
    })
    await expect(WebSocketClient.connect(endless, new Recorder())).rejects.toThrow(/without end/)
  })

  it('reports a server that is not there, and one that hangs up', async () => {
    const gone = await startTcp((socket) => socket.destroy())
    await expect(WebSocketClient.connect(gone, new Recorder())).rejects.toThrow(WebSocketConnectionError)
    await expect(WebSocketClient.connect('ws://127.0.0.1:1/', new Recorder())).rejects.toThrow(/ECONNREFUSED/)
    await expect(WebSocketClient.connect('http://x/', new Recorder())).rejects.toThrow(/ws:\/\/ or wss:\/\//)
  })

  const frames: [string, number[], number][] = [
    ['a masked frame', [0x81, 0x81, 1, 2, 3, 4, 5], 1002],
    ['a reserved bit', [0xc1, 0x01, 0x41], 1002],
    ['an unknown opcode', [0x83, 0x00], 1002],
    ['an unknown control opcode', [0x8b, 0x00], 1002],
    ['a fragmented ping', [0x09, 0x00], 1002],
    ['a long ping', [0x89, 0x7e, 0x00, 0x80], 1002],
    ['a continuation of nothing', [0x80, 0x00], 1002],
    ['a message inside a message', [0x01, 0x01, 0x41, 0x81, 0x01, 0x41], 1002],
    ['half a close code', [0x88, 0x01, 0x03], 1002],
    ['an impossible close code', [0x88, 0x02, 0x03, 0xed], 1002],
    ['a close reason that is not UTF-8', [0x88, 0x03, 0x03, 0xe8, 0xff], 1007],
    ['a length beyond everything', [0x82, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 1009],
  ]
  for (const [name, bytes, code] of frames) {
    it(`ends the connection after ${name} with code ${code}`, async () => {
      const peer = await startServer()
      const { seen } = await open(peer.url)
      const server = await peer.connection()
      const told = new Promise((resolve) => server.once('close', resolve))
      ;(server as unknown as { _socket: Socket })._socket.write(Buffer.from(bytes))
      expect(await told).toBe(code)
      const close = await seen.closed
      expect(close.code).toBe(code)
      expect(close.error).toBeInstanceOf(Error)
      expect(seen.messages).toEqual([])
    })
  }

  it('does not wait for ever for the answer to its close', async () => {
    const peer = await startServer()
    const { client, seen } = await open(peer.url, { closeTimeoutMs: 30 })
    ;(await peer.connection()).pause()
    await client.close()
    expect(await seen.closed).toMatchObject({ clean: false })
  })
})

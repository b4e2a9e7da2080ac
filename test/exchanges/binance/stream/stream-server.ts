import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

export interface Peer {
  readonly number: number
  readonly path: string
  readonly socket: WebSocket
  readonly names: Set<string>
  /** When each frame of the client arrived, ms. */
  readonly times: number[]
  readonly requests: { method: string; params: string[]; id: number }[]
  /** Frames of its channels are not sent. */
  isSilent: boolean
}

/** What a test may change while it runs. */
export interface Manners {
  /** HTTP status that upgrades are refused with. */
  refuse: number | undefined
  retryAfter: number | undefined
  /** Requests are not answered. */
  isMute: boolean
  /** Streams that are refused with an error. */
  readonly refused: Set<string>
  /** Sends a trade of every subscribed channel this often, ms. */
  everyMs: number
  /** Sends nothing by itself. */
  isQuiet: boolean
}

/**
 * A server of combined streams that a test can steer. Every channel gets trades with ids that count on, whoever
 * listens, so that what is missing shows.
 */
export class StreamServer {
  readonly peers: Peer[] = []
  readonly manners: Manners = {
    refuse: undefined,
    retryAfter: undefined,
    isMute: false,
    refused: new Set(),
    everyMs: 5,
    isQuiet: false,
  }
  /** Last trade id that was made. */
  lastId = 0
  upgrades = 0
  /** Most frames of one client within any second. */
  readonly #http = createServer((_, response) => response.end())
  readonly #sockets = new Set<Socket>()
  readonly #ws = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  #timer: NodeJS.Timeout | undefined
  #waiting: { holds: () => boolean; resolve: () => void }[] = []

  static async start(): Promise<StreamServer> {
    const server = new StreamServer()
    server.#http.on('connection', (socket) => {
      server.#sockets.add(socket)
      socket.on('close', () => server.#sockets.delete(socket))
      socket.on('error', () => {})
    })
    server.#http.on('upgrade', (request, socket, head) => server.#upgrade(request, socket as Socket, head))
    await new Promise<void>((resolve) => server.#http.listen(0, '127.0.0.1', resolve))
    server.#tick()
    return server
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`
  }

  /** Connections that are open. */
  get open(): Peer[] {
    return this.peers.filter((peer) => peer.socket.readyState === peer.socket.OPEN)
  }

  /** Most frames that any client sent within a second. */
  get busiestSecond(): number {
    let most = 0
    for (const { times } of this.peers) {
      for (let i = 0, from = 0; i < times.length; i++) {
        while (times[i]! - times[from]! >= 1000) from++
        most = Math.max(most, i - from + 1)
      }
    }
    return most
  }

  /** Resolves as soon as a condition holds; looked at after everything that happens here. */
  when(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }))
  }

  /** Sends text to whoever is subscribed to a stream. */
  publish(name: string, data: string): void {
    for (const peer of this.open) {
      if (peer.names.has(name) && !peer.isSilent) peer.socket.send(`{"stream":${JSON.stringify(name)},"data":${data}}`)
    }
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.cutAll()
    await new Promise((resolve) => this.#http.close(resolve))
  }

  /** One more trade on every stream that anyone has. */
  trade(): void {
    const id = ++this.lastId
    const names = new Set(this.open.flatMap((peer) => [...peer.names]))
    for (const name of names) this.publish(name, tradeOf(name, id))
    this.#look()
  }

  #tick(): void {
    this.#timer = setTimeout(() => {
      if (!this.manners.isQuiet) this.trade()
      this.#tick()
    }, this.manners.everyMs)
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    this.upgrades++
    const { refuse, retryAfter } = this.manners
    if (refuse !== undefined) {
      const wait = retryAfter === undefined ? '' : `Retry-After: ${retryAfter}\r\n`
      socket.end(`HTTP/1.1 ${refuse} No\r\n${wait}Content-Length: 4\r\n\r\nbusy`)
      this.#look()
      return
    }
    this.#ws.handleUpgrade(request, socket, head, (ws) => {
      const peer: Peer = {
        number: this.peers.length,
        path: request.url ?? '',
        socket: ws,
        names: new Set(),
        times: [],
        requests: [],
        isSilent: false,
      }
      this.peers.push(peer)
      const note = (): void => {
        peer.times.push(performance.now())
      }
      ws.on('ping', note)
      ws.on('pong', note)
      ws.on('error', () => {})
      ws.on('close', () => this.#look())
      ws.on('message', (data) => {
        note()
        this.#request(peer, JSON.parse(String(data)))
        this.#look()
      })
      this.#look()
    })
  }

  #request(peer: Peer, request: { method: string; params: string[]; id: number }): void {
    peer.requests.push(request)
    if (this.manners.isMute) return
    const bad = request.params.find((name) => this.manners.refused.has(name))
    if (request.method === 'SUBSCRIBE' && bad !== undefined) {
      peer.socket.send(`{"code":2,"msg":"Invalid request: no ${bad}","id":${request.id}}`)
      return
    }
    for (const name of request.params) {
      if (request.method === 'SUBSCRIBE') peer.names.add(name)
      else peer.names.delete(name)
    }
    peer.socket.send(`{"result":null,"id":${request.id}}`)
  }

  #look(): void {
    this.#waiting = this.#waiting.filter(({ holds, resolve }) => {
      if (!holds()) return true
      resolve()
      return false
    })
  }
}

export function tradeOf(name: string, id: number): string {
  const symbol = name.split('@')[0]!.toUpperCase()
  return `{"e":"trade","E":${1_784_410_630_000 + id},"s":"${symbol}","t":${id},"p":"64682.62","q":"0.02","T":${1_784_410_630_000 + id},"m":true,"M":true}`
}

import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { SandboxMarket } from '../market/listing.ts'
import type { TimeUnit } from '../market/market.ts'
import { frameOf } from './frames.ts'
import type { ConnectionRules } from './manners.ts'
import type { Route } from './names.ts'
import type { LivePath } from './paths.ts'
import type { Subscription } from './subscription.ts'

/** What a connection is made of. */
export interface ConnectionLink {
  readonly ws: WebSocket
  readonly socket: Socket
  readonly rules: ConnectionRules
  /** Called when the exchange ends it without a word. */
  readonly ended: (connection: Connection) => void
}

/** A second, less what the network may press together. */
const RATE_WINDOW = 950

/** One client's WebSocket. */
export class Connection {
  readonly id: number
  readonly market: SandboxMarket
  readonly route: Route | undefined
  readonly unit: TimeUnit
  /** Path and query as they were asked for. */
  readonly path: string
  readonly address: string
  readonly ws: WebSocket
  readonly rules: ConnectionRules
  readonly subscriptions = new Map<string, Subscription>()
  /** Instants on the exchange's clock, epoch ms. */
  readonly openedAt: number
  closedAt: number | undefined
  /** How it ended, in words. */
  ending: string | undefined
  combined: boolean
  /** Half-open: neither sends nor reads, and does not say so. */
  isMute = false
  frames = 0
  bytes = 0
  received = 0
  /** Real instants: of the start, and of the last ping. */
  readonly startedAt = performance.now()
  pingAt = performance.now()
  /** Pings whose pong has not come. */
  readonly pings: { readonly payload: string; readonly at: number }[] = []
  readonly #socket: Socket
  readonly #ended: (connection: Connection) => void
  readonly #arrivals: number[] = []
  #chunks: Buffer[] = []

  constructor(id: number, path: string, parsed: LivePath, link: ConnectionLink, now: number) {
    const { ws, socket, rules, ended } = link
    this.rules = rules
    this.#ended = ended
    this.id = id
    this.path = path
    this.market = parsed.market
    this.route = parsed.route
    this.unit = parsed.unit
    this.combined = parsed.combined
    this.ws = ws
    this.#socket = socket
    this.address = socket.remoteAddress ?? ''
    this.openedAt = now
  }

  get isClosed(): boolean {
    return this.closedAt !== undefined || this.ws.readyState !== 1
  }

  /** Whether something waits for `flush`. */
  get isFull(): boolean {
    return this.#chunks.length > 0
  }

  /** Takes whole frames; `flush` hands them to the network. Written past `ws`, which would frame each one anew. */
  push(frames: Buffer, count: number): void {
    if (this.isMute || this.isClosed) return
    this.#chunks.push(frames)
    this.frames += count
    this.bytes += frames.length
  }

  say(text: string): void {
    this.push(frameOf(text), 1)
  }

  flush(): void {
    const chunks = this.#chunks
    if (chunks.length === 0) return
    this.#chunks = []
    if (this.isMute || this.isClosed) return
    if (chunks.length === 1) this.#socket.write(chunks[0]!)
    else {
      this.#socket.cork()
      for (const chunk of chunks) this.#socket.write(chunk)
      this.#socket.uncork()
    }
    const { unreadBytes } = this.rules
    if (this.#socket.writableLength > unreadBytes) this.destroy(`left more than ${unreadBytes} bytes unread`)
  }

  /** Counts an incoming frame; false when there are too many within a second. */
  arrive(): boolean {
    const limit = this.rules.messagesPerSecond
    const now = performance.now()
    this.received++
    this.#arrivals.push(now)
    if (this.#arrivals.length <= limit) return true
    return now - this.#arrivals.shift()! > RATE_WINDOW
  }

  /** Says goodbye with a close frame. */
  close(code: number, reason: string): void {
    this.flush()
    this.ending ??= `closed by the exchange: ${code} ${reason}`
    this.ws.close(code, reason)
  }

  /** Ends the connection without a word. */
  destroy(why: string): void {
    this.ending ??= why
    this.#chunks = []
    // A reset, so that the other side learns of it at once even if it never reads.
    this.#socket.resetAndDestroy()
    this.#ended(this)
  }

  /** Stops sending and reading, and keeps the connection. */
  mute(): void {
    this.flush()
    this.isMute = true
    this.ws.pause()
  }
}

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocketServer } from 'ws'
import type { Log } from '../../model/log.ts'
import type { SandboxClock } from '../clock.ts'
import type { FaultEngine } from '../faults/engine.ts'
import type { SandboxMarket } from '../market/listing.ts'
import type { MarketData, TimeUnit } from '../market/market.ts'
import type { CapturePlayer } from './capture.ts'
import { Channel } from './channel.ts'
import { Connection } from './connection.ts'
import { release } from './damage.ts'
import { type ConnectionFault, LiveFaults } from './faults.ts'
import { Mail } from './mail.ts'
import { AttemptMeter, type ConnectionRules, connectionRules, type LiveLimits, type LiveTimes } from './manners.ts'
import { parseStream, routeOf, type StreamSpec } from './names.ts'
import { type LivePath, parseLivePath } from './paths.ts'
import { answerRequest, type RequestTarget } from './requests.ts'
import { sourceFor } from './sources/index.ts'
import type { Source } from './sources/source.ts'
import { connectionStatus, type LiveConnectionStatus, type SandboxLive } from './status.ts'
import { Subscription } from './subscription.ts'

/** Bounds of the time between two looks at what is due, real ms. */
const SHORTEST_PULSE = 2
const LONGEST_PULSE = 50

const LARGEST_MESSAGE = 1024 * 1024
const CLOSED_KEPT = 1000
/** How long a connection lives on after the notice of its end, on the exchange's clock. */
const NOTICE = 10_000

export interface LiveServerOptions {
  readonly markets: readonly SandboxMarket[]
  readonly data: MarketData
  readonly clock: SandboxClock
  readonly faults: FaultEngine
  readonly times: LiveTimes | undefined
  readonly limits: LiveLimits | undefined
  readonly capture: CapturePlayer | undefined
  readonly log: Log
}

interface Refusal {
  readonly until: number
  readonly spec: ConnectionFault
}

/** The WebSocket part of a sandbox, on its HTTP port. */
export class LiveServer {
  readonly #options: LiveServerOptions
  readonly #rules: Readonly<Record<SandboxMarket, ConnectionRules>>
  readonly #faults: LiveFaults
  readonly #attempts = new AttemptMeter()
  readonly #connections = new Map<number, Connection>()
  readonly #closed: LiveConnectionStatus[] = []
  readonly #channels = new Map<string, Channel>()
  readonly #mail = new Mail()
  readonly #shutdowns: { connection: Connection; at: number }[] = []
  #refusals: Refusal[] = []
  #acceptor: Promise<WebSocketServer> | undefined
  #timer: NodeJS.Timeout | undefined
  #lastId = 0
  #asked = 0
  #refused = 0
  #isClosed = false
  /** Of connections that are gone. */
  #frames = 0
  #bytes = 0

  constructor(options: LiveServerOptions) {
    this.#options = options
    const rules = (market: SandboxMarket): ConnectionRules => connectionRules(market, options.times, options.limits)
    this.#rules = { spot: rules('spot'), usdm: rules('usdm'), coinm: rules('coinm') }
    this.#faults = new LiveFaults(
      options.faults,
      () => options.clock.now(),
      (connection, spec) => this.#act(connection, spec),
    )
  }

  /** The list of faults has changed, or the market has. */
  changed(): void {
    this.#faults.changed()
    for (const channel of this.#channels.values()) channel.renew()
    this.#wake()
  }

  /** Whether a cut of everything is on. */
  isCut(): boolean {
    return this.#refusals.some(({ spec, until }) => this.#refusesNow(until) && 'rest' in spec && spec.rest === true)
  }

  status(): SandboxLive {
    const open = [...this.#connections.values()]
    const { capture, clock } = this.#options
    return {
      now: clock.now(),
      attempts: this.#asked,
      refused: this.#refused,
      frames: open.reduce((sum, one) => sum + one.frames, this.#frames),
      bytes: open.reduce((sum, one) => sum + one.bytes, this.#bytes),
      connections: [...open.map(connectionStatus), ...this.#closed],
      faults: this.#faults.records(),
      ...(capture ? { capture: capture.status() } : {}),
    }
  }

  /** Answers a request to upgrade to WebSocket. */
  async upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    this.#asked++
    socket.on('error', () => {})
    const url = request.url ?? '/'
    const parsed = parseLivePath(url, this.#options.markets)
    const address = socket.remoteAddress ?? ''
    this.#refusals = this.#refusals.filter(({ until }) => this.#refusesNow(until))
    const facts = { method: 'GET', path: url, market: parsed?.market, symbol: undefined, interval: undefined }
    if (this.#refusals.some(({ spec }) => (spec.match?.market ?? facts.market) === facts.market)) {
      this.#refused++
      socket.resetAndDestroy()
      return
    }
    const refusal = this.#faults.refusal(url, parsed?.market)
    if (refusal) return this.#refuse(socket, refusal.status ?? 503, refusal.body ?? '')
    if (!parsed) return this.#refuse(socket, 404, '')
    const rules = this.#rules[parsed.market]
    const wait = this.#attempts.take(address, rules.attempts)
    if (wait !== undefined) return this.#refuse(socket, 429, '', { 'Retry-After': String(wait) })
    if (parsed.streams.length > rules.streams) return this.#refuse(socket, 400, 'too many streams')
    this.#acceptor ??= import('ws').then(
      ({ WebSocketServer }) =>
        new WebSocketServer({
          noServer: true,
          perMessageDeflate: false,
          clientTracking: false,
          maxPayload: LARGEST_MESSAGE,
        }),
    )
    const acceptor = await this.#acceptor
    if (this.#isClosed) {
      socket.destroy()
      return
    }
    acceptor.handleUpgrade(request, socket, head, (ws) => {
      const ended = (one: Connection): void => this.#gone(one, '')
      const connection = new Connection(
        ++this.#lastId,
        url,
        parsed,
        { ws, socket, rules, ended },
        this.#options.clock.now(),
      )
      this.#admit(connection, parsed)
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const connection of this.#connections.values()) connection.destroy('the sandbox was closed')
    ;(await this.#acceptor)?.close()
  }

  #refuse(socket: Socket, status: number, body: string, headers: Readonly<Record<string, string>> = {}): void {
    this.#refused++
    const all = { Connection: 'close', 'Content-Length': String(Buffer.byteLength(body)), ...headers }
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join('')}\r\n${body}`)
  }

  #refusesNow(until: number): boolean {
    return this.#options.clock.now() < until
  }

  #admit(connection: Connection, parsed: LivePath): void {
    const { ws } = connection
    this.#connections.set(connection.id, connection)
    const arrived = (): boolean => {
      if (connection.arrive()) return true
      connection.close(1008, 'Too many requests')
      return false
    }
    const target = this.#target(connection)
    ws.on('message', (data, isBinary) => {
      if (!arrived() || connection.isMute) return
      const text = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer)
      connection.say(answerRequest(isBinary ? '' : text.toString(), target))
      connection.flush()
    })
    ws.on('ping', arrived)
    ws.on('pong', (data) => {
      if (!arrived()) return
      // A pong that was not asked for keeps nothing alive.
      const at = connection.pings.findIndex((ping) => ping.payload === data.toString())
      if (at >= 0) connection.pings.splice(0, at + 1)
    })
    ws.on('error', (error) => {
      connection.ending ??= error.message
    })
    ws.on('close', (code, reason) =>
      this.#gone(connection, `closed by the client: ${code} ${reason.toString()}`.trim()),
    )
    target.subscribe(parsed.streams)
    this.#wake()
  }

  #gone(connection: Connection, how: string): void {
    if (connection.closedAt !== undefined) return
    connection.closedAt = this.#options.clock.now()
    connection.ending ??= how
    this.#connections.delete(connection.id)
    this.#frames += connection.frames
    this.#bytes += connection.bytes
    this.#closed.unshift(connectionStatus(connection))
    this.#closed.length = Math.min(this.#closed.length, CLOSED_KEPT)
    for (const subscription of connection.subscriptions.values()) this.#leave(subscription)
  }

  #leave(subscription: Subscription): void {
    subscription.close()
    const { channel } = subscription
    if (channel && channel.subscriptions.size === 0) this.#channels.delete(keyOf(channel))
  }

  #target(connection: Connection): RequestTarget {
    const { subscriptions, rules } = connection
    return {
      market: connection.market,
      get combined() {
        return connection.combined
      },
      set combined(value) {
        connection.combined = value
      },
      streams: () => [...subscriptions.keys()],
      subscribe: (names) => {
        const added = new Set(names.filter((name) => !subscriptions.has(name)))
        if (subscriptions.size + added.size > rules.streams) {
          return `too many streams: a connection carries at most ${rules.streams}`
        }
        for (const name of added) {
          subscriptions.set(name, new Subscription(connection, name, this.#channel(connection, name), this.#faults))
        }
        if (added.size > 0) this.#options.capture?.touch(() => this.#wake())
        this.#wake()
        return undefined
      },
      unsubscribe: (names) => {
        for (const name of names) {
          const subscription = subscriptions.get(name)
          if (!subscription) continue
          subscriptions.delete(name)
          this.#leave(subscription)
        }
      },
    }
  }

  /** The channel of a stream; undefined for one that does not exist, or that the connection's route does not carry. */
  #channel(connection: Connection, name: string): Channel | undefined {
    const { market, unit, route } = connection
    const { capture } = this.#options
    const spec = parseStream(market, name)
    if (spec && market === 'usdm' && routeOf(spec) !== (route ?? 'public')) return undefined
    if (!spec && !capture?.has(market, name)) return undefined
    const key = keyOf({ market, unit, name })
    const known = this.#channels.get(key)
    if (known) return known
    const channel = new Channel(
      { market, name, unit, spec },
      this.#source(market, unit, name, spec),
      this.#options.clock,
      {
        due: (from, due) => this.#mail.add(from, due),
        made: () => this.#wake(),
        failed: (error) => this.#options.log.error({ market, stream: name, error }, 'sandbox could not make a stream'),
      },
    )
    this.#channels.set(key, channel)
    return channel
  }

  async #source(
    market: SandboxMarket,
    unit: TimeUnit,
    name: string,
    spec: StreamSpec | undefined,
  ): Promise<Source | undefined> {
    const { data, clock, faults, capture } = this.#options
    if (capture) return capture.source(market, name)
    if (!spec || !data.live) return undefined
    const context = { data, live: data.live, unit, skew: () => faults.skew(market), now: () => clock.now() }
    return sourceFor(context, market, spec)
  }

  /** Does what a fault does to a connection. */
  #act(connection: Connection, spec: ConnectionFault): void {
    switch (spec.type) {
      case 'disconnect':
        this.#noteRefusal(spec)
        connection.destroy('cut by a fault')
        break
      case 'half-open':
        connection.mute()
        break
      case 'close':
        connection.close(spec.code ?? 1001, spec.reason ?? '')
        break
      case 'server-shutdown': {
        const now = this.#options.clock.now()
        const event = `{"e":"serverShutdown","E":${now}}`
        connection.say(connection.combined ? `{"stream":"!serverShutdown","data":${event}}` : event)
        this.#shutdowns.push({ connection, at: now + (spec.noticeMs ?? NOTICE) })
      }
    }
  }

  #noteRefusal(spec: ConnectionFault): void {
    if (spec.type !== 'disconnect' || !spec.refuseMs) return
    this.#refusals.push({ spec, until: this.#options.clock.now() + spec.refuseMs })
  }

  #wake(): void {
    clearTimeout(this.#timer)
    if (this.#isClosed) return
    this.#timer = setTimeout(() => this.#pulse(), 0)
  }

  /** Sends what is due, and sets the time of the next look. */
  #pulse(): void {
    const { clock, log } = this.#options
    const now = clock.now()
    this.#faults.run(now, this.#connections.values(), (spec) => this.#noteRefusal(spec))
    for (const [key, channel] of this.#channels) {
      if (channel.due > now) continue
      try {
        channel.advance(now)
      } catch (error) {
        log.error({ stream: key, error }, 'sandbox could not make a stream')
        this.#channels.delete(key)
      }
    }
    this.#mail.deliver()
    this.#tend(now)
    for (const connection of this.#connections.values()) if (connection.isFull) connection.flush()
    let due = this.#faults.due
    for (const channel of this.#channels.values()) due = Math.min(due, channel.due)
    const wait = clock.realMs(due - clock.now())
    clearTimeout(this.#timer)
    if (this.#isClosed) return
    const isIdle = this.#connections.size === 0
    if (isIdle && wait === Number.POSITIVE_INFINITY) return
    const longest = isIdle ? 1000 : LONGEST_PULSE
    this.#timer = setTimeout(() => this.#pulse(), Math.min(longest, Math.max(SHORTEST_PULSE, wait)))
    this.#timer.unref()
  }

  /** Pings, ends of life and what faults hold back. */
  #tend(now: number): void {
    const real = performance.now()
    for (const connection of this.#connections.values()) {
      if (connection.isClosed || connection.isMute) continue
      const { rules } = connection
      if (real - connection.startedAt >= rules.lifeMs) {
        connection.close(1001, 'end of life')
        continue
      }
      const unanswered = connection.pings[0]
      if (unanswered && real - unanswered.at >= rules.pongMs) {
        connection.destroy('no pong in time')
        continue
      }
      if (real - connection.pingAt >= rules.pingMs) {
        connection.pingAt = real
        connection.pings.push({ payload: String(now), at: real })
        connection.ws.ping(String(now))
      }
      for (const subscription of connection.subscriptions.values()) {
        if (subscription.held.length > 0) release(subscription, now)
      }
    }
    for (let i = 0; i < this.#shutdowns.length; ) {
      const { connection, at } = this.#shutdowns[i]!
      if (connection.isClosed) this.#shutdowns.splice(i, 1)
      else if (at <= now) {
        connection.close(1001, 'server shutdown')
        this.#shutdowns.splice(i, 1)
      } else i++
    }
  }
}

function keyOf(stream: { market: SandboxMarket; unit: TimeUnit; name: string }): string {
  return `${stream.market}|${stream.unit}|${stream.name}`
}

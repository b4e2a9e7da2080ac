import { isAbortError } from '../../../model/errors.ts'
import type { LiveRecord } from '../../../model/live/index.ts'
import type { Market } from '../../../model/series.ts'
import { WebSocketClient, type WebSocketClose } from '../../../net/websocket/index.ts'
import type { ArrivedChunk, ArrivedFrame, FrameParser, FrameSink, StreamEvent } from '../../stream.ts'
import { claimAttempt } from './connection-attempts.ts'
import type { Entry } from './entry.ts'
import { NameTable } from './name-table.ts'
import { batchesOf, halvesOf, RequestBook, type StreamRequest } from './request-book.ts'
import { rulesOf, type StreamSettings } from './settings.ts'

/** One channel on one connection. */
export interface Subscription {
  entry: Entry
  /** `asked`: sent and not answered; `leaving`: being unsubscribed, its data are not wanted any more. */
  state: 'new' | 'asked' | 'acked' | 'leaving'
  /** Data arrived over this connection. */
  isLive: boolean
  frames: number
  /** What the watchdog saw at its last look. */
  seenFrames: number
  quietSince: number
}

/** How a connection ended. */
export interface LinkEnd {
  readonly code: number
  readonly reason: string
  readonly wasOpen: boolean
  /** Why it never opened. */
  readonly error: Error | undefined
}

/** What a connection tells the pool. */
export interface LinkOwner {
  readonly settings: StreamSettings
  opened(link: StreamLink): void
  acknowledged(link: StreamLink, subscription: Subscription): void
  live(link: StreamLink, subscription: Subscription): void
  refused(link: StreamLink, entry: Entry, reason: string): void
  /** Nothing of the channel comes over the connection any more. */
  left(link: StreamLink, entry: Entry): void
  frame(frame: ArrivedFrame): void
  event(event: StreamEvent): void
  shutdown(link: StreamLink): void
  ended(link: StreamLink, end: LinkEnd): void
}

/** Cut of the copy of a frame that goes into an event, bytes. */
const KEPT_FRAME = 64 * 1024

class Frame implements ArrivedFrame {
  readonly market: Market
  readonly connection: number
  bytes: Uint8Array = new Uint8Array(0)
  start = 0
  end = 0
  receiveTime = Number.NaN
  readonly records: LiveRecord[] = []
  chunk: ArrivedChunk | undefined

  constructor(market: Market, connection: number) {
    this.market = market
    this.connection = connection
  }
}

/**
 * One connection: opens, keeps its subscriptions as the pool wants them, and hands on what arrives. It lives once; the
 * pool makes another one when it ends.
 */
export class StreamLink implements FrameSink {
  readonly id: number
  readonly market: Market
  readonly url: string
  /** Failed connections in a row before this one. */
  readonly attempt: number
  /** Since when there was no data, monotonic: when the first of those failed. */
  readonly downSince: number
  /** The connection that it takes over from. */
  readonly replaces: StreamLink | undefined
  readonly subscriptions = new Map<string, Subscription>()
  state: 'connecting' | 'open' | 'closing' | 'closed' = 'connecting'
  /** Gets no channels any more, because another one takes over. */
  isDraining = false
  isPlannedEnd = false
  /** Its delay before it opens is not over. */
  isWaiting = false
  openedAt = Number.NaN
  /** Monotonic. */
  openedTick = Number.NaN
  frames = 0
  dataFrames = 0
  lastFrameAt = Number.NaN
  serverPings = 0
  /** Monotonic. */
  lastServerPing = Number.NaN

  readonly #owner: LinkOwner
  readonly #parser: FrameParser
  readonly #names = new NameTable<Subscription>()
  readonly #frame: Frame
  /** The newest chunk, and the memory that it lies in. */
  #chunk: ArrivedChunk | undefined
  #chunkBytes: Uint8Array | undefined
  readonly #requests: RequestBook
  /** What waits to be asked beyond what the states say: batches that were refused and are tried in halves. */
  #retries: StreamRequest[] = []
  #isReply = false
  #pumping: NodeJS.Immediate | undefined
  readonly #abort = new AbortController()
  #startTimer: NodeJS.Timeout | undefined
  #socket: WebSocketClient | undefined

  constructor(
    owner: LinkOwner,
    parts: {
      readonly id: number
      readonly market: Market
      readonly url: string
      readonly parser: FrameParser
      readonly attempt: number
      readonly downSince: number
      readonly replaces: StreamLink | undefined
    },
  ) {
    this.#owner = owner
    this.id = parts.id
    this.market = parts.market
    this.url = parts.url
    this.#parser = parts.parser
    this.attempt = parts.attempt
    this.downSince = parts.downSince
    this.replaces = parts.replaces
    this.#frame = new Frame(parts.market, parts.id)
    this.#requests = new RequestBook(owner.settings.connectTimeoutMs, (request) => this.#unanswered(request))
  }

  get bytes(): number {
    return this.#socket?.bytesReceived ?? 0
  }

  get pingMs(): number {
    return this.#socket?.pingMs ?? Number.NaN
  }

  /**
   * Opens after a delay, and no sooner than the exchange's limit on attempts lets it. A firm delay is one that the
   * exchange asked for: nothing shortens it.
   */
  start(delayMs: number, isFirm: boolean): void {
    if (delayMs > 0) this.#startTimer = setTimeout(() => this.startNow(), delayMs)
    else this.startNow()
    this.isWaiting = delayMs > 0 && !isFirm
  }

  /** Opens without the rest of its delay: another connection to the host got through. */
  startNow(): void {
    clearTimeout(this.#startTimer)
    this.isWaiting = false
    const wait = claimAttempt(this.url, performance.now())
    if (wait > 0) this.#startTimer = setTimeout(() => void this.#connect(), wait)
    else void this.#connect()
  }

  add(entry: Entry): void {
    const old = this.subscriptions.get(entry.name)
    if (old) {
      const before = old.entry
      if (before !== entry) {
        // Unsubscribed and wanted again before the exchange answered: the channel begins anew.
        old.entry = entry
        old.isLive = false
        before.links.delete(this)
        this.#owner.left(this, before)
      }
      entry.links.add(this)
      // Its UNSUBSCRIBE may be on the way: then it is asked for again behind it.
      if (old.state === 'leaving' && !this.#requests.isLeaving(entry.name)) this.#acked(old)
      else if (old.state === 'leaving') old.state = 'new'
    } else {
      const subscription: Subscription = {
        entry,
        state: 'new',
        isLive: false,
        frames: 0,
        seenFrames: 0,
        quietSince: performance.now(),
      }
      this.subscriptions.set(entry.name, subscription)
      this.#names.set(entry.name, subscription)
      entry.links.add(this)
    }
    this.#pump()
  }

  drop(entry: Entry): void {
    const subscription = this.subscriptions.get(entry.name)
    if (!subscription) return
    if (this.state !== 'open' || subscription.state === 'new') this.#remove(subscription)
    else {
      subscription.state = 'leaving'
      this.#pump()
    }
  }

  pause(): void {
    this.#requests.pause()
    this.#socket?.pause()
  }

  resume(): void {
    this.#requests.resume()
    this.#socket?.resume()
  }

  /** Ends it because it was wanted. */
  async close(code = 1000, reason = ''): Promise<void> {
    this.isPlannedEnd = true
    await this.#end(() => this.#socket?.close(code, reason))
  }

  /** Ends it because it is of no use. */
  fail(reason: string): void {
    this.#failure = reason
    void this.#end(() => this.#socket?.terminate())
  }

  #failure: string | undefined

  /** The channels that come over this connection now. */
  isCarrying(name: string): boolean {
    return this.state === 'open' && this.subscriptions.get(name)?.state === 'acked'
  }

  async #end(close: () => unknown): Promise<void> {
    if (this.state === 'closed') return
    const wasConnecting = this.state === 'connecting'
    this.state = 'closing'
    clearTimeout(this.#startTimer)
    this.#abort.abort()
    if (wasConnecting && !this.#socket) this.#over({ code: 1006, reason: 'closed', wasOpen: false, error: undefined })
    await close()
  }

  async #connect(): Promise<void> {
    const { settings } = this.#owner
    try {
      await WebSocketClient.connect(
        this.url,
        {
          open: (socket) => this.#opened(socket),
          chunk: (bytes, start, end) => {
            this.#chunk = { start, end }
            this.#chunkBytes = bytes
          },
          message: (bytes, start, end) => this.#message(bytes, start, end),
          ping: () => {
            this.serverPings++
            this.lastServerPing = performance.now()
          },
          close: (close) => this.#closed(close),
          failed: (error) => settings.log.error({ error, connection: this.id }, 'a handler of a stream threw'),
        },
        {
          signal: this.#abort.signal,
          sendRate: rulesOf(this.market).sendRate,
          pingIntervalMs: settings.pingIntervalMs,
          pingTimeoutMs: settings.pingTimeoutMs,
          closeTimeoutMs: settings.closeTimeoutMs,
          connectTimeoutMs: settings.connectTimeoutMs,
          maxMessageSize: settings.maxMessageSize,
        },
      )
    } catch (error) {
      if (isAbortError(error) && this.state === 'closed') return
      this.#over({ code: 1006, reason: (error as Error).message, wasOpen: false, error: error as Error })
    }
  }

  #opened(socket: WebSocketClient): void {
    this.#socket = socket
    if (this.state !== 'connecting') {
      socket.terminate()
      return
    }
    this.state = 'open'
    this.openedAt = Date.now()
    this.openedTick = this.lastServerPing = performance.now()
    for (const subscription of this.subscriptions.values()) subscription.quietSince = this.openedTick
    this.#owner.event({ type: 'open', at: this.openedAt, connection: this.id, market: this.market, url: this.url })
    this.#owner.opened(this)
    this.#pump()
  }

  #closed(close: WebSocketClose): void {
    const reason = this.#failure ?? (close.reason !== '' ? close.reason : (close.error?.message ?? ''))
    this.#over({ code: close.code, reason, wasOpen: true, error: close.error })
  }

  #over(end: LinkEnd): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    clearTimeout(this.#startTimer)
    clearImmediate(this.#pumping)
    this.#requests.clear()
    for (const subscription of this.subscriptions.values()) subscription.entry.links.delete(this)
    this.#owner.ended(this, end)
  }

  #message(bytes: Uint8Array, start: number, end: number): void {
    if (this.state === 'closed') return
    const frame = this.#frame
    frame.bytes = bytes
    frame.start = start
    frame.end = end
    frame.chunk = bytes === this.#chunkBytes ? this.#chunk : undefined
    frame.receiveTime = this.#socket!.receivedAt
    this.frames++
    this.lastFrameAt = frame.receiveTime
    this.#isReply = false
    const subscription = this.#names.find(bytes, start, end)
    this.#parser.parse(bytes, start, end, frame.receiveTime, this)
    if (subscription) {
      // The tail of a channel that was let go is nobody's.
      if (subscription.state === 'leaving') {
        empty(frame.records)
        return
      }
      subscription.frames++
      subscription.entry.frames++
      subscription.entry.lastFrameAt = frame.receiveTime
      if (!subscription.isLive) this.#first(subscription)
    }
    if (!this.#isReply) {
      this.dataFrames++
      this.#owner.frame(frame)
    }
    empty(frame.records)
  }

  #first(subscription: Subscription): void {
    // Whoever sends data has understood the request, whatever becomes of its answer.
    if (subscription.state !== 'acked') this.#acked(subscription)
    subscription.isLive = true
    this.#owner.live(this, subscription)
  }

  #acked(subscription: Subscription): void {
    subscription.state = 'acked'
    subscription.quietSince = performance.now()
    this.#owner.acknowledged(this, subscription)
  }

  /** Sends what the subscriptions lack, a moment later so that many changes become one message. */
  #pump(): void {
    if (this.state !== 'open' || this.#pumping) return
    this.#pumping = setImmediate(() => {
      this.#pumping = undefined
      if (this.state !== 'open') return
      for (const retry of this.#retries.splice(0)) this.#ask(retry)
      const leaving: string[] = []
      const wanted: string[] = []
      for (const [name, subscription] of this.subscriptions) {
        if (subscription.state === 'new') {
          wanted.push(name)
          subscription.state = 'asked'
        } else if (subscription.state === 'leaving' && !this.#requests.isLeaving(name)) leaving.push(name)
      }
      // Leaving comes first: a channel that left and came back is then asked for behind it.
      for (const request of batchesOf('UNSUBSCRIBE', leaving)) this.#ask(request)
      for (const request of batchesOf('SUBSCRIBE', wanted)) this.#ask(request)
    })
  }

  #ask(request: StreamRequest): void {
    try {
      this.#socket!.send(this.#requests.ask(request))
    } catch (error) {
      this.fail((error as Error).message)
    }
  }

  #unanswered(request: StreamRequest): void {
    const open = request.names.filter((name) => {
      const state = this.subscriptions.get(name)?.state
      return request.method === 'SUBSCRIBE' ? state === 'asked' : state === 'leaving'
    })
    if (open.length === 0) return
    const reason = `no answer to ${request.method} within ${this.#owner.settings.connectTimeoutMs} ms`
    this.#owner.settings.log.warn({ connection: this.id, names: open.length, tries: request.tries }, reason)
    if (request.tries < 2) {
      this.#ask({ method: request.method, names: open, tries: request.tries + 1 })
      return
    }
    if (request.method === 'SUBSCRIBE') {
      const channels = open.map((name) => this.subscriptions.get(name)!.entry.channel)
      this.#owner.event({ type: 'refused', at: Date.now(), channels, reason })
    }
    this.fail(reason)
  }

  #remove(subscription: Subscription): void {
    const { entry } = subscription
    this.subscriptions.delete(entry.name)
    this.#names.delete(entry.name)
    entry.links.delete(this)
    this.#owner.left(this, entry)
  }

  // What the parser finds in a frame.

  record(record: LiveRecord): void {
    this.#frame.records.push(record)
  }

  reply(
    id: number | string | null,
    _result: unknown,
    error: { readonly code: number; readonly message: string } | undefined,
  ): void {
    this.#isReply = true
    const request = this.#requests.answered(id, error !== undefined)
    if (!request) return
    if (error) this.#refused(request, `${error.message} (code ${error.code})`)
    else {
      for (const name of request.names) {
        const subscription = this.subscriptions.get(name)
        if (request.method === 'SUBSCRIBE' && subscription?.state === 'asked') this.#acked(subscription)
        if (request.method === 'UNSUBSCRIBE' && subscription?.state === 'leaving') this.#remove(subscription)
      }
    }
    this.#pump()
  }

  #refused(request: StreamRequest, reason: string): void {
    const halves = request.method === 'SUBSCRIBE' ? halvesOf(request) : []
    if (halves.length > 0) {
      this.#retries.push(...halves)
      return
    }
    for (const name of request.names) {
      const subscription = this.subscriptions.get(name)
      if (!subscription) continue
      const { entry } = subscription
      const wasAsked = subscription.state === 'asked'
      this.#remove(subscription)
      if (request.method === 'SUBSCRIBE' && wasAsked) this.#owner.refused(this, entry, reason)
    }
  }

  shutdown(): void {
    this.#owner.event({ type: 'shutdown', at: Date.now(), connection: this.id, market: this.market })
    this.#owner.shutdown(this)
  }

  unknown(event: string): void {
    this.#owner.event({ type: 'unknown-event', at: Date.now(), connection: this.id, market: this.market, event })
  }

  bad(problem: string): void {
    const { bytes, start, end } = this.#frame
    this.#owner.event({
      type: 'bad-frame',
      at: Date.now(),
      connection: this.id,
      market: this.market,
      problem,
      // A copy: `slice` of a Buffer would be a view.
      frame: new Uint8Array(bytes.subarray(start, Math.min(end, start + KEPT_FRAME))),
    })
  }
}

/** Setting the length to 0 would give the memory back, and take new memory for every frame. */
function empty(records: LiveRecord[]): void {
  if (records.length === 1) records.pop()
  else records.length = 0
}

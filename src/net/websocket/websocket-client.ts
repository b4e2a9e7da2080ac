import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { WebSocketConnectionError } from '../../model/errors.ts'
import { abortError } from '../abort.ts'
import { CloseCode, isSendableCode, WebSocketProtocolError } from './close-code.ts'
import { clientFrame, closePayload, MAX_CONTROL_PAYLOAD, Opcode } from './frame.ts'
import { FramePace } from './frame-pace.ts'
import { FrameReader } from './frame-reader.ts'
import { Handshake } from './handshake.ts'
import { Heartbeat } from './heartbeat.ts'
import { receiveTime } from './receive-clock.ts'

export interface WebSocketOptions {
  /** Stops the connecting; once it is open, `close` and `terminate` end it. */
  readonly signal?: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
  /** Trust settings of `wss:`, as node:tls takes them. */
  readonly tls?: ConnectionOptions
  /** How long the opening may take, name look-up and TLS included, ms. Default 10 s. */
  readonly connectTimeoutMs?: number
  /** Time between pings that we send, ms; 0 for none. Default 15 s. */
  readonly pingIntervalMs?: number
  /** How long nothing at all may arrive after a ping before the connection counts as dead, ms. Default 10 s. */
  readonly pingTimeoutMs?: number
  /** How long the other side may take to answer a close, ms. Default 2 s. */
  readonly closeTimeoutMs?: number
  /** Largest message accepted, bytes. Default 16 MB. */
  readonly maxMessageSize?: number
  /** Most that may wait to be sent, bytes. Default 1 MB. */
  readonly maxQueuedBytes?: number
  /** A bound on the frames that we send, pings and pongs included; frames above it wait. */
  readonly sendRate?: { readonly frames: number; readonly perMs: number }
  /** Check text messages to be UTF-8 before they are handed on. Default false: what parses them notices. */
  readonly checkUtf8?: boolean
}

/** How a connection ended. */
export interface WebSocketClose {
  /** The other side's code, ours where we ended it, 1005 without one, 1006 without a close frame. */
  readonly code: number
  readonly reason: string
  /** Whether both sides exchanged close frames. */
  readonly clean: boolean
  /** What broke it, when something did. */
  readonly error?: Error
}

/** Who is told. Calls are synchronous; an exception in one goes to `failed` and harms nothing. */
export interface WebSocketHandlers {
  /** Before the first message. */
  open?(socket: WebSocketClient): void
  /**
   * Frames that arrived together, `bytes[start…end)` with their headers: those messages that come next in the same
   * `bytes` lie in it. A message that was put together from several reads lies elsewhere.
   */
  chunk?(bytes: Uint8Array, start: number, end: number): void
  /** A message, `bytes[start…end)`. The memory is used again after the call. */
  message(bytes: Uint8Array, start: number, end: number, isText: boolean): void
  /** The other side sent a ping; it is answered already. */
  ping?(): void
  /** Our ping was answered. */
  pong?(roundTripMs: number): void
  /** Once, after the last message. Not called when the connection never opened. */
  close?(close: WebSocketClose): void
  /** A handler threw. */
  failed?(error: unknown): void
}

/** Size of what one read of the socket takes, bytes. */
const READ_SIZE = 256 * 1024

/**
 * The client's end of a WebSocket (RFC 6455), made for many small messages of a server: they are read in place. It
 * neither follows redirects nor uses extensions.
 */
export class WebSocketClient implements AsyncDisposable {
  readonly url: string
  /** Local clock at the read that brought the message being handed on, epoch ms with a fraction. */
  receivedAt = Number.NaN
  bytesReceived = 0
  /** Round trip of the last ping, ms; NaN before the first. */
  pingMs = Number.NaN
  state: 'connecting' | 'open' | 'closing' | 'closed' = 'connecting'

  readonly #handlers: WebSocketHandlers
  readonly #options: WebSocketOptions
  readonly #socket: Socket
  readonly #reader: FrameReader
  readonly #heartbeat: Heartbeat
  readonly #pace: FramePace | undefined
  #handshake: Handshake | undefined
  #settle: ((error: Error | undefined) => void) | undefined
  readonly #closed: Promise<void>
  #resolveClosed = (): void => {}

  #queue: { opcode: number; payload: Uint8Array }[] = []
  #queuedBytes = 0
  /** Only the newest ping is answered when several wait, as the standard allows. */
  #duePong: Buffer | undefined
  #sendTimer: NodeJS.Timeout | undefined
  #closeTimer: NodeJS.Timeout | undefined
  #theirClose: { code: number; reason: string } | undefined
  #ourClose: { code: number; reason: string } | undefined
  #error: Error | undefined

  /**
   * Opens a connection. @throws WebSocketConnectionError when the server can not be reached, refuses (with `status`) or
   * takes too long; the signal's error when it aborts.
   */
  static async connect(
    url: string,
    handlers: WebSocketHandlers,
    options: WebSocketOptions = {},
  ): Promise<WebSocketClient> {
    const parsed = parseUrl(url)
    if (options.signal?.aborted) throw abortError(options.signal)
    const tls = parsed.protocol === 'wss:' ? await import('node:tls') : undefined
    if (options.signal?.aborted) throw abortError(options.signal)
    const client = new WebSocketClient(parsed, handlers, options, tls)
    await client.#opened(options)
    return client
  }

  private constructor(
    url: URL,
    handlers: WebSocketHandlers,
    options: WebSocketOptions,
    tls: typeof import('node:tls') | undefined,
  ) {
    this.url = url.href
    this.#handlers = handlers
    this.#options = options
    this.#handshake = new Handshake(url)
    const request = this.#handshake.request(options.headers ?? {})
    this.#pace = options.sendRate && new FramePace(options.sendRate.frames, options.sendRate.perMs)
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    this.#reader = new FrameReader(
      {
        ...(handlers.chunk
          ? { chunk: (bytes, start, end) => this.#call(() => handlers.chunk!(bytes, start, end)) }
          : {}),
        message: (bytes, start, end, isText) => {
          try {
            handlers.message(bytes, start, end, isText)
          } catch (error) {
            this.#failed(error)
          }
        },
        ping: (payload) => {
          this.#duePong = payload
          this.#flush()
          this.#call(() => handlers.ping?.())
        },
        pong: (payload) => this.#heartbeat.pong(payload),
        close: (code, reason) => this.#closeArrived(code, reason),
      },
      { maxMessageSize: options.maxMessageSize ?? 16 * 1024 * 1024, checkUtf8: options.checkUtf8 ?? false },
    )
    this.#heartbeat = new Heartbeat({
      intervalMs: options.pingIntervalMs ?? 15_000,
      timeoutMs: options.pingTimeoutMs ?? 10_000,
      ping: (payload) => this.#enqueue(Opcode.ping, payload, true),
      bytesReceived: () => this.bytesReceived,
      isPaused: () => this.#socket.isPaused(),
      answered: (ms) => {
        this.pingMs = ms
        this.#call(() => handlers.pong?.(ms))
      },
      dead: (ms) => {
        const message = `${this.url}: nothing arrived for ${Math.round(ms)} ms after a ping: the connection is dead.`
        this.#break(new WebSocketConnectionError(message))
      },
    })

    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const port = Number(url.port) || (tls ? 443 : 80)
    // One buffer for all reads: nothing is allocated per read, and nothing has to be collected.
    const onread: OnReadOpts = {
      buffer: Buffer.allocUnsafeSlow(READ_SIZE),
      callback: (length, bytes) => {
        this.#arrived(bytes, length)
        return true
      },
    }
    this.#socket = tls
      ? tls.connect({
          host,
          port,
          onread,
          ALPNProtocols: ['http/1.1'],
          ...(isIP(host) === 0 ? { servername: host } : {}),
          ...options.tls,
        } as ConnectionOptions)
      : connectTcp({ host, port, onread })
    this.#socket.setNoDelay(true)
    this.#socket.once(tls ? 'secureConnect' : 'connect', () => this.#socket.write(request))
    this.#socket.on('error', (error) => {
      this.#error ??= new WebSocketConnectionError(`${this.url}: ${error.message || 'the connection failed'}.`, {
        cause: error,
      })
    })
    this.#socket.on('end', () => this.#socket.end())
    this.#socket.on('close', () => this.#gone())
  }

  /** Messages that `send` took and that did not leave yet, bytes. */
  get queuedBytes(): number {
    return this.#queuedBytes + this.#socket.writableLength
  }

  /** Sends a message, at once or as soon as `sendRate` allows. @throws WebSocketConnectionError when it can not. */
  send(data: string | Uint8Array): void {
    if (this.state !== 'open') throw new WebSocketConnectionError(`${this.url}: the connection is ${this.state}.`)
    const isText = typeof data === 'string'
    const payload = isText ? Buffer.from(data, 'utf8') : data
    const limit = this.#options.maxQueuedBytes ?? 1024 * 1024
    if (this.queuedBytes + payload.length > limit) {
      throw new WebSocketConnectionError(`${this.url}: more than ${limit} bytes wait to be sent (maxQueuedBytes).`)
    }
    this.#enqueue(isText ? Opcode.text : Opcode.binary, payload, false)
  }

  /** Sends a ping beside the regular ones; the answer shows in `pingMs`. */
  ping(): void {
    if (this.state === 'open') this.#heartbeat.pingNow()
  }

  /** Stops reading, so that the other side must wait. At most one read's messages (256 KB) still come. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Closes: says so, and waits for the other side as long as `closeTimeoutMs`. Messages may come until then. */
  async close(code: number = CloseCode.normal, reason = ''): Promise<void> {
    if (!isSendableCode(code)) throw new WebSocketConnectionError(`${code} is no code that a close can carry.`)
    if (this.state === 'connecting') this.#socket.destroy()
    if (this.state === 'open') this.#sendClose(code, reason)
    await this.#closed
  }

  /** Ends the connection without a word. */
  terminate(): void {
    this.#reader.stop()
    this.#socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #opened(options: WebSocketOptions): Promise<void> {
    const { signal, connectTimeoutMs = 10_000 } = options
    let timer: NodeJS.Timeout | undefined
    let aborted = (): void => {}
    try {
      await new Promise<void>((resolve, reject) => {
        this.#settle = (error) => (error ? reject(error) : resolve())
        const fail = (error: Error): void => {
          this.#error = error
          this.#socket.destroy()
        }
        timer = setTimeout(
          () => fail(this.#handshake!.ended(`no answer to the handshake within ${connectTimeoutMs} ms`)),
          connectTimeoutMs,
        )
        aborted = () => fail(abortError(signal!))
        signal?.addEventListener('abort', aborted, { once: true })
      })
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', aborted)
    }
  }

  #arrived(bytes: Uint8Array, length: number): void {
    this.receivedAt = receiveTime()
    this.bytesReceived += length
    try {
      if (this.#handshake) this.#greet(this.#handshake.read(bytes.subarray(0, length)))
      else this.#reader.read(bytes, 0, length)
    } catch (error) {
      this.#break(error as Error)
    }
  }

  /** The handshake is done once it gave the bytes behind it. */
  #greet(rest: Buffer | undefined): void {
    if (!rest) return
    this.#handshake = undefined
    this.state = 'open'
    this.#heartbeat.start()
    this.#settle?.(undefined)
    this.#call(() => this.#handlers.open?.(this))
    if (rest.length > 0) this.#reader.read(rest, 0, rest.length)
  }

  /** Ends the connection because of an error; a broken protocol is told to the other side. */
  #break(error: Error): void {
    if (this.state === 'closed') return
    this.#error ??= error
    this.#reader.stop()
    if (this.state === 'open' && error instanceof WebSocketProtocolError) {
      this.#sendClose(error.closeCode, error.message)
      this.#socket.end()
    } else this.#socket.destroy()
  }

  #closeArrived(code: number, reason: string): void {
    this.#theirClose = { code, reason }
    if (this.state === 'open') {
      this.#sendClose(code === CloseCode.noStatus ? CloseCode.normal : code, '')
    }
    // Nothing more may be said; the server ends the connection, and we when it does not.
    this.#socket.end()
  }

  #sendClose(code: number, reason: string): void {
    this.state = 'closing'
    this.#ourClose = { code, reason }
    this.#queue = []
    this.#queuedBytes = 0
    this.#duePong = undefined
    clearTimeout(this.#sendTimer)
    this.#heartbeat.stop()
    if (this.#socket.writable) this.#socket.write(clientFrame(Opcode.close, closePayload(code, reason)))
    this.#closeTimer = setTimeout(() => this.#socket.destroy(), this.#options.closeTimeoutMs ?? 2000)
    // A consumer that paused would never see the answer.
    this.#socket.resume()
  }

  #enqueue(opcode: number, payload: Uint8Array, isFirst: boolean): void {
    if (this.state !== 'open') return
    const entry = { opcode, payload }
    if (isFirst) this.#queue.unshift(entry)
    else this.#queue.push(entry)
    this.#queuedBytes += payload.length
    this.#flush()
  }

  #flush(): void {
    while (this.state === 'open' && (this.#duePong || this.#queue.length > 0)) {
      const now = performance.now()
      const wait = this.#pace?.wait(now) ?? 0
      if (wait > 0) {
        clearTimeout(this.#sendTimer)
        this.#sendTimer = setTimeout(() => this.#flush(), Math.ceil(wait))
        return
      }
      const pong = this.#duePong
      // Pongs that the other side does not take must not pile up.
      if (pong && this.#socket.writableLength > 64 * MAX_CONTROL_PAYLOAD) this.#duePong = undefined
      else if (pong) {
        this.#duePong = undefined
        this.#write(Opcode.pong, pong, now)
      } else {
        const next = this.#queue.shift()!
        this.#queuedBytes -= next.payload.length
        this.#write(next.opcode, next.payload, now)
        if (next.opcode === Opcode.ping) this.#heartbeat.left()
      }
    }
  }

  #write(opcode: number, payload: Uint8Array, now: number): void {
    this.#pace?.sent(now)
    this.#socket.write(clientFrame(opcode, payload))
  }

  /** The socket is closed: tells whoever waits, once. */
  #gone(): void {
    const before = this.state
    this.state = 'closed'
    this.#reader.stop()
    this.#heartbeat.stop()
    clearTimeout(this.#sendTimer)
    clearTimeout(this.#closeTimer)
    if (before === 'connecting') {
      const error = this.#error ?? this.#handshake?.ended('the connection ended before the handshake was answered')
      this.#settle?.(error ?? new WebSocketConnectionError(`${this.url}: the connection was closed.`))
    } else {
      const clean = this.#theirClose !== undefined && this.#ourClose !== undefined
      const broken = this.#error instanceof WebSocketProtocolError ? this.#ourClose : undefined
      const told = broken ?? this.#theirClose ?? { code: CloseCode.abnormal, reason: this.#error?.message ?? '' }
      const error = clean ? undefined : this.#error
      this.#call(() => this.#handlers.close?.({ ...told, clean, ...(error ? { error } : {}) }))
    }
    this.#resolveClosed()
  }

  #call(handler: () => void): void {
    try {
      handler()
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    try {
      this.#handlers.failed?.(error)
    } catch {
      // There is nobody left to tell.
    }
  }
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || (url.protocol !== 'ws:' && url.protocol !== 'wss:')) {
    throw new WebSocketConnectionError(`"${text}" is not a URL of a WebSocket. It must begin with ws:// or wss://.`, {
      retryable: false,
    })
  }
  return url
}

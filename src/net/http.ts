import { gunzip } from 'node:zlib'
import type { Dispatcher, Pool } from 'undici'
import { ConfigError, HttpError, isAbortError, NetworkError, TicklakeError } from '../model/errors.ts'
import { abortError } from './abort.ts'

export interface HttpClientOptions {
  /** Connections per host, at most. Further requests wait in line. */
  readonly connections?: number
  /** Default time for a connection to be made, ms. */
  readonly connectTimeoutMs?: number
  /** Default time from sending a request to the first byte of its answer, ms. */
  readonly timeoutMs?: number
  /** Default time without any byte of the body, ms. */
  readonly stallMs?: number
  /** Sent as `user-agent`. */
  readonly userAgent?: string
}

export interface HttpRequest {
  readonly url: string
  readonly method?: 'GET' | 'HEAD' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
  /** Time from sending the request to the first byte of the answer, ms. */
  readonly timeoutMs?: number
  /** Time without any byte of the body, ms. Time in which the reader is the slow side does not count. */
  readonly stallMs?: number
  /** More body bytes than this are an error, so that no answer can fill the memory. */
  readonly maxBytes?: number
  /** Ask for gzip; `bytes()` unpacks it. Not for streamed bodies, which come as sent. */
  readonly gzip?: boolean
}

/**
 * An answer whose body has not been read yet. Read it with `bytes()` or by iterating `body`, else call `discard()`:
 * until then it holds its connection.
 */
export interface HttpResponse extends AsyncDisposable {
  readonly url: string
  readonly status: number
  /** By lower-case name; repeated headers are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** The body as it arrives. Leaving the loop early closes the connection. Can be iterated once. */
  readonly body: AsyncIterable<Uint8Array>
  /** The whole body. @throws NetworkError when it is cut, stalls or is larger than `maxBytes`. */
  bytes(): Promise<Uint8Array>
  /** Gives the connection back: reads a small rest of the body, cuts off a large one. Never throws. */
  discard(): Promise<void>
}

const DEFAULT_TIMEOUT = 30_000
const DEFAULT_CONNECT_TIMEOUT = 10_000
const DEFAULT_CONNECTIONS = 16
/** Bound of a body that nobody bounded: no JSON answer or listing page comes near. */
const DEFAULT_MAX_BYTES = 256 * 2 ** 20
/** A body rest smaller than this is cheaper to read than a connection is to make anew. */
const DRAIN_BYTES = 64 * 1024

/** HTTP/1.1 over keep-alive pools, one per host. Failures on the wire are `NetworkError`; any status is an answer. */
export class HttpClient implements AsyncDisposable {
  readonly #options: HttpClientOptions
  readonly #pools = new Map<string, Pool>()
  #undici: typeof import('undici') | undefined
  #closed = false

  constructor(options: HttpClientOptions = {}) {
    this.#options = options
  }

  /** Sends a request and resolves when the head of the answer is here. @throws NetworkError; the signal's error. */
  async request(request: HttpRequest): Promise<HttpResponse> {
    const { signal } = request
    const url = parseUrl(request.url)
    this.#undici ??= await import('undici')
    if (signal?.aborted) throw abortError(signal)
    if (this.#closed) throw new ConfigError('This HttpClient is closed. Make a new one.')
    const pool = this.#pool(this.#undici.Pool, url.origin)
    const timeoutMs = request.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT
    const stallMs = request.stallMs ?? this.#options.stallMs ?? DEFAULT_TIMEOUT
    const headers: Record<string, string> = { 'user-agent': this.#options.userAgent ?? 'ticklake', ...request.headers }
    if (request.gzip) headers['accept-encoding'] = 'gzip'
    let answer: Dispatcher.ResponseData
    try {
      answer = await pool.request({
        path: url.pathname + url.search,
        method: request.method ?? 'GET',
        headers,
        headersTimeout: timeoutMs,
        bodyTimeout: stallMs,
        signal: signal ?? null,
      })
    } catch (error) {
      throw wireError(error, request.url, signal, { timeoutMs, stallMs, received: 0 })
    }
    return new Answer(answer, request, { timeoutMs, stallMs })
  }

  /** The body of a successful answer. @throws HttpError for any status but 2xx; NetworkError. */
  async getBytes(url: string, options: Omit<HttpRequest, 'url' | 'method'> = {}): Promise<Uint8Array> {
    const response = await this.request({ ...options, url })
    if (response.status >= 200 && response.status < 300) return await response.bytes()
    await response.discard()
    const retryAfterMs = retryAfterOf(response.headers)
    throw new HttpError(url, response.status, '', {
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(response.status === 429 ? { retryable: true } : {}),
    })
  }

  /** Closes every connection; requests under way fail. */
  async close(): Promise<void> {
    this.#closed = true
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map((pool) => pool.destroy()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #pool(PoolClass: typeof Pool, origin: string): Pool {
    let pool = this.#pools.get(origin)
    if (!pool) {
      pool = new PoolClass(origin, {
        connections: this.#options.connections ?? DEFAULT_CONNECTIONS,
        connectTimeout: this.#options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT,
        keepAliveTimeout: 30_000,
        allowH2: false,
        // The size of a body is bounded here, where the message can name the URL.
        maxResponseSize: -1,
      })
      this.#pools.set(origin, pool)
    }
    return pool
  }
}

class Answer implements HttpResponse {
  readonly url: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Uint8Array>
  readonly #raw: Dispatcher.ResponseData
  readonly #request: HttpRequest
  readonly #limits: { timeoutMs: number; stallMs: number }
  #received = 0

  constructor(raw: Dispatcher.ResponseData, request: HttpRequest, limits: { timeoutMs: number; stallMs: number }) {
    this.#raw = raw
    this.#request = request
    this.#limits = limits
    this.url = request.url
    this.status = raw.statusCode
    this.headers = flatHeaders(raw.headers)
    // A body that dies while nobody reads it must not become an uncaught 'error' event.
    raw.body.on('error', () => {})
    this.body = { [Symbol.asyncIterator]: () => this.#chunks() }
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void, void> {
    const { body } = this.#raw
    try {
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        this.#count(chunk.length)
        yield chunk
      }
    } catch (error) {
      throw this.#error(error)
    } finally {
      body.destroy()
    }
  }

  async bytes(): Promise<Uint8Array> {
    const { body } = this.#raw
    const chunks: Uint8Array[] = []
    await new Promise<void>((resolve, reject) => {
      const fail = (error: unknown): void => {
        reject(this.#error(error))
        body.destroy()
      }
      body.on('error', fail)
      body.on('end', resolve)
      body.on('close', () => {
        if (!body.readableEnded) fail(new NetworkError(this.url, 'the connection was closed while the answer was read'))
      })
      body.on('data', (chunk: Uint8Array) => {
        try {
          this.#count(chunk.length)
          chunks.push(chunk)
        } catch (error) {
          fail(error)
        }
      })
    })
    const whole = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, this.#received)
    return this.#request.gzip && this.headers['content-encoding'] === 'gzip' ? await this.#unpack(whole) : whole
  }

  async discard(): Promise<void> {
    try {
      await this.#raw.body.dump({ limit: DRAIN_BYTES })
    } catch {
      this.#raw.body.destroy()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.discard()
  }

  #unpack(packed: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      gunzip(packed, { maxOutputLength: this.#request.maxBytes ?? DEFAULT_MAX_BYTES }, (error, bytes) => {
        if (error) reject(new NetworkError(this.url, `the gzip body is damaged or too large (${error.message})`))
        else resolve(bytes)
      })
    })
  }

  #count(bytes: number): void {
    this.#received += bytes
    const limit = this.#request.maxBytes ?? DEFAULT_MAX_BYTES
    if (this.#received > limit) {
      throw new NetworkError(this.url, `the answer is larger than the ${limit} bytes that were expected at most`, {
        retryable: false,
      })
    }
  }

  #error(error: unknown): Error {
    return wireError(error, this.url, this.#request.signal, { ...this.#limits, received: this.#received })
  }
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  throw new ConfigError(`"${text}" is not a URL. It must begin with http:// or https://.`)
}

function flatHeaders(raw: Record<string, string | string[] | undefined>): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(raw)) {
    if (value !== undefined) headers[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value
  }
  return headers
}

/**
 * Milliseconds of a `Retry-After` header (seconds or an HTTP date); undefined when it is missing or makes no sense.
 * `now` is the clock that the date is compared with.
 */
export function parseRetryAfter(value: string | undefined, now: number = Date.now()): number | undefined {
  if (value === undefined) return undefined
  const text = value.trim()
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000)
  const date = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/** `Retry-After` of an answer in milliseconds. A date in it is measured by the server's own clock, not by ours. */
export function retryAfterOf(headers: Readonly<Record<string, string>>): number | undefined {
  const serverTime = Date.parse(headers.date ?? '')
  return parseRetryAfter(headers['retry-after'], Number.isNaN(serverTime) ? Date.now() : serverTime)
}

interface WireFacts {
  readonly timeoutMs: number
  readonly stallMs: number
  readonly received: number
}

/** What happened on the wire, as an error that says so. An abort by the caller stays what it is. */
function wireError(error: unknown, url: string, signal: AbortSignal | undefined, facts: WireFacts): Error {
  if (signal?.aborted) return abortError(signal)
  if (error instanceof TicklakeError) return error
  if (isAbortError(error) && signal) return error as Error
  return new NetworkError(url, describe(error, url, facts), { cause: error })
}

function describe(error: unknown, url: string, facts: WireFacts): string {
  const { code, message } = error as { code?: string; message?: string }
  const host = URL.canParse(url) ? new URL(url).host : url
  switch (code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return `no answer within ${facts.timeoutMs} ms`
    case 'UND_ERR_BODY_TIMEOUT':
      return `the answer stalled: no byte for ${facts.stallMs} ms after ${facts.received} bytes`
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return `no connection to ${host} in time`
    case 'ECONNREFUSED':
      return `${host} refused the connection. Is it the right address, and is the server running?`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name of ${host} could not be resolved. Is there a network connection?`
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return `the connection was cut after ${facts.received} bytes of the answer's body`
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return 'the client was closed while the request was under way'
    default:
      return `${message || 'the request failed'}${code === undefined ? '' : ` (${code})`}`
  }
}

import { createHash, randomBytes } from 'node:crypto'
import { WebSocketConnectionError } from '../../model/errors.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** Largest answer head that is read, bytes. */
const MAX_HEAD = 16 * 1024
/** Most of a refusing answer's body that is kept, bytes. */
const MAX_BODY = 1024
const HEAD_END = Buffer.from('\r\n\r\n')

/** One opening handshake: the request's bytes, then the answer's as they arrive. */
export class Handshake {
  readonly #url: URL
  readonly #key = randomBytes(16).toString('base64')
  #received = Buffer.alloc(0)
  #refused: { status: number; head: string; bodyStart: number; bodyLength: number } | undefined

  constructor(url: URL) {
    this.#url = url
  }

  /** The request, without compression: it would cost forty times what it saves. */
  request(headers: Readonly<Record<string, string>>): string {
    const { host, pathname, search, username, password } = this.#url
    const lines = [
      `GET ${pathname}${search} HTTP/1.1`,
      `Host: ${host}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${this.#key}`,
      'Sec-WebSocket-Version: 13',
    ]
    if (username !== '' || password !== '') {
      const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
      lines.push(`Authorization: Basic ${Buffer.from(login).toString('base64')}`)
    }
    for (const [name, value] of Object.entries(headers)) {
      if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[\r\n\0]/.test(value)) {
        throw new WebSocketConnectionError(`${this.#where()}: the header ${JSON.stringify(name)} can not be sent.`, {
          retryable: false,
        })
      }
      lines.push(`${name}: ${value}`)
    }
    return `${lines.join('\r\n')}\r\n\r\n`
  }

  /**
   * Takes what arrived. Gives the bytes behind an accepting answer (maybe none), undefined while the answer is
   * incomplete. @throws WebSocketConnectionError for any other answer, with its status and the start of its body.
   */
  read(bytes: Uint8Array): Buffer | undefined {
    this.#received = Buffer.concat([this.#received, bytes])
    if (this.#refused) return this.#body()
    const end = this.#received.indexOf(HEAD_END)
    if (end < 0) {
      if (this.#received.length > MAX_HEAD) throw this.#error('the answer has a head without end')
      if (this.#received.length >= 5 && this.#received.toString('latin1', 0, 5) !== 'HTTP/') {
        throw this.#error(`the answer is not HTTP: ${quoted(this.#received.toString('latin1', 0, 60))}`)
      }
      return undefined
    }
    const [statusLine = '', ...lines] = this.#received.toString('latin1', 0, end).split('\r\n')
    const match = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(statusLine)
    if (!match) throw this.#error(`the answer is not HTTP/1.1: ${quoted(statusLine.slice(0, 60))}`)
    const status = Number(match[1])
    const headers = readHeaders(lines)
    const rest = end + HEAD_END.length
    if (status === 101) {
      this.#check(headers)
      return this.#received.subarray(rest)
    }
    // Interim answers (100, 103) announce another one.
    if (status < 200) {
      const more = this.#received.subarray(rest)
      this.#received = Buffer.alloc(0)
      return this.read(more)
    }
    if (status >= 300 && status < 400) {
      throw this.#error(
        `the server redirects to ${headers.get('location') ?? 'nowhere'} (HTTP ${status}), which is not followed: use that URL if you trust it`,
        { status, retryable: false },
      )
    }
    const length = Number(headers.get('content-length') ?? Number.POSITIVE_INFINITY)
    const retryAfter = Number(headers.get('retry-after') ?? Number.NaN)
    this.#refused = {
      status,
      head: `HTTP ${status} ${match[2] ?? ''}`.trimEnd(),
      bodyStart: rest,
      bodyLength: Math.min(MAX_BODY, Number.isFinite(length) ? length : MAX_BODY),
    }
    if (Number.isFinite(retryAfter)) this.#retryAfterMs = retryAfter * 1000
    return this.#body()
  }

  #retryAfterMs: number | undefined

  /** The connection ended, or took too long, before an accepting answer: the error that says so best. */
  ended(why: string): WebSocketConnectionError {
    return this.#refused ? this.#refusal() : this.#error(why)
  }

  #body(): undefined {
    const refused = this.#refused!
    if (this.#received.length - refused.bodyStart >= refused.bodyLength) throw this.#refusal()
    return undefined
  }

  #refusal(): WebSocketConnectionError {
    const { status, head, bodyStart } = this.#refused!
    const body = this.#received.toString('utf8', bodyStart, bodyStart + MAX_BODY).trim()
    return this.#error(
      `the server refused the WebSocket: ${head}${body === '' ? '' : `: ${quoted(body.slice(0, 300))}`}`,
      {
        status,
        ...(this.#retryAfterMs === undefined ? {} : { retryAfterMs: this.#retryAfterMs }),
      },
    )
  }

  #check(headers: ReadonlyMap<string, string>): void {
    const has = (name: string, token: string): boolean =>
      (headers.get(name) ?? '').split(',').some((part) => part.trim().toLowerCase() === token)
    if (!has('upgrade', 'websocket') || !has('connection', 'upgrade')) {
      throw this.#error('the answer to the handshake lacks "Upgrade: websocket" or "Connection: Upgrade"')
    }
    const expected = createHash('sha1')
      .update(this.#key + GUID)
      .digest('base64')
    if (headers.get('sec-websocket-accept') !== expected) {
      throw this.#error(
        'the answer to the handshake has a wrong Sec-WebSocket-Accept: something between answers instead',
      )
    }
    for (const name of ['sec-websocket-extensions', 'sec-websocket-protocol']) {
      if (headers.has(name))
        throw this.#error(`the server uses ${name} "${headers.get(name)}", which was not asked for`)
    }
  }

  #where(): string {
    // Without what a URL may hide: a password, a listen key.
    return `${this.#url.protocol}//${this.#url.host}${this.#url.pathname}`
  }

  #error(
    message: string,
    facts: { status?: number; retryable?: boolean; retryAfterMs?: number } = {},
  ): WebSocketConnectionError {
    return new WebSocketConnectionError(`${this.#where()}: ${message}.`, facts)
  }
}

function readHeaders(lines: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return headers
}

/** Text of a server as one printable line. */
function quoted(text: string): string {
  return JSON.stringify(text.replace(/\s+/g, ' '))
}

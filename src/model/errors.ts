/** Facts shared by every ticklake error. */
export interface ErrorFacts {
  readonly cause?: unknown
  /** Exchange the error came from, when one did. */
  readonly exchange?: string
  /** Whether the same call may succeed when it is made again. */
  readonly retryable?: boolean
}

/**
 * Base of every error that ticklake throws. `code` is stable and meant for programs; `message` is for people and says
 * what was wrong, where, and what to do.
 */
export class TicklakeError extends Error {
  readonly code: string
  readonly exchange: string | undefined
  readonly retryable: boolean

  constructor(code: string, message: string, options: ErrorFacts = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.exchange = options.exchange
    this.retryable = options.retryable ?? false
  }
}

/** True for every error of this family. */
export function isTicklakeError(error: unknown): error is TicklakeError {
  return error instanceof TicklakeError
}

/** True for the error that an aborted `AbortSignal` causes. */
export function isAbortError(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || (error as { code?: string }).code === 'ABORT_ERR')
}

/** The exchange refused a call because its rate limit is used up (HTTP 429) or the address is banned (HTTP 418). */
export class RateLimitExceeded extends TicklakeError {
  /** Milliseconds until the exchange takes calls again. */
  readonly retryAfterMs: number
  /** True for a ban (HTTP 418): every call made during a ban makes it longer. */
  readonly banned: boolean

  constructor(message: string, options: ErrorFacts & { retryAfterMs: number; banned?: boolean }) {
    super('RATE_LIMIT_EXCEEDED', message, { retryable: true, ...options })
    this.retryAfterMs = options.retryAfterMs
    this.banned = options.banned ?? false
  }
}

/** A live connection could not be made or was lost. */
export class WebSocketConnectionError extends TicklakeError {
  /** HTTP status of a server that refused the WebSocket. */
  readonly status: number | undefined
  /** Milliseconds from the `Retry-After` header of the refusal, if there was one. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: ErrorFacts & { status?: number; retryAfterMs?: number } = {}) {
    super('WEBSOCKET_CONNECTION', message, { retryable: true, ...options })
    this.status = options.status
    this.retryAfterMs = options.retryAfterMs
  }
}

/** A symbol that the market does not have. */
export class InvalidSymbolError extends TicklakeError {
  readonly symbol: string
  /** The nearest symbols that exist, best first; empty when none is near. */
  readonly suggestions: readonly string[]

  constructor(symbol: string, where: string, suggestions: readonly string[] = [], options: ErrorFacts = {}) {
    const hint = suggestions.length > 0 ? ` Did you mean ${suggestions.join(', ')}?` : ''
    super('INVALID_SYMBOL', `Unknown symbol "${symbol}" on ${where}.${hint}`, options)
    this.symbol = symbol
    this.suggestions = suggestions
  }
}

/** A time range, interval or page size that makes no sense. */
export class InvalidRangeError extends TicklakeError {
  constructor(message: string, options: ErrorFacts = {}) {
    super('INVALID_RANGE', message, options)
  }
}

/** Bytes do not have the hash that was published or recorded for them. */
export class ChecksumError extends TicklakeError {
  readonly path: string
  readonly expected: string
  readonly actual: string

  constructor(path: string, expected: string, actual: string, options: ErrorFacts = {}) {
    super('CHECKSUM', `${path}: SHA-256 is ${actual}, expected ${expected}`, { retryable: true, ...options })
    this.path = path
    this.expected = expected
    this.actual = actual
  }
}

/** Records are missing between two that should follow one another. */
export class SequenceGapError extends TicklakeError {
  readonly expected: number
  readonly received: number

  constructor(message: string, expected: number, received: number, options: ErrorFacts = {}) {
    super('SEQUENCE_GAP', message, options)
    this.expected = expected
    this.received = received
  }
}

/** The lake, or another store, could not be read or written. */
export class StorageError extends TicklakeError {
  readonly path: string

  constructor(path: string, message: string, options: ErrorFacts & { code?: string } = {}) {
    super(options.code ?? 'STORAGE', `${path}: ${message}`, options)
    this.path = path
  }
}

/** Another process writes the same series. */
export class LakeLockedError extends StorageError {
  /** Who holds the lock, as far as it says so. */
  readonly holder: string

  constructor(path: string, holder: string) {
    super(path, `is being written by ${holder}. Wait for it to finish, or use another --data-dir.`, {
      code: 'LAKE_LOCKED',
      retryable: true,
    })
    this.holder = holder
  }
}

/** A setting (flag, environment variable, config file) that cannot be used. */
export class ConfigError extends TicklakeError {
  constructor(message: string, options: ErrorFacts = {}) {
    super('CONFIG', message, options)
  }
}

/** No usable answer came over the network: refused, cut, timed out, stalled. */
export class NetworkError extends TicklakeError {
  readonly url: string

  constructor(url: string, message: string, options: ErrorFacts = {}) {
    super('NETWORK', `${url}: ${message}`, { retryable: true, ...options })
    this.url = url
  }
}

/** The server answered with a status that is not a success. */
export class HttpError extends TicklakeError {
  readonly url: string
  readonly status: number
  /** Milliseconds from the `Retry-After` header, if there was one. */
  readonly retryAfterMs: number | undefined

  constructor(url: string, status: number, message: string, options: ErrorFacts & { retryAfterMs?: number } = {}) {
    super('HTTP', `${url}: HTTP ${status} ${message}`.trimEnd(), {
      retryable: status === 408 || status >= 500,
      ...options,
    })
    this.url = url
    this.status = status
    this.retryAfterMs = options.retryAfterMs
  }
}

/** The exchange answered with an error body of its own (`{code, msg}`). */
export class ExchangeError extends TicklakeError {
  readonly url: string
  readonly status: number
  /** The exchange's number, e.g. -1121. */
  readonly exchangeCode: number

  constructor(url: string, status: number, exchangeCode: number, message: string, options: ErrorFacts = {}) {
    super('EXCHANGE', `${url}: ${message} (code ${exchangeCode}, HTTP ${status})`, options)
    this.url = url
    this.status = status
    this.exchangeCode = exchangeCode
  }
}

/** Bytes that should hold data do not have the expected form. */
export class ParseError extends TicklakeError {
  /** File, URL or frame that held the bytes. */
  readonly source: string

  constructor(source: string, message: string, options: ErrorFacts = {}) {
    super('PARSE', `${source}: ${message}`, options)
    this.source = source
  }
}

/** A subscriber that asked to be told (`overflow: 'error'`) was slower than the market for longer than its bound. */
export class BufferOverflowError extends TicklakeError {
  /** Items that the buffer holds at most. */
  readonly bound: number

  constructor(name: string, bound: number, options: ErrorFacts = {}) {
    super(
      'BUFFER_OVERFLOW',
      `${name}: the reader is slower than the market and its buffer of ${bound} items is full. Read faster, subscribe to less, give a larger bound, or choose overflow "drop-oldest".`,
      options,
    )
    this.bound = bound
  }
}

/** A step would use values that come later than the row it changes, where that is refused. */
export class LookAheadError extends TicklakeError {
  /** The step that looks ahead. */
  readonly step: string

  constructor(step: string, why: string, options: ErrorFacts = {}) {
    super('LOOK_AHEAD', `"${step}" looks ahead, which is refused: ${why}`, options)
    this.step = step
  }
}

import { describe, expect, it } from 'vitest'
import * as errors from '../../src/model/errors.ts'

const {
  BufferOverflowError,
  ChecksumError,
  ConfigError,
  ExchangeError,
  HttpError,
  InvalidRangeError,
  InvalidSymbolError,
  isAbortError,
  isTicklakeError,
  LakeLockedError,
  LookAheadError,
  NetworkError,
  ParseError,
  RateLimitExceeded,
  SequenceGapError,
  StorageError,
  TicklakeError,
  WebSocketConnectionError,
} = errors

const url = 'https://api.binance.com/api/v3/klines'

/** One of each: the error, its code, whether another try may help, and what its message must hold. */
const family: [errors.TicklakeError, code: string, retryable: boolean, says: string[]][] = [
  [new RateLimitExceeded('spot: used up', { retryAfterMs: 5_000 }), 'RATE_LIMIT_EXCEEDED', true, ['spot: used up']],
  [new WebSocketConnectionError('lost'), 'WEBSOCKET_CONNECTION', true, ['lost']],
  [
    new InvalidSymbolError('BTCUSD', 'binance spot', ['BTCUSDT', 'BTCUSDC']),
    'INVALID_SYMBOL',
    false,
    ['"BTCUSD"', 'binance spot', 'Did you mean BTCUSDT, BTCUSDC?'],
  ],
  [new InvalidRangeError('from lies after to'), 'INVALID_RANGE', false, ['from lies after to']],
  [new ChecksumError('a/b.zip', 'aa', 'bb'), 'CHECKSUM', true, ['a/b.zip', 'SHA-256 is bb', 'expected aa']],
  [new SequenceGapError('trade ids', 5, 7), 'SEQUENCE_GAP', false, ['trade ids']],
  [new StorageError('/lake/series.json', 'can not be read'), 'STORAGE', false, ['/lake/series.json: can not be read']],
  [
    new LakeLockedError('/lake/BTCUSDT/1m', 'process 42'),
    'LAKE_LOCKED',
    true,
    ['/lake/BTCUSDT/1m', 'process 42', 'Wait for it to finish'],
  ],
  [new ConfigError('DATA_DIR is empty'), 'CONFIG', false, ['DATA_DIR is empty']],
  [new NetworkError(url, 'timed out after 10 s'), 'NETWORK', true, [url, 'timed out after 10 s']],
  [new HttpError(url, 503, 'Service Unavailable'), 'HTTP', true, [url, 'HTTP 503 Service Unavailable']],
  [new HttpError(url, 404, ''), 'HTTP', false, [`${url}: HTTP 404`]],
  [new ExchangeError(url, 400, -1121, 'Invalid symbol.'), 'EXCHANGE', false, [url, 'Invalid symbol.', '-1121', '400']],
  [
    new BufferOverflowError('market_data.trade', 100),
    'BUFFER_OVERFLOW',
    false,
    ['market_data.trade', '100', 'drop-oldest'],
  ],
  [new ParseError('x.csv:7', 'open is "abc"'), 'PARSE', false, ['x.csv:7: open is "abc"']],
  [new LookAheadError('zscore', 'use hampel'), 'LOOK_AHEAD', false, ['"zscore" looks ahead', 'use hampel']],
]

describe('the error family', () => {
  it('is listed here in full', () => {
    const classes = Object.values(errors).filter(
      (value) => typeof value === 'function' && value.prototype instanceof TicklakeError,
    )
    const listed = new Set<unknown>(family.map(([error]) => error.constructor))
    expect(classes.filter((made) => !listed.has(made))).toEqual([])
  })

  it.each(family)('%s', (error, code, retryable, says) => {
    expect(error).toBeInstanceOf(Error)
    expect(isTicklakeError(error)).toBe(true)
    expect(error.name).toBe(error.constructor.name)
    expect(error.code).toBe(code)
    expect(error.retryable).toBe(retryable)
    expect(error.exchange).toBeUndefined()
    expect(error.cause).toBeUndefined()
    expect('cause' in error).toBe(false)
    for (const part of says) expect(error.message).toContain(part)
    expect(error.stack).toContain('errors.test.ts')
  })

  it('carries cause and exchange, and lets the thrower decide on another try', () => {
    const cause = new Error('ECONNRESET')
    const error = new NetworkError(url, 'cut', { cause, exchange: 'binance', retryable: false })
    expect(error).toMatchObject({ cause, exchange: 'binance', retryable: false, url })
    expect(new ExchangeError(url, 500, -1001, 'Internal error', { retryable: true }).retryable).toBe(true)
  })

  it('retries after server errors and request timeouts only', () => {
    const retried = [400, 401, 403, 404, 408, 409, 451, 500, 502, 503, 504].filter(
      (status) => new HttpError(url, status, '').retryable,
    )
    expect(retried).toEqual([408, 500, 502, 503, 504])
  })

  it('has facts for programs', () => {
    expect(new RateLimitExceeded('', { retryAfterMs: 5_000 })).toMatchObject({ retryAfterMs: 5_000, banned: false })
    expect(new RateLimitExceeded('', { retryAfterMs: 1, banned: true }).banned).toBe(true)
    expect(new InvalidSymbolError('X', 'spot')).toMatchObject({ symbol: 'X', suggestions: [] })
    expect(new InvalidSymbolError('X', 'spot').message).not.toContain('Did you mean')
    expect(new ChecksumError('p', 'e', 'a')).toMatchObject({ path: 'p', expected: 'e', actual: 'a' })
    expect(new SequenceGapError('', 5, 7)).toMatchObject({ expected: 5, received: 7 })
    expect(new HttpError(url, 429, '', { retryAfterMs: 9 })).toMatchObject({ url, status: 429, retryAfterMs: 9 })
    expect(new ExchangeError(url, 400, -1121, '')).toMatchObject({ url, status: 400, exchangeCode: -1121 })
    expect(new LakeLockedError('p', 'h')).toBeInstanceOf(StorageError)
    expect(new LakeLockedError('p', 'h')).toMatchObject({ path: 'p', holder: 'h' })
    expect(new ParseError('frame 3', '')).toMatchObject({ source: 'frame 3' })
  })
})

describe('isAbortError', () => {
  it('knows what an aborted signal throws, in every form', async () => {
    const signal = AbortSignal.abort()
    expect(isAbortError(signal.reason)).toBe(true)
    await expect(fetch('http://127.0.0.1:9', { signal })).rejects.toSatisfy(isAbortError)
    const { setTimeout } = await import('node:timers/promises')
    await expect(setTimeout(1_000, undefined, { signal })).rejects.toSatisfy(isAbortError)
  })

  it('does not take anything else for it', () => {
    const others = [
      new Error('AbortError'),
      new NetworkError(url, 'aborted'),
      'AbortError',
      undefined,
      null,
      { name: 'AbortError' },
    ]
    expect(others.some(isAbortError)).toBe(false)
    expect(isAbortError(new DOMException('late', 'TimeoutError'))).toBe(false)
    expect(isTicklakeError(new Error('no'))).toBe(false)
  })
})

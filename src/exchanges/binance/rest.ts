import {
  ConfigError,
  ExchangeError,
  HttpError,
  isAbortError,
  ParseError,
  RateLimitExceeded,
} from '../../model/errors.ts'
import { type Log, silentLog } from '../../model/log.ts'
import type { Market } from '../../model/series.ts'
import { abortable, linkSignals, sleep } from '../../net/abort.ts'
import { Alarm } from '../../net/alarm.ts'
import { Hosts, HostsDownError } from '../../net/breaker.ts'
import { openBudget } from '../../net/budget.ts'
import type { BudgetLog } from '../../net/budget-log.ts'
import { ServerClock } from '../../net/clock.ts'
import { HttpClient } from '../../net/http.ts'
import { MAX_PAUSE, type RateLimit, RateLimiter } from '../../net/rate-limiter.ts'
import { retryWithBackoff } from '../../net/retry.ts'
import type { ClientOptions, Endpoints, RetryInfo } from '../exchange.ts'
import { binanceEndpoints, budgetHost, servesPath } from './endpoints.ts'
import { failureOf, UNKNOWN_ERROR } from './errors.ts'
import { integer, object, parseJson, type Schema } from './schema.ts'
import { type Params, type Pool, poolOf, weightOf } from './weights.ts'

/** What concerns only how a call is made. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  readonly onRetry?: ((retry: RetryInfo) => void) | undefined
}

export interface RestCall extends CallOptions {
  readonly market: Market
  readonly path: string
  readonly params?: Params
  /** Send the API key. */
  readonly key?: boolean
  /** The answer's used-weight header is known to be wrong for this path. */
  readonly ignoreUsed?: boolean
  /** How long this call may stay without an answer, ms, where that is less than what the options allow. */
  readonly timeoutMs?: number
  /** No further try of this call once so much time has passed, ms. */
  readonly patienceMs?: number
}

export interface RestAnswer {
  readonly url: string
  readonly bytes: Uint8Array
  /** The exchange's clock just before the request was sent, epoch ms. */
  readonly sentAt: number
}

export interface RestOptions extends ClientOptions {
  /** Share of the exchange's rate limit that may be used, 0 to 1; 0.97 when left out. */
  readonly rateTarget?: number
  /** Hosts of one's own choice, several equivalent ones per market; wins over every other URL. */
  readonly endpoints?: Endpoints
}

/** Limits to go by until exchangeInfo was read (reference/binance-rest.md, section 3.1). */
const FALLBACK_LIMITS: Readonly<Record<Pool, readonly RateLimit[]>> = {
  spot: [
    { windowMs: 60_000, limit: 6000, counts: 'weight' },
    { windowMs: 300_000, limit: 300_000, counts: 'requests' },
  ],
  futures: [{ windowMs: 60_000, limit: 2400, counts: 'weight' }],
  'futures-data': [{ windowMs: 300_000, limit: 1000, counts: 'requests' }],
  'futures-funding': [{ windowMs: 300_000, limit: 500, counts: 'requests' }],
}

const TIME_PATH: Readonly<Partial<Record<Market, string>>> = {
  spot: '/api/v3/time',
  usdm: '/fapi/v1/time',
  coinm: '/dapi/v1/time',
}
const serverTime = object({ serverTime: integer })

/** Binance's own backend gives up after 10 s. */
const DEFAULT_TIMEOUT = 15_000
/** The clock is the first thing asked, and costs a server nothing: a host that is silent should be known as such soon. */
const TIME_TIMEOUT = 5_000
const TIME_PATIENCE = 10_000
const DEFAULT_ATTEMPTS = 6
/** A used-up limit is no failure of the request: it may wait for its turn more often. */
const RATE_LIMIT_ATTEMPTS = 12
/** exchangeInfo of all spot symbols has some 20 MB. */
const MAX_ANSWER = 128 * 2 ** 20
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Sends requests to Binance: hosts in turn, within the rate budget, with retries; every answer is a success. */
export class BinanceRest implements AsyncDisposable {
  readonly endpoints: Endpoints
  readonly #options: ClientOptions
  readonly #log: Log
  readonly #http: HttpClient
  readonly #hosts = new Hosts()
  readonly #limiters = new Map<Pool, RateLimiter>()
  readonly #clocks = new Map<Market, ServerClock>()
  readonly #alarms = new Map<Market, Alarm>()
  readonly #measuring = new Map<Market, Promise<number>>()
  readonly #life = new AbortController()
  readonly #target: number | undefined
  readonly #timeoutMs: number

  constructor(options: RestOptions) {
    this.#options = options
    this.#log = options.log ?? silentLog
    this.#target = options.rateTarget
    this.endpoints = options.endpoints ?? binanceEndpoints(options)
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT
    // A page is small: a body that stands still for as long as an answer may take is as good as none.
    this.#http = new HttpClient({ timeoutMs: this.#timeoutMs, stallMs: this.#timeoutMs, connections: 16 })
  }

  /** The rate budget of a pool. */
  limiter(pool: Pool): RateLimiter {
    let limiter = this.#limiters.get(pool)
    if (!limiter) {
      const clock = pool === 'spot' ? this.#clock('spot') : this.#futuresClock()
      limiter = new RateLimiter({
        name: `binance ${pool}`,
        limits: FALLBACK_LIMITS[pool],
        now: () => clock.now(),
        uncertaintyMs: () => clock.uncertaintyMs,
        isClockKnown: () => clock.isMeasured,
        shared: this.#life.signal.aborted ? undefined : this.#shared(pool),
        isLive: this.#options.purpose === 'live',
        log: this.#log,
        ...(this.#target === undefined ? {} : { target: this.#target }),
      })
      this.#limiters.set(pool, limiter)
    }
    return limiter
  }

  /** The exchange's clock, epoch ms. Asks the exchange when the last answer is older than an hour. */
  async now(market: Market, options: CallOptions = {}): Promise<number> {
    const clock = this.#clock(market)
    if (clock.isFresh) return clock.now()
    let measuring = this.#measuring.get(market)
    if (!measuring) {
      // Shared by all who wait, so it must not die with the first of them.
      measuring = clock.measure(() => this.serverTime(market)).finally(() => this.#measuring.delete(market))
      this.#measuring.set(market, measuring)
    }
    return await abortable(measuring, options.signal)
  }

  /** The exchange's clock as its time endpoint tells it now, epoch ms. */
  async serverTime(market: Market, options: CallOptions = {}): Promise<number> {
    const path = TIME_PATH[market] ?? '/api/v3/time'
    const call = { market, path, timeoutMs: TIME_TIMEOUT, patienceMs: TIME_PATIENCE, ...options }
    return (await this.json(call, serverTime)).serverTime
  }

  /** Calls and checks the JSON answer. @throws ParseError with the JSON path of what is wrong. */
  async json<T>(call: RestCall, schema: Schema<T>): Promise<T> {
    const answer = await this.bytes(call)
    return parseJson(answer.bytes, schema, answer.url)
  }

  /** Calls, and retries where the error allows it. */
  async bytes(call: RestCall): Promise<RestAnswer> {
    const linked = linkSignals(call.signal, this.#life.signal)
    const target = call.path + queryOf(call.params ?? {})
    const limit = this.#options.attempts ?? DEFAULT_ATTEMPTS
    const started = performance.now()
    try {
      return await retryWithBackoff(() => this.#attempt(call, target, linked.signal), {
        attempts: (error) => {
          // The breakers have waited already; the caller may have another source.
          if (error instanceof HostsDownError) return 1
          // A ban of hours is not waited for: the limiter lets nothing through, and the caller may have another source.
          if (error instanceof RateLimitExceeded)
            return error.retryAfterMs > MAX_PAUSE ? 1 : Math.max(limit, RATE_LIMIT_ATTEMPTS)
          if (performance.now() - started >= (call.patienceMs ?? Number.POSITIVE_INFINITY)) return 1
          return error instanceof ExchangeError && error.exchangeCode === UNKNOWN_ERROR ? Math.min(limit, 2) : limit
        },
        signal: linked.signal,
        // What the exchange asked for is kept; a wait of our own choice ends when somebody knows better.
        wait: (ms, signal, error) =>
          (error as { retryAfterMs?: number }).retryAfterMs === undefined
            ? this.#alarm(call.market).sleep(ms, signal)
            : sleep(ms, signal),
        onRetry: ({ attempt, delayMs, error }) => {
          const retry = { what: target, attempt, delayMs, error }
          // Whoever gives up tells so; a try that was in vain is everyday business.
          this.#log.debug({ ...retry, market: call.market, error: error.message }, 'request failed, trying again')
          this.#options.onRetry?.(retry)
          call.onRetry?.(retry)
        },
      })
    } catch (error) {
      if (this.#life.signal.aborted && !call.signal?.aborted && isAbortError(error)) {
        throw new ConfigError('This client is closed. Make a new one.', { cause: error })
      }
      throw error
    } finally {
      linked.release()
    }
  }

  async #attempt(call: RestCall, target: string, signal: AbortSignal): Promise<RestAnswer> {
    const limiter = this.limiter(poolOf(call.path, call.market))
    const weight = weightOf(call.path, call.params)
    for (;;) {
      const base = await this.#hosts.pick(this.#bases(call), signal)
      const permit = await limiter.acquire(weight, signal)
      let used: Map<number, number> | undefined
      try {
        return await this.#hosts.run(base, async () => {
          const sentAt = this.#clock(call.market).now()
          const url = base + target
          const response = await this.#http.request({
            url,
            signal,
            gzip: true,
            maxBytes: MAX_ANSWER,
            ...(call.timeoutMs === undefined ? {} : { timeoutMs: Math.min(call.timeoutMs, this.#timeoutMs) }),
            ...(call.key && this.#options.apiKey ? { headers: { 'x-mbx-apikey': this.#options.apiKey } } : {}),
          })
          if (!call.ignoreUsed) used = usedWeights(response.headers)
          const bytes = await response.bytes()
          if (response.status >= 200 && response.status < 300) return { url, bytes: whole(bytes, url), sentAt }
          const symbol = call.params?.symbol
          throw failureOf({
            url,
            market: call.market,
            symbol: typeof symbol === 'string' ? symbol : undefined,
            status: response.status,
            headers: response.headers,
            body: new TextDecoder().decode(bytes.subarray(0, 4096)),
            now: this.#clock(call.market).now(),
          })
        })
      } catch (error) {
        if (error instanceof RateLimitExceeded) limiter.pause(error.retryAfterMs)
        if (!(error instanceof HttpError) || error.status !== 451) throw error
        // This location is refused; an equivalent host may not mind it.
        this.#hosts.exclude(base)
        if (this.#usable(call).length === 0) throw error
        this.#log.warn({ host: base, market: call.market }, 'the host refuses this location, trying another')
      } finally {
        permit.finish(used)
      }
    }
  }

  #usable(call: RestCall): readonly string[] {
    const bases = this.endpoints.rest[call.market] ?? []
    return this.#hosts.usable(bases.filter((base) => servesPath(base, call.path)))
  }

  #bases(call: RestCall): readonly string[] {
    const usable = this.#usable(call)
    if (usable.length > 0) return usable
    const known = this.endpoints.rest[call.market] ?? []
    throw new HttpError(known[0] ?? `binance ${call.market}`, 451, 'Every host of this market refuses this location.')
  }

  /**
   * Says that there is reason to think that a market's hosts answer again: what waits to try them goes on at once. Waits
   * that the exchange asked for stay.
   */
  wake(market: Market): void {
    this.#hosts.wake(this.endpoints.rest[market] ?? [])
    this.#alarms.get(market)?.ring()
  }

  #alarm(market: Market): Alarm {
    let alarm = this.#alarms.get(market)
    if (!alarm) {
      alarm = new Alarm()
      this.#alarms.set(market, alarm)
    }
    return alarm
  }

  /** Both futures hosts count by the same minutes; whichever was measured tells them. */
  #futuresClock(): Pick<ServerClock, 'now' | 'uncertaintyMs' | 'isMeasured'> {
    const clock = (): ServerClock => {
      const [usdm, coinm] = [this.#clock('usdm'), this.#clock('coinm')]
      return coinm.isFresh && !usdm.isFresh ? coinm : usdm
    }
    return {
      now: () => clock().now(),
      get uncertaintyMs() {
        return clock().uncertaintyMs
      },
      get isMeasured() {
        return clock().isMeasured
      },
    }
  }

  /** Where the programs of this machine tell each other what they spend at the same hosts. */
  #shared(pool: Pool): BudgetLog | undefined {
    const base = this.endpoints.rest[pool === 'spot' ? 'spot' : 'usdm']?.[0]
    if (base === undefined) return undefined
    return openBudget(`${budgetHost(base)}-${pool}`, {
      shared: this.#options.sharedBudget,
      isLive: this.#options.purpose === 'live',
      log: this.#log,
    })
  }

  #clock(market: Market): ServerClock {
    let clock = this.#clocks.get(market)
    if (!clock) {
      clock = new ServerClock()
      this.#clocks.set(market, clock)
    }
    return clock
  }

  /** Ends what is under way and closes every connection. */
  async close(): Promise<void> {
    this.#life.abort()
    await this.#http.close()
    for (const limiter of this.#limiters.values()) limiter.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** `?a=1&b=2` of the parameters that have a value. Arrays become a JSON array in one parameter. */
export function queryOf(params: Params): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
    parts.push(`${name}=${encodeURIComponent(text)}`)
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}

/** `X-MBX-USED-WEIGHT-1M` and its like: used weight by window length in ms. */
export function usedWeights(headers: Readonly<Record<string, string>>): Map<number, number> {
  const used = new Map<number, number>()
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith('x-mbx-used-weight-')) continue
    const window = /^(\d+)([smhd])$/.exec(name.slice(18))
    const weight = Number(value)
    if (window && Number.isFinite(weight)) used.set(Number(window[1]) * UNITS[window[2]!]!, weight)
  }
  return used
}

/**
 * The answer, if it begins and ends as JSON does. One that does not was cut, or is a proxy's page under a good status:
 * neither is the exchange's word, so it is asked again. What stands inside is the parsers' business.
 * @throws ParseError, retryable.
 */
function whole(bytes: Uint8Array, url: string): Uint8Array {
  let end = bytes.length
  while (end > 0 && bytes[end - 1]! <= 32) end--
  let start = 0
  while (start < end && bytes[start]! <= 32) start++
  const pair = String.fromCharCode(bytes[start] ?? 0, bytes[end - 1] ?? 0)
  if (pair === '[]' || pair === '{}') return bytes
  const text = new TextDecoder().decode(bytes.subarray(start, start + 60))
  throw new ParseError(
    url,
    `the answer is not JSON, or was cut: ${text === '' ? 'it is empty' : JSON.stringify(text)}`,
    {
      exchange: 'binance',
      retryable: true,
    },
  )
}

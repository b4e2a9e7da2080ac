import {
  ExchangeError,
  HttpError,
  InvalidSymbolError,
  RateLimitExceeded,
  type TicklakeError,
} from '../../model/errors.ts'
import type { Market } from '../../model/series.ts'
import { retryAfterOf } from '../../net/http.ts'

/** What an answer that is not a success means. */
export interface Failure {
  readonly url: string
  readonly market: Market
  /** The symbol that was asked for, for messages. */
  readonly symbol: string | undefined
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** The exchange's clock, epoch ms, to read `IP banned until` by. */
  readonly now: number
}

/** Codes that mean: the same request may succeed later (reference/binance-rest.md, section 10). */
const RETRYABLE: ReadonlySet<number> = new Set([-1000, -1001, -1003, -1006, -1007, -1008, -1016])
export const UNKNOWN_ERROR = -1000
const TOO_MANY_REQUESTS = -1003
const BAD_SYMBOL = -1121
/** Pause when a limit is hit and nobody says for how long. */
const DEFAULT_PAUSE = 60_000
/** The firewall in front of the API takes offence at a pace; it forgets in minutes. */
const FIREWALL_PAUSE = 60_000

/** Turns an answer that is not a success into the error to throw. */
export function failureOf(failure: Failure): TicklakeError {
  const { url, status, headers, market } = failure
  const body = errorBody(failure.body)
  const facts = { exchange: 'binance' }
  const retryAfterMs = retryAfterOf(headers)
  if (status === 429 || status === 418 || body?.code === TOO_MANY_REQUESTS) {
    const wait = retryAfterMs ?? bannedFor(failure.body, failure.now) ?? DEFAULT_PAUSE
    const banned = status === 418
    return new RateLimitExceeded(
      `${url}: ${banned ? 'this address is banned' : 'the rate limit is used up'} (HTTP ${status}) for another ${Math.ceil(wait / 1000)} s.`,
      { ...facts, retryAfterMs: wait, banned },
    )
  }
  if (status === 451) {
    return new HttpError(
      url,
      status,
      'The exchange refuses this location. Public spot data may still come from https://data-api.binance.vision (REST_URL), and history from the archive (--source archive).',
      { ...facts, retryable: false },
    )
  }
  if (status === 403) {
    return new HttpError(url, status, 'The firewall of the exchange blocks this address for a while.', {
      ...facts,
      retryable: true,
      retryAfterMs: retryAfterMs ?? FIREWALL_PAUSE,
    })
  }
  if (body === undefined) {
    const options = { ...facts, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
    return new HttpError(url, status, readable(failure.body), options)
  }
  if (status >= 500 || status === 408) {
    const options = { ...facts, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
    return new HttpError(url, status, `${body.msg} (code ${body.code})`, options)
  }
  if (body.code === BAD_SYMBOL) return new InvalidSymbolError(failure.symbol ?? '', `binance ${market}`, [], facts)
  return new ExchangeError(url, status, body.code, body.msg, { ...facts, retryable: RETRYABLE.has(body.code) })
}

function errorBody(text: string): { code: number; msg: string } | undefined {
  try {
    const body: unknown = JSON.parse(text)
    const { code, msg } = (body ?? {}) as { code?: unknown; msg?: unknown }
    return typeof code === 'number' ? { code, msg: typeof msg === 'string' ? msg : '' } : undefined
  } catch {
    return undefined
  }
}

/** `… IP banned until 1580000000000 …` as milliseconds from now. */
function bannedFor(text: string, now: number): number | undefined {
  const until = /until (\d{13})/.exec(text)?.[1]
  return until === undefined ? undefined : Math.max(1000, Number(until) - now)
}

/** The words of an HTML or text body, shortened. */
function readable(text: string): string {
  const words = text
    .replace(/<(script|style)[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return words.length > 120 ? `${words.slice(0, 120)}…` : words
}

import type { BaseDataClient } from '../../exchanges/exchange.ts'
import { HttpError, isTicklakeError, RateLimitExceeded, type TicklakeError } from '../../model/errors.ts'
import type { Log } from '../../model/log.ts'
import type { Market } from '../../model/series.ts'
import { isHostFailure } from '../../net/breaker.ts'
import type { HttpClient } from '../../net/http.ts'
import type { SourceChoice } from '../types.ts'
import type { ArchiveAccess } from './context.ts'

/** How long REST that did not answer is left in peace, ms: a run that was just planned need not find out again. */
const HOLD = 15_000
/** How long the archive may take to tell the time, ms. */
const CLOCK_TIMEOUT = 10_000

/**
 * True for failures after which REST need not be asked again now: none of the tries had an answer, or whoever asks from
 * here gets none.
 */
export function isRestDown(error: unknown): error is TicklakeError {
  return isTicklakeError(error) && (error.retryable || isRefused(error) || error instanceof RateLimitExceeded)
}

/** A firewall, or a country that the exchange does not serve; a ban too long to wait for is a `RateLimitExceeded`. */
function isRefused(error: unknown): boolean {
  return error instanceof HttpError && (error.status === 451 || error.status === 403)
}

/** Answers that make no sense speak of what was asked; these speak of whom. */
function isOfHost(error: TicklakeError): boolean {
  return isHostFailure(error) || isRefused(error) || error instanceof RateLimitExceeded
}

export interface RestHealthParts {
  readonly client: () => BaseDataClient
  readonly archive: ArchiveAccess | undefined
  readonly http: HttpClient
  readonly log: Log
}

/** Which markets' REST does not answer, and what time it is without it. */
export class RestHealth {
  readonly #parts: RestHealthParts
  readonly #parent: RestHealth | undefined
  readonly #down = new Map<Market, { readonly error: TicklakeError; readonly at: number; told: boolean }>()
  #archiveTime: { readonly time: number; readonly at: number } | undefined

  constructor(parts: RestHealthParts, parent?: RestHealth) {
    this.#parts = parts
    this.#parent = parent
  }

  /** The same for one run, in which REST that did not answer once is not asked again. */
  forRun(): RestHealth {
    const run = new RestHealth(this.#parts, this)
    for (const [market, known] of this.#down) if (this.down(market)) run.#down.set(market, known)
    run.#archiveTime = this.#archiveTime
    return run
  }

  /** Why REST of a market is not to be asked now; undefined when it may be. */
  down(market: Market): TicklakeError | undefined {
    const known = this.#down.get(market)
    return known && (this.#parent || performance.now() - known.at < HOLD) ? known.error : undefined
  }

  /** Takes note of a failure, and says whether REST need not be asked again by whoever met it. */
  note(market: Market, error: unknown): error is TicklakeError {
    if (!isRestDown(error)) return false
    if (isOfHost(error) && this.down(market) === undefined)
      this.#down.set(market, { error, at: performance.now(), told: false })
    this.#parent?.note(market, error)
    return true
  }

  /** Says once that the archive has to do alone. */
  tell(market: Market): void {
    const known = this.#down.get(market)
    if (!known || known.told) return
    known.told = true
    this.#parts.log.warn(
      { market, error: known.error.message },
      'REST can not be asked; the archive is used as far as it goes',
    )
  }

  /**
   * The exchange's clock, epoch ms; the archive's where REST does not answer or is not to be asked.
   * @throws what REST failed with when nobody tells the time.
   */
  async now(market: Market, source: SourceChoice, signal?: AbortSignal): Promise<number> {
    let error = this.down(market)
    if (source !== 'archive' && error === undefined) {
      try {
        return await this.#parts.client().now(market, signal)
      } catch (failure) {
        signal?.throwIfAborted()
        if (!this.note(market, failure)) throw failure
        error = failure
      }
    }
    if (source === 'rest') throw error
    const time = await this.#byArchive(signal).catch((failure: unknown) => {
      signal?.throwIfAborted()
      throw error ?? failure
    })
    if (source === 'auto') this.tell(market)
    return time
  }

  async #byArchive(signal: AbortSignal | undefined): Promise<number> {
    const { archive, http } = this.#parts
    const known = this.#archiveTime
    if (known && performance.now() - known.at < HOLD) return known.time + performance.now() - known.at
    if (!archive) throw new HttpError('archive', 404, 'This exchange has no archive, or its URL is not set.')
    // Asked once: whoever is offline should hear so soon.
    await using response = await http.request({ url: archive.listUrl, signal, timeoutMs: CLOCK_TIMEOUT })
    if (response.status >= 500) throw new HttpError(archive.listUrl, response.status, '')
    const date = Date.parse(response.headers.date ?? '')
    // A plain file server may tell no time. What the archive has is past by any clock.
    const time = Number.isNaN(date) ? Date.now() : date
    this.#archiveTime = { time, at: performance.now() }
    return time
  }
}

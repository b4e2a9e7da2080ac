import { TicklakeError } from '../model/errors.ts'
import { sleep } from './abort.ts'

export interface RetryOptions {
  /** Tries, the first included. A function may allow fewer or more for some errors. */
  readonly attempts?: number | ((error: Error) => number)
  /** Upper bound of the wait after the first failure, ms; it doubles with every further one. */
  readonly baseMs?: number
  /** Upper bound of any wait of our own choice, ms. A wait that the server asks for is kept whatever its length. */
  readonly maxMs?: number
  readonly signal?: AbortSignal | undefined
  /** Called before each wait. */
  readonly onRetry?: ((event: { attempt: number; delayMs: number; error: Error }) => void) | undefined
  /** How to wait; the error is what the last try failed with. Must reject when the signal aborts. */
  readonly wait?: (ms: number, signal: AbortSignal | undefined, error: Error) => Promise<void>
  /** Source of the jitter, 0 (inside) to 1 (outside). */
  readonly random?: () => number
}

const DEFAULTS = { attempts: 5, baseMs: 500, maxMs: 30_000 } as const

/**
 * Calls `fn` until it succeeds. Another try is made only where the error itself says `retryable`, after a wait with
 * full jitter, or after `retryAfterMs` where the error carries one. The last error is thrown as it is.
 * An abort ends the wait at once.
 */
export async function retryWithBackoff<T>(fn: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { baseMs = DEFAULTS.baseMs, maxMs = DEFAULTS.maxMs, random = Math.random, signal } = options
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn(attempt)
    } catch (error) {
      if (!(error instanceof TicklakeError) || !error.retryable || signal?.aborted) throw error
      const allowed = typeof options.attempts === 'function' ? options.attempts(error) : options.attempts
      if (attempt >= (allowed ?? DEFAULTS.attempts)) throw error
      const jitter = random() * Math.min(maxMs, baseMs * 2 ** (attempt - 1))
      const asked = (error as { retryAfterMs?: number }).retryAfterMs
      // Whoever waits for the same instant must not come back in the same millisecond.
      const delayMs = Math.ceil(asked === undefined ? jitter : asked + Math.min(jitter, baseMs))
      options.onRetry?.({ attempt, delayMs, error })
      await (options.wait ?? sleep)(delayMs, signal, error)
    }
  }
}

import type { CircuitBreakerPolicy, IBackoff } from 'cockatiel'
import { HttpError, isAbortError, NetworkError } from '../model/errors.ts'
import { Alarm } from './alarm.ts'
import { Latency, preferred } from './latency.ts'

export interface HostsOptions {
  /** Failures in a row after which a host is left alone. */
  readonly failures?: number
  /** How long it is left alone the first time, ms; doubles while its probes fail, up to `maxOpenMs`. */
  readonly openMs?: number
  readonly maxOpenMs?: number
  /** How long a call waits, when all hosts are left alone, for the first that may be probed, ms. */
  readonly maxWaitMs?: number
  /** Monotonic clock that latency is measured by, ms; for tests. */
  readonly clock?: () => number
}

/**
 * All hosts that could serve a call are left alone for longer than a call waits. Another try would only find the same:
 * whoever has something better to do meanwhile should do it.
 */
export class HostsDownError extends NetworkError {}

/** True for failures that speak of the host and not of the request. */
export function isHostFailure(error: unknown): boolean {
  if (error instanceof NetworkError) return error.retryable
  return error instanceof HttpError && (error.status >= 500 || error.status === 403)
}

interface Host {
  readonly base: string
  readonly policy: CircuitBreakerPolicy
  openUntil: number
  /** What the last failed call failed with. */
  failure: Error | undefined
  readonly latency: Latency
}

const DEFAULTS = {
  failures: 5,
  openMs: 1_000,
  maxOpenMs: 30_000,
  maxWaitMs: 5_000,
  clock: () => performance.now(),
} as const

/**
 * A circuit breaker for each of some equivalent hosts. The hosts that answer fastest take turns, and the others are
 * tried now and then; a host that keeps failing is left alone, then probed by a single request. When all are open, calls wait for the first one that may be probed, if that is
 * soon; else they fail at once.
 */
export class Hosts {
  readonly #options: Required<HostsOptions>
  readonly #hosts = new Map<string, Host>()
  readonly #excluded = new Set<string>()
  readonly #alarm = new Alarm()
  #turn = 0
  #cockatiel: typeof import('cockatiel') | undefined

  constructor(options: HostsOptions = {}) {
    this.#options = { ...DEFAULTS, ...options }
  }

  /** Never use a host again, e.g. because it refuses this location. */
  exclude(base: string): void {
    this.#excluded.add(base)
  }

  /** The hosts of `bases` that were not excluded. */
  usable(bases: readonly string[]): readonly string[] {
    return bases.filter((base) => !this.#excluded.has(base))
  }

  /** Whether a host is being left alone now. */
  isOpen(base: string): boolean {
    return (this.#hosts.get(base)?.openUntil ?? 0) > performance.now()
  }

  /**
   * Says that there is reason to think that hosts are back: those that are left alone may be probed now, and calls that
   * wait for that go on. A probe that fails leaves its host alone for longer, as it would have without.
   */
  wake(bases: readonly string[]): void {
    for (const base of bases) {
      const host = this.#hosts.get(base)
      if (host) host.openUntil = 0
    }
    this.#alarm.ring()
  }

  /** How long a host takes to answer, ms, by its newest answers; undefined before the first. */
  latencyOf(base: string): number | undefined {
    return this.#hosts.get(base)?.latency.ms
  }

  /**
   * The host for the next call. `bases` must not be empty.
   * @throws HostsDownError when every host is left alone for longer than `maxWaitMs`.
   */
  async pick(bases: readonly string[], signal?: AbortSignal): Promise<string> {
    this.#cockatiel ??= await import('cockatiel')
    for (;;) {
      const now = performance.now()
      const hosts = bases.map((base) => this.#host(base))
      const ready = hosts.filter((host) => host.openUntil <= now)
      if (ready.length > 0) return preferred(ready, this.#turn++).base
      const first = hosts.reduce((a, b) => (b.openUntil < a.openUntil ? b : a))
      const waitMs = first.openUntil - now
      if (waitMs > this.#options.maxWaitMs) {
        const what = `failed several times in a row and is left alone for ${Math.ceil(waitMs / 1000)} s.${lastOf(first)}`
        throw new HostsDownError(first.base, what, { cause: first.failure })
      }
      await this.#alarm.sleep(waitMs, signal)
    }
  }

  /** Runs a call to a host and keeps count of its failures. @throws NetworkError while the host is left alone. */
  async run<T>(base: string, call: () => Promise<T>): Promise<T> {
    this.#cockatiel ??= await import('cockatiel')
    const { BrokenCircuitError } = this.#cockatiel
    const host = this.#host(base)
    const { clock } = this.#options
    const started = clock()
    try {
      const answer = await host.policy.execute(call)
      host.latency.answered(clock() - started)
      return answer
    } catch (error) {
      if (!(error instanceof BrokenCircuitError)) {
        if (isHostFailure(error)) {
          host.failure = error as Error
          host.latency.failed(clock() - started)
        } else if (!isAbortError(error)) host.latency.answered(clock() - started)
        throw error
      }
      throw new NetworkError(base, `failed several times in a row and is left alone for a moment.${lastOf(host)}`, {
        cause: error,
      })
    }
  }

  #host(base: string): Host {
    let host = this.#hosts.get(base)
    if (!host) {
      const { circuitBreaker, ConsecutiveBreaker, handleWhen } = this.#cockatiel!
      const { failures, openMs, maxOpenMs } = this.#options
      // cockatiel tells neither when nor for how long it opened: the backoff it asks for is noted here. It asks for the
      // duration again at each call, and so goes by our clock, and by `wake`.
      const backoff = (attempt: number): IBackoff<unknown> => {
        if (host) host.openUntil = performance.now() + Math.min(maxOpenMs, openMs * 2 ** attempt)
        return {
          get duration() {
            return host !== undefined && host.openUntil > performance.now() ? Number.POSITIVE_INFINITY : 0
          },
          next: () => backoff(attempt + 1),
        }
      }
      const policy = circuitBreaker(handleWhen(isHostFailure), {
        breaker: new ConsecutiveBreaker(failures),
        halfOpenAfter: { next: () => backoff(0) },
      })
      const made: Host = { base, policy, openUntil: 0, failure: undefined, latency: new Latency() }
      policy.onReset(() => {
        made.openUntil = 0
      })
      host = made
      this.#hosts.set(base, host)
    }
    return host
  }
}

function lastOf({ failure }: Host): string {
  return failure === undefined ? '' : ` Its last failure: ${failure.message}`
}

import { ConfigError, HttpError } from '../../model/errors.ts'
import type { SeriesId } from '../../model/series.ts'

/** Price and quantity as text, best first. */
export type TruthLevels = readonly (readonly [price: string, quantity: string])[]

/** What a sandbox says really happened (docs/sandbox.md, "Truth and usage"). */
export class Truth {
  readonly #endpoint: string
  readonly #signal: AbortSignal | undefined
  /** Played from a capture, as `market|symbol`. */
  readonly #recorded: ReadonlySet<string>

  private constructor(endpoint: string, recorded: readonly string[], signal: AbortSignal | undefined) {
    this.#endpoint = endpoint
    this.#recorded = new Set(recorded)
    this.#signal = signal
  }

  /** @throws ConfigError when no sandbox answers there: no other exchange tells its truth. */
  static async at(endpoint: string, signal?: AbortSignal): Promise<Truth> {
    const url = new URL('/sandbox', endpoint)
    let answer: unknown
    try {
      const response = await fetch(url, signal ? { signal } : {})
      answer = response.ok ? await response.json() : undefined
    } catch (cause) {
      signal?.throwIfAborted()
      if (cause instanceof SyntaxError) answer = undefined
      else throw new ConfigError(`${endpoint} does not answer. Is the sandbox running?`, { cause })
    }
    if (typeof answer !== 'object' || answer === null || !('endpoint' in answer)) {
      throw new ConfigError(`${endpoint} is no sandbox: only a sandbox can tell what really happened.`)
    }
    const { recorded = [] } = answer as { recorded?: readonly string[] }
    return new Truth(endpoint, recorded, signal)
  }

  /** Whether the sandbox plays a recording of this symbol, of which it knows no more than the recording. */
  isRecorded({ market, symbol }: Pick<SeriesId, 'market' | 'symbol'>): boolean {
    return this.#recorded.has(`${market}|${symbol}`)
  }

  /** @throws HttpError with what the sandbox says is wrong with the question. */
  async ask<Row>(
    series: Pick<SeriesId, 'market' | 'symbol'> & { readonly kind: string },
    query: Readonly<Record<string, string | number>>,
  ): Promise<Row[]> {
    const url = new URL('/sandbox/truth', this.#endpoint)
    const { market, kind, symbol } = series
    for (const [name, value] of Object.entries({ market, kind, symbol, ...query }))
      url.searchParams.set(name, String(value))
    const response = await fetch(url, this.#signal ? { signal: this.#signal } : {})
    const text = await response.text()
    if (!response.ok) throw new HttpError(url.href, response.status, text)
    return JSON.parse(text) as Row[]
  }
}

import type { RetryInfo } from '../../exchanges/exchange.ts'
import type { RepairClient } from '../../exchanges/stream.ts'
import { ConfigError, InvalidSymbolError, type TicklakeError } from '../../model/errors.ts'
import type { StoredRecord } from '../../model/history/index.ts'
import type { LiveRecord, RecordId } from '../../model/live/index.ts'
import { MINUTE, type TimeRange } from '../../model/time.ts'
import type { DownloadRequest } from '../types.ts'
import type { DownloadContext } from './context.ts'

/** Metrics of a period come some minutes after it. */
const METRICS_DELAY = 10 * MINUTE

/** Kinds whose records REST gives by id. */
type CountedKind = 'trade' | 'aggTrade'

/** REST as the download of one series of events sees it: asked while it answers, knows the symbol and remembers. */
export class EventRest {
  readonly #request: DownloadRequest
  readonly #context: DownloadContext
  readonly #client: RepairClient | undefined
  #down: TicklakeError | undefined
  #unknown: InvalidSymbolError | undefined
  #refused: ConfigError | undefined
  requests = 0

  constructor(request: DownloadRequest, context: DownloadContext) {
    this.#request = request
    this.#context = context
    this.#client = request.source === 'archive' ? undefined : context.client.repair
  }

  /** Why REST can't be asked, if it can't: no answer after all tries, in this series or in another of the run. */
  get down(): TicklakeError | undefined {
    if (this.#client) this.#down ??= this.#context.health.down(this.#request.series.market)
    return this.#down
  }

  /** Set when REST does not know the symbol: it was delisted, or never was. */
  get unknown(): InvalidSymbolError | undefined {
    return this.#unknown
  }

  /** What REST wants before it gives such records: a key, mostly. */
  get refused(): ConfigError | undefined {
    return this.#refused
  }

  /** Whether REST tells the past of the kind, as far back as it does, and to whom it does. */
  get serves(): boolean {
    return this.#isCounted || (this.#context.client.repair?.reach(this.#request.series) ?? 0) > 0
  }

  get #isCounted(): boolean {
    const { kind } = this.#request.series
    return kind === 'trade' || kind === 'aggTrade'
  }

  /** How long after it happened REST may still not tell it, ms, beyond what is usual. */
  get delay(): number {
    return this.#request.series.kind === 'metrics' ? METRICS_DELAY : 0
  }

  /** Set when REST is asked for nothing because it gives no such past without a key. */
  get keyless(): ConfigError | undefined {
    const { market, kind } = this.#request.series
    if (!this.#client || this.#reach > 0 || !this.#isCounted) return undefined
    const text = `REST gives past ${kind}s of ${market} with an API key only (BINANCE_API_KEY); without one they come with the archive, two days later.`
    return new ConfigError(text)
  }

  get usable(): boolean {
    return this.#client !== undefined && !this.#unknown && !this.#refused && !this.down && this.#reach > 0
  }

  /** REST gives nothing of what happened before this instant, epoch ms. */
  oldest(now: number): number {
    return this.usable ? now - this.#reach : Number.POSITIVE_INFINITY
  }

  /** The same, though REST may not be asked now: older than this nobody but the archive will ever have it. */
  everOldest(now: number): number {
    if (this.#unknown || !this.serves) return Number.POSITIVE_INFINITY
    return now - (this.#context.client.repair?.reach(this.#request.series) ?? 0)
  }

  get #reach(): number {
    return this.#client?.reach(this.#request.series) ?? 0
  }

  /** First instant that the exchange has candles of the symbol, which is when it was listed. */
  async listedAt(): Promise<number | undefined> {
    if (!this.#client || this.#unknown || this.down) return undefined
    const { market, symbol } = this.#request.series
    try {
      this.requests++
      return await this.#context.client.nextOpen({ market, symbol, interval: '1m', from: 0, ...this.#call() })
    } catch (error) {
      this.#note(error)
      if (!this.#unknown && (!this.#down || this.#request.source === 'rest')) throw error
      return undefined
    }
  }

  /** Records of a range, page by page. What REST fails with stands in `down`, `unknown` or `refused`, or is thrown. */
  async *at(range: TimeRange): AsyncGenerator<readonly StoredRecord[], void, void> {
    const { market, symbol, kind } = this.#request.series
    const call = { market, symbol, ...range, ...this.#signal() }
    if (this.#isCounted) yield* this.#pages((client) => client.recordsAt({ ...call, kind: kind as CountedKind }))
    else yield* this.#pages((client) => client.historyPages({ ...call, kind }))
  }

  /** Records by id, both ends included, page by page; those that REST does not have are left out. */
  async *byId(firstId: RecordId, lastId: RecordId): AsyncGenerator<readonly LiveRecord[], void, void> {
    const { market, symbol, kind } = this.#request.series
    const call = { market, symbol, kind: kind as CountedKind, firstId, lastId, ...this.#signal() }
    yield* this.#pages((client) => client.recordPages(call))
  }

  async *#pages<R extends StoredRecord>(
    ask: (client: RepairClient) => AsyncGenerator<readonly R[], void, void>,
  ): AsyncGenerator<readonly R[], void, void> {
    if (!this.#client || !this.usable) return
    const { series } = this.#request
    try {
      for await (const page of ask(this.#client)) {
        this.requests++
        this.#context.onEvent({ type: 'rest', series, rows: page.length })
        yield page
      }
    } catch (error) {
      this.#note(error)
      if (!this.#unknown && !this.#refused && !this.#down) throw error
    }
  }

  #note(error: unknown): void {
    const { signal, health } = this.#context
    if (signal?.aborted) return
    if (error instanceof InvalidSymbolError) this.#unknown = error
    else if (error instanceof ConfigError) this.#refused = error
    else if (health.note(this.#request.series.market, error)) this.#down ??= error
  }

  #signal(): { signal?: AbortSignal } {
    const { signal } = this.#context
    return signal ? { signal } : {}
  }

  #call(): { signal?: AbortSignal; onRetry: (retry: RetryInfo) => void } {
    const { series } = this.#request
    const onRetry = ({ what, attempt, delayMs, error }: RetryInfo): void =>
      this.#context.onEvent({ type: 'retry', series, what, attempt, delayMs, error: error.message })
    return { ...this.#signal(), onRetry }
  }
}

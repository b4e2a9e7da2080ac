import type { CandleRequest } from '../../exchanges/exchange.ts'
import type { Batch } from '../../model/batch.ts'
import { InvalidSymbolError, type TicklakeError } from '../../model/errors.ts'
import { formatTime, type TimeRange } from '../../model/time.ts'
import { type RestPiece, restPieces } from './rest-fill.ts'
import type { SeriesDownload } from './series-download.ts'

/** REST as the download of one series sees it: asked while it answers and knows the symbol. */
export class SeriesRest {
  readonly #download: SeriesDownload
  #down: TicklakeError | undefined
  #unknown: InvalidSymbolError | undefined
  requests = 0

  constructor(download: SeriesDownload) {
    this.#download = download
  }

  /** Why REST can't be asked, if it can't: no answer after all tries, in this series or in another of the run. */
  get down(): TicklakeError | undefined {
    const { context, market, usesRest } = this.#download
    if (usesRest) this.#down ??= context.health.down(market)
    return this.#down
  }

  /** Set when REST does not know the symbol: it was delisted, or never was. */
  get unknown(): InvalidSymbolError | undefined {
    return this.#unknown
  }

  /** Whether REST is to be asked, and may know something. */
  get usable(): boolean {
    return this.#download.usesRest && !this.#unknown && !this.down
  }

  /** Open time of the first candle that REST has; undefined when it has none, or can't be asked. */
  async firstOpen(): Promise<number | undefined> {
    if (!this.usable) return undefined
    try {
      const open = await this.#download.context.client.nextOpen({ ...this.#call('the listing'), from: 0 })
      this.requests++
      return open
    } catch (error) {
      this.#note(error)
      if (!this.#unknown && (!this.#down || this.#download.request.source === 'rest')) throw error
      return undefined
    }
  }

  /**
   * Closed candles of a range, in pieces. None when REST does not know the symbol (any more).
   * @throws what REST fails with; then `down` is set, if it need not be asked again.
   */
  async *pieces(range: TimeRange): AsyncGenerator<RestPiece, void, void> {
    if (this.#unknown) return
    if (this.down) throw this.down
    const { context, request, grid, now } = this.#download
    const call: CandleRequest = { ...this.#call(`${formatTime(range.from)} to ${formatTime(range.to)}`), ...range }
    try {
      for await (const piece of restPieces(context.client, call, { grid, now })) {
        this.requests++
        context.onEvent({ type: 'rest', series: request.series, rows: piece.batch.length })
        yield piece
      }
    } catch (error) {
      this.#note(error)
      if (!this.#unknown) throw this.#down ?? error
    }
  }

  /** All of a range's rows; undefined when REST can't say, or can't be asked. */
  async rows(range: TimeRange): Promise<readonly Batch[] | undefined> {
    if (!this.usable) return undefined
    const batches: Batch[] = []
    try {
      for await (const piece of this.pieces(range)) if (piece.batch.length > 0) batches.push(piece.batch)
    } catch (error) {
      // What the archive has is still worth having; the holes in it are asked for again by the next run.
      if (this.#down) return undefined
      throw error
    }
    return this.#unknown ? undefined : batches
  }

  #note(error: unknown): void {
    const { context, market } = this.#download
    if (context.signal?.aborted) return
    if (error instanceof InvalidSymbolError) this.#unknown = error
    else if (context.health.note(market, error)) this.#down ??= error
  }

  #call(what: string): Omit<CandleRequest, 'from' | 'to'> {
    const { market, symbol, interval, context } = this.#download
    return {
      market,
      symbol,
      interval,
      kind: this.#download.request.series.kind,
      ...(context.signal ? { signal: context.signal } : {}),
      onRetry: (retry) => this.#download.onRetry({ ...retry, what: `REST ${what}` }),
    }
  }
}

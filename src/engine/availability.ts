import { listSymbols } from '../archive/listing.ts'
import type { BaseDataClient, Exchange } from '../exchanges/exchange.ts'
import { candle } from '../model/candle.ts'
import { exchangeInfo } from '../model/history/index.ts'
import { kindOf } from '../model/kinds.ts'
import type { Log } from '../model/log.ts'
import type { Market, SeriesId } from '../model/series.ts'
import type { TimeRange } from '../model/time.ts'
import type { HttpClient } from '../net/http.ts'
import type { Lake } from '../store/lake/lake.ts'
import { SeriesArchive } from './download/archive-access.ts'
import type { ArchiveAccess } from './download/context.ts'
import type { RestHealth } from './download/rest-health.ts'
import { type SelectedSymbol, type SymbolSelection, selectSymbols } from './select-symbols.ts'
import type { SourceChoice } from './types.ts'

export interface AvailabilityParts {
  readonly exchange: Exchange
  readonly client: () => BaseDataClient
  readonly lake: () => Promise<Lake>
  /** @throws ConfigError where there is none. */
  readonly archive: () => ArchiveAccess
  readonly hasArchive: () => boolean
  readonly http: HttpClient
  readonly health: RestHealth
  readonly attempts: number
  readonly log: Log
}

/** What an exchange and its archive have, as far as that is known without fetching any data. */
export class Availability {
  readonly #parts: AvailabilityParts

  constructor(parts: AvailabilityParts) {
    this.#parts = parts
  }

  /**
   * First instant that a series has a candle at, under whatever name; undefined when the source has none. Where REST does
   * not answer, or is not to be asked, the archive's first file tells.
   */
  async first(
    series: SeriesId,
    signal: AbortSignal | undefined,
    source: SourceChoice = 'auto',
  ): Promise<number | undefined> {
    // It is about the whole market, which is always there.
    if (series.kind === exchangeInfo.id) return 0
    const { exchange, hasArchive } = this.#parts
    if (exchange.hasKind?.(series.market, series.kind, series.symbol) === false) return undefined
    const own = await this.#firstNamed(series, signal, source)
    const former = series.interval === '3d' ? undefined : exchange.formerSymbol?.(series.market, series.symbol)
    if (!former || !kindOf(series.kind).hasInterval || source === 'rest' || !hasArchive()) return own
    // What was renamed began under another name, which REST has forgotten.
    const before = await this.first({ ...series, symbol: former.symbol }, signal, 'archive')
    return before === undefined ? own : Math.min(before, own ?? before)
  }

  async #firstNamed(
    series: SeriesId,
    signal: AbortSignal | undefined,
    source: SourceChoice,
  ): Promise<number | undefined> {
    const { lake, health, client, hasArchive } = this.#parts
    const stored = await (await lake()).coverage(series)
    if (stored?.listedAt !== undefined) return stored.listedAt
    const { market, symbol, interval = '1m' } = series
    if (source === 'rest' || (source === 'auto' && !health.down(market))) {
      try {
        const kind = candlesOf(series.kind)
        return await client().nextOpen({ market, symbol, interval, kind, from: 0, ...(signal ? { signal } : {}) })
      } catch (error) {
        signal?.throwIfAborted()
        if (source === 'rest' || !health.note(market, error) || !hasArchive()) throw error
      }
    }
    const { hasInterval } = kindOf(series.kind)
    return this.#archiveOf(hasInterval ? { ...series, interval } : series, signal).start()
  }

  /** Every symbol that the archive ever had candles of, delisted ones included. */
  archived(market: Market, signal?: AbortSignal): Promise<string[]> {
    const { layout, listUrl } = this.#parts.archive()
    return listSymbols({ url: listUrl, http: this.#parts.http, ...(signal ? { signal } : {}) }, layout, market)
  }

  /** Whether the archive has files of a series in a range. */
  async isArchived(series: SeriesId, range: TimeRange, signal?: AbortSignal): Promise<boolean> {
    const archive = this.#archiveOf(series, signal)
    return (await archive.list('monthly', range)).length > 0 || (await archive.list('daily', range)).length > 0
  }

  /** The symbols that a selection names. */
  select(selection: SymbolSelection): Promise<SelectedSymbol[]> {
    return selectSymbols(
      {
        exchange: this.#parts.exchange,
        instruments: (market, signal) => this.#parts.client().instruments(market, signal),
        archived: (market, signal) => this.archived(market, signal),
        isArchived: (series, range, signal) => this.isArchived(series, range, signal),
      },
      selection,
    )
  }

  #archiveOf({ kind, market, symbol, interval }: SeriesId, signal: AbortSignal | undefined): SeriesArchive {
    const { archive, http, attempts, log } = this.#parts
    const access = { archive: archive(), http, attempts, signal, log }
    return new SeriesArchive(
      access,
      { kind, market, symbol, ...(interval === undefined ? {} : { interval }) },
      () => {},
    )
  }
}

/** The candles that tell when a series began: those of its own price, or of the traded one. */
function candlesOf(kind: string): string {
  return kindOf(kind).hasInterval ? kind : candle.id
}

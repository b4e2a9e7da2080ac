import { InvalidRangeError } from '../model/errors.ts'
import type { StoredRecord, StoredRecordOf } from '../model/history/index.ts'
import type { Interval } from '../model/interval.ts'
import { kindOf } from '../model/kinds.ts'
import type { LiveRecord } from '../model/live/index.ts'
import { type Market, parseMarket, type SeriesId } from '../model/series.ts'
import { parseTime, type TimeInput } from '../model/time.ts'
import type { SeriesCoverage } from './lake/coverage-file.ts'
import type { EventBatch } from './lake/event-columns.ts'
import { toRecords } from './lake/event-records.ts'
import { Lake, type LakeOptions, type ReadOptions, type SeriesStats } from './lake/lake.ts'
import { type StoredExchangeInfo, storedExchangeInfo } from './stored-exchange-info.ts'

export interface EventStorageOptions extends LakeOptions {
  readonly dataDir: string
  readonly exchange?: string
  readonly market?: Market | string
}

/** Kinds of events: all but candles, which `CandleStorage` keeps. */
export type EventKind = Exclude<StoredRecord, { readonly interval: Interval }>['kind']

export interface EventLoadOptions {
  /** First instant wanted, of the kind's own time. */
  readonly from?: TimeInput
  /** First instant no longer wanted. */
  readonly to?: TimeInput
  readonly signal?: AbortSignal
}

/** The lake for those who hold trades, quotes, book updates or other events: records in, records or columns out. */
export class EventStorage {
  readonly #options: EventStorageOptions
  #lake: Promise<Lake> | undefined

  constructor(options: EventStorageOptions) {
    this.#options = options
  }

  /**
   * Stores records of one symbol, in any order. What is stored already is left as it is.
   * @returns how many were new.
   * @throws InvalidRangeError for a record of another kind or symbol.
   */
  async save<K extends EventKind>(kind: K, symbol: string, records: readonly StoredRecordOf<K>[]): Promise<number> {
    const series = this.#series(kind, symbol)
    const list: readonly StoredRecord[] = records
    for (const [index, record] of list.entries()) {
      if (record.kind !== kind || record.symbol !== symbol)
        throw new InvalidRangeError(
          `Record ${index} is a ${record.kind} of ${record.symbol}, not a ${kind} of ${symbol}.`,
        )
    }
    await using writer = await (await this.#open()).eventWriter(series)
    let stored = 0
    for (const record of list) {
      // The writer goes by the columns of its kind, whatever they are.
      writer.append(record as LiveRecord)
      if (writer.isFull) stored += (await writer.flush()).records
    }
    return stored + (await writer.flush()).records
  }

  /**
   * The newest exchangeInfo of the market that the lake holds, or the newest one of the days up to `at`: JSON text, which
   * `DataValidator` takes. `ticklake download --kind exchangeInfo` stores one a day.
   * @throws InvalidRangeError when there is none; StorageError when its file is missing or was changed.
   */
  async exchangeInfo(options: { readonly market?: string; readonly at?: TimeInput } = {}): Promise<StoredExchangeInfo> {
    const { exchange, market } = this.#options
    const own = { ...(exchange === undefined ? {} : { exchange }), ...(market === undefined ? {} : { market }) }
    return storedExchangeInfo(await this.#open(), { ...own, ...options })
  }

  /** Stored records in order. */
  async *loadRecords<K extends EventKind>(
    kind: K,
    symbol: string,
    options: EventLoadOptions = {},
  ): AsyncGenerator<StoredRecordOf<K>, void, void> {
    const series = this.#series(kind, symbol)
    const columns = kindOf(kind).columns.map((spec) => spec.name)
    const batches = (await this.#open()).readEvents(series, { ...readOptions(options), columns })
    yield* toRecords(kindOf(kind), series, batches) as AsyncGenerator<StoredRecordOf<K>, void, void>
  }

  /** Stored records as columns, in batches of bounded size: ids as BigInt64Array, all else as Float64Array. */
  async *load(
    kind: EventKind,
    symbol: string,
    options: EventLoadOptions & { readonly columns?: readonly string[] } = {},
  ): AsyncGenerator<EventBatch, void, void> {
    const { columns } = options
    const read = { ...readOptions(options), ...(columns ? { columns } : {}) }
    yield* (await this.#open()).readEvents(this.#series(kind, symbol), read)
  }

  /** Merges the files of a day, `2024-01-31`, into one. False when there was nothing to merge. */
  async compact(kind: EventKind, symbol: string, day: string): Promise<boolean> {
    await using writer = await (await this.#open()).eventWriter(this.#series(kind, symbol))
    return writer.compact(day)
  }

  /** Records, rows, bytes, first and last instant, gaps; undefined when the lake does not have the series. */
  async getStats(kind: EventKind, symbol: string): Promise<SeriesStats | undefined> {
    return (await this.#open()).stats(this.#series(kind, symbol))
  }

  /** What is held and what is missing; undefined when the lake does not have the series. */
  async getCoverage(kind: EventKind, symbol: string): Promise<SeriesCoverage | undefined> {
    return (await this.#open()).coverage(this.#series(kind, symbol))
  }

  #open(): Promise<Lake> {
    this.#lake ??= Lake.open(this.#options.dataDir, this.#options)
    return this.#lake
  }

  #series(kind: EventKind, symbol: string): SeriesId {
    return {
      exchange: this.#options.exchange ?? 'binance',
      market: parseMarket(this.#options.market ?? 'spot'),
      kind: kindOf(kind).id,
      symbol,
    }
  }
}

function readOptions({ from, to, signal }: EventLoadOptions): ReadOptions {
  return {
    ...(from === undefined ? {} : { from: parseTime(from, 'from') }),
    ...(to === undefined ? {} : { to: parseTime(to, 'to') }),
    ...(signal ? { signal } : {}),
  }
}

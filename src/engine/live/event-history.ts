import type { Gap, GapCause } from '../../model/coverage.ts'
import { ConfigError, InvalidRangeError, isTicklakeError } from '../../model/errors.ts'
import { kindOf } from '../../model/kinds.ts'
import { sameId } from '../../model/live/ids.ts'
import type { LiveRecord, RecordId } from '../../model/live/index.ts'
import { type Log, silentLog } from '../../model/log.ts'
import type { SeriesId } from '../../model/series.ts'
import { abortable, sleep } from '../../net/abort.ts'
import type { SeriesCoverage } from '../../store/lake/coverage-file.ts'
import { toRecords } from '../../store/lake/event-records.ts'
import { readId } from '../../store/lake/ids.ts'
import type { Collector } from './collector.ts'
import type { FlowGap } from './feed-flow.ts'
import { positionOf } from './feed-window.ts'
import type { Sequence } from './id-ledger.ts'

/** A record, or a stretch of positions that no source has. */
export type HistoryItem = LiveRecord | FlowGap

export interface HistoryOptions {
  readonly collector: Collector
  readonly series: SeriesId
  readonly sequence: Sequence
  readonly signal: AbortSignal
  /** Times that REST is asked for what it answers without: it can lag behind the streams. Default 5. */
  readonly asks?: number
  /** First and longest wait between two asks, ms. Default 0.5 s and 30 s. */
  readonly retryMs?: number
  readonly maxRetryMs?: number
  readonly log?: Log
}

/** Records around an instant are looked for so far before it, ms: exchanges do not always tell them by rising time. */
const AROUND = 60_000

/**
 * The past of a series whose positions follow one another: from the lake, and what the lake lacks from REST. What
 * neither has is told as a gap, so that nothing is passed over in silence.
 */
export abstract class SeriesHistory {
  /** What no source gives any more of the time before `start`'s answer. */
  cut: Gap | undefined
  protected readonly options: HistoryOptions
  readonly #log: Log

  constructor(options: HistoryOptions) {
    this.options = options
    this.#log = options.log ?? silentLog
  }

  /**
   * The position of the first record at or after an instant; undefined when there is none yet. `proof` is a record that
   * certainly exists: REST is asked until it knows of it.
   */
  abstract start(from: number, proof?: RecordId): Promise<RecordId | undefined>
  /** The newest position that REST has; undefined when there is none. */
  abstract newest(): Promise<RecordId | undefined>
  /** Stored records from `first` to `last`, rising; some around them may come too. `since` is before the first one. */
  protected abstract stored(first: RecordId, last: RecordId, since: number): AsyncIterable<LiveRecord>
  /** REST's records from `first` on, rising, and one behind `last` where it has that. */
  protected abstract asked(first: RecordId, last: RecordId): AsyncIterable<readonly LiveRecord[]>
  /** Why REST has none of these though it has what comes after them. */
  protected abstract readonly absence: readonly [GapCause, string]

  /**
   * Everything from `first` to `last`, both included, in order and without a hole. Network failures are waited out.
   * `since` is an instant before `first`, to find it by.
   */
  async *read(first: RecordId, last: RecordId, since: number): AsyncGenerator<HistoryItem, void, void> {
    const { collector, sequence, series, signal } = this.options
    let next = first
    let known: FlowGap[] = []
    if (collector.lake) {
      // What is on its way to the lake is there afterwards: REST need not be asked for it.
      await abortable(collector.flush(), signal)
      const coverage = await collector.lake.coverage(series)
      known = gapsOf(coverage, first, last)
      if (coverage && coverage.files.length > 0) {
        for await (const record of this.stored(first, last, since)) {
          const position = positionOf(record)
          if (position < next) continue
          if (position > last) break
          if (position > next) yield* this.#fill(next, sequence.previous(position), known)
          yield record
          next = sequence.next(position)
        }
      }
    }
    if (!(next > last)) yield* this.#fill(next, last, known)
  }

  /** Runs a call until it is answered. */
  protected async patiently<T>(call: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      try {
        return await call()
      } catch (error) {
        await this.#afterFailure(error, failures)
      }
    }
  }

  /** A pause that grows with each try. */
  protected pause(tries: number): Promise<void> {
    const { retryMs = 500, maxRetryMs = 30_000, signal } = this.options
    return sleep(Math.min(maxRetryMs, retryMs * 2 ** Math.min(10, tries)) * (0.5 + Math.random() / 2), signal)
  }

  protected get asks(): number {
    return this.options.asks ?? 5
  }

  /** What the lake does not hold: gaps that are on record as such, and the rest from REST. */
  async *#fill(first: RecordId, last: RecordId, known: readonly FlowGap[]): AsyncGenerator<HistoryItem, void, void> {
    const { sequence } = this.options
    let next = first
    for (const gap of known) {
      if (gap.last < next || gap.first > last) continue
      if (gap.first > next) yield* this.#ask(next, sequence.previous(gap.first))
      const from = gap.first < next ? next : gap.first
      const to = gap.last > last ? last : gap.last
      yield { ...gap, first: from, last: to }
      next = sequence.next(to)
    }
    if (!(next > last)) yield* this.#ask(next, last)
  }

  async *#ask(first: RecordId, last: RecordId): AsyncGenerator<HistoryItem, void, void> {
    const { sequence } = this.options
    const [cause, note] = this.absence
    let next = first
    let failures = 0
    for (let empty = 0; empty < this.asks; empty++) {
      if (empty > 0) await this.pause(empty - 1)
      try {
        for await (const page of this.asked(next, last)) {
          for (const record of page) {
            const position = positionOf(record)
            if (position < next) continue
            const end = position > last ? last : sequence.previous(position)
            // REST lists what it has by position: what is not there before this record is nowhere.
            if (position > next) yield this.#gap(next, end, cause, note)
            next = sequence.next(end)
            if (position > last) return
            yield record
            next = sequence.next(position)
            empty = 0
          }
        }
      } catch (error) {
        if (error instanceof ConfigError) {
          yield this.#gap(next, last, 'own-outage', error.message)
          return
        }
        await this.#afterFailure(error, failures++)
        empty--
        continue
      }
      if (next > last) return
    }
    yield this.#gap(next, last, 'own-outage', 'neither stored, nor does REST give them')
  }

  #gap(first: RecordId, last: RecordId, cause: GapCause, note: string): FlowGap {
    const count = this.options.sequence.count(first, last)
    return { first, last, gap: { ...this.span(first, last), cause, count, checked: ['rest'], note } }
  }

  /** The instants of a gap, as far as its positions tell. */
  protected span(_first: RecordId, _last: RecordId): { from: number; to: number } {
    return { from: Number.NaN, to: Number.NaN }
  }

  async #afterFailure(error: unknown, failures: number): Promise<void> {
    const { signal, series } = this.options
    signal.throwIfAborted()
    if (!isTicklakeError(error) || !error.retryable) throw error
    this.#log.warn({ symbol: series.symbol, kind: series.kind, error: error.message }, 'history is asked for again')
    await sleep((error as { retryAfterMs?: number }).retryAfterMs ?? 0, signal)
    await this.pause(failures)
  }
}

/** Trades and aggregate trades, whose ids the exchange counts. */
export class EventHistory extends SeriesHistory {
  protected get absence(): readonly [GapCause, string] {
    const { market, kind } = this.options.series
    return kind === 'trade' && market !== 'spot'
      ? ['own-outage', 'REST gives only the newest trades of futures without an API key']
      : ['no-trades', 'REST has the records around, but none with these ids']
  }

  async start(from: number, proof?: RecordId): Promise<RecordId | undefined> {
    const { collector, signal } = this.options
    const stored = await this.#storedStart(from)
    if (stored?.isCertain) return stored.id
    const { market } = this.options.series
    for (let tries = 0; ; tries++) {
      const first = await this.patiently(async () => {
        const to = Math.floor(await collector.client.now(market, signal)) + AROUND
        if (!(from < to)) return undefined
        return await this.#firstSince(from, to)
      }).catch((error: unknown) => {
        // Older than what REST gives: the lake's first one is as far back as anyone can go.
        if (error instanceof ConfigError) return undefined
        throw error
      })
      if (stored !== undefined && (first === undefined || stored.id < first)) {
        this.cut = undefined
        return stored.id
      }
      if (first !== undefined) return first
      if (proof === undefined || tries + 1 >= this.asks) return proof
      await this.pause(tries)
    }
  }

  async newest(): Promise<RecordId | undefined> {
    const { market, symbol } = this.options.series
    const request = { market, symbol, kind: this.#kind, limit: 1, signal: this.options.signal }
    const record = await this.patiently(async () => (await this.#repair.lastRecords(request)).at(-1))
    return record && positionOf(record)
  }

  protected async *stored(_first: RecordId, _last: RecordId, since: number): AsyncGenerator<LiveRecord, void, void> {
    yield* storedRecords(this.options.collector, this.options.series, since - AROUND, this.options.signal)
  }

  protected asked(first: RecordId, last: RecordId): AsyncIterable<readonly LiveRecord[]> {
    const { series, sequence, signal } = this.options
    const { market, symbol } = series
    // One more than wanted: it shows that REST has come so far.
    const lastId = sequence.next(last)
    return this.#repair.recordPages({ market, symbol, kind: this.#kind, firstId: first, lastId, signal })
  }

  get #kind(): 'trade' | 'aggTrade' {
    return this.options.series.kind as 'trade' | 'aggTrade'
  }

  get #repair() {
    const { repair } = this.options.collector.client
    if (!repair) throw new InvalidRangeError(`${this.options.series.exchange} has no REST calls for past records.`)
    return repair
  }

  /** The first record that REST gives of a time range. */
  async #firstSince(from: number, to: number): Promise<RecordId | undefined> {
    const { series, signal } = this.options
    const { market, symbol } = series
    const pages = this.#repair.recordsAt({ market, symbol, kind: this.#kind, from, to, signal })
    try {
      const page = await pages.next()
      const first = page.done ? undefined : page.value[0]
      // Where only the newest can be had, that is said behind them.
      if (first && this.#kind === 'trade' && market !== 'spot') {
        await pages.next().catch((error: unknown) => {
          if (!(error instanceof ConfigError)) throw error
          const to = (first as Extract<LiveRecord, { kind: 'trade' }>).time
          this.cut = { from, to, cause: 'own-outage', checked: ['rest'], note: error.message }
        })
      }
      return first && positionOf(first)
    } finally {
      await pages.return()
    }
  }

  /** The first stored record since an instant. Certain, when the one before it is stored too and was earlier. */
  async #storedStart(from: number): Promise<{ id: RecordId; isCertain: boolean } | undefined> {
    const { collector, series, sequence, signal } = this.options
    if (!collector.lake) return undefined
    await abortable(collector.flush(), signal)
    let before: RecordId | undefined
    for await (const record of storedRecords(collector, series, from - AROUND, signal)) {
      const { id, time } = record as Extract<LiveRecord, { kind: 'trade' }>
      if (time >= from) return { id, isCertain: before !== undefined && sameId(sequence.next(before), id) }
      before = id
    }
    return undefined
  }
}

/** Stored records of a series since an instant, in order. A series that is not stored gives none. */
export async function* storedRecords(
  collector: Collector,
  series: SeriesId,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<LiveRecord, void, void> {
  const { lake } = collector
  if (!lake) return
  const kind = kindOf(series.kind)
  const columns = kind.columns.map((spec) => spec.name)
  yield* toRecords(kind, series, lake.readEvents(series, { from, columns, signal }))
}

/** The gaps between two positions that are on record, rising. */
function gapsOf(coverage: SeriesCoverage | undefined, first: RecordId, last: RecordId): FlowGap[] {
  return (coverage?.gaps ?? [])
    .flatMap((gap) => {
      // Without a cause nobody has asked for it yet.
      if (gap.firstId === undefined || gap.lastId === undefined || gap.cause === 'unknown') return []
      return [{ first: readId(gap.firstId), last: readId(gap.lastId), gap }]
    })
    .filter((gap) => !(gap.last < first || gap.first > last))
    .sort((a, b) => (a.first < b.first ? -1 : 1))
}

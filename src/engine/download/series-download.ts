import type { ListedFile } from '../../archive/listing.ts'
import { planArchive } from '../../archive/plan.ts'
import type { CandleRequest, RetryInfo } from '../../exchanges/exchange.ts'
import { type Batch, clipBatch, columnOf } from '../../model/batch.ts'
import { candle } from '../../model/candle.ts'
import type { CoveredRange, FileCheck, Source } from '../../model/coverage.ts'
import { InvalidRangeError, InvalidSymbolError, isTicklakeError, type TicklakeError } from '../../model/errors.ts'
import { countOpens, floorOpen, type Interval, type IntervalGrid } from '../../model/interval.ts'
import { intersectRanges, subtractRanges } from '../../model/ranges.ts'
import type { Market } from '../../model/series.ts'
import { floorDay, formatTime, type TimeRange } from '../../model/time.ts'
import type { SeriesChange, StagedRows } from '../../store/lake/change.ts'
import { type GapFinding, missingOpens } from '../../store/lake/gaps.ts'
import type { SeriesWriter } from '../../store/lake/series-writer.ts'
import type { DownloadRequest, SeriesReport } from '../types.ts'
import { archiveClock, SeriesArchive } from './archive-access.ts'
import { takeArchiveFile } from './archive-file.ts'
import { CommitQueue, changeRows } from './commit-queue.ts'
import type { DownloadContext } from './context.ts'
import { gapCause } from './gap-cause.ts'
import { seriesReport } from './report.ts'
import { isLate, lastOpen, restPieces } from './rest-fill.ts'

/** Rows that are collected from REST before they are committed. */
const REST_COMMIT_ROWS = 50_000
/** Separate holes of one file that REST is asked for one by one; with more, the whole stretch is asked for. */
const MAX_HOLES = 20

/**
 * Brings one series of candles up to a range: what the lake lacks from the archive, then from REST, checked and
 * committed piece by piece, so that a crash costs no more than the pieces under way.
 */
export class SeriesDownload {
  readonly request: DownloadRequest
  readonly context: DownloadContext
  readonly market: Market
  readonly symbol: string
  readonly interval: Interval
  readonly writer: SeriesWriter
  readonly #commits: CommitQueue
  readonly #started = performance.now()
  readonly #checks: FileCheck[] = []
  #bytes = 0
  #added = 0
  #restRequests = 0
  #now = 0
  #listedAt: number | undefined
  /** REST does not know the symbol: it was delisted. */
  #restGone = false
  /** REST could not be reached, after all tries: it is not asked again in this run. */
  #restDown: TicklakeError | undefined
  readonly #archive: SeriesArchive
  #origin: number | undefined

  constructor(request: DownloadRequest, context: DownloadContext, writer: SeriesWriter) {
    const { interval } = request.series
    if (interval === undefined) throw new InvalidRangeError('Candles need an interval.')
    this.request = request
    this.context = context
    this.market = request.series.market
    this.symbol = request.series.symbol
    this.interval = interval
    this.writer = writer
    this.#commits = new CommitQueue(writer)
    this.#archive = new SeriesArchive(context, { market: this.market, symbol: this.symbol, interval }, (retry) =>
      this.onRetry(retry),
    )
    this.#listedAt = writer.coverage.listedAt
    this.#origin = writer.coverage.origin
  }

  get grid(): IntervalGrid {
    const origin = this.writer.coverage.origin ?? this.#origin
    return origin === undefined ? { interval: this.interval } : { interval: this.interval, origin }
  }

  get usesRest(): boolean {
    return this.request.source !== 'archive'
  }

  /** Does the whole job. Whatever was committed stays when it fails. */
  async run(): Promise<SeriesReport> {
    // "Since listing" is asked for as 0; until the listing is known there is no range to speak of.
    let range: TimeRange = { from: this.request.from <= 0 ? this.request.to : this.request.from, to: this.request.to }
    try {
      range = await this.#bounds()
      const wanted = this.#wanted(range)
      if (wanted.length > 0) await this.#fetch(wanted)
      await this.writer.dropParts()
      return await this.#report(range)
    } catch (error) {
      if (this.context.signal?.aborted || !isTicklakeError(error)) throw error
      this.context.log.error(
        { ...this.logFields(), error: error.message, code: error.code },
        'the series could not be finished',
      )
      return this.#report(range, error.message)
    } finally {
      await this.#commits.idle()
    }
  }

  logFields(): Record<string, unknown> {
    return { market: this.market, symbol: this.symbol, interval: this.interval }
  }

  /** Puts a change on disk and tells the listener. */
  async commit(change: SeriesChange): Promise<void> {
    for (const check of change.checks ?? []) {
      this.#checks.push(check)
      this.context.onEvent({ type: 'file', series: this.request.series, check })
    }
    for (const defect of change.defects ?? [])
      this.context.onEvent({ type: 'defect', series: this.request.series, defect })
    await this.#commits.add(change)
    const rows = changeRows(change)
    this.#added += rows
    this.context.onEvent({ type: 'commit', series: this.request.series, rows })
  }

  received(path: string, bytes: number): void {
    this.#bytes += bytes
    this.context.onEvent({ type: 'bytes', series: this.request.series, path, bytes })
  }

  onRetry(retry: RetryInfo): void {
    const { attempt, delayMs } = retry
    this.context.log.warn(
      { ...this.logFields(), attempt, delayMs, error: retry.error.message },
      `trying ${retry.what} again`,
    )
    this.context.onEvent({
      type: 'retry',
      series: this.request.series,
      what: retry.what,
      attempt,
      delayMs,
      error: retry.error.message,
    })
  }

  /**
   * Closed candles of a range from REST, in pieces. None when REST does not know the symbol (any more).
   */
  async *rest(range: TimeRange): AsyncGenerator<TimeRange & { readonly batch: Batch }, void, void> {
    if (this.#restGone) return
    if (this.#restDown) throw this.#restDown
    const request: CandleRequest = {
      market: this.market,
      symbol: this.symbol,
      interval: this.interval,
      ...range,
      ...(this.context.signal ? { signal: this.context.signal } : {}),
      onRetry: (retry) => this.onRetry({ ...retry, what: `REST ${formatTime(range.from)} to ${formatTime(range.to)}` }),
    }
    try {
      for await (const piece of restPieces(this.context.client, request)) {
        this.#restRequests++
        this.context.onEvent({ type: 'rest', series: this.request.series, rows: piece.batch.length })
        yield piece
      }
    } catch (error) {
      if (!(error instanceof InvalidSymbolError)) {
        this.#noteDown(error)
        throw error
      }
      this.#restGone = true
    }
  }

  /** All of a range's rows from REST; undefined when REST can't say, or can't be reached. */
  async restRows(range: TimeRange): Promise<readonly Batch[] | undefined> {
    if (!this.usesRest || this.#restDown) return undefined
    const batches: Batch[] = []
    try {
      for await (const piece of this.rest(range)) if (piece.batch.length > 0) batches.push(piece.batch)
    } catch (error) {
      // What the archive has is still worth having; the holes in it are asked for again by the next run.
      if (this.#restDown) return undefined
      throw error
    }
    return this.#restGone ? undefined : batches
  }

  /** Takes note that REST can't be reached: an error that was worth retrying, and was retried in vain. */
  #noteDown(error: unknown): boolean {
    if (this.context.signal?.aborted || !isTicklakeError(error) || !error.retryable) return false
    this.#restDown ??= error
    return true
  }

  /** What is missing in ranges whose rows were staged period by period: inside the staged periods, and around them. */
  missingAroundStaged(ranges: readonly TimeRange[], staged: readonly StagedRows[]): TimeRange[] {
    const inside = staged.flatMap((part) => intersectRanges(part.missing, ranges))
    const around = subtractRanges(
      ranges,
      staged.map((part) => part.period),
    )
    return [...inside, ...around].sort((a, b) => a.from - b.from)
  }

  /**
   * Deals with what is missing in a range that an archive file settles: rows that REST has, and a finding for each
   * stretch that it does not have either.
   */
  async fillHoles(missing: readonly TimeRange[]): Promise<{ batches: Batch[]; findings: GapFinding[] }> {
    const batches: Batch[] = []
    const findings: GapFinding[] = []
    const first = missing[0]
    const last = missing.at(-1)
    if (!first || !last) return { batches, findings }
    const asked = missing.length > MAX_HOLES ? [{ from: first.from, to: last.to }] : missing
    for (const range of asked) {
      const found = (await this.restRows(range)) ?? []
      for (const batch of found)
        batches.push(
          ...missing.map((hole) => clipBatch(candle, batch, hole.from, hole.to)).filter(({ length }) => length > 0),
        )
    }
    const times = batches.map((batch) => columnOf(batch, candle.sortKey))
    for (const hole of missing) {
      for (const stretch of missingOpens(this.grid, hole, times)) findings.push(this.#finding(stretch, 'archive'))
    }
    return { batches, findings }
  }

  /** The range that can be had now: no further back than the listing, no candle that is still open. */
  async #bounds(): Promise<TimeRange> {
    const { from, to } = this.request
    const now = await this.#clock()
    this.#now = now
    if (this.#listedAt === undefined) await this.#findListing()
    if (this.interval === '3d') this.#origin ??= this.#listedAt
    const closed = floorOpen(this.grid, now)
    // "Since listing" is asked for as 0: there is no gap to record before it then.
    if (from <= 0 && this.#listedAt === undefined) {
      const asked = this.usesRest ? 'Neither the archive nor REST has' : 'The archive has no file with'
      throw new InvalidRangeError(
        `${asked} a candle of ${this.symbol} ${this.interval} (${this.market}), so it can not be fetched since listing. Check the symbol, or give a start.`,
      )
    }
    const start = from <= 0 && this.#listedAt !== undefined ? this.#listedAt : Math.max(from, 0)
    return { from: Math.min(start, Math.min(to, closed)), to: Math.min(to, closed) }
  }

  /** The exchange's clock; while REST can't be reached, the archive's. */
  async #clock(): Promise<number> {
    try {
      return await this.context.client.now(this.market, this.context.signal)
    } catch (error) {
      const { archive, http, signal } = this.context
      if (!archive || this.request.source === 'rest' || !this.#noteDown(error)) throw error
      const date = await archiveClock(archive, http, signal)
      if (date === undefined) throw error
      this.context.log.warn(
        { ...this.logFields(), error: isTicklakeError(error) ? error.message : String(error) },
        'REST can not be reached; the archive is used as far as it goes',
      )
      return date
    }
  }

  async #findListing(): Promise<void> {
    if (this.usesRest && !this.#restDown) {
      try {
        this.#listedAt = await this.context.client.nextOpen({
          market: this.market,
          symbol: this.symbol,
          interval: this.interval,
          from: 0,
          ...(this.context.signal ? { signal: this.context.signal } : {}),
          onRetry: (retry) => this.onRetry(retry),
        })
        this.#restRequests++
      } catch (error) {
        if (error instanceof InvalidSymbolError) {
          this.#restGone = true
          const known = await this.#archive.start()
          // Neither REST nor the archive has ever heard of it: that is a typing mistake, not a delisting.
          if (known === undefined && this.writer.coverage.files.length === 0) throw error
        } else if (this.request.source === 'rest' || !this.#noteDown(error)) throw error
      }
    }
    // What the archive begins with is the listing only where REST has nothing older.
    this.#listedAt ??= await this.#archive.start()
  }

  /** What the lake does not have yet; also gaps that REST was never asked about. */
  #wanted(range: TimeRange): TimeRange[] {
    if (range.from >= range.to) return []
    const unasked = this.writer.coverage.gaps.filter(
      (gap) =>
        gap.cause === 'unknown' && (gap.checked.length === 0 || (this.usesRest && !gap.checked.includes('rest'))),
    )
    return subtractRanges([range], subtractRanges(this.writer.coverage.covered, unasked))
  }

  async #fetch(wanted: readonly TimeRange[]): Promise<void> {
    let left: readonly TimeRange[] = await this.#skipUnlisted(wanted)
    const archiveUntil =
      this.request.source === 'archive' ? Number.POSITIVE_INFINITY : floorDay(this.#now - this.context.recentMs)
    const excluded = new Set<string>()
    let announced = false
    if (this.request.source !== 'rest' && left.length > 0) {
      const listed = await this.#archive.listing(left, archiveUntil, this.usesRest)
      while (listed !== undefined) {
        const plan = planArchive({ wanted: left, ...listed, archiveUntil, excluded })
        if (!announced)
          this.#announce(
            plan.files.map(({ file }) => file),
            left,
            plan.rest,
          )
        announced = true
        if (plan.files.length === 0) break
        const outcomes = await this.#settleAll(
          plan.files.map(
            ({ file, ranges }) =>
              () =>
                this.context
                  .limitFiles(() => takeArchiveFile(this, file, ranges), this.context.signal)
                  .then((taken) => ({ file, ranges, taken })),
          ),
        )
        for (const { file, ranges, taken } of outcomes) {
          excluded.add(file.path)
          if (taken) left = subtractRanges(left, ranges)
          // The days of a month were not listed while its own file promised all of it.
          else if (file.period === 'monthly')
            for (const range of ranges) listed.daily.push(...(await this.#archive.list('daily', range)))
        }
      }
    }
    if (!announced) this.#announce([], left, left)
    if (this.usesRest) for (const range of left) await this.#fetchRest(range)
    else await this.#giveUp(left)
  }

  #announce(files: readonly ListedFile[], wanted: readonly TimeRange[], rest: readonly TimeRange[]): void {
    const base = { market: this.market, interval: this.interval }
    this.context.onEvent({
      type: 'plan',
      series: this.request.series,
      files: files.length,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      restRequests: this.usesRest
        ? rest.reduce((sum, range) => sum + this.context.client.candleRequests({ ...base, ...range }), 0)
        : 0,
      totalRows: wanted.reduce((sum, range) => sum + countOpens(this.grid, range), 0),
    })
  }

  /** Puts the time before the listing on record and gives what is left. */
  async #skipUnlisted(wanted: readonly TimeRange[]): Promise<TimeRange[]> {
    const listedAt = this.#listedAt
    if (listedAt === undefined) return [...wanted]
    const before = intersectRanges(wanted, [{ from: 0, to: listedAt }])
    const covered: CoveredRange[] = before.map((range) => ({
      ...range,
      source: this.usesRest && !this.#restGone ? 'rest' : 'archive',
    }))
    // The archive may begin later than the series did: without REST that is only a guess.
    if (this.#restDown) return subtractRanges(wanted, before)
    await this.commit({ covered, findings: before.map((range) => this.#finding(range, 'archive')), listedAt })
    return subtractRanges(wanted, before)
  }

  /** Runs tasks and waits for all of them, also when one fails: none may write after the series was closed. */
  async #settleAll<T>(tasks: readonly (() => Promise<T>)[]): Promise<T[]> {
    const settled = await Promise.allSettled(tasks.map((task) => task()))
    const failed = settled.find((outcome) => outcome.status === 'rejected')
    if (failed) throw failed.reason
    return settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  }

  async #fetchRest(range: TimeRange): Promise<void> {
    let batches: Batch[] = []
    let rows = 0
    let start = range.from
    let end = range.from
    const flush = async (): Promise<void> => {
      if (end <= start) return
      const settled = { from: start, to: end }
      const times = batches.map((batch) => columnOf(batch, candle.sortKey))
      const missing = missingOpens(this.grid, settled, times)
      if (isLate(missing.at(-1), end, this.#now)) {
        settled.to = Math.max(settled.from, lastOpen(times) ?? missing.at(-1)!.from)
        batches = batches.map((batch) => clipBatch(candle, batch, settled.from, settled.to))
        missing.pop()
      }
      const findings = missing.map((stretch) => this.#finding(stretch, 'rest'))
      const change = { batches, covered: [{ ...settled, source: 'rest' as const }], findings }
      batches = []
      rows = 0
      start = end
      await this.commit(change)
    }
    for await (const piece of this.rest(range)) {
      if (this.#origin === undefined && this.interval === '3d' && piece.batch.length > 0) {
        this.#origin = columnOf(piece.batch, candle.sortKey)[0]!
      }
      if (piece.batch.length > 0) batches.push(piece.batch)
      rows += piece.batch.length
      end = piece.to
      if (rows >= REST_COMMIT_ROWS) await flush()
    }
    if (this.#restGone) {
      await flush()
      await this.#giveUp([{ from: start, to: range.to }])
    } else {
      end = range.to
      await flush()
    }
  }

  /** Ranges that no source that may be asked can serve: gaps, with what is known of their cause. */
  async #giveUp(ranges: readonly TimeRange[]): Promise<void> {
    const known = ranges.filter((range) => range.from < range.to)
    // What lies after the archive's last file is not lost, only not published yet: the next run asks again.
    const archived = this.#archive.span
    const settled = this.#restGone || archived === undefined ? known : intersectRanges(known, [archived])
    if (settled.length === 0) return
    const covered = settled.map((range) => ({ ...range, source: 'archive' as const }))
    await this.commit({ covered, findings: settled.map((range) => this.#finding(range, 'archive')) })
  }

  /** Names the cause of a stretch that is missing although every source that may be asked was asked. */
  #finding(stretch: TimeRange, source: 'archive' | 'rest'): GapFinding {
    const asked = this.usesRest && !this.#restGone && this.#restDown === undefined
    const checked: Source[] = [...new Set<Source>([source, ...(asked ? (['rest'] as const) : [])])]
    const { cause, note } = gapCause(stretch, {
      interval: this.interval,
      listedAt: this.#listedAt,
      archivedUntil: this.#archive.span?.to,
      restAsked: asked,
      restGone: this.#restGone,
    })
    return { ...stretch, cause, checked, ...(note === undefined ? {} : { note }) }
  }

  async #report(range: TimeRange, error?: string): Promise<SeriesReport> {
    await this.#commits.idle()
    const report = seriesReport(this.writer.coverage, this.grid, range, {
      added: this.#added,
      files: this.#checks,
      bytes: this.#bytes,
      restRequests: this.#restRequests,
      durationMs: Math.round(performance.now() - this.#started),
      ...(error === undefined ? {} : { error }),
    })
    this.context.onEvent({ type: 'done', series: this.request.series, report })
    return report
  }
}

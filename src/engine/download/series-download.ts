import type { ListedFile } from '../../archive/listing.ts'
import { planArchive } from '../../archive/plan.ts'
import type { FormerSymbol, RetryInfo } from '../../exchanges/exchange.ts'
import { exchangeOf } from '../../exchanges/index.ts'
import { type Batch, clipBatch, columnOf } from '../../model/batch.ts'
import { candle } from '../../model/candle.ts'
import type { CoveredRange, FileCheck, Source } from '../../model/coverage.ts'
import { InvalidRangeError, InvalidSymbolError, isTicklakeError } from '../../model/errors.ts'
import { countOpens, floorOpen, type Interval, type IntervalGrid } from '../../model/interval.ts'
import { intersectRanges, subtractRanges, unionRanges } from '../../model/ranges.ts'
import type { Market } from '../../model/series.ts'
import { floorDay, type TimeRange } from '../../model/time.ts'
import type { SeriesChange, StagedRows } from '../../store/lake/change.ts'
import { type GapFinding, missingOpens } from '../../store/lake/gaps.ts'
import type { SeriesWriter } from '../../store/lake/series-writer.ts'
import type { DownloadRequest, SeriesReport } from '../types.ts'
import { SeriesArchive } from './archive-access.ts'
import { takeArchiveFile } from './archive-file.ts'
import { CommitQueue, changeRows } from './commit-queue.ts'
import type { DownloadContext } from './context.ts'
import { gapCause, knownGapsOf } from './gap-cause.ts'
import { seriesReport } from './report.ts'
import { takeRestRange } from './rest-range.ts'
import { rowsAfterEnd } from './rows-after-end.ts'
import { SeriesRest } from './series-rest.ts'
import { awaitsArchive, unclosedCandles } from './unfinished.ts'

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
  #now = 0
  #listedAt: number | undefined
  readonly rest: SeriesRest
  readonly #archive: SeriesArchive
  #origin: number | undefined

  /** The name that the series had before, and whether this is the download under such a name. */
  readonly #former: FormerSymbol | undefined
  readonly #isFormer: boolean
  /** First instant of the series under any of its names. */
  #began: number | undefined

  /** @param symbol a former name of the series, under which it is asked for */
  constructor(request: DownloadRequest, context: DownloadContext, writer: SeriesWriter, symbol?: string) {
    const { interval } = request.series
    if (interval === undefined) throw new InvalidRangeError('Candles need an interval.')
    this.request = request
    this.context = context
    this.market = request.series.market
    this.symbol = symbol ?? request.series.symbol
    this.#isFormer = symbol !== undefined
    this.interval = interval
    this.writer = writer
    this.#commits = new CommitQueue(writer)
    const asked = { ...request.series, symbol: this.symbol, interval }
    this.#archive = new SeriesArchive(context, asked, (retry) => this.onRetry(retry))
    this.rest = new SeriesRest(this)
    // Each name's 3d candles have a grid of their own.
    if (interval !== '3d') this.#former = exchangeOf(request.series.exchange).formerSymbol?.(this.market, this.symbol)
    // The coverage tells when the series began under its first name, which says nothing of this one.
    if (this.#former === undefined && !this.#isFormer) this.#listedAt = writer.coverage.listedAt
    this.#origin = writer.coverage.origin
  }

  get grid(): IntervalGrid {
    const origin = this.writer.coverage.origin ?? this.#origin
    return origin === undefined ? { interval: this.interval } : { interval: this.interval, origin }
  }

  /** The exchange's clock when the run began, epoch ms. */
  get now(): number {
    return this.#now
  }

  /** Takes note of a row of the series: the grid of 3d follows from it. */
  noteOpen(open: number): void {
    if (this.interval === '3d') this.#origin ??= open
  }

  get usesRest(): boolean {
    return this.request.source !== 'archive'
  }

  /** Does the whole job. Whatever was committed stays when it fails. */
  async run(): Promise<SeriesReport> {
    // "Since listing" is asked for as 0; until the listing is known there is no range to speak of.
    let range: TimeRange = { from: this.request.from <= 0 ? this.request.to : this.request.from, to: this.request.to }
    try {
      range = await this.#take()
      if (this.rest.unknown && this.market !== 'spot' && this.#added > 0) await this.#noticeEnd()
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

  async #noticeEnd(): Promise<void> {
    await this.#commits.idle()
    const { lake, signal } = this.context
    if (this.request.series.kind !== 'candle') return
    const defect = await rowsAfterEnd(lake, this.writer.coverage, signal)
    if (defect) await this.commit({ defects: [defect] })
  }

  /** Takes what is missing of the range that can be had; gives that range. */
  async #take(): Promise<TimeRange> {
    const own = await this.#bounds()
    let failure: unknown
    const began = await this.#takeFormer().catch((error: unknown) => {
      if (this.context.signal?.aborted || !isTicklakeError(error)) throw error
      failure = error
      return undefined
    })
    this.#began = began ?? this.#listedAt
    const range = this.request.from <= 0 && began !== undefined ? { from: began, to: own.to } : own
    // What the former name has left open is its own to ask for again; REST alone can not tell what that had.
    const isOpen = began !== undefined || failure !== undefined || (this.#former && this.request.source === 'rest')
    const before = isOpen ? [{ from: 0, to: this.#listedAt ?? 0 }] : []
    const unclosed = this.request.unfinished ? await this.#unclosed(range) : []
    const wanted = subtractRanges(unionRanges(this.#wanted(range), unclosed), before)
    if (wanted.length > 0) await this.#fetch(wanted)
    else if (began !== undefined && !this.#isFormer && !this.rest.down) await this.commit({ listedAt: began })
    if (failure !== undefined) throw failure
    return range
  }

  /**
   * Takes what was traded under the former name before this one was listed. Gives where that began; undefined where
   * there is none.
   */
  async #takeFormer(): Promise<number | undefined> {
    const { request, context, writer } = this
    const former = this.#former
    const to = Math.min(request.to, this.#listedAt ?? 0, former?.until ?? Number.POSITIVE_INFINITY)
    if (!former || request.from >= to || request.source === 'rest') return undefined
    const download = new SeriesDownload({ ...request, to }, context, writer, former.symbol)
    try {
      await download.#take()
      return download.#began
    } catch (error) {
      // Nobody knows the former name (any more): then the series begins with this one.
      if (error instanceof InvalidSymbolError || error instanceof InvalidRangeError) return undefined
      throw error
    } finally {
      await download.#commits.idle()
      this.#added += download.#added
      this.#bytes += download.#bytes
      this.#checks.push(...download.#checks)
      this.rest.requests += download.rest.requests
    }
  }

  logFields(): Record<string, unknown> {
    return { market: this.market, symbol: this.symbol, interval: this.interval }
  }

  /** Puts a change on disk and tells the listener. */
  async commit(given: SeriesChange): Promise<void> {
    const change = this.#isFormer ? underName(given, this.symbol) : given
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
    // Whoever gives up tells so; a try that was in vain is everyday business.
    this.context.log.info(
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
      const found = (await this.rest.rows(range)) ?? []
      for (const batch of found)
        batches.push(
          ...missing.map((hole) => clipBatch(candle, batch, hole.from, hole.to)).filter(({ length }) => length > 0),
        )
    }
    const times = batches.map((batch) => columnOf(batch, candle.sortKey))
    for (const hole of missing) {
      for (const stretch of missingOpens(this.grid, hole, times)) findings.push(this.finding(stretch, 'archive'))
    }
    return { batches, findings }
  }

  /** The range that can be had now: no further back than the listing, no candle that is still open. */
  async #bounds(): Promise<TimeRange> {
    const { from, to } = this.request
    const now = await this.context.health.now(this.market, this.request.source, this.context.signal)
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

  /** Candles of the range that were stored before they were closed. */
  async #unclosed(range: TimeRange): Promise<TimeRange[]> {
    const { lake, signal } = this.context
    return intersectRanges(await unclosedCandles(lake, this.writer.coverage, signal), [range])
  }

  async #findListing(): Promise<void> {
    const { source } = this.request
    const first = source === 'archive' ? undefined : await this.rest.firstOpen()
    // What the archive begins with is the listing only where REST has nothing older.
    this.#listedAt = first ?? (await this.#archive.start())
    if (this.#listedAt !== undefined || (this.writer.coverage.files.length > 0 && !this.#isFormer)) return
    // Neither REST nor the archive has ever heard of it: that is a typing mistake, not a delisting.
    if (this.rest.unknown) throw this.rest.unknown
    if (this.rest.down) throw this.rest.down
  }

  /** What the lake does not have yet; also gaps that REST was never asked about. */
  #wanted(range: TimeRange): TimeRange[] {
    if (range.from >= range.to) return []
    const archiveUntil = floorDay(this.#now - this.context.recentMs)
    const asksAgain = this.request.unfinished === true && this.request.source !== 'rest'
    const unasked = this.writer.coverage.gaps.filter(
      (gap) =>
        (gap.cause === 'unknown' && (gap.checked.length === 0 || (this.usesRest && !gap.checked.includes('rest')))) ||
        (asksAgain && awaitsArchive(gap, this.#now, archiveUntil)),
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
      const restServes = this.usesRest && this.rest.down === undefined
      const listed = await this.#archive.listing(left, archiveUntil, { mayAskRest: this.usesRest, restServes })
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
    if (!this.usesRest) return this.giveUp(left)
    for (const range of left) {
      if (this.rest.down) this.#stopAt(this.rest.down)
      else await takeRestRange(this, range).catch((error: unknown) => this.#stopAt(error))
    }
  }

  /** What REST was to give is left to the next run, if the archive has done its part; else that is the run's error. */
  #stopAt(error: unknown): void {
    if (this.request.source === 'rest' || error !== this.rest.down || !this.#archive.answered) throw error
    this.context.health.tell(this.market)
  }

  #announce(files: readonly ListedFile[], wanted: readonly TimeRange[], rest: readonly TimeRange[]): void {
    const base = { market: this.market, interval: this.interval }
    this.context.onEvent({
      type: 'plan',
      series: this.request.series,
      files: files.length,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      restRequests: this.rest.usable
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
      source: this.rest.usable ? 'rest' : 'archive',
    }))
    // The archive may begin later than the series did: without REST that is only a guess.
    if (this.rest.down) return subtractRanges(wanted, before)
    const findings = before.map((range) => this.finding(range, 'archive'))
    const known = this.writer.coverage.listedAt ?? listedAt
    await this.commit({ covered, findings, listedAt: Math.min(this.#began ?? listedAt, known) })
    return subtractRanges(wanted, before)
  }

  /** Runs tasks and waits for all of them, also when one fails: none may write after the series was closed. */
  async #settleAll<T>(tasks: readonly (() => Promise<T>)[]): Promise<T[]> {
    const settled = await Promise.allSettled(tasks.map((task) => task()))
    const failed = settled.find((outcome) => outcome.status === 'rejected')
    if (failed) throw failed.reason
    return settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  }

  /** Ranges that no source that may be asked can serve: gaps, with what is known of their cause. */
  async giveUp(ranges: readonly TimeRange[]): Promise<void> {
    const known = ranges.filter((range) => range.from < range.to)
    // What lies after the archive's last file is not lost, only not published yet: the next run asks again.
    const archived = this.#archive.span
    const settled = this.rest.unknown || archived === undefined ? known : intersectRanges(known, [archived])
    if (settled.length === 0) return
    const covered = settled.map((range) => ({ ...range, source: 'archive' as const }))
    await this.commit({ covered, findings: settled.map((range) => this.finding(range, 'archive')) })
  }

  /** Names the cause of a stretch that is missing although every source that may be asked was asked. */
  finding(stretch: TimeRange, source: 'archive' | 'rest'): GapFinding {
    const asked = this.rest.usable
    const checked: Source[] = [...new Set<Source>([source, ...(asked ? (['rest'] as const) : [])])]
    if (this.#isFormer && stretch.to >= this.request.to && this.rest.unknown) {
      const note = `${this.symbol} had ended, and ${this.request.series.symbol} had not begun`
      return { ...stretch, cause: 'delisted', checked, note }
    }
    const { cause, note } = gapCause(stretch, {
      interval: this.interval,
      known: knownGapsOf(this.request.series),
      listedAt: this.#listedAt,
      archivedUntil: this.#archive.span?.to,
      restAsked: asked,
      restGone: this.rest.unknown !== undefined,
      restDown: this.rest.down !== undefined,
    })
    return { ...stretch, cause, checked, ...(note === undefined ? {} : { note }) }
  }

  async #report(range: TimeRange, error?: string): Promise<SeriesReport> {
    await this.#commits.idle()
    const report = seriesReport(this.writer.coverage, this.grid, range, {
      added: this.#added,
      files: this.#checks,
      bytes: this.#bytes,
      restRequests: this.rest.requests,
      durationMs: Math.round(performance.now() - this.#started),
      ...(error === undefined ? {} : { error }),
      ...(this.rest.down && this.request.source === 'auto' ? { restError: this.rest.down.message } : {}),
    })
    this.context.onEvent({ type: 'done', series: this.request.series, report })
    return report
  }
}

/** A change that came in under a former name of its series. */
function underName({ listedAt: _, ...change }: SeriesChange, symbol: string): SeriesChange {
  return change.covered ? { ...change, covered: change.covered.map((range) => ({ ...range, symbol })) } : change
}

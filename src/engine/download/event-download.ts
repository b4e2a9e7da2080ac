import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ListedFile } from '../../archive/listing.ts'
import { planArchive } from '../../archive/plan.ts'
import type { ArchiveTraits, RetryInfo } from '../../exchanges/exchange.ts'
import type { FileCheck, Gap } from '../../model/coverage.ts'
import { InvalidRangeError, isTicklakeError } from '../../model/errors.ts'
import { intersectRanges, normaliseRanges, subtractRanges } from '../../model/ranges.ts'
import type { SeriesId } from '../../model/series.ts'
import { floorDay, MINUTE, SECOND, type TimeRange } from '../../model/time.ts'
import type { EventFacts } from '../../store/lake/event-coverage.ts'
import { LOST } from '../../store/lake/event-give-up.ts'
import type { EventStage } from '../../store/lake/event-stage.ts'
import type { EventWriter } from '../../store/lake/event-writer.ts'
import { PARTS_FOLDER } from '../../store/lake/series-writer.ts'
import type { DownloadRequest, SeriesReport } from '../types.ts'
import { SeriesArchive } from './archive-access.ts'
import type { DownloadContext } from './context.ts'
import { takeEventFile } from './event-file.ts'
import { fillEdges, fillIdHoles, goesBeyond } from './event-holes.ts'
import { explainLack, mayBeFilled } from './event-lack.ts'
import { fillSilences } from './event-pace.ts'
import { takeEventRange } from './event-range.ts'
import { eventReport } from './event-report.ts'
import { EventRest } from './event-rest.ts'
import { fundingsAfterEnd } from './rows-after-end.ts'
import { awaitsArchive } from './unfinished.ts'

/** What has happened is in REST's answers after so long, ms. Where ids are counted they tell of what came later still. */
const SETTLING = 10 * SECOND
const SETTLING_WITHOUT_IDS = 5 * MINUTE

/**
 * Brings one series of events up to a range: what the lake lacks from the archive, then from REST. Where ids are
 * counted, what is missing between, before and behind the records is found by id and asked for.
 */
export class EventDownload {
  readonly request: DownloadRequest
  readonly context: DownloadContext
  readonly series: SeriesId
  readonly writer: EventWriter
  readonly rest: EventRest
  readonly archive: SeriesArchive
  /** What is peculiar to the archive's files. */
  readonly traits: ArchiveTraits | undefined
  readonly #started = performance.now()
  readonly #checks: FileCheck[] = []
  #bytes = 0
  #added = 0
  #now = 0
  #listedAt: number | undefined

  constructor(request: DownloadRequest, context: DownloadContext, writer: EventWriter) {
    this.request = request
    this.context = context
    this.series = request.series
    this.writer = writer
    this.rest = new EventRest(request, context)
    this.archive = new SeriesArchive(context, request.series, (retry) => this.onRetry(retry))
    this.traits = context.archive?.layout.traits?.(request.series.market, request.series.kind)
    this.#listedAt = writer.coverage.listedAt
  }

  /** The exchange's clock when the run began, epoch ms. */
  get now(): number {
    return this.#now
  }

  get partsFolder(): string {
    return join(this.writer.folder, PARTS_FOLDER)
  }

  /** Does the whole job. Whatever was committed stays when it fails. */
  async run(): Promise<SeriesReport> {
    // "Since listing" is asked for as 0; until the listing is known there is no range to speak of.
    let range: TimeRange = { from: this.request.from <= 0 ? this.request.to : this.request.from, to: this.request.to }
    try {
      this.#checkSource()
      range = await this.#bounds()
      await this.#renew()
      // Whoever asks for a file again wants no more than the lake has of it.
      const asks = range.from < range.to && this.request.renew === undefined
      const wanted = asks ? subtractRanges([range], this.#settled(range)) : []
      const left = await this.#fetch(await this.#skipUnlisted(wanted))
      if (this.writer.held) {
        if (wanted.length > 0) await fillEdges(this, range)
        // Records between ids that were seen have happened, however new they are.
        const end = Math.max(range.to, this.request.to)
        await fillIdHoles(this, { from: range.from, to: end }, [...left, { from: range.to, to: end }])
      } else {
        if (wanted.length > 0) await explainLack(this, left)
        // Also where nothing was wanted: a run that was killed may have come as far as this.
        if (range.from < range.to) await fillSilences(this, range)
      }
      if (this.rest.unknown && this.#added > 0 && this.series.kind === 'fundingRate') {
        const { lake, signal } = this.context
        const defect = await fundingsAfterEnd(lake, this.writer.coverage, signal)
        if (defect) await this.note({ defects: [defect] })
      }
      if (this.#added > 0) await this.writer.tidy(this.#now, this.context.signal)
      await rm(this.partsFolder, { recursive: true, force: true })
      return await this.#report(range)
    } catch (error) {
      if (this.context.signal?.aborted || !isTicklakeError(error)) throw error
      const { symbol, kind, market } = this.series
      this.context.log.error(
        { market, symbol, kind, error: error.message, code: error.code },
        'the series could not be finished',
      )
      return this.#report(range, error.message)
    }
  }

  /** Makes the rows of an archive file part of the series. False when they could not be. */
  async adopt(stage: EventStage, facts: EventFacts & { readonly inexactValues: number }): Promise<boolean> {
    const { rows } = stage.tally
    if (!(await this.writer.adopt(stage, facts))) return false
    this.#tell(facts, rows)
    return true
  }

  /** Gives stored records what their archive file, published anew, tells now. */
  async revise(
    stage: EventStage,
    ranges: readonly TimeRange[],
    source: Parameters<EventWriter['revise']>[2],
    facts: EventFacts,
  ): Promise<void> {
    const { changed, added } = await this.writer.revise(stage, ranges, source, facts)
    this.#tell(facts, changed + added)
  }

  /** Stores what waits, with what is known besides. */
  async note(facts: EventFacts): Promise<void> {
    const { records } = await this.writer.flush(facts)
    this.#tell(facts, records)
  }

  received(path: string, bytes: number): void {
    this.#bytes += bytes
    this.context.onEvent({ type: 'bytes', series: this.series, path, bytes })
  }

  onRetry(retry: RetryInfo): void {
    const { what, attempt, delayMs, error } = retry
    this.context.log.info(
      { symbol: this.series.symbol, attempt, delayMs, error: error.message },
      `trying ${what} again`,
    )
    this.context.onEvent({ type: 'retry', series: this.series, what, attempt, delayMs, error: error.message })
  }

  /** @throws InvalidRangeError when there is no source that has such records. */
  #checkSource(): void {
    const { market, kind } = this.series
    const isArchived = this.context.archive?.layout.has(this.series) ?? false
    if (this.rest.serves || (isArchived && this.request.source !== 'rest')) return
    throw new InvalidRangeError(
      isArchived
        ? `REST gives no past ${kind} of ${market}; the archive has it. Leave --source rest out.`
        : `Neither the archive nor REST has past ${kind} of ${market}. Collect it as it happens: ticklake collect.`,
    )
  }

  /** The range that can be had now: no further back than the listing, nothing that may still come. */
  async #bounds(): Promise<TimeRange> {
    const { from, to, source } = this.request
    this.#now = await this.context.health.now(this.series.market, source, this.context.signal)
    if (this.#listedAt === undefined) {
      this.#listedAt = (await this.rest.listedAt()) ?? (await this.archive.start())
      const isNew = this.#listedAt === undefined && this.writer.coverage.files.length === 0
      if (isNew && this.rest.unknown) throw this.rest.unknown
      if (isNew && this.rest.down) throw this.rest.down
    }
    if (from <= 0 && this.#listedAt === undefined) {
      throw new InvalidRangeError(
        `Nobody says when ${this.series.symbol} (${this.series.market}) was listed. Check the symbol, or give a start.`,
      )
    }
    const settling = this.writer.held ? SETTLING : SETTLING_WITHOUT_IDS + this.rest.delay
    const end = Math.min(to, Math.floor(this.#now) - settling)
    const start = from <= 0 ? this.#listedAt! : from
    return { from: Math.min(start, end), to: end }
  }

  /**
   * What is covered, but for gaps that nobody was asked about: those of damaged files, what streams missed, and what the
   * archive may have since it was found missing.
   */
  #settled(range: TimeRange): TimeRange[] {
    const { covered, gaps } = this.writer.coverage
    const asksAgain = this.request.source !== 'rest'
    const open = gaps.filter(
      (gap) =>
        !goesBeyond(gap, range, covered) &&
        ((gap.cause === 'unknown' && !gap.checked[0] && (gap.firstId !== undefined || gap.note === LOST)) ||
          mayBeFilled(gap) ||
          (asksAgain && awaitsArchive(gap, this.#now, floorDay(this.#now - this.context.recentMs)))),
    )
    return subtractRanges(
      covered,
      open.map(({ from, to, firstId }) => ({ from, to: firstId === undefined ? to : to + 1 })),
    )
  }

  /** Puts the time before the listing on record and gives what is left. */
  async #skipUnlisted(wanted: readonly TimeRange[]): Promise<TimeRange[]> {
    const listedAt = this.#listedAt
    // The archive may begin later than the series did: without REST that is only a guess.
    if (listedAt === undefined || this.rest.down) return [...wanted]
    const before = intersectRanges(wanted, [{ from: 0, to: listedAt }])
    const isKnown = this.writer.coverage.listedAt === listedAt
    if (before.length > 0 || !isKnown) {
      const gaps = before.map((range): Gap => ({ ...range, cause: 'not-listed', checked: ['rest'] }))
      await this.note({ covered: before.map((range) => ({ ...range, source: 'rest' })), gaps, listedAt })
    }
    return subtractRanges(wanted, before)
  }

  /** @returns what no archive file has settled. */
  async #fetch(wanted: readonly TimeRange[]): Promise<readonly TimeRange[]> {
    let left: readonly TimeRange[] = wanted
    if (left.length === 0) return left
    const { source } = this.request
    const archiveUntil = source === 'archive' ? Number.POSITIVE_INFINITY : floorDay(this.#now - this.context.recentMs)
    let announced = false
    if (source !== 'rest') {
      const excluded = new Set<string>()
      const restServes = this.rest.usable
      const listed = await this.archive.listing(left, archiveUntil, { mayAskRest: source === 'auto', restServes })
      while (listed !== undefined) {
        const plan = planArchive({ wanted: left, ...listed, archiveUntil, excluded })
        if (!announced) this.#announce(plan.files.map(({ file }) => file))
        announced = true
        if (plan.files.length === 0) break
        const outcomes = await this.#settleAll(
          plan.files.map(({ file, ranges }) => async () => ({ file, ranges, taken: await this.#take(file, ranges) })),
        )
        for (const { file, ranges, taken } of outcomes) {
          excluded.add(file.path)
          if (taken) left = subtractRanges(left, ranges)
          // The days of a month were not listed while its own file promised all of it.
          else if (file.period === 'monthly')
            for (const range of ranges) listed.daily.push(...(await this.archive.list('daily', range)))
        }
      }
    }
    if (!announced) this.#announce([])
    // What REST has forgotten stays open: the archive may publish it later.
    const reach = { from: this.rest.oldest(this.#now), to: Number.POSITIVE_INFINITY }
    for (const range of intersectRanges(left, [reach])) {
      if (!this.rest.usable) break
      await takeEventRange(this, range)
    }
    if (this.rest.down && (source === 'rest' || !this.archive.answered)) throw this.rest.down
    if (this.rest.down) this.context.health.tell(this.series.market)
    if (this.rest.unknown && this.writer.held) await this.#giveUpDelisted(left)
    return left
  }

  /** Takes archive files in that were published anew. */
  async #renew(): Promise<void> {
    const { renew = [], from, to } = this.request
    if (renew.length === 0) return
    const range = { from, to }
    const files = [...(await this.archive.list('monthly', range)), ...(await this.archive.list('daily', range))]
    for (const file of files.filter(({ path }) => renew.includes(path))) {
      const ranges = intersectRanges([file], this.writer.coverage.covered)
      await this.context.limitFiles(() => takeEventFile(this, file, ranges, true), this.context.signal)
    }
  }

  #take(file: ListedFile, ranges: readonly TimeRange[]): Promise<boolean> {
    return this.context.limitFiles(() => takeEventFile(this, file, ranges), this.context.signal)
  }

  /** Of a symbol that REST no longer knows, what lies around the archive's files will never come. */
  async #giveUpDelisted(left: readonly TimeRange[]): Promise<void> {
    const ranges = normaliseRanges(left)
    const end = this.archive.span?.to
    if (end === undefined || ranges.length === 0) return
    const gaps = ranges.map(
      (range): Gap =>
        range.from >= end
          ? {
              ...range,
              cause: 'delisted',
              checked: ['archive', 'rest'],
              note: 'the archive ends here, and REST no longer knows the symbol',
            }
          : {
              ...range,
              cause: 'archive-defect',
              checked: ['archive', 'rest'],
              note: 'missing in the archive, and REST no longer knows the symbol',
            },
    )
    await this.note({ covered: ranges.map((range) => ({ ...range, source: 'archive' })), gaps })
  }

  #announce(files: readonly ListedFile[]): void {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    const { series } = this
    // How many records there are is not known before they are read; a packed row takes some 20 bytes.
    const totalRows = Math.round(bytes / ROW_BYTES)
    const asksRest = this.rest.usable
    this.context.onEvent({ type: 'plan', series, files: files.length, bytes, restRequests: 0, asksRest, totalRows })
  }

  #tell(facts: EventFacts, rows: number): void {
    const { series } = this
    for (const check of facts.checks ?? []) {
      this.#checks.push(check)
      this.context.onEvent({ type: 'file', series, check })
    }
    for (const defect of facts.defects ?? []) this.context.onEvent({ type: 'defect', series, defect })
    this.#added += rows
    this.context.onEvent({ type: 'commit', series, rows })
  }

  /** Runs tasks and waits for all of them, also when one fails: none may write after the series was closed. */
  async #settleAll<T>(tasks: readonly (() => Promise<T>)[]): Promise<T[]> {
    const settled = await Promise.allSettled(tasks.map((task) => task()))
    const failed = settled.find((outcome) => outcome.status === 'rejected')
    if (failed) throw failed.reason
    return settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  }

  async #report(range: TimeRange, error?: string): Promise<SeriesReport> {
    const restError = this.rest.refused ?? this.rest.down ?? this.rest.keyless
    const report = await eventReport(this.writer, range, {
      added: this.#added,
      files: this.#checks,
      bytes: this.#bytes,
      restRequests: this.rest.requests,
      durationMs: Math.round(performance.now() - this.#started),
      ...(error === undefined ? {} : { error }),
      ...(restError && this.request.source === 'auto' ? { restError: restError.message } : {}),
    })
    this.context.onEvent({ type: 'done', series: this.series, report })
    return report
  }
}

const ROW_BYTES = 20

import { columnOf } from '../../model/batch.ts'
import { CandleFlag, candle } from '../../model/candle.ts'
import { COMPLETE_CAUSES, type Defect, type Gap } from '../../model/coverage.ts'
import { countOpens, type Interval, type IntervalGrid, isOpenTime, nextOpen } from '../../model/interval.ts'
import { premiumCandle } from '../../model/price-candle.ts'
import { intersectRanges } from '../../model/ranges.ts'
import type { Market } from '../../model/series.ts'
import { DAY, type TimeRange } from '../../model/time.ts'
import { recordTable, type TableSource, tablesOf } from '../record-table.ts'
import { RecordValidator, recordStages } from '../validate/records/record-validator.ts'
import type { Finding } from '../validate/records/stage.ts'
import { type Disagreement, isMadeOf, LargerCheck, type LargerSeries } from './larger.ts'
import { type QualityShares, scoreOf } from './score.ts'
import {
  type DayQuality,
  type Reason,
  reason,
  reasonsOf,
  type SeriesQuality,
  seriesQuality,
  type Unjudged,
} from './tally.ts'

export interface CandleQualityOptions {
  readonly interval: Interval
  /** Kind of candles, `candle` when left out; a premium may be negative. */
  readonly kind?: string
  /** An open time on the grid of `3d`. */
  readonly origin?: number
  readonly market?: Market
  /** What the series should hold; without it from its first row to its last. */
  readonly range?: TimeRange
  /** What is known of holes: those that the exchange never published are not held against the series. */
  readonly gaps?: readonly Gap[]
  /** Differences between sources that were recorded when rows were taken in. */
  readonly defects?: readonly Defect[]
  /** Larger candles of the same symbol, to compare with. */
  readonly larger?: readonly LargerSeries[]
  /** The exchange's clock: what closes later is not held against the series. */
  readonly now?: number
}

/** Of candles that lack, nothing else can be said. */
const UNJUDGED: Unjudged = { validity: 'there are no candles', timeliness: 'there are no candles' }

const STAGES = recordStages('candle').flatMap(({ name }) => (name === 'closed' ? [] : [name]))

/** What is gathered of one day. */
interface DayTally {
  rows: number
  present: number
  bad: number
  untimely: number
  compared: number
  confirmed: number
  run: number
  longestRun: number
  next: number
  readonly reasons: Map<string, Reason>
}

/** Scores a series of candles day by day. Batches come in order; nothing is changed. */
export class CandleQuality {
  readonly #options: CandleQualityOptions
  readonly #validator: RecordValidator
  readonly #larger: LargerCheck[]
  readonly #days = new Map<number, DayTally>()
  readonly #differing: ReadonlySet<number>
  #grid: IntervalGrid
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY
  #lastOpen = Number.NEGATIVE_INFINITY

  constructor(options: CandleQualityOptions) {
    const { interval, origin, market } = options
    this.#options = options
    this.#grid = origin === undefined ? { interval } : { interval, origin }
    this.#validator = new RecordValidator('candle', {
      interval,
      ...(origin !== undefined && { origin }),
      ...(market !== undefined && { market }),
      // What is not closed yet costs timeliness.
      stages: options.kind === premiumCandle.id ? STAGES.filter((name) => name !== 'values') : STAGES,
      maxFindings: 0,
      onFinding: (finding, isFirstError) => this.#note(finding, isFirstError),
    })
    this.#larger = (options.larger ?? [])
      .filter((series) => isMadeOf(series.interval, interval))
      .map((series) => new LargerCheck(this.#grid, series))
    const differences = (options.defects ?? []).filter(({ type, time }) => type === 'difference' && time !== undefined)
    this.#differing = new Set(differences.map(({ time }) => time!))
  }

  add(candles: TableSource): this {
    const batch = recordTable(candles, candle)
    const opens = columnOf(batch, 'open_time')
    if (this.#grid.interval === '3d' && this.#grid.origin === undefined && batch.length > 0) {
      this.#grid = { interval: '3d', origin: opens[0]! }
    }
    const flags = batch.columns.flags
    const closes = batch.columns.close_time
    for (let i = 0; i < batch.length; i++) {
      const open = opens[i]!
      const day = this.#day(open)
      day.rows++
      if (open < this.#first) this.#first = open
      if (open > this.#last) this.#last = open
      if (isOpenTime(this.#grid, open) && open > this.#lastOpen) this.#present(day, open)
      this.#judge(day, open, flags?.[i], closes?.[i])
    }
    this.#validator.add(batch)
    for (const check of this.#larger) check.add(batch)
    return this
  }

  /** The score of what was added. */
  get result(): SeriesQuality {
    for (const check of this.#larger) this.#compare(check)
    this.#larger.length = 0
    const range = this.#range()
    const days: DayQuality[] = []
    if (range) {
      for (let from = Math.floor(range.from / DAY) * DAY; from < range.to; from += DAY) {
        const day = this.#dayQuality(from, range)
        // Of a day on which the exchange published nothing there is nothing to judge.
        if (day.expected > day.unpublished || day.rows > 0) days.push(day)
      }
    }
    return seriesQuality(days, UNJUDGED)
  }

  #range(): TimeRange | undefined {
    const { range, now = Number.POSITIVE_INFINITY } = this.#options
    const from = range?.from ?? this.#first
    const to = range?.to ?? (Number.isFinite(this.#last) ? nextOpen(this.#grid, this.#last) : this.#last)
    return from < to ? { from, to: Math.min(to, now) } : undefined
  }

  #day(time: number): DayTally {
    const key = Math.floor(time / DAY)
    let day = this.#days.get(key)
    if (!day) {
      day = {
        rows: 0,
        present: 0,
        bad: 0,
        untimely: 0,
        compared: 0,
        confirmed: 0,
        run: 0,
        longestRun: 0,
        next: Number.NaN,
        reasons: new Map(),
      }
      this.#days.set(key, day)
    }
    return day
  }

  #present(day: DayTally, open: number): void {
    day.present++
    day.run = open === day.next ? day.run + 1 : 1
    if (day.run > day.longestRun) day.longestRun = day.run
    day.next = nextOpen(this.#grid, open)
    this.#lastOpen = open
  }

  #judge(day: DayTally, open: number, flags: number | undefined, close: number | undefined): void {
    if (flags !== undefined && (flags & CandleFlag.unfinished) !== 0) {
      day.untimely++
      reason(day, 'timeliness', 'not closed yet').add(open)
    } else if (close !== undefined && close < nextOpen(this.#grid, open) - 1) {
      day.untimely++
      reason(day, 'timeliness', 'closed early: an outage cut it').add(open)
    }
    if (this.#differing.has(open)) {
      day.compared++
      reason(day, 'agreement', 'archive and REST gave different values').add(open)
    } else if (flags !== undefined && (flags & CandleFlag.unverified) !== 0) {
      day.compared++
      reason(day, 'agreement', 'from a file whose checksum could not be confirmed').add(open)
    } else if (flags !== undefined && (flags & FROM_ELSEWHERE) === 0) {
      day.compared++
      day.confirmed++
    }
  }

  #note(finding: Finding, isFirstError: boolean): void {
    if (finding.severity !== 'error') return
    const time = Number.isFinite(finding.time) ? finding.time : this.#last
    const day = this.#day(time)
    if (isFirstError) day.bad++
    reason(day, 'validity', `${finding.rule.replaceAll('-', ' ')} (${finding.stage})`).add(time)
  }

  #compare(check: LargerCheck): void {
    check.finish()
    const wrong = new Map<number, Disagreement[]>()
    for (const entry of check.disagreements) wrong.set(entry.time, [...(wrong.get(entry.time) ?? []), entry])
    for (const { from } of check.compared) {
      const day = this.#day(from)
      day.compared++
      const found = wrong.get(from)
      if (found === undefined) day.confirmed++
      else {
        const { interval, column, value, other } = found[0]!
        reason(
          day,
          'agreement',
          `${interval} candles say otherwise, e.g. ${column} ${other}, the parts make ${value}`,
        ).add(from)
      }
    }
  }

  #dayQuality(from: number, range: TimeRange): DayQuality {
    const day = this.#day(from)
    const wanted = intersectRanges([{ from, to: from + DAY }], [range])
    const count = (ranges: readonly TimeRange[]): number =>
      ranges.reduce((sum, part) => sum + countOpens(this.#grid, part), 0)
    const expected = count(wanted)
    let unpublished = 0
    for (const gap of this.#options.gaps ?? []) {
      if (gap.to <= from || gap.from >= from + DAY) continue
      const candles = count(intersectRanges(wanted, [gap]))
      if (candles === 0) continue
      const harmless = COMPLETE_CAUSES.includes(gap.cause)
      if (harmless) unpublished += candles
      const what = harmless ? `never published (${gap.cause})` : `missing (${gap.cause})`
      reason(day, harmless ? 'continuity' : 'completeness', what).add(Math.max(gap.from, from), candles)
    }
    const published = expected - unpublished
    const missing = Math.max(0, published - day.present)
    const explained = [...day.reasons]
      .filter(([key]) => key.startsWith('completeness'))
      .reduce((sum, [, { count }]) => sum + count, 0)
    if (missing > explained) reason(day, 'completeness', 'missing').add(from, missing - explained)
    const parts: QualityShares = {
      completeness: published > 0 ? Math.min(1, day.present / published) : null,
      continuity: published > 0 ? Math.min(1, day.longestRun / expected) : null,
      validity: day.rows > 0 ? 1 - Math.min(day.bad, day.rows) / day.rows : null,
      timeliness: day.rows > 0 ? 1 - day.untimely / day.rows : null,
      agreement: day.compared > 0 ? day.confirmed / day.compared : null,
    }
    if (parts.continuity !== null && parts.continuity < 1) {
      reason(day, 'continuity', `the longest stretch without a hole has ${day.longestRun} of ${expected} candles`).add(
        from,
        expected - day.longestRun,
      )
    }
    const reasons = reasonsOf(day, parts)
    return {
      day: new Date(from).toISOString().slice(0, 10),
      from,
      to: from + DAY,
      score: scoreOf(parts),
      expected,
      rows: day.rows,
      missing,
      unpublished,
      parts,
      reasons,
    }
  }
}

const FROM_ELSEWHERE = CandleFlag.rest | CandleFlag.stream | CandleFlag.user | CandleFlag.filled

/** Scores candles that are all in memory. See `CandleQuality`. */
export function scoreCandles(
  candles: TableSource | Iterable<TableSource>,
  options: CandleQualityOptions,
): SeriesQuality {
  const quality = new CandleQuality(options)
  for (const batch of tablesOf(candles)) quality.add(batch)
  return quality.result
}

import { COMPLETE_CAUSES, type Gap } from '../../model/coverage.ts'
import { RecordFlag } from '../../model/live/record.ts'
import { DAY, type TimeRange } from '../../model/time.ts'
import type { RecordInput } from '../validate/records/cursor.ts'
import { RecordValidator } from '../validate/records/record-validator.ts'
import type { Finding } from '../validate/records/stage.ts'
import { type QualityShares, scoreOf } from './score.ts'
import { type DayQuality, type Reason, reason, reasonsOf, type SeriesQuality, seriesQuality } from './tally.ts'

/** Kinds of events that can be scored. */
export const SCORED_EVENTS = ['trade', 'aggTrade', 'bookDelta', 'bookSnapshot', 'quote'] as const
export type ScoredEvent = (typeof SCORED_EVENTS)[number]

/** Kinds whose ids or chain show that a record is missing. */
const COUNTED: readonly string[] = ['trade', 'aggTrade', 'bookDelta']

export interface EventQualityOptions {
  readonly symbol?: string
  /** What the series should hold; without it from its first record to its last. */
  readonly range?: TimeRange
  /** What is known of holes: those that the exchange never published are not held against the series. */
  readonly gaps?: readonly Gap[]
}

/** What is gathered of one day. */
interface DayTally {
  rows: number
  bad: number
  late: number
  /** Records of which it is known when they were sent and when they came. */
  timed: number
  missing: number
  unpublished: number
  compared: number
  confirmed: number
  run: number
  longestRun: number
  readonly reasons: Map<string, Reason>
}

/**
 * Scores trades, books or quotes day by day: what their ids, their chain, their values and their times say. Batches of
 * the lake (or records) come in order; nothing is changed.
 */
export class EventQuality {
  readonly #kind: ScoredEvent
  readonly #options: EventQualityOptions
  readonly #validator: RecordValidator
  readonly #days = new Map<number, DayTally>()
  readonly #gaps: readonly Gap[]
  /** Gaps that began before the newest record. */
  #passed = 0
  #last = Number.NEGATIVE_INFINITY

  constructor(kind: ScoredEvent, options: EventQualityOptions = {}) {
    this.#kind = kind
    this.#options = options
    this.#gaps = [...(options.gaps ?? [])].sort((a, b) => a.from - b.from)
    this.#validator = new RecordValidator(kind, {
      ...(options.symbol === undefined ? {} : { symbol: options.symbol }),
      maxFindings: 0,
      onRecord: (record, found) => this.#take(record, found),
    })
  }

  add(input: RecordInput): this {
    this.#validator.add(input)
    return this
  }

  /** The score of what was added. */
  get result(): SeriesQuality {
    // Closes the newest record of a book.
    void this.#validator.report
    const { range } = this.#options
    for (const gap of this.#gaps) this.#noteGap(gap)
    const days: DayQuality[] = []
    for (const [key, day] of [...this.#days].sort(([a], [b]) => a - b)) {
      const from = key * DAY
      if (range !== undefined && (from + DAY <= range.from || from >= range.to)) continue
      days.push(this.#dayQuality(from, day))
    }
    return seriesQuality(days)
  }

  #take(record: object, found: readonly Finding[]): void {
    const { time, transactionTime, eventTime, receiveTime, flags } = record as Readonly<Record<string, number>>
    const happened = [time, transactionTime, eventTime, receiveTime].find((value) => Number.isFinite(value))
    const at = happened ?? this.#last
    if (!Number.isFinite(at)) return
    const day = this.#day(at)
    day.rows++
    // A hole that is known is a break too, though ids may go on over it.
    const isBehindGap = this.#passGaps(at)
    const isBroken = this.#judge(day, at, found) || isBehindGap
    day.run = isBroken ? 1 : day.run + 1
    if (day.run > day.longestRun) day.longestRun = day.run
    if (Number.isFinite(eventTime) && Number.isFinite(receiveTime)) day.timed++
    if (flags !== undefined && (flags & RecordFlag.unverified) !== 0) {
      day.compared++
      reason(day, 'agreement', 'from a file whose checksum could not be confirmed').add(at)
    } else if (flags !== undefined && (flags & FROM_ELSEWHERE) === 0) {
      day.compared++
      day.confirmed++
    }
    if (at > this.#last) this.#last = at
  }

  /** @returns whether a hole lies between the record before and one at this time */
  #passGaps(at: number): boolean {
    let passed = false
    for (let gap = this.#gaps[this.#passed]; gap !== undefined && gap.from < at; gap = this.#gaps[++this.#passed]) {
      passed ||= gap.to > this.#last
    }
    return passed
  }

  /** @returns whether the record does not follow the one before it */
  #judge(day: DayTally, at: number, found: readonly Finding[]): boolean {
    let isBad = false
    let isLate = false
    let isBroken = false
    for (const { stage, rule, severity, missing = 1 } of found) {
      if (severity !== 'error') continue
      if (stage === 'continuity') {
        isBroken = true
        this.#miss(day, at, missing)
      } else if (stage === 'latency') {
        isLate = true
        reason(day, 'timeliness', rule.replaceAll('-', ' ')).add(at)
      } else {
        isBad = true
        reason(day, 'validity', `${rule.replaceAll('-', ' ')} (${stage})`).add(at)
      }
    }
    if (isBad) day.bad++
    if (isLate) day.late++
    return isBroken
  }

  #miss(day: DayTally, at: number, missing: number): void {
    const gap = this.#gaps.find(({ from, to }) => from < at && to > this.#last)
    const harmless = gap !== undefined && COMPLETE_CAUSES.includes(gap.cause)
    if (harmless) {
      day.unpublished += missing
      reason(day, 'continuity', `never published (${gap.cause})`).add(at, missing)
      return
    }
    day.missing += missing
    const what = this.#kind === 'bookDelta' ? 'the chain of updates breaks' : 'missing by their ids'
    reason(day, 'completeness', gap === undefined ? what : `${what} (${gap.cause})`).add(at, missing)
  }

  /** A hole that no id shows, as of quotes: its length is known, and not what was in it. */
  #noteGap({ from, to, cause }: Gap): void {
    if (COUNTED.includes(this.#kind)) return
    const { range } = this.#options
    const begin = Math.max(from, range?.from ?? from)
    if (begin >= Math.min(to, range?.to ?? to)) return
    const day = this.#days.get(Math.floor(begin / DAY))
    if (day) reason(day, 'continuity', `nothing for ${Math.round((to - from) / 1000)} s (${cause})`).add(begin)
  }

  #day(time: number): DayTally {
    const key = Math.floor(time / DAY)
    let day = this.#days.get(key)
    if (!day) {
      day = {
        rows: 0,
        bad: 0,
        late: 0,
        timed: 0,
        missing: 0,
        unpublished: 0,
        compared: 0,
        confirmed: 0,
        run: 0,
        longestRun: 0,
        reasons: new Map(),
      }
      this.#days.set(key, day)
    }
    return day
  }

  #dayQuality(from: number, day: DayTally): DayQuality {
    const expected = day.rows + day.missing + day.unpublished
    const published = day.rows + day.missing
    const parts: QualityShares = {
      completeness: COUNTED.includes(this.#kind) && published > 0 ? day.rows / published : null,
      continuity: day.rows > 0 ? day.longestRun / expected : null,
      validity: day.rows > 0 ? 1 - day.bad / day.rows : null,
      timeliness: day.timed > 0 ? 1 - day.late / day.timed : null,
      agreement: day.compared > 0 ? day.confirmed / day.compared : null,
    }
    if (parts.continuity !== null && parts.continuity < 1) {
      const detail = `the longest stretch without a hole has ${day.longestRun} of ${expected} records`
      reason(day, 'continuity', detail).add(from, expected - day.longestRun)
    }
    return {
      day: new Date(from).toISOString().slice(0, 10),
      from,
      to: from + DAY,
      score: scoreOf(parts),
      expected,
      rows: day.rows,
      missing: day.missing,
      unpublished: day.unpublished,
      parts,
      reasons: reasonsOf(day, parts),
    }
  }
}

const FROM_ELSEWHERE = RecordFlag.rest | RecordFlag.stream | RecordFlag.user

/** Scores events that are all in memory. See `EventQuality`. */
export function scoreEvents(
  kind: ScoredEvent,
  batches: Iterable<RecordInput>,
  options: EventQualityOptions = {},
): SeriesQuality {
  const quality = new EventQuality(kind, options)
  for (const batch of batches) quality.add(batch)
  return quality.result
}

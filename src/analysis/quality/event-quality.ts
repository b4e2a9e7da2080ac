import { COMPLETE_CAUSES, type Defect, type Gap } from '../../model/coverage.ts'
import { RecordFlag, type RecordId } from '../../model/live/record.ts'
import { DAY, type TimeRange } from '../../model/time.ts'
import type { RecordInput } from '../validate/records/cursor.ts'
import { RecordValidator } from '../validate/records/record-validator.ts'
import type { Finding } from '../validate/records/stage.ts'
import { EVENT_SCORINGS } from './events/index.ts'
import type { CountedRecord, EventScoring, RecordCounter } from './events/scoring.ts'
import { StaleBook } from './events/stale-book.ts'
import { type QualityShares, scoreOf } from './score.ts'
import { type DayQuality, type Reason, reason, reasonsOf, type SeriesQuality, seriesQuality } from './tally.ts'

export type ScoredEvent = keyof typeof EVENT_SCORINGS
/** Kinds of events that can be scored. */
export const SCORED_EVENTS = Object.keys(EVENT_SCORINGS) as readonly ScoredEvent[]

export interface EventQualityOptions {
  readonly symbol?: string
  /** Days that are wanted; without it from the first record to the last. */
  readonly range?: TimeRange
  /** What the series was asked for: tells what lacks at its ends, of kinds that come on a grid or a schedule. */
  readonly covered?: TimeRange
  /** What is known of holes: those that the exchange never published are not held against the series. */
  readonly gaps?: readonly Gap[]
  /** What was recorded when rows were taken in: where sources differed, and rows that could not be read. */
  readonly defects?: readonly Defect[]
  /** Of `bookDelta`: `lastUpdateId` of the snapshots that are stored, rising. Without one a book is stale after a break. */
  readonly snapshots?: readonly RecordId[]
  /** The highest funding rate that the contract may have, as a fraction. Default 0.04. */
  readonly fundingCap?: number
}

/** What is gathered of one day. */
interface DayTally {
  rows: number
  /** Records that count, each once. */
  present: number
  bad: number
  /** Rows of files that could not be read. */
  unread: number
  late: number
  /** Records that came more than a day before or after they were sent, if both clocks are right. */
  far: number
  /** Records of which it is known when they were sent and when they came. */
  timed: number
  missing: number
  unpublished: number
  /** Records that single blank values make up. */
  blank: number
  compared: number
  confirmed: number
  run: number
  longestRun: number
  readonly reasons: Map<string, Reason>
}

const EVER: TimeRange = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }

/**
 * Scores events day by day: what their ids, their chain, their grid or pace, their values and their times say. Batches of
 * the lake (or records) come in order; nothing is changed.
 */
export class EventQuality {
  readonly #scoring: EventScoring
  readonly #options: EventQualityOptions
  readonly #validator: RecordValidator
  readonly #counter: RecordCounter | undefined
  readonly #stale: StaleBook | undefined
  readonly #days = new Map<number, DayTally>()
  readonly #gaps: readonly Gap[]
  readonly #differing: ReadonlySet<number>
  /** Gaps that began before the newest record. */
  #passed = 0
  #followed = Number.NEGATIVE_INFINITY
  #isBehindHole = false
  #last = Number.NEGATIVE_INFINITY
  #result: SeriesQuality | undefined

  constructor(kind: ScoredEvent, options: EventQualityOptions = {}) {
    this.#scoring = EVENT_SCORINGS[kind]
    this.#options = options
    this.#gaps = [...(options.gaps ?? [])].sort((a, b) => a.from - b.from)
    const differences = (options.defects ?? []).filter(({ type }) => type === 'difference')
    this.#differing = new Set(differences.flatMap(({ time }) => time ?? []))
    const { missing } = this.#scoring
    if (typeof missing === 'function') {
      const { range = EVER, covered = EVER } = options
      const asked = { from: Math.max(range.from, covered.from), to: Math.min(range.to, covered.to) }
      this.#counter = missing(
        { follow: (time) => this.#follow(time), lack: (first, step, count) => this.#lack(first, step, count) },
        asked,
      )
    }
    if (kind === 'bookDelta' && options.snapshots) this.#stale = new StaleBook(options.snapshots)
    this.#validator = new RecordValidator(kind, {
      ...(options.symbol === undefined ? {} : { symbol: options.symbol }),
      ...(options.fundingCap === undefined ? {} : { fundingCap: options.fundingCap }),
      maxFindings: 0,
      onRecord: (record, found) => this.#take(record as CountedRecord, found),
    })
  }

  add(input: RecordInput): this {
    this.#validator.add(input)
    return this
  }

  /** The score of what was added; nothing can be added afterwards. */
  get result(): SeriesQuality {
    this.#result ??= this.#finish()
    return this.#result
  }

  #finish(): SeriesQuality {
    // Closes the newest record of a book.
    void this.#validator.report
    this.#counter?.finish()
    const { range = EVER, defects = [] } = this.#options
    if (!this.#isCounted) {
      for (const gap of this.#gaps) this.#noteGap(gap)
      for (const defect of defects) this.#noteDefect(defect)
    }
    const days: DayQuality[] = []
    for (const [key, day] of [...this.#days].sort(([a], [b]) => a - b)) {
      const from = key * DAY
      if (from + DAY <= range.from || from >= range.to) continue
      // Of a day of which the exchange published nothing there is nothing to say.
      if (day.rows === 0 && day.missing === 0 && day.unpublished > 0) continue
      days.push(this.#dayQuality(from, day))
    }
    const isAway = [...this.#days.values()].some(isOfAnotherClock)
    return seriesQuality(days, { ...this.#scoring.unjudged, ...(isAway && { timeliness: ANOTHER_CLOCK }) })
  }

  /** Whether it can be told what is missing. */
  get #isCounted(): boolean {
    return this.#counter === undefined ? this.#scoring.missing === 'ids' : this.#counter.counts
  }

  #take(record: CountedRecord, found: readonly Finding[]): void {
    const { time, fundingTime, transactionTime, eventTime, receiveTime } = record as Readonly<Record<string, number>>
    const times = [time, fundingTime, transactionTime, eventTime, receiveTime]
    const at = times.find((value) => Number.isFinite(value)) ?? this.#last
    if (!Number.isFinite(at)) return
    const day = this.#day(at)
    day.rows++
    const isBroken = this.#judge(day, at, found)
    this.#time(day, at, record, found, isBroken)
    this.#compare(day, at, record.flags as number | undefined)
    for (const name of this.#scoring.cells ?? []) {
      if (!Number.isNaN(record[name])) continue
      const share = 1 / this.#scoring.cells!.length
      day.blank += share
      reason(day, 'completeness', `${name} is left out`).add(at, 1, share)
    }
    if (at > this.#last) this.#last = at
    if (this.#counter) this.#counter.take(record)
    else this.#follow(at, isBroken)
  }

  /** A record that counts follows the one before, or a hole. */
  #follow(at: number, isBroken = false): void {
    const day = this.#day(at)
    day.present++
    // A hole that is known is a break too, though ids may go on over it.
    const isBehindGap = this.#passGaps(at)
    day.run = isBroken || this.#isBehindHole || isBehindGap ? 1 : day.run + 1
    if (day.run > day.longestRun) day.longestRun = day.run
    this.#isBehindHole = false
    if (at > this.#followed) this.#followed = at
  }

  /** @returns whether a hole lies between the record before and one at this time */
  #passGaps(at: number): boolean {
    let passed = false
    for (let gap = this.#gaps[this.#passed]; gap !== undefined && gap.from < at; gap = this.#gaps[++this.#passed]) {
      passed ||= gap.to > this.#followed
    }
    return passed
  }

  /** Records lack that a counter expects: each is charged to its own day. */
  #lack(first: number, step: number, count: number): void {
    this.#isBehindHole = true
    const indexAt = (time: number): number => Math.min(count, Math.max(0, Math.ceil((time - first) / step)))
    const end = first + (count - 1) * step
    const gaps = this.#gaps.filter(({ from, to }) => from <= end && to > first)
    for (let from = Math.floor(first / DAY) * DAY; from <= end; from += DAY) {
      const day = this.#day(from)
      let left = indexAt(from + DAY) - indexAt(from)
      for (const gap of gaps) {
        const begin = indexAt(Math.max(gap.from, from))
        const inside = indexAt(Math.min(gap.to, from + DAY)) - begin
        if (inside <= 0) continue
        left -= inside
        this.#charge(day, first + begin * step, inside, gap)
      }
      if (left > 0) this.#charge(day, Math.max(first, from), left)
    }
  }

  /** @returns whether the record does not follow the one before it */
  #judge(day: DayTally, at: number, found: readonly Finding[]): boolean {
    let isBad = false
    let isBroken = false
    for (const { stage, rule, severity, missing = 1 } of found) {
      if (severity !== 'error' || stage === 'latency') continue
      if (stage === 'continuity') {
        isBroken = true
        this.#charge(
          day,
          at,
          missing,
          this.#gaps.find(({ from, to }) => from < at && to > this.#last),
        )
      } else {
        isBad = true
        reason(day, 'validity', `${rule.replaceAll('-', ' ')} (${stage})`).add(at)
      }
    }
    if (isBad) day.bad++
    return isBroken
  }

  /** Whether it came when it was sent, and stands on a book that is right. */
  #time(day: DayTally, at: number, record: CountedRecord, found: readonly Finding[], isBroken: boolean): void {
    const { eventTime, receiveTime } = record as Readonly<Record<string, number>>
    const isStale = this.#stale?.take(record, isBroken) ?? false
    const isReceived = Number.isFinite(eventTime) && Number.isFinite(receiveTime)
    if (!isReceived && !isStale && !this.#scoring.isPunctual) return
    day.timed++
    const isFar = isReceived && Math.abs(receiveTime! - eventTime!) > DAY
    if (isFar) day.far++
    const late = found.find(({ stage, severity }) => stage === 'latency' && severity === 'error')
    if (late) reason(day, 'timeliness', late.rule.replaceAll('-', ' ')).add(at)
    if (isStale) reason(day, 'timeliness', 'the book is stale: the chain broke and no snapshot followed yet').add(at)
    if (late || isStale) day.late++
  }

  #compare(day: DayTally, at: number, flags: number | undefined): void {
    if (this.#differing.has(at)) {
      day.compared++
      reason(day, 'agreement', 'archive and REST gave different values').add(at)
    } else if (flags !== undefined && (flags & RecordFlag.unverified) !== 0) {
      day.compared++
      reason(day, 'agreement', 'from a file whose checksum could not be confirmed').add(at)
    } else if (flags !== undefined && (flags & FROM_ELSEWHERE) === 0) {
      day.compared++
      day.confirmed++
    }
  }

  /** What is missing costs completeness, unless the exchange never had it. */
  #charge(day: DayTally, at: number, count: number, gap?: Gap): void {
    if (gap !== undefined && COMPLETE_CAUSES.includes(gap.cause)) {
      day.unpublished += count
      reason(day, 'continuity', `never published (${gap.cause})`).add(at, count)
      return
    }
    day.missing += count
    const what = this.#scoring.absence
    reason(day, 'completeness', gap === undefined ? what : `${what} (${gap.cause})`).add(at, count)
  }

  /** A hole that nothing but itself shows, as of quotes: its length is known, and not what was in it. */
  #noteGap({ from, to, cause }: Gap): void {
    const { range = EVER } = this.#options
    const begin = Math.max(from, range.from)
    const end = Math.min(to, range.to)
    if (!(begin < end && Number.isFinite(begin) && Number.isFinite(end))) return
    const detail = `nothing for ${Math.round((to - from) / 1000)} s (${cause})`
    for (let day = Math.floor(begin / DAY); day * DAY < end; day++) {
      const isWhole = begin <= day * DAY && end >= (day + 1) * DAY
      // A day of which nothing is left has a score too, unless there was nothing to have.
      const tally = isWhole && !COMPLETE_CAUSES.includes(cause) ? this.#day(day * DAY) : this.#days.get(day)
      if (tally) reason(tally, 'continuity', detail).add(Math.max(begin, day * DAY))
    }
  }

  /** A row that could not be read is missing nowhere else, where nothing tells what is missing. */
  #noteDefect({ type, kept, time }: Defect): void {
    const { range = EVER } = this.#options
    if (type !== 'bad-row' || kept !== 'none' || time === undefined || time < range.from || time >= range.to) return
    const day = this.#day(time)
    day.unread++
    reason(day, 'validity', 'could not be read from the archive').add(time)
  }

  #day(time: number): DayTally {
    const key = Math.floor(time / DAY)
    let day = this.#days.get(key)
    if (!day) {
      day = {
        ...{ rows: 0, present: 0, bad: 0, unread: 0, late: 0, far: 0, timed: 0, missing: 0, unpublished: 0, blank: 0 },
        ...{ compared: 0, confirmed: 0, run: 0, longestRun: 0 },
        reasons: new Map(),
      }
      this.#days.set(key, day)
    }
    return day
  }

  #dayQuality(from: number, day: DayTally): DayQuality {
    const rows = day.rows + day.unread
    const published = day.present + day.missing
    const expected = published + day.unpublished
    // Who has one record a day can have no hole in it.
    const isSingle = this.#counter !== undefined && expected === 1
    const isAway = isOfAnotherClock(day)
    if (isAway) for (const key of day.reasons.keys()) if (key.startsWith('timeliness ')) day.reasons.delete(key)
    const parts: QualityShares = {
      completeness: this.#isCounted && published > 0 ? Math.max(0, day.present - day.blank) / published : null,
      continuity: isSingle ? null : expected > 0 ? day.longestRun / expected : rows > 0 ? null : 0,
      validity: rows > 0 ? 1 - (day.bad + day.unread) / rows : null,
      timeliness: day.timed > 0 && !isAway ? 1 - day.late / day.timed : null,
      agreement: day.compared > 0 ? day.confirmed / day.compared : null,
    }
    if (parts.continuity !== null && parts.continuity < 1 && expected > 0) {
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
const ANOTHER_CLOCK = 'the clock of the exchange is more than a day off ours, as of a sandbox'

/** One record that is days late is late; where all are, the clocks tell different times. */
function isOfAnotherClock({ far, timed }: DayTally): boolean {
  return timed > 0 && far === timed
}

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

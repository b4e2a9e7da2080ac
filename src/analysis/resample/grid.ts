import { InvalidRangeError } from '../../model/errors.ts'
import { DAY, formatTime, HOUR, MINUTE, parseTime, SECOND, type TimeInput, utcDay, WEEK } from '../../model/time.ts'
import { Zone } from './zone.ts'

/** Trading hours, by the clocks of the time zone. */
export interface TradingSession {
  /** First minute, e.g. `09:30`. */
  readonly open: string
  /** First minute no longer inside, e.g. `16:00`; not after `open` means the next day. */
  readonly close: string
  /** Days on which a session opens, 1 Monday to 7 Sunday; all of them when left out. */
  readonly days?: readonly number[]
}

/** Which stretches of time become bars. */
export interface GridOptions {
  /** A number and a unit (`7m`, `45m`, `4h`, `1d`, `2w`, `3M`; s m h d w M), or `session` for one bar per session. */
  readonly interval: string
  /** IANA name of the zone whose days, weeks and months count; UTC when left out. */
  readonly timeZone?: string
  /** Only time inside these hours makes bars, which count from the opening. */
  readonly session?: TradingSession
  /**
   * What bars shorter than a day count from: `epoch` (1970-01-01 00:00 UTC, as exchanges do) or `day` (every midnight
   * of the zone anew, where the last bar of a day may be shorter). `epoch` in UTC, `day` in other zones.
   */
  readonly anchor?: 'epoch' | 'day'
  /** Any first instant of a bar of days, weeks or months: Binance counts 3d candles from each symbol's first day. */
  readonly origin?: TimeInput
}

type Unit = 's' | 'm' | 'h' | 'd' | 'w' | 'M'
const CLOCK: Readonly<Record<string, number>> = { s: SECOND, m: MINUTE, h: HOUR }
/** Epoch 0 was a Thursday; weeks begin on Monday. */
const FIRST_MONDAY = 4 * DAY

/** Where bars begin and end. `seek` finds the bar of an instant, which costs nothing while time stays inside it. */
export class BarGrid {
  /** First instant of the bar that was found last. */
  start = Number.NaN
  /** First instant after it. */
  end = Number.NaN
  readonly interval: string
  readonly #zone: Zone
  readonly #count: number
  readonly #unit: Unit | 'session'
  /** Milliseconds of a bar by the clock; none of days and longer ones. */
  readonly #length: number | undefined
  readonly #anchor: 'epoch' | 'day'
  readonly #phase: number
  readonly #session: { readonly open: number; readonly close: number; readonly days: readonly number[] } | undefined

  /** @throws InvalidRangeError, ConfigError for what makes no sense. */
  constructor(options: GridOptions) {
    const { interval, timeZone = 'UTC' } = options
    const match = /^(\d{1,6})([smhdwM])$/.exec(interval)
    if (!(match && Number(match[1]) > 0) && interval !== 'session') {
      throw new InvalidRangeError(
        `Unknown interval "${interval}" for bars. Use a number and a unit, e.g. 7m, 45m, 4h, 1d, 2w, 3M (s, m, h, d, w; M is a month), or session.`,
      )
    }
    this.interval = interval
    this.#count = match ? Number(match[1]) : 1
    this.#unit = match ? (match[2] as Unit) : 'session'
    this.#zone = new Zone(timeZone)
    this.#length = this.#unit in CLOCK ? this.#count * CLOCK[this.#unit]! : undefined
    this.#session = options.session && readSession(options.session)
    if (this.#unit === 'session' && !this.#session) {
      throw new InvalidRangeError('interval "session" needs the hours: session: { open: "09:30", close: "16:00" }.')
    }
    if (this.#session && this.#length === undefined && this.#unit !== 'session') {
      throw new InvalidRangeError(
        `Bars inside sessions are shorter than a day; use interval "session", not "${interval}".`,
      )
    }
    this.#anchor = options.anchor ?? (timeZone === 'UTC' ? 'epoch' : 'day')
    if (this.#anchor === 'day' && this.#length !== undefined && this.#length > DAY) {
      throw new InvalidRangeError(`Bars of ${interval} are longer than the day that they would count from; use days.`)
    }
    this.#phase = this.#originPhase(options.origin)
  }

  /** Whether `time` lies in a bar; if so, `start` and `end` are its. */
  seek(time: number): boolean {
    if (time >= this.start && time < this.end) return true
    if (this.#session) return this.#seekSession(time)
    if (this.#length !== undefined) this.#seekClock(time, this.#length)
    else this.#seekCalendar(time)
    return true
  }

  #originPhase(origin: TimeInput | undefined): number {
    const unit = this.#unit
    const base = unit === 'w' ? FIRST_MONDAY : 0
    if (origin === undefined) return base
    const local = this.#zone.toLocal(parseTime(origin, 'origin'))
    if (unit === 'M') return monthOf(local)
    if (unit === 'd' || unit === 'w') return Math.floor(local / DAY) * DAY
    throw new InvalidRangeError(`origin is for bars of days, weeks and months, not for ${this.interval}.`)
  }

  #seekClock(time: number, length: number): void {
    if (this.#anchor === 'epoch') {
      this.start = Math.floor(time / length) * length
      this.end = this.start + length
      return
    }
    const zone = this.#zone
    const day = Math.floor(zone.toLocal(time) / DAY) * DAY
    const midnight = zone.fromLocal(day)
    const next = zone.fromLocal(day + DAY)
    if (length <= HOUR) {
      // Short bars all have their length, also in the hour that a change of clocks repeats.
      this.start = midnight + Math.floor((time - midnight) / length) * length
      this.end = Math.min(next, this.start + length)
      return
    }
    // Longer ones keep to the hours that the clocks show; the one with the change in it is longer or shorter.
    let place = Math.floor((zone.toLocal(time) - day) / length)
    if (zone.fromLocal(day + place * length) > time) place--
    this.start = zone.fromLocal(day + place * length)
    this.end = Math.min(next, zone.fromLocal(day + (place + 1) * length))
  }

  #seekCalendar(time: number): void {
    const zone = this.#zone
    const local = zone.toLocal(time)
    const count = this.#count
    if (this.#unit === 'M') {
      const first = Math.floor((monthOf(local) - this.#phase) / count) * count + this.#phase
      this.start = zone.fromLocal(utcDay(1970, first))
      this.end = zone.fromLocal(utcDay(1970, first + count))
      return
    }
    const length = count * (this.#unit === 'w' ? WEEK : DAY)
    const first = Math.floor((local - this.#phase) / length) * length + this.#phase
    this.start = zone.fromLocal(first)
    this.end = zone.fromLocal(first + length)
  }

  #seekSession(time: number): boolean {
    const { open, close, days } = this.#session!
    const zone = this.#zone
    const today = Math.floor(zone.toLocal(time) / DAY) * DAY
    // A session of the day before may last into this one.
    for (const day of [today, today - DAY]) {
      // Epoch 0 was a Thursday.
      const weekday = ((((day / DAY + 3) % 7) + 7) % 7) + 1
      if (!days.includes(weekday)) continue
      const from = zone.fromLocal(day + open)
      const to = zone.fromLocal(day + close)
      if (time < from || time >= to) continue
      const length = this.#length ?? to - from
      this.start = from + Math.floor((time - from) / length) * length
      this.end = Math.min(to, this.start + length)
      return true
    }
    return false
  }

  /**
   * The bar that holds an instant, by the clock or calendar alone. @throws InvalidRangeError outside every session.
   */
  at(time: number): { readonly start: number; readonly end: number } {
    if (!this.seek(time)) throw new InvalidRangeError(`${formatTime(time)} lies in no session.`)
    return { start: this.start, end: this.end }
  }

  /** Text of a bar, for messages. */
  describe(): string {
    return `${formatTime(this.start)} to ${formatTime(this.end)}`
  }
}

/** Months since 1970-01. */
function monthOf(local: number): number {
  const date = new Date(local)
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()
}

function readSession({ open, close, days = [1, 2, 3, 4, 5, 6, 7] }: TradingSession): {
  open: number
  close: number
  days: readonly number[]
} {
  const from = minuteOfDay(open, 'open')
  const to = minuteOfDay(close, 'close')
  if (days.length === 0 || days.some((day) => !Number.isInteger(day) || day < 1 || day > 7)) {
    throw new InvalidRangeError(`session: days are ${JSON.stringify(days)}; allowed: 1 (Monday) to 7 (Sunday).`)
  }
  return { open: from, close: to > from ? to : to + DAY, days }
}

function minuteOfDay(text: string, name: string): number {
  const match = /^([01]?\d|2[0-4]):([0-5]\d)$/.exec(text)
  const time = match ? Number(match[1]) * HOUR + Number(match[2]) * MINUTE : Number.NaN
  if (time <= DAY) return time
  throw new InvalidRangeError(`session: ${name} is "${text}"; use hours and minutes, e.g. 09:30.`)
}

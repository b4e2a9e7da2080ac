import { ConfigError } from '../../model/errors.ts'
import { DAY, MINUTE, utcDay } from '../../model/time.ts'

/** Stretches of one year with the same offset from UTC: where each begins, and the offset in it. */
interface Year {
  readonly starts: readonly number[]
  readonly offsets: readonly number[]
}

/** What is known of a zone; shared, because every grid and session asks for the same few. */
interface Rules {
  readonly format: Intl.DateTimeFormat
  readonly years: Map<number, Year>
}

/** At most as many as the database has names. */
const KNOWN = new Map<string, Rules>()

/**
 * A time zone by its IANA name. The rules come from the ICU data that Node ships (`Intl`), which needs no library; as
 * asking it costs some microseconds, the changes of a year are looked up once and kept.
 */
export class Zone {
  readonly name: string
  readonly #rules: Rules | undefined
  /** The stretch that was asked for last. */
  #from = 0
  #to = 0
  #offset = 0

  /** @throws ConfigError for a name that the time zone database does not have. */
  constructor(name: string) {
    this.name = name
    if (name === 'UTC') {
      this.#from = Number.NEGATIVE_INFINITY
      this.#to = Number.POSITIVE_INFINITY
      return
    }
    this.#rules = rulesOf(name)
  }

  /** Milliseconds that the zone's clocks are ahead of UTC at an instant. */
  offset(time: number): number {
    if (time >= this.#from && time < this.#to) return this.#offset
    const year = new Date(time).getUTCFullYear()
    const { starts, offsets } = this.#year(year)
    let i = starts.length - 1
    while (i > 0 && starts[i]! > time) i--
    this.#from = starts[i]!
    this.#to = starts[i + 1] ?? utcDay(year + 1, 0)
    this.#offset = offsets[i]!
    return this.#offset
  }

  /** What the zone's clocks show at an instant, as if it were UTC. */
  toLocal(time: number): number {
    return time + this.offset(time)
  }

  /**
   * The first instant at which the zone's clocks show `local` or later: where they show it twice, the earlier one; where
   * they jump over it, the instant of the jump.
   */
  fromLocal(local: number): number {
    const early = this.offset(local - DAY)
    const late = this.offset(local + DAY)
    if (this.toLocal(local - early) === local) return local - early
    if (this.toLocal(local - late) === local) return local - late
    // In a jump: the clocks show less before it, and more after.
    return this.#change(local - Math.max(early, late), local - Math.min(early, late))
  }

  #year(year: number): Year {
    const years = this.#rules!.years
    let known = years.get(year)
    if (!known) {
      known = this.#readYear(year)
      years.set(year, known)
    }
    return known
  }

  #readYear(year: number): Year {
    const from = utcDay(year, 0)
    const to = utcDay(year + 1, 0)
    const starts = [from]
    const offsets = [this.#read(from)]
    for (let time = from; time < to; time += DAY) {
      const next = Math.min(time + DAY, to - 1)
      const after = this.#read(next)
      if (after === offsets.at(-1)) continue
      starts.push(this.#change(time, next))
      offsets.push(after)
    }
    return { starts, offsets }
  }

  /** The instant in (from, to] at which the offset changes, to the second. */
  #change(from: number, to: number): number {
    const before = this.#read(from)
    let low = Math.floor(from / 1000)
    let high = Math.ceil(to / 1000)
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.#read(middle * 1000) === before) low = middle
      else high = middle
    }
    return high * 1000
  }

  #read(time: number): number {
    const second = Math.floor(time / 1000) * 1000
    const parts: Record<string, string> = {}
    for (const { type, value } of this.#rules!.format.formatToParts(second)) parts[type] = value
    const year = parts.era === 'BC' ? 1 - Number(parts.year) : Number(parts.year)
    const day = utcDay(year, Number(parts.month) - 1, Number(parts.day))
    return day + (Number(parts.hour) * 60 + Number(parts.minute)) * MINUTE + Number(parts.second) * 1000 - second
  }
}

function rulesOf(name: string): Rules {
  let rules = KNOWN.get(name)
  if (rules) return rules
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    rules = { format, years: new Map() }
  } catch (cause) {
    throw new ConfigError(
      `Unknown time zone "${name}". Use a name of the IANA database, e.g. UTC, Europe/Berlin or America/New_York.`,
      { cause },
    )
  }
  KNOWN.set(name, rules)
  return rules
}

import { DAY, floorMonth, nextMonth, WEEK } from '../../model/time.ts'
import { Zone } from './zone.ts'

export const CALENDAR_UNITS = ['day', 'week', 'month'] as const
export type CalendarUnit = (typeof CALENDAR_UNITS)[number]

/** Epoch 0 was a Thursday; weeks begin on Monday. */
const FIRST_MONDAY = 4 * DAY

/** Days, weeks or months as the clocks of a zone count them. Remembers the period it was asked for last. */
export class Calendar {
  readonly unit: CalendarUnit
  readonly zone: Zone
  #start = Number.NaN
  #end = Number.NaN

  constructor(unit: CalendarUnit, timeZone = 'UTC') {
    this.unit = unit
    this.zone = new Zone(timeZone)
  }

  /** The first instant of the period that holds `time`. */
  start(time: number): number {
    this.#find(time)
    return this.#start
  }

  /** The first instant after the period that holds `time`. */
  end(time: number): number {
    this.#find(time)
    return this.#end
  }

  #find(time: number): void {
    if (time >= this.#start && time < this.#end) return
    const local = this.#floor(this.zone.toLocal(time))
    this.#start = this.zone.fromLocal(local)
    this.#end = this.zone.fromLocal(this.#next(local))
  }

  #floor(local: number): number {
    if (this.unit === 'month') return floorMonth(local)
    if (this.unit === 'day') return Math.floor(local / DAY) * DAY
    return Math.floor((local - FIRST_MONDAY) / WEEK) * WEEK + FIRST_MONDAY
  }

  #next(local: number): number {
    if (this.unit === 'month') return nextMonth(local)
    return local + (this.unit === 'day' ? DAY : WEEK)
  }
}

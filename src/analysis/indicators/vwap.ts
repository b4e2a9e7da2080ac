import { ConfigError } from '../../model/errors.ts'
import { Calendar, type CalendarUnit } from '../resample/calendar.ts'
import { define, isFiniteSum, type Kernel, optionalTime, text, word } from './definition.ts'
import { voidInfinite } from './windows.ts'

/** Adds up from the first candle, from `anchor`, or anew in every session. */
class VwapKernel implements Kernel {
  readonly calendar: Calendar | undefined
  readonly anchor: number
  /** First instant of the next session; in an array, where a float needs no box. */
  readonly until = new Float64Array(1).fill(Number.NEGATIVE_INFINITY)
  value = 0
  volume = 0

  constructor(calendar: Calendar | undefined, anchor: number) {
    this.calendar = calendar
    this.anchor = anchor
  }

  run(inputs: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    if (!this.#rows(inputs, from, to, out!, false)) voidInfinite(out!, from, to)
  }

  attempt(inputs: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.#rows(inputs, from, to, out!, true)
  }

  /** @returns false where a row has no finite value; with `checking`, nothing is remembered then */
  #rows(inputs: readonly Float64Array[], from: number, to: number, out: Float64Array, checking: boolean): boolean {
    const [high, low, close, volumes, times] = inputs
    const { calendar, anchor } = this
    let { value, volume } = this
    // Without a session there is no end, and the volumes do for times.
    const clock = times ?? volumes!
    let until = calendar ? this.until[0]! : Number.POSITIVE_INFINITY
    let seen = 0
    let i = from
    while (i < to) {
      if (calendar) {
        const time = times![i]!
        if (time >= until) {
          if (checking && !isFiniteSum(time)) return false
          until = calendar.end(time)
          value = 0
          volume = 0
        }
      } else if (times && !(times[i]! >= anchor)) {
        if (checking && !isFiniteSum(times[i]!)) return false
        out[i++] = Number.NaN
        continue
      }
      const begin = i
      // An anchor is looked at row by row, for times may be out of order.
      const end = times && !calendar ? i + 1 : to
      // Two rows at a time: what is known of the arrays is looked up once for both.
      for (; i + 1 < end; i += 2) {
        const now = clock[i]!
        const then = clock[i + 1]!
        if (!(now < until && then < until)) break
        const amount = volumes![i]!
        value += ((high![i]! + low![i]! + close![i]!) / 3) * amount
        volume += amount
        const first = value / volume
        out[i] = first
        const next = volumes![i + 1]!
        value += ((high![i + 1]! + low![i + 1]! + close![i + 1]!) / 3) * next
        volume += next
        const second = value / volume
        out[i + 1] = second
        // A time of -Infinity is before any end, and shows in the sum.
        seen += first + second + (now + then) * 0
      }
      if (i < end && clock[i]! < until) {
        const amount = volumes![i]!
        value += ((high![i]! + low![i]! + close![i]!) / 3) * amount
        volume += amount
        const last = value / volume
        seen += last + clock[i]! * 0
        out[i++] = last
      }
      // A time that is not finite ends no session and belongs to none.
      if (i === begin) return false
    }
    const finite = isFiniteSum(seen)
    if (checking && !finite) return false
    this.until[0] = until
    this.value = value
    this.volume = volume
    return finite
  }
}

/** The mean price at which the volume since a beginning was traded. */
export const vwap = define({
  id: 'vwap',
  title: 'Volume weighted average price',
  parameters: [
    word('session', ['none', 'day', 'week', 'month'], 'begin anew with every one of these'),
    text('timeZone', 'UTC', 'IANA name of the zone whose midnight begins a session'),
    optionalTime('anchor', 'begin with the first candle that opens at this time or later'),
  ],
  inputs: ({ session, anchor }) =>
    session === 'none' && anchor === undefined
      ? ['high', 'low', 'close', 'volume']
      : ['high', 'low', 'close', 'volume', 'open_time'],
  outputs: { value: 'sum of typical price times volume, over the sum of volume' },
  warmUp: () => 0,
  convention:
    'Of the typical price (high + low + close) / 3 (TradingView ta.vwap, Stock.Indicators). NaN before the anchor and while nothing was traded.',
  create({ session, timeZone, anchor }) {
    if (session !== 'none' && anchor !== undefined)
      throw new ConfigError('vwap: session and anchor are two ways to say where it begins; give one of them.')
    const calendar = session === 'none' ? undefined : new Calendar(session as CalendarUnit, timeZone)
    return new VwapKernel(calendar, anchor ?? Number.NEGATIVE_INFINITY)
  },
})

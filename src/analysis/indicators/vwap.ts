import { ConfigError } from '../../model/errors.ts'
import { Calendar, type CalendarUnit } from '../resample/calendar.ts'
import { define, isFiniteSum, type Kernel, optionalTime, text, word } from './definition.ts'
import { voidInfinite } from './windows.ts'

/** Adds up from the first candle, from `anchor`, or anew in every session. */
class VwapKernel implements Kernel {
  readonly calendar: Calendar | undefined
  readonly anchor: number
  /** Of prices times volumes; of volumes; the first instant of the next session; and what a run found. */
  readonly sums = new Float64Array([0, 0, Number.NEGATIVE_INFINITY, 0])

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
    const sums = SUMS
    sums.set(this.sums)
    // Without a session there is no end, and the volumes do for times.
    const clock = times ?? volumes!
    if (!calendar) sums[UNTIL] = Number.POSITIVE_INFINITY
    sums[SEEN] = 0
    let i = from
    while (i < to) {
      if (calendar) {
        const time = times![i]!
        if (time >= sums[UNTIL]!) {
          if (checking && !isFiniteSum(time)) return false
          sums[UNTIL] = calendar.end(time)
          sums[VALUE] = sums[VOLUME] = 0
        }
      } else if (times && !(times[i]! >= anchor)) {
        if (checking && !isFiniteSum(times[i]!)) return false
        out[i++] = Number.NaN
        continue
      }
      const begin = i
      // An anchor is looked at row by row, for times may be out of order.
      i = addRows(high!, low!, close!, volumes!, clock, i, times && !calendar ? i + 1 : to, out, sums)
      // A time that is not finite ends no session and belongs to none.
      if (i === begin) return false
    }
    const finite = isFiniteSum(sums[SEEN]!)
    if (checking && !finite) return false
    this.sums.set(sums)
    return finite
  }
}

/** The sums while a run is under way. */
const SUMS = new Float64Array(4)
const [VALUE, VOLUME, UNTIL, SEEN] = [0, 1, 2, 3]

/** A product, which is many times quicker than a quotient, and differs from it by the last bit. */
const THIRD = 1 / 3

/**
 * Rows up to the first whose time is not before the end of the session; the sums of the rows before go on in them. A
 * function of arrays: among the fields of an object the compiler runs out of registers, and a number that is handed over
 * may come in a box, which is opened again at every row.
 * @returns the row after the last one
 */
function addRows(
  high: Float64Array,
  low: Float64Array,
  close: Float64Array,
  volumes: Float64Array,
  clock: Float64Array,
  from: number,
  to: number,
  out: Float64Array,
  sums: Float64Array,
): number {
  const until = sums[UNTIL]!
  let value = sums[VALUE]!
  let volume = sums[VOLUME]!
  let seen = sums[SEEN]!
  let i = from | 0
  const end = to | 0
  // Two rows at a time: what is known of the arrays is looked up once for both.
  for (; i + 1 < end; i += 2) {
    const now = clock[i]!
    const then = clock[i + 1]!
    if (!(now < until && then < until)) break
    const amount = volumes[i]!
    value += (high[i]! + low[i]! + close[i]!) * THIRD * amount
    volume += amount
    const first = value / volume
    out[i] = first
    const next = volumes[i + 1]!
    value += (high[i + 1]! + low[i + 1]! + close[i + 1]!) * THIRD * next
    volume += next
    const second = value / volume
    out[i + 1] = second
    // A time of -Infinity is before any end, and shows in the sum.
    seen += first + second + (now + then) * 0
  }
  if (i < end && clock[i]! < until) {
    const amount = volumes[i]!
    value += (high[i]! + low[i]! + close[i]!) * THIRD * amount
    volume += amount
    const last = value / volume
    seen += last + clock[i]! * 0
    out[i++] = last
  }
  sums[VALUE] = value
  sums[VOLUME] = volume
  sums[SEEN] = seen
  return i
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

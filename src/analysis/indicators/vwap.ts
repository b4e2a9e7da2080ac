import { ConfigError } from '../../model/errors.ts'
import { Calendar, type CalendarUnit } from '../resample/calendar.ts'
import { define, isFiniteSum, type Kernel, optionalTime, text, word } from './definition.ts'

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
    const [high, low, close, volumes, times] = inputs
    const { calendar, anchor, until } = this
    let { value, volume } = this
    for (let i = from; i < to; i++) {
      const time = times ? times[i]! : anchor
      if (time < anchor) {
        out![i] = Number.NaN
        continue
      }
      if (calendar && time >= until[0]!) {
        until[0] = calendar.end(time)
        value = 0
        volume = 0
      }
      const amount = volumes![i]!
      value += ((high![i]! + low![i]! + close![i]!) / 3) * amount
      volume += amount
      out![i] = volume === 0 ? Number.NaN : value / volume
    }
    this.value = value
    this.volume = volume
  }

  attempt(inputs: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    if (inputs.length > 4) return false
    const [high, low, close, volumes] = inputs
    let { value, volume } = this
    for (let i = from; i < to; i++) {
      const amount = volumes![i]!
      value += ((high![i]! + low![i]! + close![i]!) / 3) * amount
      volume += amount
      out![i] = volume === 0 ? Number.NaN : value / volume
    }
    if (!isFiniteSum(value)) return false
    this.value = value
    this.volume = volume
    return true
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

import { CALENDAR_UNITS, Calendar } from '../resample/calendar.ts'
import { define, type Kernel, text, word } from './definition.ts'

const METHODS = ['classic', 'fibonacci', 'camarilla', 'woodie'] as const
type Method = (typeof METHODS)[number]

class PivotsKernel implements Kernel {
  readonly calendar: Calendar
  readonly method: Method
  /** First instant of the next session; in an array, where a float needs no box. */
  readonly until = new Float64Array(1).fill(Number.NEGATIVE_INFINITY)
  started = false
  high = 0
  low = 0
  close = 0
  /** The levels of the session: pivot, r1 to r3, s1 to s3. */
  readonly levels = new Float64Array(7).fill(Number.NaN)

  constructor(method: Method, calendar: Calendar) {
    this.method = method
    this.calendar = calendar
  }

  run(inputs: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): void {
    const [times, opens, highs, lows, closes] = inputs
    const { levels, until, calendar } = this
    let i = from
    while (i < to) {
      const time = times![i]!
      if (time >= until[0]!) {
        until[0] = calendar.end(time)
        if (this.started) this.#level(opens![i]!)
        this.started = true
        this.high = highs![i]!
        this.low = lows![i]!
      }
      const end = firstAtOrAfter(times!, until[0]!, i + 1, to)
      this.#see(highs!, lows!, i, end)
      this.close = closes![end - 1]!
      for (let k = 0; k < outputs.length; k++) outputs[k]!.fill(levels[k]!, i, end)
      i = end
    }
  }

  /** Takes rows `from` to `to` into the high and the low of the session. */
  #see(highs: Float64Array, lows: Float64Array, from: number, to: number): void {
    let { high, low } = this
    for (let i = from; i < to; i++) {
      const h = highs[i]!
      const l = lows[i]!
      if (h > high) high = h
      if (l < low) low = l
    }
    this.high = high
    this.low = low
  }

  #level(open: number): void {
    const { levels, high, low, close, method } = this
    const range = high - low
    const pivot = method === 'woodie' ? (high + low + 2 * open) / 4 : (high + low + close) / 3
    levels[0] = pivot
    for (let k = 1; k <= 3; k++) {
      let above: number
      let below: number
      if (method === 'fibonacci') {
        const share = [0.382, 0.618, 1][k - 1]!
        above = pivot + share * range
        below = pivot - share * range
      } else if (method === 'camarilla') {
        const share = 1.1 / [12, 6, 4][k - 1]!
        above = close + share * range
        below = close - share * range
      } else {
        above = k === 1 ? 2 * pivot - low : k === 2 ? pivot + range : high + 2 * (pivot - low)
        below = k === 1 ? 2 * pivot - high : k === 2 ? pivot - range : low - 2 * (high - pivot)
      }
      levels[k] = above
      levels[k + 3] = below
    }
  }
}

/** The first row from `from` on whose time is not before `instant`, else `to`. */
function firstAtOrAfter(times: Float64Array, instant: number, from: number, to: number): number {
  let i = from
  while (i < to && times[i]! < instant) i++
  return i
}

/** Levels of a session worked out of the one before it. */
export const pivots = define({
  id: 'pivots',
  title: 'Pivot points',
  parameters: [
    word('method', METHODS, 'formulas of the levels'),
    word('session', CALENDAR_UNITS, 'what the levels last for'),
    text('timeZone', 'UTC', 'IANA name of the zone whose midnight begins a session'),
  ],
  inputs: ['open_time', 'open', 'high', 'low', 'close'],
  outputs: {
    pivot: 'middle',
    r1: 'first level above',
    r2: 'second level above',
    r3: 'third level above',
    s1: 'first level below',
    s2: 'second level below',
    s3: 'third level below',
  },
  warmUp: () => 1,
  convention:
    'High, low and close of the session before (woodie: its high and low, and the open of this one), so that a level is known when its session begins; formulas as Stock.Indicators and TradingView. NaN in the first session.',
  create: ({ method, session, timeZone }) => new PivotsKernel(method, new Calendar(session, timeZone)),
})

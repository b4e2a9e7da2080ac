import { type Candle, CandleFlag } from '../../../model/candle.ts'
import {
  addOpens,
  closeTimeOf,
  floorOpen,
  type Interval,
  type IntervalGrid,
  nextOpen,
} from '../../../model/interval.ts'
import type { Market } from '../../../model/series.ts'
import { type CheckContext, type RecordRules, type RowCheck, type Stage, show } from './stage.ts'

/** A candle of which any column may be lacking; what lacks is not checked. */
export type CheckedCandle = { readonly [Name in keyof Candle]?: Candle[Name] | undefined } & {
  /** Of live candles. */
  readonly closed?: boolean | undefined
}

/** What is known of a series of candles. Stages that need what is not told are left out. */
export interface CandleContext extends CheckContext {
  readonly interval?: Interval
  /** An open time on the grid of `3d`; without it the first row's. */
  readonly origin?: number
  readonly market?: Market
  /** The exchange's clock: a candle that closes later is not closed. Without it only what the row says counts. */
  readonly now?: number
}

type CandleStage = Stage<CheckedCandle, CandleContext>

const PRICES = ['open', 'high', 'low', 'close'] as const
const AMOUNTS = ['volume', 'quoteVolume', 'takerBuyVolume', 'takerBuyQuoteVolume', 'trades'] as const
/** Sums of rounded values differ in the last digits. */
const ROUNDING = 1e-9
/** Open times remembered to find a row that comes again much later. */
const REMEMBERED = 100_000

const values: CandleStage = {
  name: 'values',
  meaning: 'prices are above 0, amounts are 0 or more, counts are whole',
  start: () => (row, report) => {
    for (const name of PRICES) {
      const value = row[name]
      if (value !== undefined && !(value > 0 && value < Number.POSITIVE_INFINITY)) {
        report('price-not-positive', 'error', `${name} is ${value}`)
      }
    }
    for (const name of AMOUNTS) {
      const value = row[name]
      if (value !== undefined && !(value >= 0 && value < Number.POSITIVE_INFINITY)) {
        report('amount-negative', 'error', `${name} is ${value}`)
      }
    }
    if (row.trades !== undefined && row.trades >= 0 && !Number.isInteger(row.trades)) {
      report('count-not-whole', 'error', `trades is ${row.trades}`)
    }
  },
}

const ohlc: CandleStage = {
  name: 'ohlc',
  meaning: 'low ≤ open, close ≤ high',
  start:
    () =>
    ({ open, high, low, close }, report) => {
      if (high !== undefined && low !== undefined && high < low) {
        report('high-below-low', 'error', `high ${high} is below low ${low}`)
        return
      }
      for (const [name, value] of [
        ['open', open],
        ['close', close],
      ] as const) {
        if (value === undefined) continue
        if (high !== undefined && value > high) report(`${name}-above-high`, 'error', `${name} ${value}, high ${high}`)
        if (low !== undefined && value < low) report(`${name}-below-low`, 'error', `${name} ${value}, low ${low}`)
      }
    },
}

const volume: CandleStage = {
  name: 'volume',
  meaning: 'takers buy no more than was traded, the average price lies between low and high, no trade moves no price',
  start:
    ({ market }) =>
    (row, report) => {
      const { volume: traded, quoteVolume, takerBuyVolume, takerBuyQuoteVolume, trades, low, high } = row
      if (traded !== undefined && takerBuyVolume !== undefined && takerBuyVolume > traded * (1 + ROUNDING)) {
        report('taker-above-volume', 'error', `takers bought ${takerBuyVolume} of ${traded}`)
      }
      if (
        quoteVolume !== undefined &&
        takerBuyQuoteVolume !== undefined &&
        takerBuyQuoteVolume > quoteVolume * (1 + ROUNDING)
      ) {
        report('taker-above-volume', 'error', `takers bought for ${takerBuyQuoteVolume} of ${quoteVolume}`)
      }
      if (traded === 0 && trades !== undefined && trades > 0) {
        report('trades-without-volume', 'error', `${trades} trades, volume 0`)
      }
      if (traded !== undefined && traded > 0 && trades === 0) {
        report('volume-without-trades', 'error', `volume ${traded}, no trade`)
      }
      if (traded === 0 && low !== undefined && high !== undefined && high > low) {
        report('moved-without-trades', 'notice', `low ${low}, high ${high}, volume 0`)
      }
      // On COIN-M the quote volume is in base units, and volume counts contracts.
      if (market === 'coinm' || market === 'option' || traded === undefined || quoteVolume === undefined) return
      if (low === undefined || high === undefined || trades === undefined || !(traded > 0) || high < low) return
      // Each trade's value is cut to 8 digits.
      const slack = (trades + 1) * 1e-8 * (1 + high) + quoteVolume * 1e-6
      if (quoteVolume < low * traded - slack || quoteVolume > high * traded + slack) {
        report('average-outside', 'error', `average price ${quoteVolume / traded}, low ${low}, high ${high}`)
      }
    },
}

function gridOf(context: CandleContext, first: number | undefined): IntervalGrid | undefined {
  const { interval, origin = first } = context
  if (interval === undefined) return undefined
  return interval === '3d' && origin !== undefined ? { interval, origin } : { interval }
}

/** A check that needs the grid, which on `3d` follows from the first row. */
function onGrid(
  make: (grid: IntervalGrid) => RowCheck<CheckedCandle>,
): (context: CandleContext) => RowCheck<CheckedCandle> | undefined {
  return (context) => {
    if (context.interval === undefined) return undefined
    let check: RowCheck<CheckedCandle> | undefined
    return (row, report) => {
      if (row.openTime === undefined) return
      check ??= make(gridOf(context, row.openTime)!)
      check(row, report)
    }
  }
}

const grid: CandleStage = {
  name: 'grid',
  needs: 'interval',
  meaning: 'candles open on the grid of their interval',
  start: onGrid((ofSeries) => ({ openTime }, report) => {
    const aligned = Number.isFinite(openTime) ? floorOpen(ofSeries, openTime!) : Number.NaN
    if (aligned !== openTime) report('off-grid', 'error', `opens at ${show(openTime)}, the grid has ${show(aligned)}`)
  }),
}

const close: CandleStage = {
  name: 'close',
  needs: 'interval',
  meaning: 'candles close one millisecond before the next; earlier only where an outage cut them',
  start: onGrid((ofSeries) => ({ openTime, closeTime }, report) => {
    if (closeTime === undefined || !Number.isFinite(openTime)) return
    const regular = closeTimeOf(ofSeries, openTime!)
    // Archive files in microseconds end with the last microsecond.
    if (closeTime >= regular && closeTime < regular + 1) return
    if (closeTime >= openTime! && closeTime < regular) {
      report('short-candle', 'notice', `closes at ${show(closeTime)}, its interval ends at ${show(regular)}`)
    } else report('close-time-wrong', 'error', `closes at ${show(closeTime)}, expected ${show(regular)}`)
  }),
}

const closed: CandleStage = {
  name: 'closed',
  meaning: 'the interval is over: values no longer change',
  start:
    ({ now }) =>
    (row, report) => {
      const { flags, closeTime } = row
      if (row.closed === false) report('not-closed', 'error', 'is still open')
      else if (flags !== undefined && (flags & CandleFlag.unfinished) !== 0) {
        report('not-closed', 'error', 'is flagged unfinished')
      } else if (now !== undefined && closeTime !== undefined && closeTime >= now) {
        report('not-closed', 'error', `closes at ${show(closeTime)}, it is ${show(now)}`)
      }
    },
}

const order: CandleStage = {
  name: 'order',
  meaning: 'open times rise',
  start: () => {
    let latest = Number.NEGATIVE_INFINITY
    return ({ openTime }, report) => {
      if (openTime === undefined) return
      if (!Number.isFinite(openTime)) report('no-time', 'error', `the open time is ${openTime}`)
      else if (openTime < latest) {
        report('out-of-order', 'error', `opens at ${show(openTime)}, after a row of ${show(latest)}`)
      } else latest = openTime
    }
  },
}

const COMPARED = [...PRICES, ...AMOUNTS] as const

const duplicates: CandleStage = {
  name: 'duplicates',
  meaning: 'each open time occurs once',
  start: () => {
    const before = new SeenTimes()
    const last = new Float64Array(COMPARED.length)
    let lastTime = Number.NaN
    return (row, report) => {
      const { openTime } = row
      if (openTime === undefined || Number.isNaN(openTime)) return
      if (openTime === lastTime) {
        const other = COMPARED.findIndex((name, i) => !Object.is(row[name] ?? Number.NaN, last[i]))
        if (other < 0) report('repeated', 'error', `the row of ${show(openTime)} comes twice`)
        else {
          const name = COMPARED[other]!
          report('contradicting', 'error', `${show(openTime)} twice, ${name} ${last[other]} and ${row[name]}`)
        }
      } else if (before.has(openTime)) report('repeated', 'error', `${show(openTime)} was there before`)
      for (let i = 0; i < COMPARED.length; i++) last[i] = row[COMPARED[i]!] ?? Number.NaN
      lastTime = openTime
      before.add(openTime)
    }
  },
}

/** The last times seen. In a series that rises nothing is ever looked up. */
class SeenTimes {
  readonly #ring = new Float64Array(REMEMBERED)
  #count = 0
  #latest = Number.NEGATIVE_INFINITY
  /** Made at the first time that goes back. */
  #set: Set<number> | undefined

  has(time: number): boolean {
    if (time > this.#latest) return false
    this.#set ??= new Set(this.#ring.subarray(0, Math.min(this.#count, REMEMBERED)))
    return this.#set.has(time)
  }

  add(time: number): void {
    const at = this.#count++ % REMEMBERED
    if (this.#set) {
      if (this.#count > REMEMBERED) this.#set.delete(this.#ring[at]!)
      this.#set.add(time)
    }
    this.#ring[at] = time
    if (time > this.#latest) this.#latest = time
  }
}

const continuity: CandleStage = {
  name: 'continuity',
  needs: 'interval',
  meaning: 'each candle opens where the one before it ends',
  start: onGrid((ofSeries) => {
    let expected: number | undefined
    return ({ openTime }, report) => {
      if (!Number.isFinite(openTime)) return
      const open = floorOpen(ofSeries, openTime!)
      if (expected !== undefined && open > expected) {
        const missing = countBetween(ofSeries, expected, open)
        report('missing', 'notice', `${missing} missing from ${show(expected)} to ${show(open)}`, missing)
      }
      if (expected === undefined || open >= expected) expected = nextOpen(ofSeries, open)
    }
  }),
}

function countBetween(ofSeries: IntervalGrid, from: number, to: number): number {
  if (ofSeries.interval === '1M') {
    let count = 0
    for (let open = from; open < to; open = nextOpen(ofSeries, open)) count++
    return count
  }
  return (to - from) / (addOpens(ofSeries, from, 1) - from)
}

const flags: CandleStage = {
  name: 'flags',
  meaning: 'no source left a doubt',
  start: () => (row, report) => {
    if (row.flags === undefined) return
    if ((row.flags & CandleFlag.suspect) !== 0) {
      report('suspect', 'error', 'breaks a rule though every source gives it so')
    }
    if ((row.flags & CandleFlag.unverified) !== 0) {
      report('unverified', 'notice', 'from a file whose checksum could not be confirmed')
    }
  },
}

/** Of prices that nobody trades at there is no volume; a premium may be negative. */
export function priceCandleRules(kind: string, isSigned = false): RecordRules<CheckedCandle, CandleContext> {
  const stages = CANDLE_RULES.stages.filter((stage) => stage !== volume && !(isSigned && stage === values))
  return { ...CANDLE_RULES, kind, stages }
}

export const CANDLE_RULES: RecordRules<CheckedCandle, CandleContext> = {
  kind: 'candle',
  stages: [values, ohlc, volume, grid, close, closed, order, duplicates, continuity, flags],
  timeOf: (row) => row.openTime ?? Number.NaN,
}

import { column, type Kind } from './kind.ts'

/** Open, high, low, close and volume of one interval. Identity: `open_time`. */
export const candle = {
  id: 'candle',
  hasInterval: true,
  sortKey: 'open_time',
  timeColumn: 'open_time',
  identity: 'open_time',
  continuity: { rule: 'interval' },
  columns: [
    column('open_time', 'time', 'ms', 'first instant of the interval'),
    column('open', 'float64', 'quote per base', 'price of the first trade; the previous close when nothing traded'),
    column('high', 'float64', 'quote per base', 'highest price'),
    column('low', 'float64', 'quote per base', 'lowest price'),
    column('close', 'float64', 'quote per base', 'price of the last trade'),
    column('volume', 'float64', 'base (contracts on coinm)', 'quantity traded'),
    column('close_time', 'time', 'ms', 'last instant of the interval, earlier when an outage cut the candle short'),
    column('quote_volume', 'float64', 'quote (base on coinm)', 'value traded'),
    column('trades', 'integer', 'count', 'number of trades'),
    column('taker_buy_volume', 'float64', 'base (contracts on coinm)', 'quantity bought by takers'),
    column('taker_buy_quote_volume', 'float64', 'quote (base on coinm)', 'value bought by takers'),
    column('flags', 'flags', 'bit mask', 'where the row came from and what was noticed (see CandleFlag)', {
      isDefault: false,
    }),
  ],
} as const satisfies Kind

export type CandleColumn = (typeof candle.columns)[number]['name']

/** Bits of the `flags` column. A row with 0 came from a checked archive file and is regular. */
export const CandleFlag = {
  /** Came from REST. */
  rest: 1,
  /** Came from a live stream. */
  stream: 2,
  /** Closed before the regular end of its interval (an outage cut it). */
  short: 4,
  /** Not closed yet when it was read: its values still change. */
  unfinished: 8,
  /** Took the place of an earlier value of the same candle; the former one is in series.json. */
  revised: 16,
  /** From an archive file whose checksum could not be confirmed; see `checks` in series.json. */
  unverified: 32,
  /** Breaks a rule (e.g. high below low) though every source gives it so. */
  suspect: 64,
  /** At least one value has more digits than a float64 keeps. */
  inexact: 128,
  /** Brought in by the user (`CandleStorage.save`, import). */
  user: 256,
  /** Put in by a rule where the series had no candle (`fillGaps`); never in the lake by ticklake itself. */
  filled: 512,
  /** At least one value was changed by cleaning (`cleanData`). */
  cleaned: 1024,
  /** Imported from a file with no more than open, high, low, close and volume: the other values are 0, not known. */
  partial: 2048,
} as const

/** One candle as a row. Times are epoch milliseconds UTC. */
export interface Candle {
  readonly openTime: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  readonly closeTime: number
  readonly quoteVolume: number
  readonly trades: number
  readonly takerBuyVolume: number
  readonly takerBuyQuoteVolume: number
  /** Bits of `CandleFlag`. */
  readonly flags?: number
}

/**
 * Whether nothing was traded in a candle: it stands, flat, at the price before it. Exchanges leave such candles out of
 * larger ones, which open, and count high and low, from their first trade on; only one in which nothing was traded at all
 * is flat too.
 * @param volume where it is not known (undefined or NaN), the candle is not quiet
 * @param trades how many there were, where that was counted
 */
export function isQuiet(volume: number | undefined, trades: number | undefined): boolean {
  return volume === 0 && !(trades !== undefined && trades > 0)
}

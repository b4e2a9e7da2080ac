import { CandleFlag } from '../../model/candle.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import { aggTrade } from '../../model/live/index.ts'
import { formatTime } from '../../model/time.ts'
import { type ArrowTable, isArrowTable, recordTable } from '../record-table.ts'
import { BarWriter, type CandleBars } from './bars.ts'
import { ExactSum } from './exact-sum.ts'
import { BarGrid, type GridOptions } from './grid.ts'
import { type ImbalanceOptions, ImbalanceRule, oneOf, type TradeMeasure } from './imbalance.ts'

/**
 * When a bar of trades is done. tick, volume and dollar: with the trade that makes its trades, its quantity or its value
 * reach `size`; a trade is never split. time: at the end of its stretch of time.
 */
export type BarRule =
  | ({
      readonly type: 'time'
      /** Give a flat bar without volume where nothing was traded, as exchanges do; else there is none. */
      readonly quiet?: 'none' | 'flat'
    } & GridOptions)
  | { readonly type: TradeMeasure; readonly size: number }
  | ({ readonly type: 'imbalance' } & ImbalanceOptions)

/** Trades as columns, rising by time: a batch of the lake, or arrays. */
export interface TradeColumns {
  readonly length: number
  /**
   * `time` (epoch ms), `price`, `quantity`, `buyer_is_maker` (0 or 1; without it no volume counts as bought by takers);
   * `first_trade_id` and `last_trade_id` of aggregate trades tell how many trades each is.
   */
  readonly columns: Readonly<Record<string, Float64Array | BigInt64Array>>
}

/** A trade as a record of the live feed. */
export interface TradeLike {
  readonly time: number
  readonly price: number
  readonly quantity: number
  readonly buyerIsMaker: boolean
  readonly firstTradeId?: number | bigint
  readonly lastTradeId?: number | bigint
}

/** Trades in the forms that they come in: columns, an Arrow table, or records. */
export type TradeSource = TradeColumns | ArrowTable | readonly TradeLike[]

function tradeColumns(trades: TradeSource): TradeColumns {
  if (typeof trades === 'object' && trades !== null && 'columns' in trades && !isArrowTable(trades)) return trades
  return recordTable(trades, aggTrade)
}

/**
 * Bars out of trades, in batches (`append`), one trade at a time (`update`), or both in turn, with the same bars in the
 * end. Bars have the columns of candles. Those of time have its grid as open and close time, the others the times of
 * their first and last trade.
 */
export class TradeBars {
  readonly #rule: BarRule
  readonly #grid: BarGrid | undefined
  readonly #flat: boolean
  readonly #size: number
  readonly #imbalance: ImbalanceRule | undefined
  readonly #volume = new ExactSum()
  readonly #quote = new ExactSum()
  readonly #takerVolume = new ExactSum()
  readonly #takerQuote = new ExactSum()
  #rows = 0
  #trades = 0
  #start = 0
  #end = Number.NEGATIVE_INFINITY
  #open = 0
  #high = 0
  #low = 0
  #close = Number.NaN
  #newest = Number.NEGATIVE_INFINITY

  /** @throws InvalidRangeError, ConfigError for a rule that makes no sense. */
  constructor(rule: BarRule) {
    oneOf('type', rule.type, ['time', 'tick', 'volume', 'dollar', 'imbalance'])
    if (rule.type === 'time') oneOf('quiet', rule.quiet ?? 'none', ['none', 'flat'])
    this.#rule = rule
    this.#grid = rule.type === 'time' ? new BarGrid(rule) : undefined
    this.#flat = rule.type === 'time' && rule.quiet === 'flat'
    if (this.#flat && rule.type === 'time' && rule.session) {
      throw new InvalidRangeError(
        'quiet: "flat" fills time without trades, of which sessions leave much out; choose one.',
      )
    }
    this.#imbalance = rule.type === 'imbalance' ? new ImbalanceRule(rule) : undefined
    this.#size = rule.type === 'time' || rule.type === 'imbalance' ? Number.POSITIVE_INFINITY : rule.size
    if (typeof this.#size !== 'number' || !(this.#size > 0)) {
      throw new InvalidRangeError(`size is ${String(this.#size)}; use a number above 0.`)
    }
  }

  /**
   * Takes trades in, and gives the bars that are done.
   * @throws InvalidRangeError for trades out of order, or with a price or quantity that is no number; as does `update`.
   */
  append(trades: TradeSource): CandleBars {
    const bars = new BarWriter()
    this.#take(tradeColumns(trades), bars)
    return bars.finish()
  }

  /** Takes one trade in, and gives the bars that are done: mostly none. */
  update(trade: TradeLike): CandleBars {
    const bars = new BarWriter()
    const { firstTradeId: first, lastTradeId: last } = trade
    const count = first === undefined || last === undefined ? 1 : Number(BigInt(last) - BigInt(first)) + 1
    this.#add(trade.time, trade.price, trade.quantity, !trade.buyerIsMaker, count, bars)
    return bars.finish()
  }

  /** Says that time has come so far without a trade, which ends a bar of time. */
  advance(time: number): CandleBars {
    const bars = new BarWriter()
    if (time > this.#newest) this.#newest = time
    if (this.#grid) this.#endBar(time, bars)
    return bars.finish()
  }

  /** The bar that is not done, flagged `unfinished`; no row when there is none. It stays as it is. */
  partial(): CandleBars {
    const bars = new BarWriter()
    if (this.#rows > 0) this.#write(bars, CandleFlag.unfinished)
    return bars.finish()
  }

  /** All bars of a range, the unfinished one among them unless `partial` is false. */
  static whole(trades: TradeSource, rule: BarRule, partial = true): CandleBars {
    const made = new TradeBars(rule)
    const bars = new BarWriter()
    made.#take(tradeColumns(trades), bars)
    if (made.#rows > 0 && partial) made.#write(bars, CandleFlag.unfinished)
    return bars.finish()
  }

  #take({ length, columns }: TradeColumns, bars: BarWriter): void {
    const times = numbers(columns, 'time')
    const prices = numbers(columns, 'price')
    const quantities = numbers(columns, 'quantity')
    const makers = columns.buyer_is_maker
    const { first_trade_id: firsts, last_trade_id: lasts } = columns
    const counted = firsts !== undefined && lasts !== undefined
    for (let i = 0; i < length; i++) {
      const count = counted ? Number(BigInt(lasts[i]!) - BigInt(firsts[i]!)) + 1 : 1
      this.#add(times[i]!, prices[i]!, quantities[i]!, makers !== undefined && makers[i] === 0, count, bars)
    }
  }

  #add(time: number, price: number, quantity: number, taken: boolean, count: number, bars: BarWriter): void {
    if (!(time >= this.#newest)) {
      throw new InvalidRangeError(
        `The trade of ${formatTime(time)} comes after that of ${formatTime(this.#newest)}; trades must rise by time.`,
      )
    }
    const value = price * quantity
    // Once in a sum, what is no number never leaves it: the bar would reach no size, and so never end.
    if (!Number.isFinite(value)) {
      throw new InvalidRangeError(
        `The trade of ${formatTime(time)} has price ${price} and quantity ${quantity}; bars need numbers. Leave such rows out: validateRecords finds them.`,
      )
    }
    const grid = this.#grid
    if (grid) {
      if (time >= this.#end) {
        this.#endBar(time, bars)
        if (!grid.seek(time)) {
          this.#newest = time
          return
        }
        this.#start = grid.start
        this.#end = grid.end
      }
    } else if (this.#rows === 0) this.#start = time
    this.#newest = time
    const before = this.#close
    if (this.#rows === 0) {
      this.#open = price
      this.#high = price
      this.#low = price
    } else if (price > this.#high) this.#high = price
    else if (price < this.#low) this.#low = price
    this.#close = price
    this.#rows++
    this.#trades += count
    this.#volume.add(quantity)
    this.#quote.add(value)
    if (taken) {
      this.#takerVolume.add(quantity)
      this.#takerQuote.add(value)
    }
    if (this.#imbalance) {
      if (this.#imbalance.add(price, before, quantity, value, taken)) this.#write(bars, 0)
    } else if (this.#size !== Number.POSITIVE_INFINITY && this.#measure() >= this.#size) this.#write(bars, 0)
  }

  #measure(): number {
    if (this.#rule.type === 'tick') return this.#trades
    return (this.#rule.type === 'volume' ? this.#volume : this.#quote).value
  }

  /** Ends the bar of time that `time` lies behind, and those without a trade between. */
  #endBar(time: number, bars: BarWriter): void {
    if (time < this.#end) return
    if (this.#rows > 0) this.#write(bars, 0)
    if (!this.#flat || this.#end === Number.NEGATIVE_INFINITY) return
    const grid = this.#grid!
    for (;;) {
      grid.seek(this.#end)
      this.#start = grid.start
      this.#end = grid.end
      if (time < this.#end) return
      this.#open = this.#close
      this.#high = this.#close
      this.#low = this.#close
      this.#write(bars, 0)
    }
  }

  #write(bars: BarWriter, flags: number): void {
    bars.push(
      this.#start,
      this.#open,
      this.#high,
      this.#low,
      this.#close,
      this.#volume.value,
      this.#grid ? this.#end - 1 : this.#newest,
      this.#quote.value,
      this.#trades,
      this.#takerVolume.value,
      this.#takerQuote.value,
      flags,
      this.#rows,
    )
    // `partial` shows the bar and keeps it.
    if (flags !== 0) return
    this.#rows = 0
    this.#trades = 0
    this.#volume.reset()
    this.#quote.reset()
    this.#takerVolume.reset()
    this.#takerQuote.reset()
  }
}

/**
 * Bars of a whole range of trades; the last one is flagged `unfinished` unless its rule ended it.
 * @throws InvalidRangeError, ConfigError as `TradeBars`.
 */
export function tradeBars(
  trades: TradeSource,
  rule: BarRule,
  options: { readonly partial?: boolean } = {},
): CandleBars {
  return TradeBars.whole(trades, rule, options.partial ?? true)
}

function numbers(columns: TradeColumns['columns'], name: string): Float64Array {
  const values = columns[name]
  if (values instanceof Float64Array) return values
  throw new InvalidRangeError(`The trades have no column "${name}"; bars need time, price and quantity.`)
}

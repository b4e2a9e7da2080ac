import { SPLIT } from '../bytes.ts'
import type { MinuteSum } from './trades.ts'

const COLUMNS = [
  ...(['openTime', 'closeTime', 'open', 'high', 'low', 'close', 'volume'] as const),
  ...(['quote', 'quoteHigh', 'trades', 'buyVolume', 'buyQuote', 'buyQuoteHigh'] as const),
]

/**
 * Candles as columns of whole numbers: prices in ticks, volumes in lots, quote volumes in ticks × lots (on
 * COIN-M base volumes in their eighth digit). Sums of them pass 2^53, so they are kept as `high * SPLIT + low`, both
 * exact.
 */
export class CandleColumns {
  length = 0
  readonly openTime: Float64Array
  readonly closeTime: Float64Array
  readonly open: Float64Array
  readonly high: Float64Array
  readonly low: Float64Array
  readonly close: Float64Array
  readonly volume: Float64Array
  readonly quote: Float64Array
  readonly quoteHigh: Float64Array
  readonly trades: Float64Array
  readonly buyVolume: Float64Array
  readonly buyQuote: Float64Array
  readonly buyQuoteHigh: Float64Array

  constructor(capacity: number) {
    this.openTime = new Float64Array(capacity)
    this.closeTime = new Float64Array(capacity)
    this.open = new Float64Array(capacity)
    this.high = new Float64Array(capacity)
    this.low = new Float64Array(capacity)
    this.close = new Float64Array(capacity)
    this.volume = new Float64Array(capacity)
    this.quote = new Float64Array(capacity)
    this.quoteHigh = new Float64Array(capacity)
    this.trades = new Float64Array(capacity)
    this.buyVolume = new Float64Array(capacity)
    this.buyQuote = new Float64Array(capacity)
    this.buyQuoteHigh = new Float64Array(capacity)
  }

  /** Starts a row without trades: every price is the previous close. */
  flat(openTime: number, closeTime: number, price: number): number {
    const at = this.length++
    this.openTime[at] = openTime
    this.closeTime[at] = closeTime
    this.open[at] = price
    this.high[at] = price
    this.low[at] = price
    this.close[at] = price
    return at
  }

  /** The last `count` rows (all, when there are fewer). */
  tail(count: number): CandleColumns {
    if (this.length <= count) return this
    const tail = new CandleColumns(count)
    const from = this.length - count
    for (const name of COLUMNS) tail[name].set(this[name].subarray(from, this.length))
    tail.length = count
    return tail
  }

  /** Fills row `at` with the sum of one minute (or leaves it flat when nothing traded). */
  setSum(at: number, sum: MinuteSum): void {
    if (sum.trades === 0) return
    this.open[at] = sum.open
    this.high[at] = sum.high
    this.low[at] = sum.low
    this.close[at] = sum.close
    this.volume[at] = sum.volume
    this.trades[at] = sum.trades
    this.buyVolume[at] = sum.buyVolume
    addSplit(this.quote, this.quoteHigh, at, sum.quote, 0)
    addSplit(this.buyQuote, this.buyQuoteHigh, at, sum.buyQuote, 0)
  }

  /** Adds one trade, worth `value`, to row `at`. */
  addTrade(at: number, price: number, lots: number, buy: boolean, value: number): void {
    if (this.trades[at] === 0) this.#firstPrice(at, price, price, price)
    else {
      if (price > this.high[at]!) this.high[at] = price
      if (price < this.low[at]!) this.low[at] = price
    }
    this.close[at] = price
    this.trades[at]! += 1
    this.volume[at]! += lots
    addSplit(this.quote, this.quoteHigh, at, value, 0)
    if (!buy) return
    this.buyVolume[at]! += lots
    addSplit(this.buyQuote, this.buyQuoteHigh, at, value, 0)
  }

  /** Adds row `from` of `other`, later in time, to row `at`. A row without trades only hands on its close. */
  addRow(at: number, other: CandleColumns, from: number): void {
    const trades = other.trades[from]!
    if (trades === 0) return
    if (this.trades[at] === 0) this.#firstPrice(at, other.open[from]!, other.high[from]!, other.low[from]!)
    else {
      if (other.high[from]! > this.high[at]!) this.high[at] = other.high[from]!
      if (other.low[from]! < this.low[at]!) this.low[at] = other.low[from]!
    }
    this.close[at] = other.close[from]!
    this.trades[at]! += trades
    this.volume[at]! += other.volume[from]!
    this.buyVolume[at]! += other.buyVolume[from]!
    addSplit(this.quote, this.quoteHigh, at, other.quote[from]!, other.quoteHigh[from]!)
    addSplit(this.buyQuote, this.buyQuoteHigh, at, other.buyQuote[from]!, other.buyQuoteHigh[from]!)
  }

  #firstPrice(at: number, open: number, high: number, low: number): void {
    this.open[at] = open
    this.high[at] = high
    this.low[at] = low
  }
}

function addSplit(low: Float64Array, high: Float64Array, at: number, addLow: number, addHigh: number): void {
  let sum = low[at]! + addLow
  let carry = addHigh
  if (sum >= SPLIT) {
    const over = Math.floor(sum / SPLIT)
    sum -= over * SPLIT
    carry += over
  }
  low[at] = sum
  if (carry > 0) high[at]! += carry
}

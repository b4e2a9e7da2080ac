import { ExactSum, ROUND, SCALE } from '../../analysis/resample/exact-sum.ts'
import type { Batch } from '../../model/batch.ts'
import { CandleFlag, candle } from '../../model/candle.ts'
import { floorOpen, type IntervalGrid, nextOpen } from '../../model/interval.ts'
import { kindOf, selectColumns } from '../../model/kinds.ts'
import type { SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import { MILLISECONDS } from '../../store/lake/event-scan.ts'
import type { Lake } from '../../store/lake/lake.ts'

/** Trades or aggregate trades as columns, in the order of their ids. */
export interface ScannedTrades {
  readonly length: number
  /** `time`, `price`, `quantity`, `buyer_is_maker`; of aggregate trades `trades` too: how many each is made of. */
  readonly columns: Readonly<Record<string, Float64Array>>
  /** `buyer_is_maker` may stand here: a byte per row, 1 for true. */
  readonly flags?: Readonly<Record<string, Uint8Array>>
}

/** Up to here a value times the scale is so near to a whole number that rounding finds it. */
const CLEAR = 2 ** 22
/** Where trades of two intervals come mixed, they do so by milliseconds: so many candles are kept open. */
const OPEN_BARS = 2
const NO_ROWS = new Float64Array(0)

/** 1 where the buyer was the maker, else 0. */
type Makers = Float64Array | Uint8Array

/** A candle that is being added up. */
class Bar {
  readonly start: number
  readonly end: number
  readonly volume = new ExactSum()
  readonly quote = new ExactSum()
  readonly takerVolume = new ExactSum()
  readonly takerQuote = new ExactSum()
  open = Number.NaN
  high = Number.NEGATIVE_INFINITY
  low = Number.POSITIVE_INFINITY
  close = Number.NaN
  trades = 0
  rows = 0

  constructor(start: number, end: number) {
    this.start = start
    this.end = end
  }

  /** Adds rows one by one: for values too large for the short way. */
  addSlowly(prices: Float64Array, quantities: Float64Array, makers: Makers, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const quantity = quantities[i]!
      const value = prices[i]! * quantity
      this.volume.add(quantity)
      this.quote.add(value)
      if (makers[i] === 0) {
        this.takerVolume.add(quantity)
        this.takerQuote.add(value)
      }
    }
  }
}

/**
 * Adds trades up to candles, with decimal sums that are exact, as an exchange makes them: each trade belongs to the
 * interval of its time, and ids give the order. Intervals without a trade have no candle.
 */
export class TradeCandles {
  readonly #grid: IntervalGrid
  /** The newest last. */
  #bars: Bar[] = []
  #done: Bar[] = []
  /** Trades that came after two later candles had begun: they are in no candle. */
  late = 0

  constructor(grid: IntervalGrid) {
    this.#grid = grid
  }

  /** Takes trades in, and gives the candles that are done. */
  append(trades: ScannedTrades): Batch {
    const { length, columns, flags } = trades
    const times = columns.time!
    const prices = columns.price!
    const quantities = columns.quantity!
    const makers = flags?.buyer_is_maker ?? columns.buyer_is_maker!
    const counts = columns.trades
    for (let i = 0; i < length; ) {
      const bar = this.#barOf(times[i]!)
      if (!bar) {
        this.late++
        i++
        continue
      }
      const from = i
      const { start, end } = bar
      let { high, low } = bar
      // Whole numbers of hundred-millionths, whose sums are exact.
      let volume = 0
      let quote = 0
      let takerVolume = 0
      let takerQuote = 0
      let plain = 0
      let quotePlain = 0
      let largest = 0
      for (; i < length; i++) {
        const time = times[i]!
        if (!(time < end && time >= start)) break
        const price = prices[i]!
        const quantity = quantities[i]!
        const value = price * quantity
        if (price > high) high = price
        if (price < low) low = price
        if (quantity > largest) largest = quantity
        if (value > largest) largest = value
        const units = quantity * SCALE + ROUND - ROUND
        const valueUnits = value * SCALE + ROUND - ROUND
        const taken = 1 - makers[i]!
        volume += units
        quote += valueUnits
        takerVolume += taken * units
        takerQuote += taken * valueUnits
        plain += quantity
        quotePlain += value
      }
      const rows = i - from
      if (bar.rows === 0) bar.open = prices[from]!
      bar.high = high
      bar.low = low
      bar.close = prices[i - 1]!
      bar.rows += rows
      bar.trades += counts === undefined ? rows : sumOf(counts, from, i)
      if (largest < CLEAR && volume <= Number.MAX_SAFE_INTEGER && quote <= Number.MAX_SAFE_INTEGER) {
        bar.volume.addUnits(volume, plain, rows)
        bar.quote.addUnits(quote, quotePlain, rows)
        bar.takerVolume.addUnits(takerVolume, takerVolume / SCALE, rows)
        bar.takerQuote.addUnits(takerQuote, takerQuote / SCALE, rows)
      } else bar.addSlowly(prices, quantities, makers, from, i)
    }
    return this.#take()
  }

  /** Gives the candles that are left, the last of which may still be open. */
  finish(): Batch {
    this.#done.push(...this.#bars)
    this.#bars = []
    return this.#take()
  }

  #barOf(time: number): Bar | undefined {
    const bars = this.#bars
    const newest = bars.at(-1)
    if (newest === undefined || time >= newest.end) {
      const start = floorOpen(this.#grid, time)
      const bar = new Bar(start, nextOpen(this.#grid, start))
      bars.push(bar)
      if (bars.length > OPEN_BARS) this.#done.push(bars.shift()!)
      return bar
    }
    return bars.findLast((bar) => time >= bar.start && time < bar.end)
  }

  #take(): Batch {
    const bars = this.#done
    this.#done = []
    const length = bars.length
    const columns: Record<string, Float64Array> = {}
    for (const { name } of candle.columns) columns[name] = length === 0 ? NO_ROWS : new Float64Array(length)
    for (const [i, bar] of bars.entries()) {
      const { volume, quote, takerVolume, takerQuote } = bar
      const isInexact = volume.isInexact || quote.isInexact || takerVolume.isInexact || takerQuote.isInexact
      columns.open_time![i] = bar.start
      columns.open![i] = bar.open
      columns.high![i] = bar.high
      columns.low![i] = bar.low
      columns.close![i] = bar.close
      columns.volume![i] = volume.value
      columns.close_time![i] = bar.end - 1
      columns.quote_volume![i] = quote.value
      columns.trades![i] = bar.trades
      columns.taker_buy_volume![i] = takerVolume.value
      columns.taker_buy_quote_volume![i] = takerQuote.value
      columns.flags![i] = isInexact ? CandleFlag.inexact : 0
    }
    return { length, columns }
  }
}

function sumOf(values: Float64Array, from: number, to: number): number {
  let sum = 0
  for (let i = from; i < to; i++) sum += values[i]!
  return sum
}

/** SQL for what `TradeCandles` takes of a series of trades or aggregate trades. */
const VALUES: Readonly<Record<string, string>> = {
  time: MILLISECONDS('time'),
  price: 'price',
  quantity: 'quantity',
}
const FLAGS = { buyer_is_maker: 'buyer_is_maker' }
const COUNT = '(last_trade_id - first_trade_id + 1)::DOUBLE'

/**
 * Candles out of the trades (or aggregate trades) of a lake, in batches, rising: what an exchange makes of the same
 * trades, with exact decimal sums. Intervals without a trade have no candle. The first and the last candle are of those
 * trades only that lie in the range.
 */
export async function* candlesOfTrades(
  lake: Lake,
  series: SeriesId,
  grid: IntervalGrid,
  range: TimeRange,
  signal?: AbortSignal,
): AsyncGenerator<Batch, void, void> {
  const made = new TradeCandles(grid)
  const counted = series.kind === 'aggTrade'
  const values = counted ? { ...VALUES, trades: COUNT } : VALUES
  const names = ['time', 'price', 'quantity', 'buyer_is_maker', ...(counted ? ['first_trade_id', 'last_trade_id'] : [])]
  const columns = selectColumns(kindOf(series.kind), [...names, kindOf(series.kind).sortKey])
  for await (const chunk of lake.scanEvents(series, {
    values,
    flags: FLAGS,
    columns,
    ...range,
    ...(signal ? { signal } : {}),
  })) {
    const batch = made.append(chunk)
    if (batch.length > 0) yield batch
  }
  const last = made.finish()
  if (last.length > 0) yield last
}

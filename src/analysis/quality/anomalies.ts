import { type Batch, columnOf, lowerBound } from '../../model/batch.ts'
import { candle } from '../../model/candle.ts'
import { SortedWindow } from '../clean/statistics.ts'
import { recordTable, type TableSource, tablesOf } from '../record-table.ts'

/** Another series to ask whether a price moved there too: another market, or another interval. */
export interface PeerSeries {
  /** What it is called in reports, e.g. `usdm BTCUSDT 1m`. */
  readonly name: string
  readonly batch: Batch
}

export interface AnomalyOptions {
  /** Rows that the usual is learnt from. Default 100. */
  readonly window?: number
  /** A price jumps, or leaves the candle's body, when it moves this many times its usual move (median deviations × 1.4826). Default 12. */
  readonly jump?: number
  /** Moves below this share of the price are never jumps. Default 0.005. */
  readonly leastMove?: number
  /** A volume spikes when it is this many times the usual (the median). Default 30. */
  readonly spike?: number
  /** A price is stuck when it is the same for this many rows although something was traded. Default 30. */
  readonly stuck?: number
  readonly peers?: readonly PeerSeries[]
  /** Anomalies kept; more are only counted. Default 1,000. */
  readonly max?: number
}

export interface Anomaly {
  /** A wick is a price that the candle reached and did not keep: a flash crash, or a record that is wrong. */
  readonly type: 'price-jump' | 'price-wick' | 'stuck-price' | 'volume-spike'
  /** Index of its first row, counted from the first that was looked at. */
  readonly row: number
  /** Open time of its first row, epoch ms. */
  readonly time: number
  readonly rows: number
  /** What was seen: the move as a share, the price, the volume. */
  readonly value: number
  /** What is usual there. */
  readonly usual: number
  /** Peers that show the same move, and those that do not. Empty for what peers tell nothing about. */
  readonly confirmedBy: readonly string[]
  readonly deniedBy: readonly string[]
  readonly detail: string
}

export interface AnomalyReport {
  readonly rows: number
  readonly anomalies: readonly Anomaly[]
  readonly counts: Readonly<Record<Anomaly['type'], number>>
}

const NORMAL = 1.4826
/** A peer confirms a move when it moved the same way at least so much of it. */
const CONFIRMS = 0.5

/**
 * Looks for candles that are unlike those before them. Each is compared with its past only. It reports and never
 * changes anything: an anomaly is a question, not a fault.
 */
export class AnomalyDetector {
  readonly #options: AnomalyOptions
  readonly #moves: SortedWindow
  readonly #wicks: SortedWindow
  readonly #volumes: SortedWindow
  readonly #minimum: number
  readonly #found: Anomaly[] = []
  readonly #counts = { 'price-jump': 0, 'price-wick': 0, 'stuck-price': 0, 'volume-spike': 0 }
  #row = 0
  #close = Number.NaN
  #closeTime = Number.NaN
  #run = { row: 0, time: Number.NaN, rows: 0, volume: 0, price: Number.NaN }

  constructor(options: AnomalyOptions = {}) {
    const window = options.window ?? 100
    this.#options = options
    this.#moves = new SortedWindow(window)
    this.#wicks = new SortedWindow(window)
    this.#volumes = new SortedWindow(window)
    this.#minimum = Math.min(30, window)
  }

  add(candles: TableSource): this {
    const batch = recordTable(candles, candle)
    const opens = columnOf(batch, 'open_time')
    const [open, high, low, close] = ['open', 'high', 'low', 'close'].map((name) => columnOf(batch, name))
    const volumes = batch.columns.volume
    const ends = batch.columns.close_time
    for (let i = 0; i < batch.length; i++) {
      const end = ends?.[i] ?? opens[i + 1] ?? Number.POSITIVE_INFINITY
      this.#wick(opens[i]!, end, { open: open![i]!, high: high![i]!, low: low![i]!, close: close![i]! })
      this.#jump(opens[i]!, end, close![i]!)
      const isFlat = open![i] === close![i] && high![i] === low![i]
      this.#stuck(opens[i]!, close![i]!, isFlat, volumes?.[i] ?? 0)
      if (volumes) this.#spike(opens[i]!, volumes[i]!)
      this.#row++
    }
    return this
  }

  get report(): AnomalyReport {
    const pending = this.#pendingRun()
    const counts = { ...this.#counts }
    if (pending) counts['stuck-price']++
    return { rows: this.#row, anomalies: pending ? [...this.#found, pending] : [...this.#found], counts }
  }

  #jump(time: number, end: number, close: number): void {
    const { jump = 12, leastMove = 0.005 } = this.#options
    const move = Math.log(close / this.#close)
    const from = this.#closeTime
    if (close > 0) {
      this.#close = close
      this.#closeTime = end
    }
    if (!Number.isFinite(move)) return
    const usual = this.#moves.medianDeviation * NORMAL
    if (this.#moves.length >= this.#minimum) {
      const distance = Math.abs(move - this.#moves.median)
      if (distance > jump * usual && Math.abs(move) > leastMove) {
        const share = Math.expm1(move)
        this.#report({
          type: 'price-jump',
          row: this.#row,
          time,
          rows: 1,
          value: share,
          usual,
          ...this.#ask(from, end, move),
          detail: `moved ${(share * 100).toFixed(2)} % to ${close}; ${(usual * 100).toFixed(3)} % is usual`,
        })
      }
    }
    this.#moves.push(move)
  }

  #wick(time: number, end: number, prices: Prices): void {
    const { jump = 12, leastMove = 0.005 } = this.#options
    const { up, down } = wicksOf(prices)
    const wick = up >= down ? up : -down
    if (!Number.isFinite(wick)) return
    // Where the price moves less from candle to candle than within each, that is the usual.
    const usual = Math.max(this.#moves.medianDeviation * NORMAL, this.#wicks.median)
    const isKnown = Math.min(this.#moves.length, this.#wicks.length) >= this.#minimum
    this.#wicks.push(Math.abs(wick))
    if (!isKnown || !(Math.abs(wick) > jump * usual && Math.abs(wick) > leastMove)) return
    const share = Math.expm1(wick)
    const confirmedBy: string[] = []
    const deniedBy: string[] = []
    for (const { name, batch } of this.#options.peers ?? []) {
      const other = wickWithin(batch, time, end, wick > 0)
      if (other !== undefined) (other >= CONFIRMS * Math.abs(wick) ? confirmedBy : deniedBy).push(name)
    }
    const reached = wick > 0 ? `rose to ${prices.high}` : `fell to ${prices.low}`
    this.#report({
      ...{ type: 'price-wick', row: this.#row, time, rows: 1, value: share, usual, confirmedBy, deniedBy },
      detail: `${reached} and came back, ${(Math.abs(share) * 100).toFixed(2)} % from where it opened and closed; ${(usual * 100).toFixed(3)} % is usual`,
    })
  }

  #ask(from: number, to: number, move: number): Pick<Anomaly, 'confirmedBy' | 'deniedBy'> {
    const confirmedBy: string[] = []
    const deniedBy: string[] = []
    for (const { name, batch } of this.#options.peers ?? []) {
      const before = rowEnding(batch, from)
      const after = rowEnding(batch, to)
      // One candle over the whole time tells nothing.
      if (before === undefined || after === undefined || before === after) continue
      const closes = columnOf(batch, 'close')
      const moved = Math.log(closes[after]! / closes[before]!)
      if (Math.sign(moved) === Math.sign(move) && Math.abs(moved) >= CONFIRMS * Math.abs(move)) confirmedBy.push(name)
      else deniedBy.push(name)
    }
    return { confirmedBy, deniedBy }
  }

  #stuck(time: number, price: number, isFlat: boolean, volume: number): void {
    if (isFlat && price === this.#run.price) {
      this.#run.rows++
      this.#run.volume += volume
      return
    }
    const over = this.#pendingRun()
    if (over) this.#report(over)
    this.#run = { row: this.#row, time, rows: isFlat ? 1 : 0, volume, price: isFlat ? price : Number.NaN }
  }

  /** The run that is under way, where it is long enough already. Nothing traded moves no price: that is no anomaly. */
  #pendingRun(): Anomaly | undefined {
    const { row, time, rows, volume, price } = this.#run
    const { stuck = 30 } = this.#options
    if (rows < stuck || !(volume > 0)) return undefined
    const detail = `the price is ${price} for ${rows} candles, though ${Number(volume.toPrecision(6))} was traded`
    return { type: 'stuck-price', row, time, rows, value: price, usual: stuck, confirmedBy: [], deniedBy: [], detail }
  }

  #spike(time: number, volume: number): void {
    const { spike = 30 } = this.#options
    if (!Number.isFinite(volume)) return
    const usual = this.#volumes.median
    if (this.#volumes.length >= this.#minimum && usual > 0 && volume > spike * usual) {
      const detail = `volume ${volume} is ${(volume / usual).toFixed(0)} times the usual ${Number(usual.toPrecision(6))}`
      const none = { confirmedBy: [], deniedBy: [] }
      this.#report({ type: 'volume-spike', row: this.#row, time, rows: 1, value: volume, usual, ...none, detail })
    }
    this.#volumes.push(volume)
  }

  #report(anomaly: Anomaly): void {
    this.#counts[anomaly.type]++
    if (this.#found.length < (this.#options.max ?? 1_000)) this.#found.push(anomaly)
  }
}

interface Prices {
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
}

/** How far the price went beyond open and close, as logarithms; NaN where a price is none. */
function wicksOf({ open, high, low, close }: Prices): { up: number; down: number } {
  return { up: Math.log(high / Math.max(open, close)), down: Math.log(Math.min(open, close) / low) }
}

/**
 * The wick that the candles of another series have together within one candle; undefined where they do not cover it, or are
 * longer: what a longer candle shows may have happened before or after.
 */
function wickWithin(batch: Batch, from: number, to: number, up: boolean): number | undefined {
  const ends = batch.columns.close_time
  if (!ends) return undefined
  const opens = columnOf(batch, 'open_time')
  const first = lowerBound(opens, from, batch.length)
  const last = lowerBound(ends, to + 1, batch.length) - 1
  if (first > last || opens[first] !== from || ends[last] !== to) return undefined
  const prices = {
    open: columnOf(batch, 'open')[first]!,
    high: 0,
    low: Infinity,
    close: columnOf(batch, 'close')[last]!,
  }
  const [highs, lows] = [columnOf(batch, 'high'), columnOf(batch, 'low')]
  for (let row = first; row <= last; row++) {
    prices.high = Math.max(prices.high, highs[row]!)
    prices.low = Math.min(prices.low, lows[row]!)
  }
  return wicksOf(prices)[up ? 'up' : 'down']
}

/** The last candle that has ended at `time`; undefined where the series has none near, or does not say when they end. */
function rowEnding(batch: Batch, time: number): number | undefined {
  const ends = batch.columns.close_time
  if (!ends) return undefined
  const row = lowerBound(ends, time + 1, batch.length) - 1
  if (row < 0) return undefined
  const length = ends[row]! - columnOf(batch, 'open_time')[row]! + 1
  return time - ends[row]! < length ? row : undefined
}

/** Looks for anomalies in candles that are all in memory: one table or many, one after the other. See `AnomalyDetector`. */
export function findAnomalies(
  candles: TableSource | Iterable<TableSource>,
  options: AnomalyOptions = {},
): AnomalyReport {
  const detector = new AnomalyDetector(options)
  for (const batch of tablesOf(candles)) detector.add(batch)
  return detector.report
}

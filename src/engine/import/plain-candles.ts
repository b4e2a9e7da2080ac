import { DefectList } from '../../archive/zip-reader.ts'
import type { Batch } from '../../model/batch.ts'
import { CandleFlag, candle } from '../../model/candle.ts'
import { closeTimeOf, type IntervalGrid, isOpenTime } from '../../model/interval.ts'
import { kindOf } from '../../model/kinds.ts'
import { asCandlesOf, premiumCandle } from '../../model/price-candle.ts'
import { ALL_TIME } from './read-archive.ts'
import type { ImportTarget, OnBatch } from './types.ts'

const BLOCK = 65_536
const PRICES = ['open', 'high', 'low', 'close', 'volume'] as const

/**
 * Makes batches of candles of which no more is known than open, high, low, close and volume. What is no candle of the
 * series becomes a defect that names its place.
 */
export class PlainCandles {
  readonly #target: ImportTarget
  readonly #onBatch: OnBatch
  readonly #until: number
  readonly #list = new DefectList()
  #columns = newColumns()
  #length = 0
  #last = Number.NEGATIVE_INFINITY
  #grid: IntervalGrid
  rows = 0
  notes: string[] = []

  /** @param until candles that close after it (when the file was written) were still open: they are left out. */
  constructor(target: ImportTarget, until: number, onBatch: OnBatch) {
    this.#target = target
    this.#until = until
    this.#onBatch = onBatch
    this.#grid = { interval: target.series.interval ?? '1m' }
  }

  /** Takes one candle; `where` is its line or row in the file. */
  add(values: ArrayLike<number>, where: number): void {
    const [time = Number.NaN, open = Number.NaN, high = Number.NaN, low = Number.NaN, close = Number.NaN] =
      Array.from(values)
    const volume = values[5] ?? Number.NaN
    if (![time, open, high, low, close, volume].every(Number.isFinite) || values.length < 6) {
      this.bad(where, 'is no candle: it takes time, open, high, low, close and volume')
      return
    }
    if (this.#grid.interval === '3d' && this.#grid.origin === undefined) this.#grid = { ...this.#grid, origin: time }
    if (time < ALL_TIME.from || time >= ALL_TIME.to) this.bad(where, `${time} is no time in ms`)
    else if (!isOpenTime(this.#grid, time)) this.bad(where, `no ${this.#grid.interval} candle opens at ${time}`, time)
    else if (time <= this.#last) this.bad(where, `${time} does not come after ${this.#last}`, time)
    else if (closeTimeOf(this.#grid, time) >= this.#until) {
      this.#last = time
      this.notes.push(`the candle at ${new Date(time).toISOString()} was not closed when the file was written`)
    } else this.#put(time, open, high, low, close, volume)
  }

  bad(where: number, detail: string, time?: number): void {
    this.#list.add({
      ...(time === undefined ? {} : { time }),
      type: 'bad-row',
      where: `${this.#target.path}:${where}`,
      detail,
      kept: 'none',
    })
  }

  get defects(): DefectList {
    return this.#list
  }

  get isFull(): boolean {
    return this.#length === BLOCK
  }

  /** Hands on what is there. */
  async flush(): Promise<void> {
    if (this.#length === 0) return
    const length = this.#length
    const columns: Record<string, Float64Array> = {}
    for (const [name, values] of Object.entries(this.#columns)) columns[name] = values.subarray(0, length)
    this.#columns = newColumns()
    this.#length = 0
    const batch: Batch = { length, columns }
    await this.#onBatch(asCandlesOf(kindOf(this.#target.series.kind), batch))
  }

  #put(time: number, open: number, high: number, low: number, close: number, volume: number): void {
    const row = this.#length++
    const columns = this.#columns
    const signed = this.#target.series.kind === premiumCandle.id
    const sane =
      (low > 0 || signed) && low <= Math.min(open, close) && high >= Math.max(open, close) && (volume >= 0 || signed)
    columns.open_time![row] = time
    ;[open, high, low, close, volume].forEach((value, index) => {
      columns[PRICES[index]!]![row] = value
    })
    columns.close_time![row] = closeTimeOf(this.#grid, time)
    columns.flags![row] = CandleFlag.user | CandleFlag.partial | (sane ? 0 : CandleFlag.suspect)
    this.#last = time
    this.rows++
  }
}

function newColumns(): Record<string, Float64Array> {
  return Object.fromEntries(candle.columns.map(({ name }) => [name, new Float64Array(BLOCK)]))
}

/** Wilder's average true range, a candle at a time. */
export class AtrCell {
  readonly period: number
  /** Whether the first candle's high less low counts as a true range. */
  readonly fromFirst: boolean
  before = Number.NaN
  count = 0
  value = 0

  constructor(period: number, fromFirst = false) {
    this.period = period
    this.fromFirst = fromFirst
  }

  get warm(): boolean {
    return this.count >= this.period
  }

  /** NaN until `period` true ranges are in. */
  next(high: number, low: number, close: number): number {
    const { before, period } = this
    this.before = close
    const first = Number.isNaN(before)
    if (first && !this.fromFirst) return Number.NaN
    const range = first ? high - low : (high > before ? high : before) - (low < before ? low : before)
    if (this.count >= period) {
      this.value += (range - this.value) / period
      return this.value
    }
    this.value += range
    if (++this.count < period) return Number.NaN
    this.value /= period
    return this.value
  }
}

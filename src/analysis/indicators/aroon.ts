import { define, integer, type Kernel } from './definition.ts'

/** Rows since the greatest of the last `length` values, in amortised constant time; among equals the oldest counts. */
class MaxAge {
  readonly length: number
  readonly values: Float64Array
  readonly rows: Float64Array
  /** Places of the queue: values fall from head to tail, so that the head is the greatest. */
  head = 0
  size = 0
  row = 0

  constructor(length: number) {
    this.length = length
    this.values = new Float64Array(length)
    this.rows = new Float64Array(length)
  }

  next(value: number): number {
    const { values, rows, length } = this
    const { row } = this
    if (this.size > 0 && rows[this.head]! <= row - length) {
      this.head = this.head + 1 === length ? 0 : this.head + 1
      this.size--
    }
    while (this.size > 0) {
      const tail = (this.head + this.size - 1) % length
      if (values[tail]! >= value) break
      this.size--
    }
    const place = (this.head + this.size) % length
    values[place] = value
    rows[place] = row
    this.size++
    this.row = row + 1
    return row - rows[this.head]!
  }
}

class AroonKernel implements Kernel {
  readonly period: number
  readonly highs: MaxAge
  readonly lows: MaxAge
  count = 0

  constructor(period: number) {
    this.period = period
    this.highs = new MaxAge(period + 1)
    this.lows = new MaxAge(period + 1)
  }

  run(
    [high, low]: readonly Float64Array[],
    from: number,
    to: number,
    [upLine, downLine, oscillator]: readonly Float64Array[],
  ): void {
    const { period, highs, lows } = this
    for (let i = from; i < to; i++) {
      const up = (100 * (period - highs.next(high![i]!))) / period
      const down = (100 * (period - lows.next(-low![i]!))) / period
      const ready = this.count >= period
      if (!ready) this.count++
      upLine![i] = ready ? up : Number.NaN
      downLine![i] = ready ? down : Number.NaN
      oscillator![i] = ready ? up - down : Number.NaN
    }
  }
}

/** How long ago the highest high and the lowest low were: 100 for now, 0 for `period` candles ago. */
export const aroon = define({
  id: 'aroon',
  title: 'Aroon',
  parameters: [integer('period', 25, 1, 'candles back')],
  inputs: ['high', 'low'],
  outputs: { up: 'nearness of the highest high', down: 'nearness of the lowest low', oscillator: 'up less down' },
  warmUp: ({ period }) => period,
  convention:
    'Tushar Chande (1995), over this candle and `period` before it; among equal extremes the oldest counts (Stock.Indicators; TA-Lib takes the newest).',
  create: ({ period }) => new AroonKernel(period),
})

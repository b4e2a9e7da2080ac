import { define, integer, type Kernel } from './definition.ts'
import { Delay, SumWindow } from './windows.ts'

class KamaKernel implements Kernel {
  readonly period: number
  readonly fastest: number
  readonly slowest: number
  readonly past: Delay
  readonly volatility: SumWindow
  count = 0
  before = 0
  value = 0

  constructor(period: number, fast: number, slow: number) {
    this.period = period
    this.fastest = 2 / (fast + 1)
    this.slowest = 2 / (slow + 1)
    this.past = new Delay(period)
    this.volatility = new SumWindow(period)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { period, fastest, slowest, past, volatility } = this
    let { count, before, value } = this
    for (let i = from; i < to; i++) {
      const price = x![i]!
      const change = Math.abs(price - past.next(price))
      const walked = count === 0 ? 0 : volatility.next(Math.abs(price - before))
      before = price
      if (count < period) {
        count++
        // The average begins with the last price of the warm-up.
        value = price
        out![i] = Number.NaN
        continue
      }
      const efficiency = change >= walked ? (walked === 0 ? 0 : 1) : change / walked
      const weight = efficiency * (fastest - slowest) + slowest
      value += weight * weight * (price - value)
      out![i] = value
    }
    this.count = count
    this.before = before
    this.value = value
  }
}

/** An average that follows closely while the price walks straight, and hardly while it goes to and fro. */
export const kama = define({
  id: 'kama',
  title: 'Kaufman adaptive moving average',
  parameters: [
    integer('period', 10, 1, 'changes by which the efficiency is judged'),
    integer('fast', 2, 1, 'period of the quickest average'),
    integer('slow', 30, 1, 'period of the slowest average'),
  ],
  inputs: ['source'],
  outputs: { value: 'average' },
  warmUp: ({ period }) => period,
  convention:
    'Perry Kaufman (1995). Begins with the price before the first value and shows from row `period` on (TA-Lib KAMA; Tulip also shows that price). Where nothing moved the efficiency is 0.',
  create: ({ period, fast, slow }) => new KamaKernel(period, fast, slow),
})

import { define, isFiniteSum, type Kernel } from './definition.ts'

class ObvKernel implements Kernel {
  started = false
  before = 0
  sum = 0

  run([close, volume]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    let { before, sum } = this
    let i = from
    if (i < to && !this.started) {
      this.started = true
      before = close![i]!
      out![i++] = sum
    }
    for (; i < to; i++) {
      const price = close![i]!
      const amount = volume![i]!
      sum += price > before ? amount : price < before ? -amount : 0
      before = price
      out![i] = sum
    }
    this.before = before
    this.sum = sum
  }

  attempt([close, volume]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    if (!this.started) return false
    let { before, sum } = this
    let seen = 0
    for (let i = from; i < to; i++) {
      const price = close![i]!
      const amount = volume![i]!
      sum += price > before ? amount : price < before ? -amount : 0
      before = price
      seen += price + amount
      out![i] = sum
    }
    if (!isFiniteSum(seen)) return false
    this.before = before
    this.sum = sum
    return true
  }
}

/** Volume of rising candles less volume of falling ones, from the first candle on. */
export const obv = define({
  id: 'obv',
  title: 'On-balance volume',
  parameters: [],
  inputs: ['close', 'volume'],
  outputs: { value: 'in units of the volume; only its changes mean something' },
  warmUp: () => 0,
  convention:
    'Joseph Granville (1963), from 0 at the first candle (Stock.Indicators, Tulip; TA-Lib begins with its volume).',
  create: () => new ObvKernel(),
})

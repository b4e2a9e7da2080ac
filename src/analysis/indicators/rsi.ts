import { define, integer, isFiniteSum, type Kernel, word } from './definition.ts'
import { COPY_ROWS, SumWindow } from './windows.ts'

/** 100 where nothing was lost, even if nothing was won either. */
function strength(gain: number, loss: number): number {
  return loss <= 0 ? 100 : 100 - 100 / (1 + gain / loss)
}

class WilderRsiKernel implements Kernel {
  readonly period: number
  count = -1
  before = 0
  gain = 0
  loss = 0

  constructor(period: number) {
    this.period = period
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { period } = this
    let { count, before, gain, loss } = this
    let i = from
    for (; i < to && count < period; i++) {
      const value = x![i]!
      if (count >= 0) {
        const change = value - before
        if (change > 0) gain += change
        else loss -= change
      }
      before = value
      if (++count === period) {
        gain /= period
        loss /= period
        out![i] = strength(gain, loss)
      } else out![i] = Number.NaN
    }
    const keep = (period - 1) / period
    const add = 1 / period
    for (; i < to; i++) {
      const value = x![i]!
      const change = value - before
      before = value
      // Half of |change| ± change is the gain or the loss, without a branch that the processor cannot foresee.
      const size = Math.abs(change)
      gain = gain * keep + (size + change) * 0.5 * add
      loss = loss * keep + (size - change) * 0.5 * add
      out![i] = loss <= 0 ? 100 : 100 * (gain / (gain + loss))
    }
    this.count = count
    this.before = before
    this.gain = gain
    this.loss = loss
  }
}

class CutlerRsiKernel implements Kernel {
  readonly gains: SumWindow
  readonly losses: SumWindow
  started = false
  before = 0

  constructor(period: number) {
    this.gains = new SumWindow(period)
    this.losses = new SumWindow(period)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    this.#run(x!, from, to, out!)
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    const { gains, losses, before } = this
    // Copies pay only where many rows follow.
    if (!this.started || to - from < COPY_ROWS * gains.period) return false
    const [gain, loss] = [gains.copy(), losses.copy()]
    if (this.#run(x!, from, to, out!)) return true
    gains.restore(gain)
    losses.restore(loss)
    this.before = before
    return false
  }

  /** @returns false where a value is not finite */
  #run(x: Float64Array, from: number, to: number, out: Float64Array): boolean {
    const { gains, losses } = this
    let { before } = this
    let seen = 0
    for (let i = from; i < to; i++) {
      const value = x[i]!
      const change = value - before
      before = value
      // What is no number loses every comparison, and shows here.
      seen += value
      if (!this.started) {
        this.started = true
        out[i] = Number.NaN
        continue
      }
      const size = Math.abs(change)
      const gain = gains.next((size + change) * 0.5)
      const loss = losses.next((size - change) * 0.5)
      out[i] = gains.count < gains.period ? Number.NaN : strength(gain, loss)
    }
    this.before = before
    return isFiniteSum(seen)
  }
}

/** How much of the recent movement was upward, 0 to 100. */
export const rsi = define({
  id: 'rsi',
  title: 'Relative strength index',
  parameters: [
    integer('period', 14, 1, 'changes in the average'),
    word('smoothing', ['wilder', 'cutler'], "Wilder's running average, or Cutler's simple mean"),
  ],
  inputs: ['source'],
  outputs: { value: '0 to 100' },
  warmUp: ({ period }) => period,
  convention:
    'Wilder (1978): the first averages are the simple means of the first `period` changes, then (before (period - 1) + now) / period; so do TA-Lib, TradingView and Stock.Indicators. smoothing=cutler takes simple means all along, so that a value does not depend on where the series begins. Without a loss in the average it is 100, also on a constant series (TradingView, Stock.Indicators; TA-Lib gives 0 there).',
  create: ({ period, smoothing }) =>
    smoothing === 'cutler' ? new CutlerRsiKernel(period) : new WilderRsiKernel(period),
})

import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { COPY_ROWS, SumWindow } from './windows.ts'

class MfiKernel implements Kernel {
  readonly inflow: SumWindow
  readonly outflow: SumWindow
  started = false
  before = 0

  constructor(period: number) {
    this.inflow = new SumWindow(period)
    this.outflow = new SumWindow(period)
  }

  run(inputs: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): void {
    this.#run(inputs, from, to, outputs)
  }

  attempt(inputs: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): boolean {
    const { inflow, outflow, before } = this
    // Copies pay only where many rows follow.
    if (!this.started || to - from < COPY_ROWS * inflow.period) return false
    const [into, away] = [inflow.copy(), outflow.copy()]
    if (this.#run(inputs, from, to, outputs)) return true
    inflow.restore(into)
    outflow.restore(away)
    this.before = before
    return false
  }

  /** @returns false where an input is not finite */
  #run(
    [highs, lows, closes, volumes]: readonly Float64Array[],
    from: number,
    to: number,
    [outs]: readonly Float64Array[],
  ) {
    const [high, low, close, volume, out] = [highs!, lows!, closes!, volumes!, outs!]
    const { inflow, outflow } = this
    let { before } = this
    let seen = 0
    for (let i = from; i < to; i++) {
      const typical = (high[i]! + low[i]! + close[i]!) / 3
      const flow = typical * volume[i]!
      // What is no number loses every comparison, and shows here.
      seen += flow
      // No branch: which way it goes no processor foresees.
      const gain = flow * Number(typical > before)
      const loss = flow * Number(typical < before)
      before = typical
      if (!this.started) {
        this.started = true
        out[i] = Number.NaN
        continue
      }
      const into = inflow.next(gain)
      const away = outflow.next(loss)
      out[i] = inflow.count < inflow.period ? Number.NaN : away <= 0 ? 100 : 100 - 100 / (1 + into / away)
    }
    this.before = before
    return isFiniteSum(seen)
  }
}

/** A relative strength index of money: typical price times volume, 0 to 100. */
export const mfi = define({
  id: 'mfi',
  title: 'Money flow index',
  parameters: [integer('period', 14, 1, 'changes in the window')],
  inputs: ['high', 'low', 'close', 'volume'],
  outputs: { value: '0 to 100' },
  warmUp: ({ period }) => period,
  convention:
    'Quong and Soudack (1989), simple sums (TA-Lib MFI, TradingView, Stock.Indicators). 100 where no money flowed away.',
  create: ({ period }) => new MfiKernel(period),
})

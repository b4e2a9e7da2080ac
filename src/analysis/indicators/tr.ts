import { define, flag, isFiniteSum, type Kernel } from './definition.ts'

class TrKernel implements Kernel {
  /** Close of the row before; NaN before the first. */
  before = Number.NaN
  readonly fromFirst: boolean

  constructor(fromFirst: boolean) {
    this.fromFirst = fromFirst
  }

  run([high, low, close]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    let { before } = this
    let i = from
    if (i < to && Number.isNaN(before)) {
      out![i] = this.fromFirst ? high![i]! - low![i]! : Number.NaN
      before = close![i++]!
    }
    for (; i < to; i++) {
      const h = high![i]!
      const l = low![i]!
      out![i] = (h > before ? h : before) - (l < before ? l : before)
      before = close![i]!
    }
    this.before = before
  }

  attempt(
    [high, low, close]: readonly Float64Array[],
    from: number,
    to: number,
    [out]: readonly Float64Array[],
  ): boolean {
    let { before } = this
    if (Number.isNaN(before)) return false
    let seen = 0
    for (let i = from; i < to; i++) {
      const h = high![i]!
      const l = low![i]!
      out![i] = (h > before ? h : before) - (l < before ? l : before)
      before = close![i]!
      seen += h + l + before
    }
    if (!isFiniteSum(seen)) return false
    this.before = before
    return true
  }
}

/** How far the price moved in a candle, the jump from the close before included. */
export const tr = define({
  id: 'tr',
  title: 'True range',
  parameters: [flag('first', 'take high less low for the first candle, which has no close before it')],
  inputs: ['high', 'low', 'close'],
  outputs: { value: 'max(high, close before) - min(low, close before)' },
  warmUp: ({ first }) => (first ? 0 : 1),
  convention:
    'Wilder (1978), from the second candle on (TA-Lib TRANGE, Stock.Indicators); first=true as TradingView and Tulip.',
  create: ({ first }) => new TrKernel(first),
})

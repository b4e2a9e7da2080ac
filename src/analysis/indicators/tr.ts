import { define, flag, type Kernel } from './definition.ts'

class TrKernel implements Kernel {
  /** Close of the row before; NaN before the first. */
  before = Number.NaN
  readonly fromFirst: boolean

  constructor(fromFirst: boolean) {
    this.fromFirst = fromFirst
  }

  run([high, low, close]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    let { before } = this
    for (let i = from; i < to; i++) {
      const h = high![i]!
      const l = low![i]!
      if (Number.isNaN(before)) out![i] = this.fromFirst ? h - l : Number.NaN
      else out![i] = (h > before ? h : before) - (l < before ? l : before)
      before = close![i]!
    }
    this.before = before
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

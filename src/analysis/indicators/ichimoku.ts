import { define, flag, integer, type Kernel } from './definition.ts'
import { Delay, MaxWindow, MinWindow } from './windows.ts'

class Middle {
  readonly highs: MaxWindow
  readonly lows: MinWindow
  readonly period: number
  count = 0

  constructor(period: number) {
    this.highs = new MaxWindow(period)
    this.lows = new MinWindow(period)
    this.period = period
  }

  next(high: number, low: number): number {
    const top = this.highs.next(high)
    const bottom = this.lows.next(low)
    if (this.count < this.period) this.count++
    return this.count < this.period ? Number.NaN : (top + bottom) / 2
  }
}

class IchimokuKernel implements Kernel {
  readonly conversion: Middle
  readonly base: Middle
  readonly long: Middle
  readonly spanA: Delay
  readonly spanB: Delay

  constructor(conversion: number, base: number, spanB: number, displacement: number) {
    this.conversion = new Middle(conversion)
    this.base = new Middle(base)
    this.long = new Middle(spanB)
    this.spanA = new Delay(displacement)
    this.spanB = new Delay(displacement)
  }

  run(inputs: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): void {
    const [highs, lows, closes] = inputs
    const [tenkan, kijun, senkouA, senkouB, chikou] = outputs
    for (let i = from; i < to; i++) {
      const h = highs![i]!
      const l = lows![i]!
      const fast = this.conversion.next(h, l)
      const slow = this.base.next(h, l)
      tenkan![i] = fast
      kijun![i] = slow
      senkouA![i] = this.spanA.next((fast + slow) / 2)
      senkouB![i] = this.spanB.next(this.long.next(h, l))
      if (chikou) chikou[i] = closes![i]!
    }
  }
}

/** Middles of three windows; two of them are drawn into the future as a cloud. */
export const ichimoku = define({
  id: 'ichimoku',
  title: 'Ichimoku cloud',
  parameters: [
    integer('conversion', 9, 1, 'candles of tenkan'),
    integer('base', 26, 1, 'candles of kijun'),
    integer('spanB', 52, 1, 'candles of senkouB'),
    integer('displacement', 26, 0, 'rows by which the cloud is drawn forward, and chikou backward', 10_000),
    flag('lookAhead', 'also give chikou, which is a close of the future'),
  ],
  inputs: ['high', 'low', 'close'],
  outputs: ({ lookAhead }) => ({
    tenkan: 'middle of the last `conversion` candles',
    kijun: 'middle of the last `base` candles',
    senkouA: 'mean of tenkan and kijun as they were `displacement` rows ago',
    senkouB: 'middle of `spanB` candles as it was `displacement` rows ago',
    ...(lookAhead ? { chikou: 'close `displacement` rows later: looks ahead' } : {}),
  }),
  warmUp: ({ conversion, base, spanB, displacement, lookAhead }) => [
    conversion - 1,
    base - 1,
    Math.max(conversion, base) - 1 + displacement,
    spanB - 1 + displacement,
    ...(lookAhead ? [0] : []),
  ],
  lookAhead: ({ displacement, lookAhead }) => [0, 0, 0, 0, ...(lookAhead ? [displacement] : [])],
  convention:
    'Goichi Hosoda, as Stock.Indicators. The cloud at a row is what was known `displacement` rows before it, so nothing looks ahead; chikou does, and is given in batches only, with lookAhead=true.',
  create: ({ conversion, base, spanB, displacement }) => new IchimokuKernel(conversion, base, spanB, displacement),
})

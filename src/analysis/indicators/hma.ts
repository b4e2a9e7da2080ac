import { define, integer, type Kernel } from './definition.ts'
import { WmaWindow } from './wma-window.ts'

class HmaKernel implements Kernel {
  readonly half: WmaWindow
  readonly full: WmaWindow
  readonly last: WmaWindow

  constructor(period: number) {
    this.half = new WmaWindow(Math.floor(period / 2))
    this.full = new WmaWindow(period)
    this.last = new WmaWindow(Math.floor(Math.sqrt(period)))
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { half, full, last } = this
    for (let i = from; i < to; i++) {
      const value = x![i]!
      const short = half.next(value)
      const long = full.next(value)
      out![i] = full.count < full.period ? Number.NaN : last.next(2 * short - long)
    }
  }
}

/** A weighted average that is quick and smooth: of twice the short one less the long one. */
export const hma = define({
  id: 'hma',
  title: 'Hull moving average',
  parameters: [integer('period', 14, 2, 'values in the long window')],
  inputs: ['source'],
  outputs: { value: 'average' },
  warmUp: ({ period }) => period - 1 + Math.floor(Math.sqrt(period)) - 1,
  convention:
    'wma(2 wma(period / 2) - wma(period), sqrt(period)) with both lengths rounded down (Alan Hull, TradingView ta.hma, Stock.Indicators).',
  create: ({ period }) => new HmaKernel(period),
})

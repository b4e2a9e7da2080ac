import { define, integer, type Kernel } from './definition.ts'
import { Delay } from './windows.ts'

class MomentumKernel implements Kernel {
  readonly past: Delay

  constructor(period: number) {
    this.past = new Delay(period)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { past } = this
    for (let i = from; i < to; i++) {
      const value = x![i]!
      out![i] = value - past.next(value)
    }
  }
}

/** Change over `period` rows in the source's own unit. */
export const momentum = define({
  id: 'momentum',
  title: 'Momentum',
  parameters: [integer('period', 10, 1, 'rows back')],
  inputs: ['source'],
  outputs: { value: 'value less the value `period` rows ago' },
  warmUp: ({ period }) => period,
  convention: 'A difference, not a ratio (TA-Lib MOM, TradingView ta.mom, Tulip mom).',
  create: ({ period }) => new MomentumKernel(period),
})

import { define, integer, type Kernel } from './definition.ts'
import { WeightedWindow } from './weighted-window.ts'
import { scratch } from './windows.ts'

class VwmaKernel implements Kernel {
  readonly window: WeightedWindow

  constructor(period: number) {
    this.window = new WeightedWindow(period)
  }

  run([x, volume]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    this.window.run(products(x!, volume!, from, to), volume!, from, to, out!, false)
  }

  attempt([x, volume]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.window.run(products(x!, volume!, from, to), volume!, from, to, out!, true)
  }
}

/** Values times volumes, from place 0 on. */
function products(x: Float64Array, volume: Float64Array, from: number, to: number): Float64Array {
  const made = scratch(2, to - from)
  let i = from
  let k = 0
  // Two rows at a time: what is known of the arrays is looked up once for both.
  for (; i + 1 < to; i += 2, k += 2) {
    made[k] = x[i]! * volume[i]!
    made[k + 1] = x[i + 1]! * volume[i + 1]!
  }
  if (i < to) made[k] = x[i]! * volume[i]!
  return made
}

/** The mean of the last `period` values, each weighing the volume of its candle. */
export const vwma = define({
  id: 'vwma',
  title: 'Volume weighted moving average',
  parameters: [integer('period', 20, 1, 'candles in the window')],
  inputs: ['source', 'volume'],
  outputs: { value: 'weighted mean' },
  warmUp: ({ period }) => period - 1,
  convention: 'As TradingView ta.vwma and Tulip. NaN while nothing was traded in the whole window.',
  create: ({ period }) => new VwmaKernel(period),
})

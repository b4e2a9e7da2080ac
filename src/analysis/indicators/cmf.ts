import { define, integer, type Kernel } from './definition.ts'
import { WeightedWindow } from './weighted-window.ts'
import { scratch } from './windows.ts'

class CmfKernel implements Kernel {
  readonly window: WeightedWindow

  constructor(period: number) {
    this.window = new WeightedWindow(period)
  }

  run(inputs: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    this.window.run(placesOf(inputs, from, to), inputs[3]!, from, to, out!, false)
  }

  attempt(inputs: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.window.run(placesOf(inputs, from, to), inputs[3]!, from, to, out!, true)
  }
}

/** From place 0 on: how high the close lies in its candle, -1 to 1. Not finite where anything that it reads is not. */
function placesOf([high, low, close]: readonly Float64Array[], from: number, to: number): Float64Array {
  const places = scratch(2, to - from)
  for (let i = from; i < to; i++) {
    const h = high![i]!
    const l = low![i]!
    const c = close![i]!
    places[i - from] = h === l ? (c - h) * 0 : (c - l - (h - c)) / (h - l)
  }
  return places
}

/** Whether closes lie high or low in their candles, weighing volume, -1 to 1. */
export const cmf = define({
  id: 'cmf',
  title: 'Chaikin money flow',
  parameters: [integer('period', 20, 1, 'candles in the window')],
  inputs: ['high', 'low', 'close', 'volume'],
  outputs: { value: '-1 to 1' },
  warmUp: ({ period }) => period - 1,
  convention:
    'Marc Chaikin (TradingView, Stock.Indicators). A candle without range counts as the middle; NaN while nothing was traded in the whole window.',
  create: ({ period }) => new CmfKernel(period),
})

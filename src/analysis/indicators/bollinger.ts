import { decimal, define, integer, type Kernel } from './definition.ts'
import { VarianceWindow } from './variance-window.ts'
import { rowsOf, scratch } from './windows.ts'

class BollingerKernel implements Kernel {
  readonly window: VarianceWindow
  readonly width: number

  constructor(period: number, width: number) {
    this.window = new VarianceWindow(period)
    this.width = width
  }

  run([x]: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): void {
    this.#rows(x!, from, to, outputs, false)
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): boolean {
    return this.#rows(x!, from, to, outputs, true)
  }

  #rows(x: Float64Array, from: number, to: number, outputs: readonly Float64Array[], checking: boolean): boolean {
    const { window, width } = this
    const [middle, upper, lower, percentB, bandwidth] = outputs
    const means = rowsOf(middle!, from, to)
    // Where somebody wants the upper band, the deviations go through its places.
    const deviations = upper!.length > 0 ? rowsOf(upper!, from, to) : scratch(1, to - from)
    if (!window.run(x, from, to, means, deviations, checking)) return false
    if (percentB!.length > 0 || bandwidth!.length > 0) {
      for (let i = from; i < to; i++) {
        const mean = means[i - from]!
        const reach = width * deviations[i - from]!
        percentB![i] = reach > 0 ? (x[i]! - (mean - reach)) / (2 * reach) : Number.NaN
        bandwidth![i] = mean === 0 ? Number.NaN : (2 * reach) / mean
      }
    }
    for (let i = from; i < to; i++) {
      const mean = means[i - from]!
      const reach = width * deviations[i - from]!
      upper![i] = mean + reach
      lower![i] = mean - reach
    }
    return true
  }
}

/** A band of some standard deviations about the mean. */
export const bollinger = define({
  id: 'bollinger',
  title: 'Bollinger bands',
  parameters: [
    integer('period', 20, 1, 'values in the window'),
    decimal('width', 2, 0, 'standard deviations from the mean to either band'),
  ],
  inputs: ['source'],
  outputs: {
    middle: 'mean',
    upper: 'mean plus width deviations',
    lower: 'mean less width deviations',
    percentB: 'place between the bands: 0 at the lower, 1 at the upper',
    bandwidth: 'distance of the bands over the mean',
  },
  warmUp: ({ period }) => period - 1,
  convention:
    'John Bollinger: the deviation is that of the population (TA-Lib BBANDS, TradingView, Stock.Indicators). percentB is NaN where the bands meet.',
  create: ({ period, width }) => new BollingerKernel(period, width),
})

import { define, integer, type Kernel } from './definition.ts'
import { VarianceWindow } from './variance-window.ts'

class ZscoreKernel implements Kernel {
  readonly window: VarianceWindow
  readonly degrees: number

  constructor(period: number, ddof: number) {
    this.window = new VarianceWindow(period)
    this.degrees = period - ddof
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { window, degrees } = this
    window.run(x!, from, to)
    const { means, deviations } = window
    for (let i = from; i < to; i++) {
      const deviation = deviations[i - from]!
      out![i] = deviation > 0 ? (x![i]! - means[i - from]!) / Math.sqrt(deviation / degrees) : Number.NaN
    }
  }
}

/** How many standard deviations a value is from the mean of its window. */
export const zscore = define({
  id: 'zscore',
  title: 'Rolling z-score',
  parameters: [
    integer('period', 20, 2, 'values in the window, the newest among them'),
    integer('ddof', 0, 0, 'taken off the count in the deviation: 0 population, 1 sample', 1),
  ],
  inputs: ['source'],
  outputs: { value: '(value - mean) / deviation' },
  warmUp: ({ period }) => period - 1,
  convention: 'Population deviation unless ddof=1. NaN where the window is constant.',
  create: ({ period, ddof }) => new ZscoreKernel(period, ddof),
})

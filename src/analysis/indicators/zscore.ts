import { define, integer, type Kernel } from './definition.ts'
import { VarianceWindow } from './variance-window.ts'
import { rowsOf, scratch } from './windows.ts'

class ZscoreKernel implements Kernel {
  readonly window: VarianceWindow

  constructor(period: number, ddof: number) {
    this.window = new VarianceWindow(period, ddof)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    this.#rows(x!, from, to, out!, false)
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.#rows(x!, from, to, out!, true)
  }

  #rows(x: Float64Array, from: number, to: number, out: Float64Array, checking: boolean): boolean {
    const means = scratch(1, to - from)
    // The deviations go through the places of the result.
    if (!this.window.run(x, from, to, means, rowsOf(out, from, to), checking)) return false
    for (let i = from; i < to; i++) {
      const deviation = out[i]!
      out[i] = deviation > 0 ? (x[i]! - means[i - from]!) / deviation : Number.NaN
    }
    return true
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

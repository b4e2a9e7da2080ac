import { define, integer, type Kernel } from './definition.ts'
import { VarianceWindow } from './variance-window.ts'
import { rowsOf, scratch } from './windows.ts'

class StdKernel implements Kernel {
  readonly window: VarianceWindow

  constructor(period: number, ddof: number) {
    this.window = new VarianceWindow(period, ddof)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    this.window.run(x!, from, to, scratch(1, to - from), rowsOf(out!, from, to), false)
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.window.run(x!, from, to, scratch(1, to - from), rowsOf(out!, from, to), true)
  }
}

/** Standard deviation of the last `period` values. */
export const std = define({
  id: 'std',
  title: 'Rolling standard deviation',
  parameters: [
    integer('period', 20, 2, 'values in the window'),
    integer('ddof', 0, 0, 'taken off the count: 0 population, 1 sample', 1),
  ],
  inputs: ['source'],
  outputs: { value: 'standard deviation' },
  warmUp: ({ period }) => period - 1,
  convention: 'Population unless ddof=1 (TA-Lib STDDEV, Tulip stddev; pandas rolling().std() is ddof=1).',
  create: ({ period, ddof }) => new StdKernel(period, ddof),
})

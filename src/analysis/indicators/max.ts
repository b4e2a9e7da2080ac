import { define, integer } from './definition.ts'
import { ExtremeKernel } from './extreme-kernel.ts'
import { MaxWindow } from './windows.ts'

/** The greatest of the last `period` values. */
export const max = define({
  id: 'max',
  title: 'Rolling maximum',
  parameters: [integer('period', 20, 1, 'values in the window')],
  inputs: ['source'],
  outputs: { value: 'greatest value' },
  warmUp: ({ period }) => period - 1,
  convention: 'The newest value counts (TA-Lib MAX, TradingView ta.highest, Tulip max).',
  create: ({ period }) => new ExtremeKernel(new MaxWindow(period)),
})

import { define, integer } from './definition.ts'
import { ExtremeKernel } from './extreme-kernel.ts'
import { MinWindow } from './windows.ts'

/** The least of the last `period` values. */
export const min = define({
  id: 'min',
  title: 'Rolling minimum',
  parameters: [integer('period', 20, 1, 'values in the window')],
  inputs: ['source'],
  outputs: { value: 'least value' },
  warmUp: ({ period }) => period - 1,
  convention: 'The newest value counts (TA-Lib MIN, TradingView ta.lowest, Tulip min).',
  create: ({ period }) => new ExtremeKernel(new MinWindow(period)),
})

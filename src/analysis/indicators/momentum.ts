import { ChangeKernel } from './change-kernel.ts'
import { define, integer } from './definition.ts'

/** Change over `period` rows in the source's own unit. */
export const momentum = define({
  id: 'momentum',
  title: 'Momentum',
  parameters: [integer('period', 10, 1, 'rows back')],
  inputs: ['source'],
  outputs: { value: 'value less the value `period` rows ago' },
  warmUp: ({ period }) => period,
  convention: 'A difference, not a ratio (TA-Lib MOM, TradingView ta.mom, Tulip mom).',
  create: ({ period }) => new ChangeKernel(period, false),
})

import { ChangeKernel } from './change-kernel.ts'
import { define, integer } from './definition.ts'

/** Change over `period` rows in percent. */
export const roc = define({
  id: 'roc',
  title: 'Rate of change',
  parameters: [integer('period', 10, 1, 'rows back')],
  inputs: ['source'],
  outputs: { value: 'percent' },
  warmUp: ({ period }) => period,
  convention:
    'In percent (TA-Lib ROC, TradingView ta.roc; Tulip gives the fraction). NaN where the earlier value is 0.',
  create: ({ period }) => new ChangeKernel(period, true),
})

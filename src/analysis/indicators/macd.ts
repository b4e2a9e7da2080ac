import { checkShorter, define, integer, word } from './definition.ts'
import { MACD_SEEDS, MacdKernel, macdWarmUp } from './macd-kernel.ts'

/** How far a fast average is above a slow one, and the average of that. */
export const macd = define({
  id: 'macd',
  title: 'Moving average convergence divergence',
  parameters: [
    integer('fast', 12, 1, 'period of the fast average'),
    integer('slow', 26, 2, 'period of the slow average'),
    integer('signal', 9, 1, 'period of the average of the difference'),
    word('seed', MACD_SEEDS, 'how the averages begin'),
  ],
  inputs: ['source'],
  outputs: { macd: 'fast less slow average', signal: 'average of macd', histogram: 'macd less signal' },
  warmUp: macdWarmUp,
  convention:
    'Gerald Appel. seed=sma: each average begins with the mean of its own first values (TradingView, Stock.Indicators). seed=talib: the fast one leaves out the first slow - fast values, and nothing shows before the signal does (TA-Lib MACD). seed=first: the averages begin with their first value (Tulip).',
  create({ fast, slow, signal, seed }) {
    checkShorter('macd', fast, slow)
    return new MacdKernel(fast, slow, signal, seed, false)
  },
})

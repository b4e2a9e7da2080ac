import { checkShorter, define, integer, word } from './definition.ts'
import { MACD_SEEDS, MacdKernel, macdWarmUp } from './macd-kernel.ts'

/** MACD in percent of the slow average, so that prices of any size compare. */
export const ppo = define({
  id: 'ppo',
  title: 'Percentage price oscillator',
  parameters: [
    integer('fast', 12, 1, 'period of the fast average'),
    integer('slow', 26, 2, 'period of the slow average'),
    integer('signal', 9, 1, 'period of the average of the oscillator'),
    word('seed', MACD_SEEDS, 'how the averages begin; see macd'),
  ],
  inputs: ['source'],
  outputs: { ppo: '100 (fast - slow) / slow', signal: 'average of ppo', histogram: 'ppo less signal' },
  warmUp: macdWarmUp,
  convention:
    'Exponential averages, as StockCharts and TradingView have it (TA-Lib takes simple ones unless told otherwise). Seeds as in macd.',
  create({ fast, slow, signal, seed }) {
    checkShorter('ppo', fast, slow)
    return new MacdKernel(fast, slow, signal, seed, true)
  },
})

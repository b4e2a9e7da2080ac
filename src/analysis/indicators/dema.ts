import { define, integer, isFiniteSum, type Kernel, word } from './definition.ts'
import { CHAIN_SEEDS, type ChainSeed, chainWarmUp, EmaChain } from './ema-chain.ts'

class DemaKernel implements Kernel {
  readonly chain: EmaChain

  constructor(period: number, seed: ChainSeed) {
    this.chain = new EmaChain(period, 2, seed)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { chain } = this
    let i = from
    for (; i < to && !chain.warm; i++) out![i] = chain.warmUp(x![i]!) ? 2 * chain.a - chain.b : Number.NaN
    const { alpha } = chain
    let { a, b } = chain
    for (; i < to; i++) {
      a += alpha * (x![i]! - a)
      b += alpha * (a - b)
      out![i] = 2 * a - b
    }
    chain.a = a
    chain.b = b
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    const { chain } = this
    if (!chain.warm) return false
    const { alpha } = chain
    let { a, b } = chain
    for (let i = from; i < to; i++) {
      a += alpha * (x![i]! - a)
      b += alpha * (a - b)
      out![i] = 2 * a - b
    }
    if (!isFiniteSum(a)) return false
    chain.a = a
    chain.b = b
    return true
  }
}

/** An exponential average with less lag: twice the average less the average of the average. */
export const dema = define({
  id: 'dema',
  title: 'Double exponential moving average',
  parameters: [
    integer('period', 20, 1, 'period of both averages'),
    word('seed', CHAIN_SEEDS, 'how the averages begin'),
  ],
  inputs: ['source'],
  outputs: { value: '2 a - b, where b is the average of a' },
  warmUp: ({ period, seed }) => chainWarmUp(period, 2, seed),
  convention:
    'Patrick Mulloy (1994). seed=shared begins both averages with the mean of the first `period` values (Stock.Indicators); chained waits for period values of the first average (TA-Lib DEMA, TradingView); first begins with the first value (Tulip).',
  create: ({ period, seed }) => new DemaKernel(period, seed),
})

import { define, integer, isFiniteSum, type Kernel, word } from './definition.ts'
import { CHAIN_SEEDS, type ChainSeed, chainWarmUp, EmaChain } from './ema-chain.ts'

class TemaKernel implements Kernel {
  readonly chain: EmaChain

  constructor(period: number, seed: ChainSeed) {
    this.chain = new EmaChain(period, 3, seed)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { chain } = this
    let i = from
    for (; i < to && !chain.warm; i++) {
      out![i] = chain.warmUp(x![i]!) ? 3 * chain.a - 3 * chain.b + chain.c : Number.NaN
    }
    const { alpha } = chain
    let { a, b, c } = chain
    for (; i < to; i++) {
      a += alpha * (x![i]! - a)
      b += alpha * (a - b)
      c += alpha * (b - c)
      out![i] = 3 * a - 3 * b + c
    }
    chain.a = a
    chain.b = b
    chain.c = c
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    const { chain } = this
    if (!chain.warm) return false
    const { alpha } = chain
    let { a, b, c } = chain
    for (let i = from; i < to; i++) {
      a += alpha * (x![i]! - a)
      b += alpha * (a - b)
      c += alpha * (b - c)
      out![i] = 3 * a - 3 * b + c
    }
    if (!isFiniteSum(a)) return false
    chain.a = a
    chain.b = b
    chain.c = c
    return true
  }
}

/** An exponential average with hardly any lag, from three averages that stand on one another. */
export const tema = define({
  id: 'tema',
  title: 'Triple exponential moving average',
  parameters: [
    integer('period', 20, 1, 'period of the averages'),
    word('seed', CHAIN_SEEDS, 'how the averages begin; see dema'),
  ],
  inputs: ['source'],
  outputs: { value: '3 a - 3 b + c, each the average of the one before' },
  warmUp: ({ period, seed }) => chainWarmUp(period, 3, seed),
  convention: 'Patrick Mulloy (1994); seeds as in dema (shared: Stock.Indicators, chained: TA-Lib TEMA, first: Tulip).',
  create: ({ period, seed }) => new TemaKernel(period, seed),
})

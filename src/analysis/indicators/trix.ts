import { define, integer, isFiniteSum, type Kernel, word } from './definition.ts'
import { CHAIN_SEEDS, type ChainSeed, chainWarmUp, EmaChain } from './ema-chain.ts'
import { MeanWindow } from './mean-window.ts'
import { voidInfinite } from './windows.ts'

class TrixKernel implements Kernel {
  readonly chain: EmaChain
  readonly signal: MeanWindow

  constructor(period: number, signal: number, seed: ChainSeed) {
    this.chain = new EmaChain(period, 3, seed)
    this.signal = new MeanWindow(signal)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out, signalLine]: readonly Float64Array[]): void {
    const { chain, signal } = this
    let i = from
    for (; i < to && !chain.warm; i++) {
      chain.warmUp(x![i]!)
      out![i] = Number.NaN
      signalLine![i] = Number.NaN
    }
    if (!this.#steady(x!, i, to, out!, false)) voidInfinite(out!, i, to)
    // An output that nobody asked for has no places; the means go on all the same.
    if (signalLine!.length > 0) signal.run(out!, i, to, signalLine!)
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out, signalLine]: readonly Float64Array[]): boolean {
    if (!this.chain.warm || !this.#steady(x!, from, to, out!, true)) return false
    if (signalLine!.length > 0) this.signal.run(out!, from, to, signalLine!)
    return true
  }

  /** @returns false where a row has no finite value; with `checking`, nothing is remembered then */
  #steady(x: Float64Array, from: number, to: number, out: Float64Array, checking: boolean): boolean {
    const { chain } = this
    const { alpha } = chain
    let { a, b, c } = chain
    let seen = 0
    for (let i = from; i < to; i++) {
      const before = c
      a += alpha * (x[i]! - a)
      b += alpha * (a - b)
      c += alpha * (b - c)
      const change = (100 * (c - before)) / before
      seen += change
      out[i] = change
    }
    const finite = isFiniteSum(seen)
    if (checking && !finite) return false
    chain.a = a
    chain.b = b
    chain.c = c
    return finite
  }
}

/** Change of a thrice smoothed series from one value to the next, in percent. */
export const trix = define({
  id: 'trix',
  title: 'Rate of change of a triple exponential average',
  parameters: [
    integer('period', 15, 1, 'period of the averages'),
    integer('signal', 9, 1, 'values in the mean that is the signal'),
    word('seed', CHAIN_SEEDS, 'how the averages begin; see dema', 'chained'),
  ],
  inputs: ['source'],
  outputs: { trix: 'change in percent', signal: 'simple mean of trix' },
  warmUp({ period, signal, seed }) {
    const rows = chainWarmUp(period, 3, seed) + 1
    return [rows, rows + signal - 1]
  },
  convention:
    'Jack Hutson. Seeds chained as in TA-Lib TRIX and TradingView; the signal is a simple mean (Stock.Indicators).',
  create: ({ period, signal, seed }) => new TrixKernel(period, signal, seed),
})

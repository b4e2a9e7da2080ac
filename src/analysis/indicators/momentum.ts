import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { Delay } from './windows.ts'

class MomentumKernel implements Kernel {
  readonly past: Delay

  constructor(period: number) {
    this.past = new Delay(period)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    const { past } = this
    // As an integer: an index that may be a float costs a conversion at every use.
    const known = Math.min(to, from + past.ring.length) | 0
    for (let i = from; i < known; i++) {
      const value = x![i]!
      const before = past.next(value)
      out![i] = value - before
    }
    this.#rest(x!, known, to, out!)
    past.keep(x!, known, to)
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    const { ring, at } = this.past
    const { length } = ring
    const known = (from + length) | 0
    // A ring that is full has no NaN in its last place.
    if (known > to || Number.isNaN(ring[length - 1]!)) return false
    let seen = 0
    for (let i = from, k = at; i < known; i++) {
      const before = ring[k]!
      const change = x![i]! - before
      seen += change
      out![i] = change
      k = k + 1 === length ? 0 : k + 1
    }
    if (!isFiniteSum(seen + this.#rest(x!, known, to, out!))) return false
    this.past.keep(x!, from, to)
    return true
  }

  /** Rows whose earlier value is one of the run. @returns the sum of the changes, which is finite where all values are */
  #rest(x: Float64Array, from: number, to: number, out: Float64Array): number {
    const { length } = this.past.ring
    let seen = 0
    let i = from
    // Two at a time: what is known of the arrays is looked up once for both.
    for (; i + 1 < to; i += 2) {
      const before = x[i - length]!
      const before2 = x[i + 1 - length]!
      const change = x[i]! - before
      const change2 = x[i + 1]! - before2
      seen += change + change2
      out[i] = change
      out[i + 1] = change2
    }
    if (i < to) {
      const before = x[i - length]!
      const change = x[i]! - before
      seen += change
      out[i] = change
    }
    return seen
  }
}

/** Change over `period` rows in the source's own unit. */
export const momentum = define({
  id: 'momentum',
  title: 'Momentum',
  parameters: [integer('period', 10, 1, 'rows back')],
  inputs: ['source'],
  outputs: { value: 'value less the value `period` rows ago' },
  warmUp: ({ period }) => period,
  convention: 'A difference, not a ratio (TA-Lib MOM, TradingView ta.mom, Tulip mom).',
  create: ({ period }) => new MomentumKernel(period),
})

import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { equalsBefore, keepTail, mayStandStill, newestOf, renewalOf } from './windows.ts'

class KamaKernel implements Kernel {
  readonly period: number
  readonly slowest: number
  /** Between the weights of the quickest and the slowest average. */
  readonly reach: number
  /** The newest prices: those of the window, and the one that the oldest change begins with. */
  readonly ring: Float64Array
  /** Rows after which the way is worked out anew: a running sum drifts. */
  readonly renewal: number
  /** Rows since then; its remainder by the ring's length is the next place of the ring. */
  age = 0
  count = 0
  /** Changes of the window, each without its sign. */
  walked = 0
  /** Changes of 0 in a row: when the window holds nothing else, the way is 0 and not what rounding left of it. */
  still = 0
  before = 0
  value = 0

  constructor(period: number, fast: number, slow: number) {
    this.period = period
    this.slowest = 2 / (slow + 1)
    this.reach = 2 / (fast + 1) - this.slowest
    this.ring = new Float64Array(period + 1)
    this.renewal = renewalOf(period + 1)
  }

  run([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    this.#rows(x!, from, to, out!, false)
  }

  attempt([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.count >= this.period && this.#rows(x!, from, to, out!, true)
  }

  #rows(x: Float64Array, from: number, to: number, out: Float64Array, checking: boolean): boolean {
    const { period, slowest, reach, ring, renewal } = this
    const size = (period + 1) | 0
    if (from < to && this.count === 0) {
      // As if the first price had always been there.
      ring.fill(x[from]!)
      this.before = x[from]!
    }
    let { age, count, walked, still, before, value } = this
    const walk = WALK
    let i = from
    while (i < to) {
      const place = age % size
      const early = i < from + size
      const end = (early ? Math.min(to, from + size, i + size - place) : Math.min(to, i + renewal - age)) | 0
      age = (age + end - i) | 0
      // Where the way may be 0, there are questions to ask.
      if (early || mayStandStill(x, i, end, size)) {
        for (let k = place; i < end; i++, k++) {
          const price = x[i]!
          const step = Math.abs(price - before)
          const past = i - from >= period ? x[i - period]! : ring[k + 1 === size ? 0 : k + 1]!
          const pastBefore = i - from >= size ? x[i - size]! : ring[k]!
          still = step === 0 ? still + 1 : 0
          walked = still >= period ? 0 : walked + (step - Math.abs(past - pastBefore))
          before = price
          if (count < period) {
            count++
            // The average begins with the last price of the warm-up.
            value = price
            out[i] = Number.NaN
            continue
          }
          const change = Math.abs(price - past)
          const weight = efficiencyOf(change, walked) * reach + slowest
          value += weight * weight * (price - value)
          out[i] = value
        }
      } else {
        walk[WALKED] = walked
        walk[VALUE] = value
        steadyRows(x, i, end, period, slowest, reach, out, walk)
        walked = walk[WALKED]!
        still = equalsBefore(x, end, size) - 1
        value = walk[VALUE]!
        before = x[end - 1]!
        i = end
      }
      if (age !== renewal) continue
      if (checking && !isFiniteSum(walked)) return false
      age = 0
      const prices = newestOf(ring, x, from, i)
      walked = 0
      for (let k = 1; k < size; k++) walked += Math.abs(prices[k]! - prices[k - 1]!)
    }
    if (checking && !isFiniteSum(walked + value)) return false
    keepTail(ring, age % size, x, from, to)
    this.age = age
    this.count = count
    this.walked = walked
    this.still = still
    this.before = before
    this.value = value
    return true
  }
}

/** What `steadyRows` goes on from, and leaves. */
const WALK = new Float64Array(2)
const [WALKED, VALUE] = [0, 1]

/**
 * Rows whose window is one of the run. A function of few arrays and numbers: among the fields of an object the compiler
 * runs out of registers.
 */
function steadyRows(
  x: Float64Array,
  from: number,
  to: number,
  length: number,
  slowest: number,
  reach: number,
  out: Float64Array,
  walk: Float64Array,
): void {
  const end = to | 0
  const period = length | 0
  let walked = walk[WALKED]!
  let value = walk[VALUE]!
  let before = x[from - 1]!
  let pastBefore = x[from - 1 - period]!
  for (let i = from | 0; i < end; i++) {
    const price = x[i]!
    const past = x[i - period]!
    walked += Math.abs(price - before) - Math.abs(past - pastBefore)
    const change = Math.abs(price - past)
    const weight = efficiencyOf(change, walked) * reach + slowest
    value += weight * weight * (price - value)
    out[i] = value
    before = price
    pastBefore = past
  }
  walk[WALKED] = walked
  walk[VALUE] = value
}

/** Rounding may leave the way shorter than the change. */
function efficiencyOf(change: number, walked: number): number {
  return walked > change ? change / walked : walked === 0 ? 0 : 1
}

/** An average that follows closely while the price walks straight, and hardly while it goes to and fro. */
export const kama = define({
  id: 'kama',
  title: 'Kaufman adaptive moving average',
  parameters: [
    integer('period', 10, 1, 'changes by which the efficiency is judged'),
    integer('fast', 2, 1, 'period of the quickest average'),
    integer('slow', 30, 1, 'period of the slowest average'),
  ],
  inputs: ['source'],
  outputs: { value: 'average' },
  warmUp: ({ period }) => period,
  convention:
    'Perry Kaufman (1995). Begins with the price before the first value and shows from row `period` on (TA-Lib KAMA; Tulip also shows that price). Where nothing moved the efficiency is 0.',
  create: ({ period, fast, slow }) => new KamaKernel(period, fast, slow),
})

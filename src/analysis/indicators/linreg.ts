import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { equalsBefore, keepTail, mayStandStill, newestOf, renewalOf } from './windows.ts'

class LinregKernel implements Kernel {
  readonly ring: Float64Array
  /** Rows after which the sums are worked out anew, from a newer anchor: running sums drift. */
  readonly renewal: number
  /** Rows since then; its remainder by the period is the next place of the ring. */
  age = 0
  count = 0
  anchor = 0
  sum = 0
  weighted = 0
  squares = 0
  last = Number.NaN
  /** Equal values in a row: of a window of nothing else, the value is the anchor, and rounding has no say. */
  same = 0

  constructor(period: number) {
    this.ring = new Float64Array(period)
    this.renewal = renewalOf(period)
  }

  run([y]: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): void {
    this.#rows(y!, from, to, outputs, false)
  }

  attempt([y]: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): boolean {
    return this.count === this.ring.length && this.#rows(y!, from, to, outputs, true)
  }

  #rows(y: Float64Array, from: number, to: number, outputs: readonly Float64Array[], checking: boolean): boolean {
    const [line, slopes, intercepts, fits] = outputs
    const { ring, renewal } = this
    const n = ring.length
    // Of the places 0 to n - 1: their sum, and n times the sum of their squared distances from the middle.
    const places = (n * (n - 1)) / 2
    const spread = (n * n * (n * n - 1)) / 12
    // Products, which are many times quicker than quotients, and differ from them by the last bit.
    const perSpread = 1 / spread
    const share = 1 / n
    const newest = n - 1
    if (from < to && this.count === 0) {
      ring.fill(y[from]!)
      this.anchor = y[from]!
    }
    const hasSlopes = slopes!.length > 0
    const hasIntercepts = intercepts!.length > 0
    const hasFits = fits!.length > 0
    // What most want has a loop without a question; nobody reads the squares then.
    const plain = hasSlopes && !hasIntercepts && !hasFits
    const sums = SUMS
    let { age, anchor, sum, weighted, squares, last, same } = this
    let i = from
    while (i < to) {
      const place = age % n
      const early = i < from + n
      const end = (early ? Math.min(to, from + n, i + n - place) : Math.min(to, i + renewal - age)) | 0
      const source = early ? ring : y
      const back = early ? (i - place) | 0 : n
      age = (age + end - i) | 0
      if (!early && plain && !mayStandStill(y, i, end, n)) {
        sums[ANCHOR] = anchor
        sums[SUM] = sum
        sums[WEIGHTED] = weighted
        steadyRows(y, i, end, n, perSpread, line!, slopes!, sums)
        sum = sums[SUM]!
        weighted = sums[WEIGHTED]!
        last = y[end - 1]!
        same = equalsBefore(y, end, n)
        i = end
      }
      for (; i < end; i++) {
        const value = y[i]!
        const d = value - anchor
        const old = source[i - back]! - anchor
        // Every value moves one place down; the oldest, at place 0, leaves.
        weighted += newest * d - (sum - old)
        sum += d - old
        squares += (d - old) * (d + old)
        if (value !== last) same = 1
        else if (++same >= n) {
          anchor = value
          // Taken from themselves, so that one that is not finite stays so.
          sum -= sum
          weighted -= weighted
          squares -= squares
        }
        last = value
        const cross = n * weighted - places * sum
        const slope = cross * perSpread
        const intercept = anchor + (sum - slope * places) * share
        line![i] = intercept + slope * newest
        if (hasSlopes) slopes![i] = slope
        if (hasIntercepts) intercepts![i] = intercept
        if (hasFits) {
          const variance = n * squares - sum * sum
          fits![i] = variance <= 0 ? Number.NaN : Math.min(1, (cross * cross) / (spread * variance))
        }
      }
      if (age !== renewal) continue
      if (checking && !isFiniteSum(weighted)) return false
      age = 0
      const known = i - from >= n
      const values = known ? y : newestOf(ring, y, from, i)
      const first = (known ? i - n : 0) | 0
      anchor += sum / n
      sum = 0
      weighted = 0
      squares = 0
      for (let k = 0; k < n; k++) {
        const d = values[first + k]! - anchor
        sum += d
        weighted += k * d
        squares += d * d
      }
    }
    if (checking && !isFiniteSum(weighted)) return false
    const unripe = Math.min(to, from + n - 1 - this.count)
    for (i = from; i < unripe; i++) {
      line![i] = Number.NaN
      slopes![i] = Number.NaN
      intercepts![i] = Number.NaN
      fits![i] = Number.NaN
    }
    this.count = Math.min(n, this.count + (to - from))
    keepTail(ring, age % n, y, from, to)
    this.age = age
    this.anchor = anchor
    this.sum = sum
    this.weighted = weighted
    this.squares = squares
    this.last = last
    this.same = same
    return true
  }
}

/** What `steadyRows` goes on from, and leaves. */
const SUMS = new Float64Array(3)
const [ANCHOR, SUM, WEIGHTED] = [0, 1, 2]

/**
 * Lines and slopes of rows whose window is one of the run, and holds no value alone. A function of few arrays and numbers:
 * among the fields of an object the compiler runs out of registers.
 */
function steadyRows(
  y: Float64Array,
  from: number,
  to: number,
  length: number,
  perSpread: number,
  line: Float64Array,
  slopes: Float64Array,
  sums: Float64Array,
): void {
  const end = to | 0
  const n = length | 0
  const places = (n * (n - 1)) / 2
  const share = 1 / n
  const newest = n - 1
  const anchor = sums[ANCHOR]!
  let sum = sums[SUM]!
  let weighted = sums[WEIGHTED]!
  for (let i = from | 0; i < end; i++) {
    const d = y[i]! - anchor
    const old = y[i - n]! - anchor
    weighted += newest * d - (sum - old)
    sum += d - old
    const slope = (n * weighted - places * sum) * perSpread
    line[i] = anchor + (sum - slope * places) * share + slope * newest
    slopes[i] = slope
  }
  sums[SUM] = sum
  sums[WEIGHTED] = weighted
}

/** The straight line through the last `period` values that fits best (least squares). */
export const linreg = define({
  id: 'linreg',
  title: 'Linear regression',
  parameters: [integer('period', 14, 2, 'values in the window')],
  inputs: ['source'],
  outputs: {
    value: 'the line at the newest value',
    slope: 'change of the line per row',
    intercept: 'the line at the oldest value',
    r2: 'share of the variance that the line explains; NaN on a constant window',
  },
  warmUp: ({ period }) => period - 1,
  convention: 'Places count 0 to period - 1 (TA-Lib LINEARREG, LINEARREG_SLOPE, LINEARREG_INTERCEPT; Tulip linreg).',
  create: ({ period }) => new LinregKernel(period),
})

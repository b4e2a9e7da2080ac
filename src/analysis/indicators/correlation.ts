import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { equalsBefore, keepTail, mayStandStill, newestOf, renewalOf } from './windows.ts'

/** Places of what a kernel remembers of its two series in `sums`; those of the second series are one further. */
const [ANCHOR, SUM, SQUARES, LAST, SAME, PRODUCTS] = [0, 2, 4, 6, 8, 10]

class CorrelationKernel implements Kernel {
  readonly period: number
  /** Rows after which the sums are worked out anew, from newer anchors: running sums drift. */
  readonly renewal: number
  readonly ringA: Float64Array
  readonly ringB: Float64Array
  /** Rows since the sums were worked out; its remainder by the period is the next place of the rings. */
  age = 0
  count = 0
  /**
   * Sums of differences from an anchor near the values, because the squares of prices would cancel; the last values; and
   * how many of the last values were equal: of a window of nothing else, the value is the anchor, and rounding has no say.
   */
  readonly sums = new Float64Array(11)

  constructor(period: number) {
    this.period = period
    this.renewal = renewalOf(period)
    this.ringA = new Float64Array(period)
    this.ringB = new Float64Array(period)
    this.sums.fill(Number.NaN, LAST, LAST + 2)
  }

  run([x, y]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
    this.#rows(x!, y!, from, to, out!, false)
  }

  attempt([x, y]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): boolean {
    return this.count === this.period && this.#rows(x!, y!, from, to, out!, true)
  }

  #rows(x: Float64Array, y: Float64Array, from: number, to: number, out: Float64Array, checking: boolean): boolean {
    const { period: n, renewal, ringA, ringB } = this
    if (from < to && this.count === 0) {
      // As if the first values had always been there: their differences from the anchors are 0.
      this.sums[ANCHOR] = x[from]!
      this.sums[ANCHOR + 1] = y[from]!
      ringA.fill(x[from]!)
      ringB.fill(y[from]!)
    }
    const sums = SUMS
    sums.set(this.sums)
    let { age } = this
    let i = from
    while (i < to) {
      const place = age % n
      const early = i < from + n
      const end = early ? Math.min(to, from + n, i + n - place) : Math.min(to, i + renewal - age)
      if (early) carefulRows(x, y, ringA, ringB, i, end, i - place, n, out, sums)
      else {
        const still = mayStandStill(x, i, end, n) || mayStandStill(y, i, end, n)
        const next = still ? i : steadyRows(x, y, i, end, n, out, sums)
        if (next < end) carefulRows(x, y, x, y, next, end, n, n, out, sums)
      }
      age += end - i
      i = end
      if (age !== renewal) continue
      if (checking && !areFinite(sums)) return false
      age = 0
      if (i - from >= n) renew(x, y, i - n, n, sums)
      else renew(newestOf(ringA, x, from, i), newestOf(ringB, y, from, i, 1), 0, n, sums)
    }
    if (checking && !areFinite(sums)) return false
    for (i = from; i < to && this.count + i - from < n - 1; i++) out[i] = Number.NaN
    this.count = Math.min(n, this.count + (to - from))
    keepTail(ringA, age % n, x, from, to)
    keepTail(ringB, age % n, y, from, to)
    this.age = age
    this.sums.set(sums)
    return true
  }
}

/** The sums while a run is under way. */
const SUMS = new Float64Array(11)

/** What is not finite stays in a sum. */
function areFinite(sums: Float64Array): boolean {
  return isFiniteSum(sums[SQUARES]! + sums[SQUARES + 1]! + sums[PRODUCTS]!)
}

/**
 * Rows `from` to `to`; what leaves the windows stands in `goneX` and `goneY`, `back` places before. A function of arrays
 * and numbers: among the fields of an object the compiler runs out of registers.
 */
function carefulRows(
  x: Float64Array,
  y: Float64Array,
  goneX: Float64Array,
  goneY: Float64Array,
  from: number,
  to: number,
  back: number,
  period: number,
  out: Float64Array,
  sums: Float64Array,
): void {
  const end = to | 0
  const n = period | 0
  let anchorA = sums[ANCHOR]!
  let anchorB = sums[ANCHOR + 1]!
  let sumA = sums[SUM]!
  let sumB = sums[SUM + 1]!
  let squaresA = sums[SQUARES]!
  let squaresB = sums[SQUARES + 1]!
  let lastA = sums[LAST]!
  let lastB = sums[LAST + 1]!
  let sameA = sums[SAME]! | 0
  let sameB = sums[SAME + 1]! | 0
  let products = sums[PRODUCTS]!
  for (let i = from | 0, k = (from - back) | 0; i < end; i++, k++) {
    const a = x[i]!
    const b = y[i]!
    const da = a - anchorA
    const db = b - anchorB
    const oldA = goneX[k]! - anchorA
    const oldB = goneY[k]! - anchorB
    sumA += da - oldA
    sumB += db - oldB
    squaresA += (da - oldA) * (da + oldA)
    squaresB += (db - oldB) * (db + oldB)
    products += da * db - oldA * oldB
    if (a !== lastA) sameA = 1
    else if (++sameA >= n) {
      anchorA = a
      sumA = 0
      squaresA = 0
      products = 0
    }
    if (b !== lastB) sameB = 1
    else if (++sameB >= n) {
      anchorB = b
      sumB = 0
      squaresB = 0
      products = 0
    }
    lastA = a
    lastB = b
    const varianceA = n * squaresA - sumA * sumA
    const varianceB = n * squaresB - sumB * sumB
    const r = (n * products - sumA * sumB) / Math.sqrt(varianceA * varianceB)
    out[i] = varianceA > 0 && r * r <= 1 ? r : limited(r, varianceA, varianceB)
  }
  sums[ANCHOR] = anchorA
  sums[ANCHOR + 1] = anchorB
  sums[SUM] = sumA
  sums[SUM + 1] = sumB
  sums[SQUARES] = squaresA
  sums[SQUARES + 1] = squaresB
  sums[LAST] = lastA
  sums[LAST + 1] = lastB
  sums[SAME] = sameA
  sums[SAME + 1] = sameB
  sums[PRODUCTS] = products
}

/** What the square of a coefficient must be below to be taken as it is, whatever rounding made of it. */
const CLEAR = 0.999999

/**
 * As `carefulRows`, where what leaves the windows is of the run, no window holds one value alone, and no coefficient is so
 * near to 1 that rounding may take it beyond: without its questions, what is summed up stays in registers.
 * @returns the row after the last pair of rows; `from` where one of them is no such row, and nothing is remembered then
 */
function steadyRows(
  x: Float64Array,
  y: Float64Array,
  from: number,
  to: number,
  period: number,
  out: Float64Array,
  sums: Float64Array,
): number {
  const end = to | 0
  const n = period | 0
  const anchorA = sums[ANCHOR]!
  const anchorB = sums[ANCHOR + 1]!
  let sumA = sums[SUM]!
  let sumB = sums[SUM + 1]!
  let squaresA = sums[SQUARES]!
  let squaresB = sums[SQUARES + 1]!
  let products = sums[PRODUCTS]!
  let i = from | 0
  // Two rows at a time: what is known of the arrays is looked up once for both.
  for (; i + 1 < end; i += 2) {
    const da = x[i]! - anchorA
    const db = y[i]! - anchorB
    const oldA = x[i - n]! - anchorA
    const oldB = y[i - n]! - anchorB
    sumA += da - oldA
    sumB += db - oldB
    squaresA += (da - oldA) * (da + oldA)
    squaresB += (db - oldB) * (db + oldB)
    products += da * db - oldA * oldB
    const variance = n * squaresA - sumA * sumA
    const variances = variance * (n * squaresB - sumB * sumB)
    const covariance = n * products - sumA * sumB
    out[i] = covariance / Math.sqrt(variances)
    // Asked of what the coefficient is made of, which is there long before it is.
    if (!(variance > 0 && covariance * covariance < variances * CLEAR)) return from
    const nextA = x[i + 1]! - anchorA
    const nextB = y[i + 1]! - anchorB
    const goneA = x[i + 1 - n]! - anchorA
    const goneB = y[i + 1 - n]! - anchorB
    sumA += nextA - goneA
    sumB += nextB - goneB
    squaresA += (nextA - goneA) * (nextA + goneA)
    squaresB += (nextB - goneB) * (nextB + goneB)
    products += nextA * nextB - goneA * goneB
    const nextVariance = n * squaresA - sumA * sumA
    const nextVariances = nextVariance * (n * squaresB - sumB * sumB)
    const nextCovariance = n * products - sumA * sumB
    out[i + 1] = nextCovariance / Math.sqrt(nextVariances)
    if (!(nextVariance > 0 && nextCovariance * nextCovariance < nextVariances * CLEAR)) return from
  }
  sums[SUM] = sumA
  sums[SUM + 1] = sumB
  sums[SQUARES] = squaresA
  sums[SQUARES + 1] = squaresB
  sums[LAST] = x[i - 1]!
  sums[LAST + 1] = y[i - 1]!
  sums[SAME] = equalsBefore(x, i, n)
  sums[SAME + 1] = equalsBefore(y, i, n)
  sums[PRODUCTS] = products
  return i
}

/** A coefficient that rounding took beyond 1, or that there is none of. */
function limited(r: number, varianceA: number, varianceB: number): number {
  if (!(varianceA > 0 && varianceB > 0)) return Number.NaN
  return r > 1 ? 1 : r < -1 ? -1 : r
}

/** Works the sums out anew, of windows that begin at `first`. */
function renew(x: Float64Array, y: Float64Array, first: number, n: number, sums: Float64Array): void {
  const anchorA = sums[ANCHOR]! + sums[SUM]! / n
  const anchorB = sums[ANCHOR + 1]! + sums[SUM + 1]! / n
  let sumA = 0
  let sumB = 0
  let squaresA = 0
  let squaresB = 0
  let products = 0
  for (let i = first | 0; i < first + n; i++) {
    const da = x[i]! - anchorA
    const db = y[i]! - anchorB
    sumA += da
    sumB += db
    squaresA += da * da
    squaresB += db * db
    products += da * db
  }
  sums[ANCHOR] = anchorA
  sums[ANCHOR + 1] = anchorB
  sums[SUM] = sumA
  sums[SUM + 1] = sumB
  sums[SQUARES] = squaresA
  sums[SQUARES + 1] = squaresB
  sums[PRODUCTS] = products
}

/** How much two series move together, -1 to 1. */
export const correlation = define({
  id: 'correlation',
  title: 'Rolling correlation',
  parameters: [integer('period', 20, 2, 'pairs in the window')],
  inputs: ['source', 'other'],
  outputs: { value: "Pearson's coefficient" },
  warmUp: ({ period }) => period - 1,
  convention: 'Pearson (TA-Lib CORREL, TradingView ta.correlation). NaN where either series is constant.',
  create: ({ period }) => new CorrelationKernel(period),
})

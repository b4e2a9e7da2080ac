import { type Paired, PLACES, pairedRows } from './correlation-simd.ts'
import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { equalsBefore, keepTail, mayStandStill, newestOf, renewalOf } from './windows.ts'

// Constants of this file, which the compiler knows as numbers; what another file exports it looks up.
const { anchor: ANCHOR, sum: SUM, squares: SQUARES, last: LAST, same: SAME, products: PRODUCTS } = PLACES

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
  readonly sums = new Float64Array(PLACES.length)

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
    const sums = RUNNING
    sums.set(this.sums)
    let { age } = this
    let i = from
    // Of the rows after these, what leaves the windows is of the run.
    const early = Math.min(to, from + n)
    while (i < early) {
      const place = age % n
      const end = Math.min(early, i + n - place)
      carefulRows(x, y, ringA, ringB, i, end, i - place, n, out, sums)
      age += end - i
      i = end
      if (age !== renewal) continue
      if (checking && !areFinite(sums)) return false
      age = 0
      renew(newestOf(ringA, x, from, i), newestOf(ringB, y, from, i, 1), 0, n, sums)
    }
    if (i < to) {
      age = laterRows(x, y, i, to, n, age, out, sums, checking)
      if (age < 0) return false
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
const RUNNING = new Float64Array(PLACES.length)

/** What is not finite stays in a sum. */
function areFinite(sums: Float64Array): boolean {
  return isFiniteSum(sums[SQUARES]! + sums[SQUARES + 1]! + sums[PRODUCTS]!)
}

/**
 * Rows `from` to `to`; what leaves the windows stands in `goneX` and `goneY`, `back` places before. A function of arrays
 * and numbers: among the fields of an object the compiler runs out of registers. Sums of a window of one value are taken
 * from themselves, so that one that is not finite stays so.
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
      sumA -= sumA
      squaresA -= squaresA
      products -= products
    }
    if (b !== lastB) sameB = 1
    else if (++sameB >= n) {
      anchorB = b
      sumB -= sumB
      squaresB -= squaresB
      products -= products
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

/** Fewer rows are not worth a copy. */
const FEWEST_HELD = 64

/**
 * Rows of which all that leaves the windows is of the run; apart from the others, so that single rows do not wait for what
 * is only for many. `age` is that of the sums.
 * @returns their age after the last row; -1 where `checking` finds one that is not finite
 */
function laterRows(
  x: Float64Array,
  y: Float64Array,
  from: number,
  to: number,
  period: number,
  age: number,
  out: Float64Array,
  sums: Float64Array,
  checking: boolean,
): number {
  const renewal = renewalOf(period)
  const held = to - from < FEWEST_HELD ? null : pairedRows()
  const running = held?.sums ?? sums
  if (held !== null) running.set(sums)
  /** The row after those that are held. */
  let next = held === null ? to : from
  for (let i = from; i < to; ) {
    if (i === next) next = held!.hold(x, y, i, to, period)
    const end = Math.min(next, i + renewal - age)
    if (held === null) carefulRows(x, y, x, y, i, end, period, period, out, running)
    else {
      heldRows(held, x, y, i, end, period)
      if (end === next) held.give(out, end)
    }
    age += end - i
    i = end
    if (age !== renewal) continue
    if (checking && !areFinite(running)) return -1
    age = 0
    renew(x, y, i - period, period, running)
  }
  if (held !== null) sums.set(running)
  return age
}

/**
 * Rows that are held, as `carefulRows`: two at a time, without its questions, where no window may hold one value alone and
 * rounding took no coefficient beyond 1.
 */
function heldRows(held: Paired, x: Float64Array, y: Float64Array, from: number, to: number, period: number): void {
  const { sums, shift } = held
  const even = from + ((to - from) & ~1)
  let next = from
  const still = mayStandStill(x, from, even, period) || mayStandStill(y, from, even, period)
  if (!still && held.run(from, even, period)) {
    next = even
    sums[LAST] = x[next - 1]!
    sums[LAST + 1] = y[next - 1]!
    sums[SAME] = equalsBefore(x, next, period)
    sums[SAME + 1] = equalsBefore(y, next, period)
  }
  if (next === to) return
  carefulRows(held.x, held.y, held.x, held.y, next - shift, to - shift, held.back, period, held.out, sums)
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

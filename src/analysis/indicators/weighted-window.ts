import { sumOf } from '../sums.ts'
import { isFiniteSum } from './definition.ts'
import { equalsBefore, keepTail, mayStandStill, newestOf, renewalOf, rowsOf, voidInfinite } from './windows.ts'

/** The mean of the last `period` values, each weighing the volume of its candle. */
export class WeightedWindow {
  readonly values: Float64Array
  readonly weights: Float64Array
  /** Rows after which the sums are worked out anew: running sums drift. */
  readonly renewal: number
  /** Rows since then; its remainder by the period is the next place of the rings. */
  age = 0
  count = 0
  /**
   * Of values times weights; of weights; and how many weights in a row were 0: a window of nothing else weighs nothing,
   * whatever rounding says.
   */
  readonly sums = new Float64Array(3)

  constructor(period: number) {
    this.values = new Float64Array(period)
    this.weights = new Float64Array(period)
    this.renewal = renewalOf(period)
  }

  /**
   * Rows `from` to `to` of the weights and the result; their values stand in `values` from place 0 on. NaN while the window is not full, or weighs
   * nothing. With `checking`, over rows that nobody has looked at: false, and nothing is remembered, where one was not
   * finite or has no value.
   */
  run(
    values: Float64Array,
    allWeights: Float64Array,
    from: number,
    to: number,
    result: Float64Array,
    checking: boolean,
  ): boolean {
    const { values: oldValues, weights: oldWeights, renewal, count } = this
    const period = oldWeights.length
    if (checking && count < period) return false
    // Rows count from 0 here, so that one index serves all arrays.
    const rows = to - from
    const weights = rowsOf(allWeights, from, to)
    const out = rowsOf(result, from, to)
    const sums = SUMS
    sums.set(this.sums)
    let { age } = this
    let seen = 0
    let i = 0
    while (i < rows) {
      const place = age % period
      const early = i < period
      const end = early ? Math.min(rows, period, i + period - place) : Math.min(rows, i + renewal - age)
      if (early) seen += carefulRows(values, oldValues, weights, oldWeights, i, end, i - place, period, out, sums)
      // A window that weighs nothing is one of equal weights.
      else if (mayStandStill(weights, i, end, period))
        seen += carefulRows(values, values, weights, weights, i, end, period, period, out, sums)
      else seen += steadyRows(values, weights, i, end, period, out, sums)
      age += end - i
      i = end
      if (age !== renewal) continue
      age = 0
      if (i >= period) renew(values, weights, i - period, period, sums)
      else renew(newestOf(oldValues, values, 0, i), newestOf(oldWeights, weights, 0, i, 1), 0, period, sums)
    }
    if (!isFiniteSum(seen)) {
      if (checking) return false
      voidInfinite(out, 0, rows)
    }
    for (i = 0; i < rows && count + i < period - 1; i++) out[i] = Number.NaN
    keepTail(oldValues, age % period, values, 0, rows)
    keepTail(oldWeights, age % period, weights, 0, rows)
    this.count = Math.min(period, count + rows)
    this.age = age
    this.sums.set(sums)
    return true
  }
}

/** The sums while a run is under way. */
const SUMS = new Float64Array(3)

/**
 * Rows `from` to `to`; what leaves the window stands in `oldValues` and `oldWeights`, `back` places before.
 * @returns the sum of the ratios, which is finite where all are
 */
function carefulRows(
  values: Float64Array,
  oldValues: Float64Array,
  weights: Float64Array,
  oldWeights: Float64Array,
  from: number,
  to: number,
  back: number,
  period: number,
  out: Float64Array,
  sums: Float64Array,
): number {
  let seen = 0
  for (let i = from, k = from - back; i < to; i++, k++) {
    const amount = weights[i]!
    sums[0]! += values[i]! * amount - oldValues[k]! * oldWeights[k]!
    sums[1]! += amount - oldWeights[k]!
    if (amount !== 0) sums[2] = 0
    else if (++sums[2]! >= period) sums[0] = sums[1] = 0
    const ratio = sums[0]! / sums[1]!
    seen += ratio
    out[i] = ratio
  }
  return seen
}

/**
 * As `carefulRows`, where what leaves the window is one of the run, and every window weighs something. A function of few
 * arrays and numbers: among the fields of an object the compiler runs out of registers.
 */
function steadyRows(
  values: Float64Array,
  weights: Float64Array,
  from: number,
  to: number,
  length: number,
  out: Float64Array,
  sums: Float64Array,
): number {
  let i = from | 0
  const end = to | 0
  const period = length | 0
  let sum = sums[0]!
  let weight = sums[1]!
  let seen = 0
  // Two at a time: what is known of the arrays is looked up once for both.
  for (; i + 1 < end; i += 2) {
    const amount = weights[i]!
    const gone = weights[i - period]!
    sum += values[i]! * amount - values[i - period]! * gone
    weight += amount - gone
    const first = sum / weight
    out[i] = first
    const next = weights[i + 1]!
    const left = weights[i + 1 - period]!
    sum += values[i + 1]! * next - values[i + 1 - period]! * left
    weight += next - left
    const second = sum / weight
    out[i + 1] = second
    seen += first + second
  }
  if (i < end) {
    const amount = weights[i]!
    const gone = weights[i - period]!
    sum += values[i]! * amount - values[i - period]! * gone
    weight += amount - gone
    const last = sum / weight
    seen += last
    out[i] = last
  }
  sums[0] = sum
  sums[1] = weight
  sums[2] = weights[end - 1] === 0 ? equalsBefore(weights, end, period) : 0
  return seen
}

/** Works the sums out anew, of a window that begins at `first`. */
function renew(values: Float64Array, weights: Float64Array, first: number, period: number, sums: Float64Array): void {
  let sum = 0
  for (let i = first | 0; i < first + period; i++) sum += values[i]! * weights[i]!
  sums[0] = sum
  sums[1] = sumOf(weights, first, first + period)
}

import { define, integer, isFiniteSum, type Kernel } from './definition.ts'
import { keepTail, newestOf, renewalOf } from './windows.ts'

class CorrelationKernel implements Kernel {
  readonly period: number
  /** Rows after which the sums are worked out anew, from newer anchors: running sums drift. */
  readonly renewal: number
  readonly ringA: Float64Array
  readonly ringB: Float64Array
  /** Rows since then; its remainder by the period is the next place of the rings. */
  age = 0
  count = 0
  anchorA = 0
  anchorB = 0
  sumA = 0
  sumB = 0
  squaresA = 0
  squaresB = 0
  products = 0
  lastA = Number.NaN
  lastB = Number.NaN
  /** Equal values in a row: a window of nothing else has no deviation, whatever rounding says. */
  sameA = 0
  sameB = 0

  constructor(period: number) {
    this.period = period
    this.renewal = renewalOf(period)
    this.ringA = new Float64Array(period)
    this.ringB = new Float64Array(period)
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
      this.anchorA = x[from]!
      this.anchorB = y[from]!
      ringA.fill(this.anchorA)
      ringB.fill(this.anchorB)
    }
    let { age, anchorA, anchorB, sumA, sumB, squaresA, squaresB, products, lastA, lastB, sameA, sameB } = this
    let i = from
    while (i < to) {
      const place = age % n
      const early = i < from + n
      const end = (early ? Math.min(to, from + n, i + n - place) : Math.min(to, i + renewal - age)) | 0
      age = (age + end - i) | 0
      if (early) {
        for (let k = place; i < end; i++, k++) {
          const a = x[i]!
          const b = y[i]!
          sameA = a === lastA ? sameA + 1 : 1
          sameB = b === lastB ? sameB + 1 : 1
          lastA = a
          lastB = b
          const da = a - anchorA
          const db = b - anchorB
          const oldA = ringA[k]! - anchorA
          const oldB = ringB[k]! - anchorB
          sumA += da - oldA
          sumB += db - oldB
          squaresA += (da - oldA) * (da + oldA)
          squaresB += (db - oldB) * (db + oldB)
          products += da * db - oldA * oldB
          const varianceA = n * squaresA - sumA * sumA
          const varianceB = n * squaresB - sumB * sumB
          const r = (n * products - sumA * sumB) / Math.sqrt(varianceA * varianceB)
          const flat = sameA >= n || sameB >= n || !(varianceA > 0 && varianceB > 0)
          out[i] = flat ? Number.NaN : r > 1 ? 1 : r < -1 ? -1 : r
        }
      } else {
        for (; i < end; i++) {
          const a = x[i]!
          const b = y[i]!
          sameA = a === lastA ? sameA + 1 : 1
          sameB = b === lastB ? sameB + 1 : 1
          lastA = a
          lastB = b
          const da = a - anchorA
          const db = b - anchorB
          const oldA = x[i - n]! - anchorA
          const oldB = y[i - n]! - anchorB
          sumA += da - oldA
          sumB += db - oldB
          squaresA += (da - oldA) * (da + oldA)
          squaresB += (db - oldB) * (db + oldB)
          products += da * db - oldA * oldB
          const varianceA = n * squaresA - sumA * sumA
          const varianceB = n * squaresB - sumB * sumB
          const r = (n * products - sumA * sumB) / Math.sqrt(varianceA * varianceB)
          const flat = sameA >= n || sameB >= n || !(varianceA > 0 && varianceB > 0)
          out[i] = flat ? Number.NaN : r > 1 ? 1 : r < -1 ? -1 : r
        }
      }
      if (age !== renewal) continue
      if (checking && !isFiniteSum(squaresA + squaresB + products)) return false
      age = 0
      const a = newestOf(ringA, x, from, i)
      const b = newestOf(ringB, y, from, i, 1)
      anchorA += sumA / n
      anchorB += sumB / n
      sumA = 0
      sumB = 0
      squaresA = 0
      squaresB = 0
      products = 0
      for (let k = 0; k < n; k++) {
        const da = a[k]! - anchorA
        const db = b[k]! - anchorB
        sumA += da
        sumB += db
        squaresA += da * da
        squaresB += db * db
        products += da * db
      }
    }
    if (checking && !isFiniteSum(squaresA + squaresB + products)) return false
    const unripe = Math.min(to, from + n - 1 - this.count)
    for (i = from; i < unripe; i++) out[i] = Number.NaN
    this.count = Math.min(n, this.count + (to - from))
    keepTail(ringA, age % n, x, from, to)
    keepTail(ringB, age % n, y, from, to)
    this.age = age
    this.anchorA = anchorA
    this.anchorB = anchorB
    this.sumA = sumA
    this.sumB = sumB
    this.squaresA = squaresA
    this.squaresB = squaresB
    this.products = products
    this.lastA = lastA
    this.lastB = lastB
    this.sameA = sameA
    this.sameB = sameB
    return true
  }
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

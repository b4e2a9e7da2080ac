import { sumOf } from '../sums.ts'
import { decimalSum, ExactSum, SCALE } from './exact-sum.ts'

/** Rows whose plain sum is held against the decimals in one go: a minute of seconds. */
const RUN = 64
/** So many of a run whose sum is too large for that; what is too large of them too is added one by one. */
const SHORT_RUN = 16

/**
 * Exact decimal sum of rows of a column. What is added up exactly are not the rows but the plain sums of runs of them:
 * as long as a sum is small, no rounding in it can reach a hundred-millionth, and the nearest one is the decimal sum.
 * The sums of runs whose values have more decimals lie between, and those rows are added one by one. Runs are counted
 * from the bar's first row, so that the bits do not depend on how rows come.
 */
export class RunSum {
  readonly #total = new ExactSum()
  /** Rows of the run that is not full; more may come. */
  readonly #waiting = new Float64Array(RUN)
  #count = 0

  reset(): void {
    this.#total.reset()
    this.#count = 0
  }

  addRows(values: Float64Array, from: number, to: number): void {
    let row = from
    while (row < to) {
      if (this.#count === 0 && to - row >= RUN) {
        addRun(this.#total, values, row, row + RUN)
        row += RUN
        continue
      }
      this.#waiting[this.#count++] = values[row++]!
      if (this.#count < RUN) continue
      addRun(this.#total, this.#waiting, 0, RUN)
      this.#count = 0
    }
  }

  /** The sum so far; its own, so that more rows may come. */
  sum(): ExactSum {
    const sum = new ExactSum()
    sum.take(this.#total)
    if (this.#count > 0) addRun(sum, this.#waiting, 0, this.#count)
    return sum
  }
}

/** As `RunSum` of those rows of one bar, which is done. */
export function sumRows(values: Float64Array, from: number, to: number, sum: ExactSum): ExactSum {
  sum.reset()
  let row = from
  for (; to - row > RUN; row += RUN) addRun(sum, values, row, row + RUN)
  addRun(sum, values, row, to)
  return sum
}

/**
 * As `sumRows` of a bar with few rows and a small sum: nothing to set up or to carry.
 * @returns NaN of any other
 */
export function sumFewRows(values: Float64Array, from: number, to: number): number {
  const rows = to - from
  return rows <= RUN ? decimalSum(sumOf(values, from, to), rows) / SCALE : Number.NaN
}

function addRun(sum: ExactSum, values: Float64Array, from: number, to: number): void {
  if (addPlain(sum, values, from, to)) return
  for (let row = from; row < to; row += SHORT_RUN) {
    const end = Math.min(to, row + SHORT_RUN)
    if (addPlain(sum, values, row, end)) continue
    for (let i = row; i < end; i++) sum.add(values[i]!)
  }
}

/** @returns false where the plain sum leaves the decimal one in doubt, and nothing was added */
function addPlain(sum: ExactSum, values: Float64Array, from: number, to: number): boolean {
  const plain = sumOf(values, from, to)
  const units = decimalSum(plain, to - from)
  if (!(units >= 0)) return false
  sum.addUnits(units, plain, to - from)
  return true
}

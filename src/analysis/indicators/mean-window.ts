import { isFiniteSum } from './definition.ts'
import { SmaKernel } from './sma.ts'

/** Held ready, so that a run of one row makes nothing on the heap. */
const INPUTS: Float64Array[] = []
const OUTPUTS: Float64Array[] = []

/** Mean of the last `period` values: NaN until there are so many, and again after a NaN, which starts it anew. */
export class MeanWindow {
  readonly period: number
  mean: SmaKernel

  constructor(period: number) {
    this.period = period
    this.mean = new SmaKernel(period)
  }

  /** Means of rows `from` to `to` of `x`, which may hold NaN. */
  run(x: Float64Array, from: number, to: number, out: Float64Array): void {
    INPUTS[0] = x
    OUTPUTS[0] = out
    if (this.mean.attempt(INPUTS, from, to, OUTPUTS)) return
    let start = from
    while (start < to) {
      let end = start
      while (end < to && isFiniteSum(x[end]!)) end++
      if (end > start) this.mean.run(INPUTS, start, end, OUTPUTS)
      if (end === to) return
      out[end] = Number.NaN
      this.mean = new SmaKernel(this.period)
      start = end + 1
    }
  }
}

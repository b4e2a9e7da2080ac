import { sumOf } from '../sums.ts'
import { type IndicatorDefinition, isFiniteSum, type Kernel, type Parameters } from './definition.ts'

/**
 * The newest stage of each indicator. The compiler forgets what it made for a kind of object when the last object of that
 * kind is collected, and batches drop their stages at once: without these, every few batches would begin slowly.
 */
const remembered = new WeakMap<IndicatorDefinition, Stage>()

/** One indicator at work: its kernel, the columns that it reads and writes, and the rule for values that are missing. */
export class Stage {
  readonly definition: IndicatorDefinition
  readonly parameters: Parameters
  kernel: Kernel
  /** False while the kernel has seen nothing since it was made. */
  fed = false
  inputs: readonly Float64Array[] = []
  outputs: readonly Float64Array[] = []

  constructor(definition: IndicatorDefinition, parameters: Parameters) {
    this.definition = definition
    this.parameters = parameters
    this.kernel = definition.create(parameters)
    remembered.set(definition, this)
  }

  /**
   * Computes rows `from` to `to`. A row in which any input is NaN or infinite has no value, and the indicator begins
   * anew after it, as if the series began there: nothing is ever computed across a hole.
   */
  run(from: number, to: number): void {
    const { inputs, kernel } = this
    if (kernel.attempt?.(inputs, from, to, this.outputs)) {
      this.fed = true
      return
    }
    let start = from
    while (start < to) {
      const end = finiteEnd(inputs, start, to)
      if (end > start) {
        this.kernel.run(inputs, start, end, this.outputs)
        this.fed = true
      }
      if (end === to) return
      for (const output of this.outputs) output[end] = Number.NaN
      if (this.fed) this.reset()
      start = end + 1
    }
  }

  reset(): void {
    this.kernel = this.definition.create(this.parameters)
    this.fed = false
  }

  /** Takes over the state of another stage of the same indicator. */
  copy(other: Stage): void {
    if (!other.fed) {
      if (this.fed) this.reset()
      return
    }
    copyState(other.kernel, this.kernel)
    this.fed = true
  }
}

/** The first row in [from, to) where an input is not finite, else `to`. */
function finiteEnd(inputs: readonly Float64Array[], from: number, to: number): number {
  let end = to
  for (let k = 0; k < inputs.length; k++) {
    const values = inputs[k]!
    // The check costs a fraction of what any indicator does. A sum of finite values may be infinite: then a closer look is needed.
    if (isFiniteSum(sumOf(values, from, end))) continue
    let i = from
    // A value less itself is 0, but for NaN and the infinities.
    while (i < end && isFiniteSum(values[i]!)) i++
    end = i
  }
  return end
}

/** Copies numbers and arrays of one object to another that was made in the same way, all the way down. */
function copyState(from: object, to: object): void {
  const source = from as Record<string, unknown>
  const target = to as Record<string, unknown>
  for (const key of Object.keys(source)) {
    const value = source[key]
    if (value instanceof Float64Array) {
      const array = target[key] as Float64Array
      if (array.length === value.length) array.set(value)
      else target[key] = value.slice()
    } else if (typeof value === 'object' && value !== null) copyState(value, target[key] as object)
    else if (target[key] !== value) target[key] = value
  }
}

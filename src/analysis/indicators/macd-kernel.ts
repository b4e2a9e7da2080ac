import { isFiniteSum, type Kernel } from './definition.ts'
import { EmaCell } from './windows.ts'

export const MACD_SEEDS = ['sma', 'talib', 'first'] as const
export type MacdSeed = (typeof MACD_SEEDS)[number]

/** Rows without a value: of the line, then of signal and histogram. */
export function macdWarmUp({ slow, signal, seed }: { slow: number; signal: number; seed: MacdSeed }): number[] {
  const whole = slow - 1 + signal - 1
  if (seed === 'talib') return [whole, whole, whole]
  if (seed === 'first') return [slow - 1, slow - 1, slow - 1]
  return [slow - 1, whole, whole]
}

/** Difference of two exponential averages, in the source's units (MACD) or in percent of the slow one (PPO). */
export class MacdKernel implements Kernel {
  readonly fast: EmaCell
  readonly slow: EmaCell
  readonly signal: EmaCell
  readonly percent: boolean
  /** Rows that the fast average leaves out, so that both are seeded at the same row as TA-Lib does. */
  readonly skip: number
  readonly seed: MacdSeed
  count = 0

  constructor(fast: number, slow: number, signal: number, seed: MacdSeed, percent: boolean) {
    const cell = seed === 'first' ? 'first' : 'sma'
    this.fast = new EmaCell(fast, 2 / (fast + 1), cell)
    this.slow = new EmaCell(slow, 2 / (slow + 1), cell)
    this.signal = new EmaCell(signal, 2 / (signal + 1), cell)
    this.seed = seed
    this.skip = seed === 'talib' ? slow - fast : 0
    this.percent = percent
  }

  run(
    [x]: readonly Float64Array[],
    from: number,
    to: number,
    [line, signalLine, histogram]: readonly Float64Array[],
  ): void {
    const { fast, slow, signal, percent } = this
    let i = from
    for (; i < to && !(fast.warm && slow.warm && signal.warm); i++)
      this.#warmUp(x![i]!, i, line!, signalLine!, histogram!)
    if (percent) this.#percents(x!, i, to, line!, signalLine!, histogram!, false)
    else this.#differences(x!, i, to, line!, signalLine!, histogram!, false)
  }

  attempt(
    [x]: readonly Float64Array[],
    from: number,
    to: number,
    [line, signalLine, histogram]: readonly Float64Array[],
  ): boolean {
    const { fast, slow, signal, percent } = this
    if (!(fast.warm && slow.warm && signal.warm)) return false
    return percent
      ? this.#percents(x!, from, to, line!, signalLine!, histogram!, true)
      : this.#differences(x!, from, to, line!, signalLine!, histogram!, true)
  }

  /** Rows when all averages are seeded, in units of the source. */
  #differences(
    x: Float64Array,
    from: number,
    to: number,
    line: Float64Array,
    signalLine: Float64Array,
    histogram: Float64Array,
    checking: boolean,
  ): boolean {
    const { fast, slow, signal } = this
    const { alpha: alphaA } = fast
    const { alpha: alphaB } = slow
    const { alpha: alphaC } = signal
    let a = fast.value
    let b = slow.value
    let c = signal.value
    for (let i = from; i < to; i++) {
      const value = x[i]!
      a += alphaA * (value - a)
      b += alphaB * (value - b)
      const difference = a - b
      c += alphaC * (difference - c)
      line[i] = difference
      signalLine[i] = c
      histogram[i] = difference - c
    }
    // What is not finite stays in an average.
    if (checking && !isFiniteSum(a + b + c)) return false
    fast.value = a
    slow.value = b
    signal.value = c
    return true
  }

  /** As `differences`, in percent of the slow average. */
  #percents(
    x: Float64Array,
    from: number,
    to: number,
    line: Float64Array,
    signalLine: Float64Array,
    histogram: Float64Array,
    checking: boolean,
  ): boolean {
    const { fast, slow, signal } = this
    const { alpha: alphaA } = fast
    const { alpha: alphaB } = slow
    const { alpha: alphaC } = signal
    let a = fast.value
    let b = slow.value
    let c = signal.value
    for (let i = from; i < to; i++) {
      const value = x[i]!
      a += alphaA * (value - a)
      b += alphaB * (value - b)
      const difference = (100 * (a - b)) / b
      c += alphaC * (difference - c)
      line[i] = difference
      signalLine[i] = c
      histogram[i] = difference - c
    }
    // What is not finite stays in an average.
    if (checking && !isFiniteSum(a + b + c)) return false
    fast.value = a
    slow.value = b
    signal.value = c
    return true
  }

  #warmUp(value: number, i: number, line: Float64Array, signalLine: Float64Array, histogram: Float64Array): void {
    const { fast, slow, signal, percent } = this
    const a = this.count++ < this.skip ? Number.NaN : fast.next(value)
    const b = slow.next(value)
    const ready = slow.warm
    const difference = !ready ? Number.NaN : percent ? (100 * (a - b)) / b : a - b
    const c = signal.next(difference)
    line[i] = this.seed === 'talib' && Number.isNaN(c) ? Number.NaN : difference
    signalLine[i] = c
    histogram[i] = difference - c
  }
}

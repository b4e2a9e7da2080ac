import { EmaCell } from './windows.ts'

/**
 * How averages of averages begin. shared: all with the mean of the first `period` values (Stock.Indicators). chained:
 * each with the mean of the first `period` values of the one before (TA-Lib, TradingView). first: with the first value, and each average
 * of averages when the one before is `period` values old (Tulip).
 */
export const CHAIN_SEEDS = ['shared', 'chained', 'first'] as const
export type ChainSeed = (typeof CHAIN_SEEDS)[number]

/** Rows without a value when `depth` averages stand on one another. */
export function chainWarmUp(period: number, depth: number, seed: ChainSeed): number {
  return seed === 'shared' ? period - 1 : depth * (period - 1)
}

/** Averages of averages while they are not all warm; the steady state is the caller's loop over `a`, `b` and `c`. */
export class EmaChain {
  readonly alpha: number
  readonly period: number
  readonly depth: number
  readonly seed: ChainSeed
  readonly cells: readonly EmaCell[]
  count = 0
  sum = 0
  a = 0
  b = 0
  c = 0

  constructor(period: number, depth: number, seed: ChainSeed) {
    this.period = period
    this.alpha = 2 / (period + 1)
    this.depth = depth
    this.seed = seed
    this.cells = Array.from(
      { length: depth },
      () => new EmaCell(period, this.alpha, seed === 'first' ? 'first' : 'sma'),
    )
  }

  get warm(): boolean {
    return this.count > chainWarmUp(this.period, this.depth, this.seed)
  }

  /** Takes a value of the warm-up; true when `a`, `b` and `c` are the first that count. */
  warmUp(value: number): boolean {
    this.count++
    if (this.seed === 'shared') {
      this.sum += value
      if (!this.warm) return false
      this.a = this.sum / this.period
      this.b = this.a
      this.c = this.a
      return true
    }
    const [first, second, third] = this.cells
    const a = first!.next(value)
    const b = second!.next(first!.warm ? a : Number.NaN)
    const c = third ? third.next(second!.warm ? b : Number.NaN) : b
    if (!this.warm) return false
    this.a = a
    this.b = b
    this.c = c
    return true
  }
}

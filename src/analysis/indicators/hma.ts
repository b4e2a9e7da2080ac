import { define, integer, type Kernel } from './definition.ts'
import { rowsOf, scratch } from './windows.ts'
import { WmaKernel } from './wma.ts'

class HmaKernel implements Kernel {
  readonly half: WmaKernel
  readonly full: WmaKernel
  readonly last: WmaKernel
  readonly period: number

  constructor(period: number) {
    this.half = new WmaKernel(Math.floor(period / 2))
    this.full = new WmaKernel(period)
    this.last = new WmaKernel(Math.floor(Math.sqrt(period)))
    this.period = period
  }

  run(inputs: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): void {
    const warm = Math.min(to - from, this.period - 1 - this.full.count)
    hold(inputs, from, to, outputs)
    this.full.run(INPUT, 0, to - from, RAW)
    this.#finish(warm, to - from)
  }

  attempt(inputs: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): boolean {
    hold(inputs, from, to, outputs)
    if (!this.full.attempt(INPUT, 0, to - from, RAW)) return false
    this.#finish(0, to - from)
    return true
  }

  /** The rest of `rows` rows, all of them finite, whose long average stands in `RAW`; the first `warm` have none. */
  #finish(warm: number, rows: number): void {
    // The short average goes through the places of the result.
    this.half.run(INPUT, 0, rows, RESULT)
    const short = RESULT[0]!
    lead(short, RAW[0]!, warm, rows)
    short.fill(Number.NaN, 0, warm)
    this.last.run(RAW, warm, rows, RESULT)
  }
}

/** Twice the short average less the long one, put in the long one's place. */
function lead(short: Float64Array, long: Float64Array, from: number, to: number): void {
  let i = from | 0
  const end = to | 0
  // Two rows at a time: what is known of the arrays is looked up once for both.
  for (; i + 1 < end; i += 2) {
    long[i] = 2 * short[i]! - long[i]!
    long[i + 1] = 2 * short[i + 1]! - long[i + 1]!
  }
  if (i < end) long[i] = 2 * short[i]! - long[i]!
}

/** Held ready, so that a run of one row makes nothing on the heap. */
const INPUT: Float64Array[] = []
const RESULT: Float64Array[] = []
const RAW: Float64Array[] = []

/** Rows count from 0 in them, so that the scratch is no longer than they are. */
function hold([x]: readonly Float64Array[], from: number, to: number, [out]: readonly Float64Array[]): void {
  INPUT[0] = rowsOf(x!, from, to)
  RESULT[0] = rowsOf(out!, from, to)
  RAW[0] = scratch(1, to - from)
}

/** A weighted average that is quick and smooth: of twice the short one less the long one. */
export const hma = define({
  id: 'hma',
  title: 'Hull moving average',
  parameters: [integer('period', 14, 2, 'values in the long window')],
  inputs: ['source'],
  outputs: { value: 'average' },
  warmUp: ({ period }) => period - 1 + Math.floor(Math.sqrt(period)) - 1,
  convention:
    'wma(2 wma(period / 2) - wma(period), sqrt(period)) with both lengths rounded down (Alan Hull, TradingView ta.hma, Stock.Indicators).',
  create: ({ period }) => new HmaKernel(period),
})

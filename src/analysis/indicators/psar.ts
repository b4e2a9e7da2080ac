import { ConfigError } from '../../model/errors.ts'
import { decimal, define, isFiniteSum, type Kernel } from './definition.ts'

class PsarKernel implements Kernel {
  // Numbers from the start: a field that was undefined first keeps its number in a box, and what takes turns with it, as
  // `speed` does, is boxed at every row.
  step = 0
  limit = 0
  count = 0
  rising = true
  /** Whether a reversal has been seen: before it the direction is a guess. */
  known = false
  sar = 0
  extreme = 0
  speed = 0
  high1 = 0
  high2 = 0
  low1 = 0
  low2 = 0

  constructor(step: number, limit: number) {
    this.step = step
    this.limit = limit
    this.speed = step
  }

  run(
    [highs, lows]: readonly Float64Array[],
    from: number,
    to: number,
    [out, direction]: readonly Float64Array[],
  ): void {
    let i = from
    for (; i < to && !(this.known && this.count > 1); i++) this.#first(highs![i]!, lows![i]!, i, out!, direction!)
    this.#rows(highs!, lows!, i, to, out!, direction!, false)
  }

  attempt(
    [highs, lows]: readonly Float64Array[],
    from: number,
    to: number,
    [out, direction]: readonly Float64Array[],
  ): boolean {
    return this.known && this.count > 1 && this.#rows(highs!, lows!, from, to, out!, direction!, true)
  }

  /** Rows up to the first reversal. */
  #first(h: number, l: number, i: number, out: Float64Array, direction: Float64Array): void {
    const { step, limit } = this
    if (this.count === 0) {
      this.sar = l
      this.extreme = h
    } else {
      let sar = this.sar + this.speed * (this.extreme - this.sar)
      if (this.count > 1) sar = Math.min(sar, this.low1, this.low2)
      if (l < sar) {
        sar = this.extreme
        this.known = true
        this.rising = false
        this.extreme = l
        this.speed = step
      } else if (h > this.extreme) {
        this.extreme = h
        this.speed = Math.min(this.speed + step, limit)
      }
      this.sar = sar
    }
    if (this.count < 2) this.count++
    this.high2 = this.high1
    this.high1 = h
    this.low2 = this.low1
    this.low1 = l
    out[i] = Number.NaN
    direction[i] = Number.NaN
  }

  #rows(
    highs: Float64Array,
    lows: Float64Array,
    from: number,
    to: number,
    out: Float64Array,
    direction: Float64Array,
    checking: boolean,
  ): boolean {
    const { step, limit } = this
    let { sar, extreme, speed, rising, high1, high2, low1, low2 } = this
    let seen = 0
    for (let i = from; i < to; i++) {
      const h = highs[i]!
      const l = lows[i]!
      seen += h + l
      sar += speed * (extreme - sar)
      // Each candle against the stop, which hardly ever gives way; which of two candles is lower, no processor can foretell.
      if (rising) {
        if (low1 < sar) sar = low1
        if (low2 < sar) sar = low2
        if (l < sar) {
          sar = extreme
          rising = false
          extreme = l
          speed = step
        } else if (h > extreme) {
          extreme = h
          speed = Math.min(speed + step, limit)
        }
      } else {
        if (high1 > sar) sar = high1
        if (high2 > sar) sar = high2
        if (h > sar) {
          sar = extreme
          rising = true
          extreme = h
          speed = step
        } else if (l < extreme) {
          extreme = l
          speed = Math.min(speed + step, limit)
        }
      }
      high2 = high1
      high1 = h
      low2 = low1
      low1 = l
      out[i] = sar
      direction[i] = rising ? 1 : -1
    }
    if (checking && !isFiniteSum(seen)) return false
    this.sar = sar
    this.extreme = extreme
    this.speed = speed
    this.rising = rising
    this.high1 = high1
    this.high2 = high2
    this.low1 = low1
    this.low2 = low2
    return true
  }
}

/** A stop that runs after the price ever faster, and turns with it. */
export const psar = define({
  id: 'psar',
  title: 'Parabolic SAR',
  parameters: [
    decimal('step', 0.02, 1e-9, 'acceleration, and what each new extreme adds to it', 1),
    decimal('max', 0.2, 1e-9, 'greatest acceleration', 1),
  ],
  inputs: ['high', 'low'],
  outputs: { value: 'stop and reverse', direction: '1 while long, -1 while short' },
  warmUp: () => 2,
  convention:
    'Wilder (1978). A long trend is guessed at the first candle; nothing shows up to the first reversal, after which the direction is known (Stock.Indicators).',
  create({ step, max }) {
    if (step > max) throw new ConfigError(`psar: step is ${step} and max is ${max}; step must not be greater.`)
    return new PsarKernel(step, max)
  },
})

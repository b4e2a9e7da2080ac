import { ConfigError } from '../../model/errors.ts'
import { decimal, define, type Kernel } from './definition.ts'

class PsarKernel implements Kernel {
  readonly step: number
  readonly limit: number
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
    const { step, limit } = this
    for (let i = from; i < to; i++) {
      const h = highs![i]!
      const l = lows![i]!
      const shown = this.known
      if (this.count === 0) {
        this.sar = l
        this.extreme = h
      } else {
        let sar = this.sar + this.speed * (this.extreme - this.sar)
        const several = this.count > 1
        if (this.rising) {
          if (several) sar = Math.min(sar, this.low1, this.low2)
          if (l < sar) {
            sar = this.extreme
            this.#turn(false, l)
          } else if (h > this.extreme) {
            this.extreme = h
            this.speed = Math.min(this.speed + step, limit)
          }
        } else {
          if (several) sar = Math.max(sar, this.high1, this.high2)
          if (h > sar) {
            sar = this.extreme
            this.#turn(true, h)
          } else if (l < this.extreme) {
            this.extreme = l
            this.speed = Math.min(this.speed + step, limit)
          }
        }
        this.sar = sar
      }
      if (this.count < 2) this.count++
      this.high2 = this.high1
      this.high1 = h
      this.low2 = this.low1
      this.low1 = l
      out![i] = shown ? this.sar : Number.NaN
      direction![i] = shown ? (this.rising ? 1 : -1) : Number.NaN
    }
  }

  #turn(rising: boolean, extreme: number): void {
    this.rising = rising
    this.known = true
    this.extreme = extreme
    this.speed = this.step
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

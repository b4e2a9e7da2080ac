import { InvalidRangeError } from '../../model/errors.ts'

/** What of a trade is counted: itself, its quantity, or its value. */
export type TradeMeasure = 'tick' | 'volume' | 'dollar'

/** Bars that end when buying outweighs selling, or the reverse, by more than is usual (López de Prado 2018, 2.3.2). */
export interface ImbalanceOptions {
  /** What is weighed; `tick` when left out. */
  readonly measure?: TradeMeasure
  /**
   * Who bought: `taker` by the exchange's own word, or `tick` by the last change of the price, as for data that do not
   * say it. `taker` when left out.
   */
  readonly side?: 'taker' | 'tick'
  /** A fixed imbalance that ends a bar, in units of the measure. Without it the bound follows the market. */
  readonly threshold?: number
  /** Trades that a bar is expected to have at first, by which the first bar ends; 1000 when left out. */
  readonly expectedTrades?: number
  /** Least and most trades that a bar may be expected to have: without bounds the expectation runs away. */
  readonly leastTrades?: number
  readonly mostTrades?: number
  /** Bars by which the expectations are averaged (alpha is 2 / (span + 1)); 20 when left out. */
  readonly span?: number
}

/** @throws InvalidRangeError: a misspelt word must not pass for another rule. */
export function oneOf(name: string, given: string, allowed: readonly string[]): void {
  if (!allowed.includes(given)) {
    throw new InvalidRangeError(`bars of trades: ${name} is "${String(given)}"; use ${allowed.join(', ')}.`)
  }
}

/** Says when an imbalance bar is done. Looks only at trades that have come. */
export class ImbalanceRule {
  readonly #measure: TradeMeasure
  readonly #byTick: boolean
  readonly #threshold: number | undefined
  readonly #least: number
  readonly #most: number
  readonly #alpha: number
  #sign = 1
  #imbalance = 0
  #count = 0
  #expectedCount: number
  /** Expected imbalance per trade; undefined until the first bar is done. */
  #expected: number | undefined

  constructor(options: ImbalanceOptions) {
    const { measure = 'tick', side = 'taker', threshold, expectedTrades = 1000, span = 20 } = options
    const { leastTrades = Math.max(1, expectedTrades / 10), mostTrades = expectedTrades * 10 } = options
    oneOf('measure', measure, ['tick', 'volume', 'dollar'])
    oneOf('side', side, ['taker', 'tick'])
    for (const [name, value] of Object.entries({ threshold, expectedTrades, span, leastTrades, mostTrades })) {
      if (value !== undefined && !(value > 0 && Number.isFinite(value))) {
        throw new InvalidRangeError(`imbalance bars: ${name} is ${value}; use a number above 0.`)
      }
    }
    if (leastTrades > mostTrades) {
      throw new InvalidRangeError(`imbalance bars: leastTrades ${leastTrades} is more than mostTrades ${mostTrades}.`)
    }
    this.#measure = measure
    this.#byTick = side === 'tick'
    this.#threshold = threshold
    this.#expectedCount = expectedTrades
    this.#least = leastTrades
    this.#most = mostTrades
    this.#alpha = 2 / (span + 1)
  }

  /** True when this trade ends the bar. */
  add(price: number, before: number, quantity: number, value: number, taken: boolean): boolean {
    if (!this.#byTick) this.#sign = taken ? 1 : -1
    else if (price > before) this.#sign = 1
    else if (price < before) this.#sign = -1
    const size = this.#measure === 'tick' ? 1 : this.#measure === 'volume' ? quantity : value
    this.#imbalance += this.#sign * size
    this.#count++
    if (!this.#done()) return false
    const perTrade = this.#imbalance / this.#count
    if (this.#expected === undefined) this.#expected = perTrade
    else {
      this.#expected += this.#alpha * (perTrade - this.#expected)
      const count = this.#expectedCount + this.#alpha * (this.#count - this.#expectedCount)
      this.#expectedCount = Math.min(this.#most, Math.max(this.#least, count))
    }
    this.#imbalance = 0
    this.#count = 0
    return true
  }

  #done(): boolean {
    const size = Math.abs(this.#imbalance)
    if (this.#threshold !== undefined) return size >= this.#threshold
    if (this.#expected === undefined) return this.#count >= this.#expectedCount
    return size >= this.#expectedCount * Math.abs(this.#expected)
  }
}

/** Prices of one side, the best last: what changes is near the end. */
class SeenSide {
  readonly #sign: 1 | -1
  readonly #prices: number[] = []

  constructor(sign: 1 | -1) {
    this.#sign = sign
  }

  get best(): number | undefined {
    return this.#prices.at(-1)
  }

  clear(): void {
    this.#prices.length = 0
  }

  set(price: number, quantity: number): void {
    // No price at all: another stage tells.
    if (!(price > 0)) return
    const prices = this.#prices
    let low = 0
    let high = prices.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((prices[middle]! - price) * this.#sign < 0) low = middle + 1
      else high = middle
    }
    const isThere = prices[low] === price
    if (quantity > 0) {
      if (!isThere) prices.splice(low, 0, price)
    } else if (isThere) prices.splice(low, 1)
  }
}

/** The levels of a book that updates have set, without those that only a snapshot tells. */
export class SeenBook {
  readonly #bids = new SeenSide(1)
  readonly #asks = new SeenSide(-1)

  /** The best that were set. */
  get bid(): number | undefined {
    return this.#bids.best
  }

  get ask(): number | undefined {
    return this.#asks.best
  }

  clear(): void {
    this.#bids.clear()
    this.#asks.clear()
  }

  /** Price, quantity, price, quantity, …; a quantity of 0 takes the level away. */
  apply(bids: readonly number[] = [], asks: readonly number[] = []): void {
    for (let i = 0; i + 1 < bids.length; i += 2) this.#bids.set(bids[i]!, bids[i + 1]!)
    for (let i = 0; i + 1 < asks.length; i += 2) this.#asks.set(asks[i]!, asks[i + 1]!)
  }
}

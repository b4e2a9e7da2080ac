/** Keeps what was used last, up to a total weight; a single thing heavier than that is kept alone. */
export class Lru<Value> {
  readonly #entries = new Map<string, { value: Value; weight: number }>()
  readonly #limit: number
  readonly #dropped: ((value: Value) => void) | undefined
  #weight = 0

  constructor(limit: number, dropped?: (value: Value) => void) {
    this.#limit = limit
    this.#dropped = dropped
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  set(key: string, value: Value, weight = 1): void {
    this.delete(key)
    this.#entries.set(key, { value, weight })
    this.#weight += weight
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#limit || this.#entries.size === 1) break
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#entries.delete(key)
    this.#weight -= entry.weight
    this.#dropped?.(entry.value)
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key)
  }
}

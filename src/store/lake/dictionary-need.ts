import type { Batch } from '../../model/batch.ts'
import type { ColumnSpec } from '../../model/kind.ts'
import { DistinctCounter } from './distinct.ts'
import { DICTIONARY_SHARE, ROW_GROUP } from './event-parquet.ts'

/** The counters are right within 1 %; a dictionary that is too small by one entry is none. */
const MARGIN = 1.05
const LEAST = 1024

/** Finds out how many values the dictionaries of a file have to hold, from its rows as they come. */
export class DictionaryNeed {
  readonly #columns: readonly { readonly name: string; readonly counter: DistinctCounter }[]
  /** Rows of the group that is being filled. */
  #rows = 0
  #most = 0

  constructor(specs: readonly ColumnSpec[]) {
    // Ids and times are packed as deltas, booleans as bits.
    const counted = specs.filter(({ type }) => type === 'float64' || type === 'integer' || type === 'flags')
    this.#columns = counted.map(({ name }) => ({ name, counter: new DistinctCounter() }))
  }

  add(batch: Batch, from: number, to: number): void {
    for (let start = from; start < to; ) {
      const end = Math.min(to, start + ROW_GROUP.chunk - this.#rows)
      for (const { name, counter } of this.#columns) counter.add(batch.columns[name]!, start, end)
      this.#rows += end - start
      start = end
      if (this.#rows === ROW_GROUP.chunk) this.#endGroup()
    }
  }

  /** Entries of the largest dictionary that is worth having. */
  get entries(): number {
    if (this.#rows > 0) this.#endGroup()
    return Math.max(LEAST, this.#most)
  }

  #endGroup(): void {
    const worth = this.#rows * DICTIONARY_SHARE
    for (const { counter } of this.#columns) {
      const entries = counter.take()
      if (entries <= worth * MARGIN) this.#most = Math.max(this.#most, Math.ceil(entries * MARGIN))
    }
    this.#rows = 0
  }
}

import type { SeriesSource } from './source.ts'

/** Sources that are begun side by side. */
const BEGUN_AT_ONCE = 4

/**
 * The records of many sources as one stream that never goes back in time. The earliest source stands on top of a heap; at
 * the same instant that of the least rank.
 */
export class Merge implements AsyncDisposable {
  readonly #sources: readonly SeriesSource[]
  /** Each source is not after those at twice its place and one or two further. Only the top may have to be loaded. */
  #heap: SeriesSource[] = []

  constructor(sources: readonly SeriesSource[]) {
    this.#sources = sources
  }

  /** Loads the first records. */
  async open(): Promise<void> {
    for (let at = 0; at < this.#sources.length; at += BEGUN_AT_ONCE) {
      const some = this.#sources.slice(at, at + BEGUN_AT_ONCE)
      // All are waited for, also where one fails: nothing may still run when this is left.
      const outcomes = await Promise.allSettled(some.map((source) => source.load()))
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.status === 'rejected') throw outcome.reason
        if (outcome.value) this.#heap.push(some[index]!)
      }
    }
    for (let place = (this.#heap.length >> 1) - 1; place >= 0; place--) this.#sink(place)
  }

  /** The source of the next record, where that is loaded. */
  get ready(): SeriesSource | undefined {
    const top = this.#heap[0]
    return top?.head === undefined ? undefined : top
  }

  /** The source of the next record; undefined at the end. */
  async next(): Promise<SeriesSource | undefined> {
    for (;;) {
      const top = this.#heap[0]
      if (top === undefined || top.head !== undefined) return top
      if (!(await top.load())) this.#drop()
      this.#sink(0)
    }
  }

  /** Leaves the record on top behind. */
  advance(): void {
    // One that has to be loaded stays on top: its next record may be the very next.
    if (this.#heap[0]!.advance()) this.#sink(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#heap = []
    await Promise.all(this.#sources.map((source) => source[Symbol.asyncDispose]()))
  }

  #drop(): void {
    const last = this.#heap.pop()!
    if (this.#heap.length > 0) this.#heap[0] = last
  }

  #sink(start: number): void {
    const heap = this.#heap
    const moved = heap[start]
    if (moved === undefined) return
    let place = start
    for (;;) {
      let child = 2 * place + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!this.#isBefore(heap[child]!, moved)) break
      heap[place] = heap[child]!
      place = child
    }
    heap[place] = moved
  }

  #isBefore(a: SeriesSource, b: SeriesSource): boolean {
    return a.instant < b.instant || (a.instant === b.instant && a.rank < b.rank)
  }
}

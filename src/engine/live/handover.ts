import type { LiveRecord } from '../../model/live/index.ts'
import type { SeriesSink } from './series-sink.ts'

/** Records handed over at once at most: few enough to be in the processor's cache still. */
const MOST = 128
const SETTLED = Promise.resolve()

/**
 * Hands records to their sinks: those of one series that follow one another in one entry of the spool at once, which
 * costs a fraction of what each by itself does. At the end of a read of a socket none waits here any more.
 */
export class Handover {
  readonly #taken: (sink: SeriesSink, records: readonly LiveRecord[], count: number) => void
  readonly #failed: (error: unknown) => void
  /** What waits, the first `#count` of it, and where it goes. */
  #records: LiveRecord[] = []
  #count = 0
  #sink: SeriesSink | undefined
  #sequence = -1
  #isDue = false

  /** @param taken told of the first `count` records when they are in their sink. */
  constructor(
    taken: (sink: SeriesSink, records: readonly LiveRecord[], count: number) => void,
    failed: (error: unknown) => void,
  ) {
    this.#taken = taken
    this.#failed = failed
  }

  add(sink: SeriesSink, record: LiveRecord, sequence: number): void {
    if (sink !== this.#sink || sequence !== this.#sequence || this.#count === MOST) this.#begin(sink, sequence)
    this.#records[this.#count++] = record
  }

  /**
   * Hands over what waits. Must be called before anything is awaited by whoever adds records outside of a callback of a
   * socket: a flush may come in between, and must find all records of an entry in their sinks or none of them.
   */
  settle(): void {
    const count = this.#count
    if (count === 0) return
    this.#count = 0
    const sink = this.#sink as SeriesSink
    sink.appendAll(this.#records, count, this.#sequence)
    this.#taken(sink, this.#records, count)
  }

  #begin(sink: SeriesSink, sequence: number): void {
    this.settle()
    this.#sink = sink
    this.#sequence = sequence
    if (this.#isDue) return
    this.#isDue = true
    // Behind the callback of the socket, and before any other: nobody had to tell that the read ended. A promise, because
    // `queueMicrotask` makes a resource each time, which is not only slower: its code was thrown away and compiled anew
    // after every full garbage collection, and all that is inlined here with it.
    SETTLED.then(this.#onDue)
  }

  readonly #onDue = (): void => {
    this.#isDue = false
    try {
      this.settle()
    } catch (error) {
      this.#failed(error)
    }
    // The records themselves are not kept, and a list that is young is cheap to fill.
    this.#records = []
    this.#sink = undefined
  }
}

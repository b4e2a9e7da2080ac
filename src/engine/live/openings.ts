import { TicklakeError } from '../../model/errors.ts'
import type { LiveRecord } from '../../model/live/index.ts'
import type { Log } from '../../model/log.ts'
import type { SeriesId } from '../../model/series.ts'

/** Opens each thing once, however many ask for it at the same time, and nothing any more after `close`. */
export class Openings<Thing> {
  readonly #running = new Map<string, Promise<Thing>>()
  #isClosed = false

  /** @throws TicklakeError `CLOSED` after `close`. */
  async once(key: string, open: () => Promise<Thing>): Promise<Thing> {
    if (this.#isClosed) throw new TicklakeError('CLOSED', 'The collector was stopped; open another one.')
    let opening = this.#running.get(key)
    if (!opening) {
      opening = open().finally(() => this.#running.delete(key))
      this.#running.set(key, opening)
    }
    return opening
  }

  /** Resolves when what is being opened is open, so that it can be closed. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#running.values())
  }
}

/** Records of symbols that a channel of every symbol names for the first time: they wait until their series is open. */
export class Latecomers {
  readonly #waiting = new Map<string, { readonly record: LiveRecord; readonly sequence: number }[]>()
  readonly #open: (id: SeriesId) => Promise<unknown>
  readonly #take: (record: LiveRecord, sequence: number) => void
  readonly #log: Log

  constructor(
    open: (id: SeriesId) => Promise<unknown>,
    take: (record: LiveRecord, sequence: number) => void,
    log: Log,
  ) {
    this.#open = open
    this.#take = take
    this.#log = log
  }

  add(id: SeriesId, record: LiveRecord, sequence: number): void {
    const key = `${id.market}/${id.kind}/${id.symbol}`
    const waiting = this.#waiting.get(key)
    if (waiting) {
      waiting.push({ record, sequence })
      return
    }
    const records = [{ record, sequence }]
    this.#waiting.set(key, records)
    this.#open(id)
      .then(() => {
        this.#waiting.delete(key)
        for (const one of records) this.#take(one.record, one.sequence)
      })
      .catch((error: unknown) => {
        this.#waiting.delete(key)
        this.#log.error({ err: error, series: key }, 'a series could not be opened')
      })
  }
}

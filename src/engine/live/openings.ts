import { TicklakeError } from '../../model/errors.ts'

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

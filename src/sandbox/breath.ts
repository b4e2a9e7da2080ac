import { setImmediate } from 'node:timers/promises'

/** Longest stretch, in ms, that a long computation keeps the event loop for itself. */
const STRETCH = 12

/** Lets a long computation give way to other requests now and then: `await breath.take()` between its steps. */
export class Breath {
  #since = performance.now()

  async take(): Promise<void> {
    if (performance.now() - this.#since < STRETCH) return
    await setImmediate()
    this.#since = performance.now()
  }
}

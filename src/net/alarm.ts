import { linkSignals, sleep } from './abort.ts'

/** Waits that can be cut short, all at once: whoever learns that the reason to wait is gone rings. */
export class Alarm {
  #ringing = new AbortController()

  /** Waits, or until the next `ring`. Rejects with the signal's error as soon as it aborts. */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const linked = linkSignals(signal, this.#ringing.signal)
    try {
      await sleep(ms, linked.signal)
    } catch (error) {
      if (signal?.aborted) throw error
    } finally {
      linked.release()
    }
  }

  /** Ends every wait of now. */
  ring(): void {
    const ringing = this.#ringing
    this.#ringing = new AbortController()
    ringing.abort()
  }
}

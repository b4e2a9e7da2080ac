import { setMaxListeners } from 'node:events'

/** The error of an aborted signal: its reason where that is an error, else an `AbortError`. */
export function abortError(signal: AbortSignal): Error {
  const reason: unknown = signal.reason
  return reason instanceof Error ? reason : new DOMException('The operation was aborted.', 'AbortError')
}

/** The longest delay that `setTimeout` keeps; anything longer fires at once. */
const MAX_TIMER = 2 ** 31 - 1

/**
 * Waits. Rejects with the signal's error as soon as it aborts, and leaves neither a timer nor a listener behind.
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortError(signal))
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(abortError(signal!))
    }
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      },
      Math.min(Math.max(0, ms), MAX_TIMER),
    )
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

export interface LinkedSignal {
  readonly signal: AbortSignal
  /** Aborts this signal only. */
  abort(reason?: unknown): void
  /** Lets go of the signals it listens to. Call it when the work is done. */
  release(): void
}

/**
 * A signal that aborts with the first of several. Made by hand because `AbortSignal.any` keeps every derived signal
 * alive as long as its sources on Node 20, and ours live as long as a client.
 */
export function linkSignals(...sources: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const controller = new AbortController()
  // Node warns of a leak at 11 listeners; a download has more requests than that in flight, and lets go of each.
  setMaxListeners(0, controller.signal)
  const links: [AbortSignal, () => void][] = []
  const release = (): void => {
    for (const [source, listener] of links.splice(0)) source.removeEventListener('abort', listener)
  }
  for (const source of sources) {
    if (source === undefined) continue
    if (source.aborted) {
      controller.abort(source.reason)
      break
    }
    const listener = (): void => controller.abort(source.reason)
    setMaxListeners(0, source)
    source.addEventListener('abort', listener, { once: true })
    links.push([source, listener])
  }
  return { signal: controller.signal, abort: (reason) => controller.abort(reason), release }
}

/** The promise's outcome, or the signal's error as soon as it aborts. What the promise does goes on. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return await promise
  promise.catch(() => {})
  if (signal.aborted) throw abortError(signal)
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortError(signal))
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

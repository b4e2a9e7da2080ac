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

/**
 * What is done with the result of somebody else's function: when it is async, its rejection is handed to `onError`
 * instead of ending the process.
 */
export function watch(result: unknown, onError: (error: unknown) => void): void {
  if (isThenable(result)) result.then(undefined, onError)
}

/** Calls a function of somebody else. Neither what it throws nor its rejection gets any further than `onError`. */
export function tell<Value>(
  listener: ((value: Value) => unknown) | undefined,
  value: Value,
  onError: (error: unknown) => void,
): void {
  try {
    watch(listener?.(value), onError)
  } catch (error) {
    onError(error)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ConfigError, HttpError, isAbortError, NetworkError, RateLimitExceeded } from '../../src/model/errors.ts'
import { retryWithBackoff } from '../../src/net/retry.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const cut = (): NetworkError => new NetworkError('http://x', 'cut')

/** Runs to the end, timers included, and gives the outcome. */
async function settle<T>(promise: Promise<T>): Promise<T | unknown> {
  const outcome = promise.catch((error: unknown) => error)
  await vi.runAllTimersAsync()
  return await outcome
}

test('gives the first success and tells of the failures before it', async () => {
  const seen: [number, number][] = []
  const result = await settle(
    retryWithBackoff((attempt) => (attempt < 4 ? Promise.reject(cut()) : Promise.resolve(attempt)), {
      baseMs: 100,
      random: () => 0.5,
      onRetry: ({ attempt, delayMs }) => seen.push([attempt, delayMs]),
    }),
  )
  expect(result).toBe(4)
  expect(seen).toEqual([
    [1, 50],
    [2, 100],
    [3, 200],
  ])
})

test('waits anything from nothing to the bound, which doubles up to a maximum', async () => {
  const bounds = async (random: number): Promise<number[]> => {
    const delays: number[] = []
    const options = { attempts: 6, baseMs: 100, maxMs: 500, random: () => random }
    await settle(retryWithBackoff(() => Promise.reject(cut()), { ...options, onRetry: (e) => delays.push(e.delayMs) }))
    return delays
  }
  expect(await bounds(0)).toEqual([0, 0, 0, 0, 0])
  expect(await bounds(0.999999)).toEqual([100, 200, 400, 500, 500])
})

test('throws the last error as it is when the tries are used up', async () => {
  const errors = [cut(), cut(), cut()]
  const error = await settle(retryWithBackoff((attempt) => Promise.reject(errors[attempt - 1]!), { attempts: 3 }))
  expect(error).toBe(errors[2])
})

test('never repeats what the error does not call retryable', async () => {
  for (const error of [new ConfigError('x'), new HttpError('u', 404, ''), new TypeError('bug')]) {
    const fn = vi.fn(() => Promise.reject(error))
    expect(await settle(retryWithBackoff(fn))).toBe(error)
    expect(fn).toHaveBeenCalledTimes(1)
  }
})

test('an error may have its own number of tries', async () => {
  const fn = vi.fn(() => Promise.reject(cut()))
  await settle(retryWithBackoff(fn, { attempts: (error) => (error instanceof NetworkError ? 2 : 9) }))
  expect(fn).toHaveBeenCalledTimes(2)
})

test('waits as long as the server asks, even beyond the maximum', async () => {
  const delays: number[] = []
  const busy = new RateLimitExceeded('busy', { retryAfterMs: 90_000 })
  await settle(
    retryWithBackoff(() => Promise.reject(busy), {
      attempts: 2,
      baseMs: 100,
      maxMs: 1000,
      random: () => 0,
      onRetry: (event) => delays.push(event.delayMs),
    }),
  )
  expect(delays).toEqual([90_000])
})

test('an abort ends the wait at once and leaves no timer', async () => {
  const controller = new AbortController()
  const pending = retryWithBackoff(() => Promise.reject(cut()), {
    baseMs: 60_000,
    random: () => 0.9,
    signal: controller.signal,
  }).catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(10)
  expect(vi.getTimerCount()).toBe(1)
  controller.abort()
  expect(isAbortError(await pending)).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
})

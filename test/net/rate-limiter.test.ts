import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { InvalidRangeError, isAbortError, RateLimitExceeded } from '../../src/model/errors.ts'
import { type RateLimit, RateLimiter, type RateLimiterOptions } from '../../src/net/rate-limiter.ts'

const MINUTE = 60_000
const START = Date.UTC(2026, 0, 1, 12)
/** Time that the limiter keeps clear of the start of a window. */
const GUARD = 40

beforeEach(() => vi.useFakeTimers({ now: START + 1000, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }))
afterEach(() => vi.useRealTimers())

const minute = (limit: number): RateLimit => ({ windowMs: MINUTE, limit, counts: 'weight' })
const make = (limit: number, more: Partial<RateLimiterOptions> = {}): RateLimiter =>
  new RateLimiter({ limits: [minute(limit)], target: 1, ...more })
const used = (weight: number, windowMs = MINUTE): Map<number, number> => new Map([[windowMs, weight]])

test('lets requests through until the window is full, then in the order of their asking', async () => {
  const limiter = make(10)
  const order: string[] = []
  const ask = (name: string, weight: number): Promise<void> =>
    limiter.acquire(weight).then((permit) => {
      order.push(name)
      permit.finish()
    })
  const all = [ask('a', 6), ask('b', 6), ask('c', 1), ask('d', 9)]
  await vi.advanceTimersByTimeAsync(MINUTE - 1000 + GUARD - 1)
  expect(order).toEqual(['a'])
  await vi.advanceTimersByTimeAsync(1)
  expect(order).toEqual(['a', 'b', 'c'])
  await vi.advanceTimersByTimeAsync(MINUTE)
  await Promise.all(all)
  expect(order).toEqual(['a', 'b', 'c', 'd'])
})

test('says how many requests of a weight are left', async () => {
  const limiter = make(100, { target: 0.97 })
  expect(limiter.getRemainingRequests()).toBe(97)
  ;(await limiter.acquire(50)).finish()
  expect([limiter.getRemainingRequests(1), limiter.getRemainingRequests(20)]).toEqual([47, 2])
  await vi.advanceTimersByTimeAsync(MINUTE)
  expect(limiter.getRemainingRequests()).toBe(97)
})

test('a request in flight when the window ends counts in the next one too', async () => {
  const limiter = make(10)
  const late = await limiter.acquire(4)
  ;(await limiter.acquire(6)).finish()
  await vi.advanceTimersByTimeAsync(MINUTE)
  expect(limiter.getRemainingRequests()).toBe(6)
  late.finish(used(10))
  expect(limiter.getRemainingRequests()).toBe(6)
})

test('a request that ends just after its window did counts in the next one, which may be where the server counted it', async () => {
  const limiter = make(10)
  const late = await limiter.acquire(4)
  await vi.advanceTimersByTimeAsync(MINUTE - 1000 + GUARD / 2)
  late.finish(used(4))
  await vi.advanceTimersByTimeAsync(GUARD)
  expect(limiter.getRemainingRequests()).toBe(6)
})

test('a request that was never sent gives its weight back', async () => {
  const limiter = make(10)
  const permit = await limiter.acquire(8)
  permit.cancel()
  permit.cancel()
  permit.finish(used(9))
  expect(limiter.getRemainingRequests()).toBe(10)
})

test('a header that equals what we spent ourselves changes nothing', async () => {
  const limiter = make(100)
  const first = await limiter.acquire(10)
  const second = await limiter.acquire(10)
  first.finish(used(20))
  expect(limiter.getRemainingRequests()).toBe(80)
  second.finish(used(20))
  expect(limiter.getRemainingRequests()).toBe(80)
})

test('what others spend is learnt from the header, and some room is left to them', async () => {
  const limiter = make(100)
  ;(await limiter.acquire(10)).finish(used(50))
  // 50 are used and 5 stay free for requests of others that nobody can see.
  expect(limiter.getRemainingRequests()).toBe(45)
  ;(await limiter.acquire(1)).finish(used(99))
  expect(limiter.getRemainingRequests()).toBe(0)
  await vi.advanceTimersByTimeAsync(MINUTE)
  expect(limiter.getRemainingRequests()).toBe(100)
})

test('a header that falls means that the server’s window began anew', async () => {
  const limiter = make(100)
  ;(await limiter.acquire(40)).finish(used(90))
  expect(limiter.getRemainingRequests()).toBe(5)
  await vi.advanceTimersByTimeAsync(10)
  ;(await limiter.acquire(2)).finish(used(2))
  expect(limiter.getRemainingRequests()).toBe(98)
})

test('a pause stops everybody until it is over', async () => {
  const limiter = make(100)
  limiter.pause(5000)
  expect(limiter.getRemainingRequests()).toBe(0)
  let sent = 0
  for (let i = 0; i < 3; i++) void limiter.acquire(1).then(() => sent++)
  await vi.advanceTimersByTimeAsync(4999)
  expect(sent).toBe(0)
  await vi.advanceTimersByTimeAsync(1)
  expect(sent).toBe(3)
})

test('a shorter pause never shortens a longer one', async () => {
  const limiter = make(100)
  limiter.pause(5000)
  limiter.pause(10)
  let sent = false
  void limiter.acquire(1).then(() => {
    sent = true
  })
  await vi.advanceTimersByTimeAsync(4999)
  expect(sent).toBe(false)
})

test('a ban longer than anyone would wait for is thrown at all who wait, and at newcomers', async () => {
  const limiter = make(10)
  ;(await limiter.acquire(10)).finish()
  const waiting = limiter.acquire(1).catch((error: unknown) => error)
  limiter.pause(3 * 24 * 3_600_000)
  expect(await waiting).toBeInstanceOf(RateLimitExceeded)
  await expect(limiter.acquire(1)).rejects.toMatchObject({ retryable: false, banned: true })
})

test('an aborted waiter leaves the line, and the next one moves up', async () => {
  const limiter = make(10)
  ;(await limiter.acquire(5)).finish()
  const controller = new AbortController()
  const big = limiter.acquire(9, controller.signal).catch((error: unknown) => error)
  let small = false
  void limiter.acquire(5).then(() => {
    small = true
  })
  await vi.advanceTimersByTimeAsync(10)
  expect(small).toBe(false)
  controller.abort()
  expect(isAbortError(await big)).toBe(true)
  await vi.advanceTimersByTimeAsync(0)
  expect(small).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
  await expect(limiter.acquire(1, controller.signal)).rejects.toSatisfy(isAbortError)
})

test('a request heavier than the target goes through alone; one heavier than the limit never can', async () => {
  const limiter = make(100, { target: 0.5 })
  ;(await limiter.acquire(80)).finish()
  expect(limiter.getRemainingRequests()).toBe(0)
  await expect(limiter.acquire(101)).rejects.toThrow(InvalidRangeError)
})

test('every limit holds, by weight and by number of requests', async () => {
  const limits: RateLimit[] = [minute(100), { windowMs: 5 * MINUTE, limit: 3, counts: 'requests' }]
  const limiter = new RateLimiter({ limits, target: 1 })
  for (let i = 0; i < 3; i++) (await limiter.acquire(1)).finish()
  expect(limiter.getRemainingRequests()).toBe(0)
  await vi.advanceTimersByTimeAsync(MINUTE)
  expect(limiter.getRemainingRequests()).toBe(0)
  await vi.advanceTimersByTimeAsync(4 * MINUTE)
  expect(limiter.getRemainingRequests()).toBe(3)
})

test('new limits are taken over at once, and what was spent stays spent', async () => {
  const limiter = make(100)
  ;(await limiter.acquire(60)).finish()
  limiter.setLimits([minute(80)])
  expect(limiter.getRemainingRequests()).toBe(20)
  limiter.setLimits([{ windowMs: 5000, limit: 75, counts: 'weight' }])
  expect(limiter.getRemainingRequests()).toBe(15)
  await vi.advanceTimersByTimeAsync(5000)
  expect(limiter.getRemainingRequests()).toBe(75)
})

test('a clock that is corrected backwards never locks the budget for long', async () => {
  let offset = 3_600_000
  const limiter = make(10, { now: () => Date.now() + offset })
  ;(await limiter.acquire(10)).finish()
  let sent = false
  void limiter.acquire(1).then(() => {
    sent = true
  })
  offset = 0
  await vi.advanceTimersByTimeAsync(2 * MINUTE)
  expect(sent).toBe(true)
})

test('a target that is no share is refused', () => {
  expect(() => make(10, { target: 0 })).toThrow(/target 0/)
  expect(() => make(10, { target: 1.5 })).toThrow(/target 1.5/)
})

/** A server with fixed windows, reached over a network with delays, asked as fast as the limiter allows. */
async function simulate(world: {
  limit: number
  weight: number
  delays: readonly number[]
  clockError: number
  localClockWrongBy: number
  parallel: number
  windows: number
}): Promise<{ counts: Map<number, number>; refused: number }> {
  vi.setSystemTime(START + world.localClockWrongBy + 17_000)
  const serverNow = (): number => Date.now() - world.localClockWrongBy
  const limiter = new RateLimiter({
    limits: [minute(world.limit)],
    now: () => serverNow() + world.clockError,
    uncertaintyMs: () => Math.abs(world.clockError),
  })
  const counts = new Map<number, number>()
  let refused = 0
  let turn = 0
  const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
  const end = START + (world.windows + 1) * MINUTE
  const worker = async (): Promise<void> => {
    while (serverNow() < end) {
      const permit = await limiter.acquire(world.weight)
      const there = world.delays[turn++ % world.delays.length]!
      const back = world.delays[turn++ % world.delays.length]!
      await wait(there)
      const window = Math.floor(serverNow() / MINUTE)
      const count = (counts.get(window) ?? 0) + world.weight
      counts.set(window, count)
      if (count > world.limit) refused++
      await wait(back)
      permit.finish(used(count))
    }
  }
  const workers = Array.from({ length: world.parallel }, () => worker())
  while (serverNow() < end) await vi.advanceTimersByTimeAsync(5000)
  await vi.advanceTimersByTimeAsync(2 * MINUTE)
  await Promise.all(workers)
  return { counts, refused }
}

test('in any network, and with a local clock hours off, no request is refused and 90 % of every full window is used', async () => {
  const world = fc.record({
    market: fc.constantFrom({ limit: 2400, weight: 10 }, { limit: 6000, weight: 20 }, { limit: 2400, weight: 2 }),
    delays: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 7 }),
    clockError: fc.integer({ min: -60, max: 60 }),
    localClockWrongBy: fc.constantFrom(0, 3_600_000, -7_200_000, 12_345),
    parallel: fc.integer({ min: 1, max: 40 }),
  })
  await fc.assert(
    fc.asyncProperty(world, async ({ market, delays, clockError, localClockWrongBy, parallel }) => {
      const { counts, refused } = await simulate({
        ...market,
        delays,
        clockError,
        localClockWrongBy,
        parallel,
        windows: 3,
      })
      expect(refused).toBe(0)
      // A few slow connections can't use the whole budget.
      const delay = delays.reduce((sum, one) => sum + one, 0) / delays.length
      const possible = (parallel * market.weight * MINUTE) / (2 * delay)
      if (possible < market.limit * 1.3) return
      const first = START / MINUTE
      for (let window = first + 1; window <= first + 2; window++) {
        expect(counts.get(window)! / market.limit).toBeGreaterThanOrEqual(0.9)
      }
    }),
    { numRuns: 15 },
  )
})

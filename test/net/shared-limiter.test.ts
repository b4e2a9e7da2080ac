import { rmSync } from 'node:fs'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RateLimitExceeded } from '../../src/model/errors.ts'
import { BudgetLog } from '../../src/net/budget-log.ts'
import { type RateLimit, RateLimiter, type RateLimiterOptions } from '../../src/net/rate-limiter.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'

const MINUTE = 60_000
const START = Date.UTC(2026, 0, 1, 12)
const GUARD = 40

let folder: TempFolder
const open: RateLimiter[] = []
beforeEach(async () => {
  folder = await tempFolder('budget')
  vi.useFakeTimers({
    now: START + 1000,
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  })
})
afterEach(async () => {
  for (const limiter of open.splice(0)) limiter.close()
  vi.useRealTimers()
  await folder[Symbol.asyncDispose]()
})

const minute = (limit: number): RateLimit => ({ windowMs: MINUTE, limit, counts: 'weight' })
const used = (weight: number): Map<number, number> => new Map([[MINUTE, weight]])

/** One program's limiter on the common log. */
function make(limit = 100, more: Partial<RateLimiterOptions> = {}, name = 'x'): RateLimiter {
  const isLive = more.isLive ?? false
  const shared = new BudgetLog({ folder: folder.path, name, isLive, clock: () => performance.now() })
  const limiter = new RateLimiter({ limits: [minute(limit)], target: 1, shared, ...more })
  open.push(limiter)
  return limiter
}

test('what one program spends is gone for all, and given back for all', async () => {
  const [a, b] = [make(), make()]
  ;(await a.acquire(30)).finish()
  const permit = await b.acquire(40)
  expect([a.getRemainingRequests(), b.getRemainingRequests(), make().getRemainingRequests()]).toEqual([30, 30, 30])
  permit.cancel()
  expect([a.getRemainingRequests(), b.getRemainingRequests(), make().getRemainingRequests()]).toEqual([70, 70, 70])
  await vi.advanceTimersByTimeAsync(MINUTE)
  expect([a.getRemainingRequests(), b.getRemainingRequests(), make().getRemainingRequests()]).toEqual([100, 100, 100])
})

test('who finds the room taken waits for the next window', async () => {
  const [a, b] = [make(), make()]
  ;(await a.acquire(90)).finish()
  let sent = false
  void b.acquire(20).then(() => {
    sent = true
  })
  await vi.advanceTimersByTimeAsync(MINUTE - 1000 + GUARD - 1)
  expect(sent).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(sent).toBe(true)
})

test('a request of another program that is in flight when the window ends counts in the next one too', async () => {
  const [a, b] = [make(10), make(10)]
  const late = await a.acquire(4)
  ;(await a.acquire(6)).finish()
  await vi.advanceTimersByTimeAsync(MINUTE)
  expect(b.getRemainingRequests()).toBe(6)
  late.finish()
  expect(b.getRemainingRequests()).toBe(6)
  await vi.advanceTimersByTimeAsync(MINUTE)
  expect(b.getRemainingRequests()).toBe(10)
})

test('a request of another program that ends just after the window counts in the next one', async () => {
  const [a, b] = [make(10), make(10)]
  const late = await a.acquire(4)
  await vi.advanceTimersByTimeAsync(MINUTE - 1000 + GUARD / 2)
  late.finish()
  await vi.advanceTimersByTimeAsync(GUARD)
  expect([a.getRemainingRequests(), b.getRemainingRequests()]).toEqual([6, 6])
})

test('a pause that the server asks one program for holds all, also those that come later', async () => {
  const [a, b] = [make(), make()]
  a.pause(5000)
  expect([b.getRemainingRequests(), make().getRemainingRequests()]).toEqual([0, 0])
  let sent = 0
  for (const one of [b, make()]) void one.acquire(1).then(() => sent++)
  await vi.advanceTimersByTimeAsync(4990)
  expect(sent).toBe(0)
  await vi.advanceTimersByTimeAsync(20)
  expect(sent).toBe(2)
})

test('a ban of days is thrown in every program', async () => {
  const [a, b] = [make(), make()]
  a.pause(3 * 24 * 3_600_000)
  await expect(b.acquire(1)).rejects.toBeInstanceOf(RateLimitExceeded)
})

test('strangers that one program learns of are known to all', async () => {
  const [a, b] = [make(), make()]
  ;(await a.acquire(10)).finish(used(50))
  expect([a.getRemainingRequests(), b.getRemainingRequests(), make().getRemainingRequests()]).toEqual([45, 45, 45])
})

test('what the other programs spent is no stranger’s: a header that tells of it changes nothing', async () => {
  const [a, b] = [make(), make()]
  ;(await a.acquire(30)).finish()
  ;(await b.acquire(10)).finish(used(40))
  expect([a.getRemainingRequests(), b.getRemainingRequests()]).toEqual([60, 60])
})

test('limits that one program has read hold for the others, and what was spent is counted by them', async () => {
  const [a, b] = [make(6000), make(6000)]
  ;(await b.acquire(30)).finish()
  a.setLimits([{ windowMs: 5000, limit: 75, counts: 'weight' }])
  expect([a.getRemainingRequests(), b.getRemainingRequests(), make(6000).getRemainingRequests()]).toEqual([45, 45, 45])
  expect(b.limits).toEqual([{ windowMs: 5000, limit: 75, counts: 'weight' }])
  b.setLimits([minute(90)])
  expect([a.getRemainingRequests(), b.getRemainingRequests()]).toEqual([60, 60])
})

test('who has not asked for the server’s time goes by the time that another program was told', async () => {
  const server = (): number => Date.now() + 3_600_000 + 30_000
  let isKnown = false
  const a = make(100, { now: () => (isKnown ? server() : Date.now()), isClockKnown: () => isKnown })
  const b = make(100, { now: () => Date.now(), isClockKnown: () => false })
  isKnown = true
  ;(await a.acquire(70)).finish()
  // The server's minute ends 29 s from now; by the clock of this machine it would be 59.
  expect(b.getRemainingRequests()).toBe(30)
  await vi.advanceTimersByTimeAsync(29_000 + GUARD)
  expect([a.getRemainingRequests(), b.getRemainingRequests()]).toEqual([100, 100])
})

test('a clock that turns out to be hours ahead does not hide what others spent in the minute', async () => {
  let ahead = 0
  const [a, b] = [make(100, { now: () => Date.now() + 7_200_000 }), make(100, { now: () => Date.now() + ahead })]
  ;(await a.acquire(70)).finish()
  expect(b.getRemainingRequests()).toBe(30)
  ahead = 7_200_000
  expect(b.getRemainingRequests()).toBe(30)
})

test('bulk work leaves a live collector room at the start of a window, and none at its end', async () => {
  await vi.advanceTimersByTimeAsync(MINUTE - 1000 + GUARD)
  const bulk = make()
  const live = make(100, { isLive: true })
  ;(await bulk.acquire(80)).finish()
  let sent = 0
  for (let i = 0; i < 4; i++) {
    void bulk.acquire(5).then((permit) => {
      permit.finish()
      sent++
    })
  }
  await vi.advanceTimersByTimeAsync(5)
  expect(sent).toBe(1)
  ;(await live.acquire(5)).finish()
  await vi.advanceTimersByTimeAsync(MINUTE * 0.8)
  expect(sent).toBe(3)
  expect(live.getRemainingRequests()).toBe(0)
})

test('without a live collector bulk work takes all at once, and again after the collector has gone', async () => {
  const bulk = make()
  const live = make(100, { isLive: true })
  expect(bulk.getRemainingRequests()).toBe(100)
  live.close()
  await vi.advanceTimersByTimeAsync(4 * MINUTE - 1000 + GUARD)
  for (let i = 0; i < 10; i++) (await bulk.acquire(10)).finish()
  expect(bulk.getRemainingRequests()).toBe(0)
})

test('a folder that is lost on the way ends the sharing with a warning, not the work', async () => {
  const warnings: string[] = []
  const quiet = (): void => {}
  const log = { debug: quiet, info: quiet, error: quiet, warn: (_: object, text: string) => warnings.push(text) }
  const a = make(100, { log })
  ;(await a.acquire(10)).finish()
  rmSync(folder.path, { recursive: true })
  await vi.advanceTimersByTimeAsync(1000)
  ;(await a.acquire(10)).finish()
  expect([a.isShared, a.getRemainingRequests()]).toEqual([false, 80])
  expect(warnings).toEqual(['the rate budget is not shared with other programs any more'])
})

test('a closed limiter has nothing in flight for the others', async () => {
  const [a, b] = [make(), make()]
  await a.acquire(60)
  a.close()
  await vi.advanceTimersByTimeAsync(MINUTE)
  expect(b.getRemainingRequests()).toBe(100)
})

interface Program {
  readonly clockError: number
  readonly parallel: number
  readonly weight: number
  readonly delays: readonly number[]
  readonly isLive: boolean
  readonly startsAt: number
}

/** A server with fixed windows, asked by several programs as fast as their limiters allow. */
async function simulate(
  world: { limit: number; windows: number; programs: readonly Program[] },
  name: string,
): Promise<{ counts: Map<number, number>; refused: number }> {
  vi.setSystemTime(START + 17_000)
  const counts = new Map<number, number>()
  let refused = 0
  const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
  const end = START + (world.windows + 1) * MINUTE
  const program = async ({ clockError, parallel, weight, delays, isLive, startsAt }: Program): Promise<void> => {
    await wait(startsAt)
    const limiter = make(
      world.limit,
      {
        target: 0.97,
        now: () => Date.now() + clockError,
        uncertaintyMs: () => Math.abs(clockError),
        isLive,
      },
      name,
    )
    let turn = 0
    const worker = async (): Promise<void> => {
      while (Date.now() < end) {
        const permit = await limiter.acquire(weight)
        await wait(delays[turn++ % delays.length]!)
        const window = Math.floor(Date.now() / MINUTE)
        const count = (counts.get(window) ?? 0) + weight
        counts.set(window, count)
        if (count > world.limit) refused++
        await wait(delays[turn++ % delays.length]!)
        permit.finish(used(count))
      }
    }
    await Promise.all(Array.from({ length: parallel }, worker))
  }
  const all = world.programs.map(program)
  while (Date.now() < end) await vi.advanceTimersByTimeAsync(5000)
  await vi.advanceTimersByTimeAsync(2 * MINUTE)
  await Promise.all(all)
  for (const limiter of open.splice(0)) limiter.close()
  return { counts, refused }
}

test('however many programs, networks and clocks: no request is refused, and 90 % of every full window is used', async () => {
  const program = fc.record({
    clockError: fc.integer({ min: -60, max: 60 }),
    parallel: fc.integer({ min: 1, max: 12 }),
    weight: fc.constantFrom(2, 5, 10),
    delays: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
    isLive: fc.boolean(),
    startsAt: fc.integer({ min: 0, max: 50_000 }),
  })
  const world = fc.record({
    limit: fc.constantFrom(2400, 1200),
    programs: fc.array(program, { minLength: 2, maxLength: 5 }),
  })
  let run = 0
  await fc.assert(
    fc.asyncProperty(world, async ({ limit, programs }) => {
      const { counts, refused } = await simulate({ limit, programs, windows: 3 }, `run${++run}`)
      expect(refused).toBe(0)
      // A few slow connections can't use the whole budget; nor can live ones alone what bulk work would.
      const possible = programs.reduce((sum, { parallel, weight, delays }) => {
        const delay = delays.reduce((all, one) => all + one, 0) / delays.length
        return sum + (parallel * weight * MINUTE) / (2 * delay)
      }, 0)
      if (possible < limit * 1.5) return
      const first = START / MINUTE
      for (let window = first + 1; window <= first + 2; window++) {
        expect(counts.get(window)! / limit).toBeGreaterThanOrEqual(0.9)
      }
    }),
    { numRuns: 10 },
  )
})

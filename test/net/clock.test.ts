import { expect, test } from 'vitest'
import { ServerClock } from '../../src/net/clock.ts'

/** A network with given delays, on a clock that only moves when somebody waits. */
function network(delays: readonly (readonly [there: number, back: number])[], serverAhead: number) {
  let time = 1000
  let turn = 0
  return {
    monotonic: () => time,
    advance: (ms: number) => {
      time += ms
    },
    asked: () => turn,
    ask: () => {
      const [there, back] = delays[turn++ % delays.length]!
      time += there
      const answer = time + serverAhead
      time += back
      return Promise.resolve(answer)
    },
  }
}

test('the answer belongs to the middle of the round trip', async () => {
  const net = network([[10, 10]], 5_000_000)
  const clock = new ServerClock({ monotonic: net.monotonic })
  expect(await clock.measure(net.ask)).toBe(net.monotonic() + 5_000_000)
  expect(clock.uncertaintyMs).toBeCloseTo(10, 2)
  expect(net.asked()).toBe(1)
})

test('a slow first answer, which paid for the connection, is not believed', async () => {
  const net = network(
    [
      [300, 20],
      [12, 10],
      [12, 10],
    ],
    5_000_000,
  )
  const clock = new ServerClock({ monotonic: net.monotonic })
  const now = await clock.measure(net.ask)
  expect(Math.abs(now - (net.monotonic() + 5_000_000))).toBeLessThanOrEqual(clock.uncertaintyMs)
  expect(clock.uncertaintyMs).toBeCloseTo(11, 2)
})

test('the local clock serves until the first measurement, and a measurement ages', async () => {
  const net = network([[1, 1]], 0)
  const clock = new ServerClock({ monotonic: net.monotonic, fallback: () => 42, maxAgeMs: 1000 })
  expect([clock.now(), clock.isFresh]).toEqual([42, false])
  await clock.measure(net.ask)
  expect(clock.isFresh).toBe(true)
  net.advance(1000)
  expect(clock.isFresh).toBe(false)
})

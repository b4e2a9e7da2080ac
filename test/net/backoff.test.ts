import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoffMs } from '../../src/net/backoff.ts'

const most = (backoff: Parameters<typeof backoffMs>[0]): number =>
  Math.max(...Array.from({ length: 400 }, () => backoffMs(backoff)))

test('waits rise with failures, up to the longest', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 0, max: 10_000 }), (attempt, baseMs) => {
      const wait = backoffMs({ attempt, baseMs, maxMs: 60_000 })
      expect(wait).toBeGreaterThanOrEqual(0)
      expect(wait).toBeLessThanOrEqual(Math.min(60_000, baseMs * 2 ** Math.min(attempt - 1, 40)))
    }),
  )
  expect(most({ attempt: 12, baseMs: 1000, maxMs: 60_000 })).toBeGreaterThan(30_000)
})

test('an outage of up to a minute is noticed to be over within two seconds', () => {
  for (const downMs of [0, 5000, 60_000])
    expect(most({ attempt: 30, baseMs: 1000, maxMs: 60_000, downMs })).toBeLessThan(2000)
  expect(most({ attempt: 30, baseMs: 1000, maxMs: 60_000, downMs: 3_600_000 })).toBeGreaterThan(30_000)
  expect(most({ attempt: 1, baseMs: 1000, maxMs: 60_000, downMs: 3_600_000 })).toBeLessThanOrEqual(1000)
})

test('those that wait for the same share the tries', () => {
  const wait = { attempt: 30, baseMs: 1000, maxMs: 60_000, downMs: 0 }
  expect(most({ ...wait, sharedBy: 10 })).toBeGreaterThan(5000)
  expect(most({ ...wait, sharedBy: 10 })).toBeLessThanOrEqual(10_000)
})

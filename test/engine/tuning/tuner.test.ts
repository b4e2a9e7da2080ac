import { expect, it } from 'vitest'
import type { MachineSample } from '../../../src/engine/tuning/sampler.ts'
import { MachineSampler, machineFacts } from '../../../src/engine/tuning/sampler.ts'
import { Tuner } from '../../../src/engine/tuning/tuner.ts'
import { until } from '../../helpers/http-server.ts'

const quiet: MachineSample = { availableMemory: 8e9, lagMs: 1, ownCpu: 0.3, otherCpu: 0 }
const facts = () => ({ cores: 2, availableMemory: 8e9 })
/** Nothing is sampled but by the test. */
const NEVER = 3_600_000

/** Tasks that run until they are let go. */
function tasks(tuner: Tuner, count: number) {
  let running = 0
  const free: (() => void)[] = []
  const all = Array.from({ length: count }, () =>
    tuner.limit(async () => {
      running++
      await new Promise<void>((resolve) => free.push(resolve))
      running--
    }),
  )
  return { all, free, running: () => running }
}

it('obeys pressure, says why, and lets what runs run on', async () => {
  let machine = quiet
  const heard: string[] = []
  using tuner = new Tuner({
    everyMs: NEVER,
    facts,
    sample: () => machine,
    onDecision: ({ parallel, reason }) => heard.push(`${parallel} ${reason}`),
  })
  expect(tuner.parallel).toBe(12)
  const { all, free, running } = tasks(tuner, 30)
  await until(() => running() === 12)
  machine = { ...quiet, availableMemory: 0.4e9 }
  tuner.look()
  expect([tuner.parallel, running()]).toEqual([5, 12])
  for (const release of free.splice(0)) release()
  await until(() => running() === 5)
  machine = quiet
  let over = false
  void Promise.all(all).then(() => {
    over = true
  })
  await until(() => {
    for (const release of free.splice(0)) release()
    return over
  })
  expect(heard).toEqual(['12 start', '5 memory'])
  expect(tuner.report()).toMatchObject({ auto: true, first: 12, last: 5 })
  expect(tuner.report().decisions.map(({ parallel, reason }) => [parallel, reason])).toEqual([
    [12, 'start'],
    [5, 'memory'],
  ])
})

it('keeps to a number that was given, whatever the machine', async () => {
  using tuner = new Tuner({ parallel: 20, everyMs: 1, sample: () => ({ ...quiet, availableMemory: 0 }) })
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(tuner.report()).toMatchObject({ auto: false, first: 20, last: 20, decisions: [{ reason: 'given' }] })
})

it.each([0, -1, 1.5, Number.NaN])('refuses %d files at a time', (parallel) => {
  expect(() => new Tuner({ parallel })).toThrow(/parallel is/)
})

it('keeps the first decision and the newest ones', () => {
  let files = 60
  // Memory for one file less at each look.
  const sample = () => ({ ...quiet, availableMemory: 2 ** 28 + --files * 24 * 2 ** 20 })
  using tuner = new Tuner({ everyMs: NEVER, most: 60, facts: () => ({ cores: 99, availableMemory: 1e12 }), sample })
  for (let i = 0; i < 50; i++) tuner.look()
  const { first, last, decisions } = tuner.report()
  expect([first, last, decisions.length]).toEqual([60, 10, 24])
  expect([decisions[0]!.reason, decisions[1]!.parallel, decisions.at(-1)!.parallel]).toEqual(['start', 32, 10])
})

it('looks by itself, at this machine', async () => {
  using tuner = new Tuner({ everyMs: 5 })
  const onEvent = tuner.watch(() => {})
  onEvent({ type: 'bytes', series: { exchange: 'x', market: 'spot', kind: 'candle', symbol: 'X' }, path: '', bytes: 1 })
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(tuner.parallel).toBeGreaterThanOrEqual(1)
})

it('measures shares that are shares, and memory that there is', async () => {
  expect(machineFacts().cores).toBeGreaterThanOrEqual(1)
  using sampler = new MachineSampler()
  const until = performance.now() + 60
  while (performance.now() < until);
  await new Promise((resolve) => setTimeout(resolve, 60))
  const { availableMemory, lagMs, ownCpu, otherCpu } = sampler.read()
  expect(availableMemory).toBeGreaterThan(0)
  expect(lagMs).toBeGreaterThanOrEqual(0)
  for (const share of [ownCpu, otherCpu]) {
    expect(share).toBeGreaterThanOrEqual(0)
    expect(share).toBeLessThanOrEqual(1)
  }
})

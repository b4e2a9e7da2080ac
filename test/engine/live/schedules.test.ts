import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { FaultSpec } from '../../../src/sandbox/index.ts'
import { Rig } from './rig.ts'

const runs = Number(process.env.LIVE_SCHEDULES ?? 3)
// The same schedules in every run, as `test/setup.ts` has it; LIVE_SEED or FUZZ_SEED=random ask for others.
const seed = Number(process.env.LIVE_SEED ?? fc.readConfigureGlobal()?.seed ?? 1)

/** Streams whose events are counted: what is lost of the others one by one leaves no trace. */
const counted = { stream: '@(trade|aggTrade|depth|kline)' }
const moment = fc.integer({ min: 0, max: 2000 })
const short = fc.integer({ min: 100, max: 900 })
const every = fc.integer({ min: 5, max: 60 })

/** One thing that goes wrong, at its time. */
const fault: fc.Arbitrary<FaultSpec> = fc.oneof(
  fc.record({ type: fc.constant('disconnect' as const), inMs: moment, refuseMs: short, rest: fc.boolean() }),
  fc.record({ type: fc.constant('disconnect' as const), inMs: moment, everyMs: short, times: fc.constant(3) }),
  fc.record({ type: fc.constant('disconnect' as const), probability: fc.constant(0.01), times: fc.constant(4) }),
  fc.record({ type: fc.constant('half-open' as const), inMs: moment }),
  fc.record({ type: fc.constant('close' as const), inMs: moment, code: fc.constantFrom(1001, 1008, 1011) }),
  fc.record({ type: fc.constant('server-shutdown' as const), inMs: moment, noticeMs: short }),
  fc.record({ type: fc.constant('refuse-upgrade' as const), inMs: moment, forMs: short }),
  fc.record({
    type: fc.constant('silent-stream' as const),
    inMs: moment,
    forMs: short,
    times: fc.integer({ min: 1, max: 4 }),
    // Nothing can tell of a quote that is missing in a silence as short as this.
    match: fc.constant(counted),
  }),
  fc.record({
    type: fc.constant('silent-stream' as const),
    inMs: moment,
    forMs: fc.constant(3000),
    times: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ type: fc.constant('drop' as const), inMs: moment, forMs: short, every, match: fc.constant(counted) }),
  fc.record({ type: fc.constant('duplicate' as const), every, copies: fc.integer({ min: 2, max: 4 }) }),
  fc.record({
    type: fc.constant('reorder' as const),
    every,
    by: fc.integer({ min: 1, max: 4 }),
    match: fc.constant(counted),
  }),
  fc.record({ type: fc.constant('delay' as const), inMs: moment, every, ms: short }),
  fc.record({
    type: fc.constant('garbage-frame' as const),
    every,
    body: fc.constantFrom('cut' as const, 'text' as const, 'binary' as const),
    instead: fc.boolean(),
    match: fc.constant(counted),
  }),
  fc.record({ type: fc.constantFrom('unknown-event' as const, 'unknown-field' as const, 'blanks' as const), every }),
  fc.record({
    type: fc.constant('late-snapshot' as const),
    ms: fc.integer({ min: -1500, max: 1500 }),
    delayMs: short,
    times: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    type: fc.constant('rate-limit' as const),
    retryAfterS: fc.constant(1),
    times: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    type: fc.constant('http-error' as const),
    status: fc.constantFrom(500, 503),
    probability: fc.constant(0.4),
    times: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({ type: fc.constantFrom('cut' as const, 'stall' as const), probability: fc.constant(0.3) }),
  fc.record({ type: fc.constant('timeout' as const), times: fc.integer({ min: 1, max: 2 }) }),
)

/** What the user does meanwhile. */
const action = fc.record({ atMs: moment, what: fc.constantFrom('reconnect', 'restart', 'kill', 'flush') })

const schedule = fc.record({
  seed: fc.integer({ min: 1, max: 1000 }),
  faults: fc.array(fault, { minLength: 1, maxLength: 5 }),
  actions: fc.array(action, { maxLength: 2 }),
  atStart: fc.boolean(),
})

it(`whatever goes wrong, nothing is missing, twice or wrong (LIVE_SEED=${seed} LIVE_SCHEDULES=${runs})`, async () => {
  await fc.assert(
    fc.asyncProperty(schedule, async (plan) => {
      await using rig = await Rig.open({
        sandbox: { seed: plan.seed },
        collector: { stream: { silenceMs: 1400 }, client: { timeoutMs: 600 } },
      })
      if (plan.atStart) rig.faults(...plan.faults)
      let starting: Promise<unknown> = rig.start()
      if (!plan.atStart) {
        await rig.run(900)
        rig.faults(...plan.faults)
      }
      let at = 0
      for (const { atMs, what } of plan.actions.toSorted((a, b) => a.atMs - b.atMs)) {
        await rig.run(atMs - at)
        at = atMs
        await Promise.race([starting, rig.run(500)])
        if (what === 'reconnect') await Promise.race([rig.collector.reconnect().catch(() => {}), rig.run(400)])
        else if (what === 'flush') await rig.collector.flush()
        else {
          // Whoever is stopped while it starts says so.
          starting.catch(() => {})
          if (what === 'kill') await rig.abandon()
          else await rig.collector.stop({ repairMs: 200 })
          starting = rig.start().catch(() => {})
        }
      }
      await rig.run(2300 - at)
      await rig.settle()
      await rig.stop()
      const verdicts = await rig.check()
      expect(verdicts.filter(({ series }) => /[Tt]rade|candle/.test(series)).flatMap(({ gaps }) => gaps)).toEqual([])
    }),
    { numRuns: runs, seed, endOnFailure: true },
  )
}, 3_600_000)

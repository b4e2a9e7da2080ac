import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decide,
  firstChoice,
  firstState,
  MOST_FILES,
  type TuningDecision,
  type TuningSample,
  type TuningState,
} from '../../../src/engine/tuning/decide.ts'

const GB = 1e9
const calm: TuningSample = {
  bytesPerSecond: 50e6,
  running: 8,
  waiting: 40,
  diskQueue: 0,
  availableMemory: 8 * GB,
  lagMs: 2,
  ownCpu: 0.4,
  otherCpu: 0.05,
}

/** What is decided on a row of samples; undefined for each that changes nothing. */
function run(state: TuningState, ...samples: Partial<TuningSample>[]) {
  const decisions: (TuningDecision | undefined)[] = []
  let now = state
  for (const sample of samples) {
    const [next, decision] = decide(now, { ...calm, ...sample })
    now = next
    decisions.push(decision)
  }
  return { state: now, last: decisions.at(-1), numbers: decisions.map((one) => one?.parallel) }
}

/** A state in which the next calm sample may try something. */
const ready = (parallel: number, more: Partial<TuningState> = {}): TuningState => ({
  ...firstState(parallel),
  rest: 0,
  ...more,
})

describe('the first choice', () => {
  it.each([
    [1, 8 * GB, 8, 'start'],
    [2, 8 * GB, 12, 'start'],
    [4, 8 * GB, 13, 'start'],
    [64, 64 * GB, 13, 'start'],
    [8, 0.4 * GB, 5, 'memory'],
    [8, 0.1 * GB, 1, 'memory'],
  ] as const)('on %d cores with %d bytes free is %d', (cores, availableMemory, parallel, reason) => {
    expect(firstChoice({ cores, availableMemory })).toMatchObject({ parallel, reason })
  })

  it('never passes the bound', () => {
    expect(firstChoice({ cores: 64, availableMemory: 64 * GB }, 3).parallel).toBe(3)
    expect(MOST_FILES).toBe(13)
  })

  it('says what it was made of', () => {
    expect(firstChoice({ cores: 1, availableMemory: 2 * GB }).detail).toBe('1 core, 2.0 GB of memory free, at most 13')
  })
})

describe('pressure', () => {
  it('of memory is obeyed at once', () => {
    expect(run(firstState(12), { availableMemory: 0.4 * GB }).last).toMatchObject({ parallel: 5, reason: 'memory' })
    expect(run(firstState(12), { availableMemory: 0 }).last).toMatchObject({ parallel: 1, reason: 'memory' })
  })

  it.each([
    ['other programs', { otherCpu: 0.5, ownCpu: 0.45 }, 8],
    ['event loop', { lagMs: 400 }, 8],
    ['disk', { diskQueue: 6 }, 11],
  ] as const)('of %s counts when it is there twice in a row', (reason, sample, parallel) => {
    expect(run(firstState(12), sample).last).toBeUndefined()
    expect(run(firstState(12), sample, {}, sample).last).toBeUndefined()
    expect(run(firstState(12), sample, sample).last).toMatchObject({ reason, parallel })
  })

  it.each([
    ['others that use the machine while much of it is idle', { otherCpu: 0.3, ownCpu: 0.2 }],
    ['a machine that only this program keeps busy', { otherCpu: 0.05, ownCpu: 0.95 }],
    ['timers that are a little late', { lagMs: 40 }],
    ['a file or two that wait for the disk', { diskQueue: 3 }],
  ] as const)('is not %s', (_, sample) => {
    expect(run(firstState(12), sample, sample, sample).numbers.some((number) => (number ?? 12) < 12)).toBe(false)
  })

  it('never goes below two files, but for memory', () => {
    const busy = { otherCpu: 0.9, ownCpu: 0.1 }
    expect(run(firstState(3), busy, busy).last?.parallel).toBe(2)
    expect(run(firstState(2), busy, busy, busy).last).toBeUndefined()
  })

  it('that has passed lets the number rise again', () => {
    const busy = { otherCpu: 0.6, ownCpu: 0.4 }
    const fast = { bytesPerSecond: 90e6 }
    const { state } = run(firstState(12), busy, busy, busy, busy)
    expect(state.parallel).toBe(5)
    const after = run(state, ...Array.from({ length: 30 }, (_, i) => ({ bytesPerSecond: 50e6 * 1.1 ** i })))
    expect(after.state.parallel).toBe(13)
    expect(run(after.state, fast).last).toBeUndefined()
  })
})

describe('with nothing pressing', () => {
  it('nothing changes where no file waits', () => {
    expect(run(ready(4), { waiting: 0 }, { waiting: 0 }, { waiting: 0 }).numbers).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('more files are tried, and kept where they are faster', () => {
    const faster = { bytesPerSecond: 60e6 }
    const { numbers, state } = run(ready(8), {}, faster, faster, faster)
    expect(numbers).toEqual([10, undefined, undefined, 13])
    expect(state.parallel).toBe(13)
  })

  it('and given up where they are not, for a good while', () => {
    const { numbers, last } = run(ready(8), {}, {}, {})
    expect(numbers).toEqual([10, undefined, 8])
    expect(last).toMatchObject({ reason: 'no faster', detail: '50.0 MB/s with 10, 50.0 MB/s with 8' })
    const later = run(run(ready(8), {}, {}, {}).state, ...Array.from({ length: 20 }, () => ({})))
    expect(later.numbers.every((number) => number === undefined)).toBe(true)
    expect(run(later.state, {}).last).toMatchObject({ parallel: 10, reason: 'more may be faster' })
  })

  it('a thin line is shared by fewer, if that is as fast', () => {
    const thin = { bytesPerSecond: 200e3, running: 12 }
    const { numbers, state } = run(ready(12), thin, thin, thin)
    expect([numbers, state.parallel]).toEqual([[6, undefined, undefined], 6])
  })

  it('but not where each file has a slow line of its own', () => {
    const thin = { bytesPerSecond: 240e3, running: 12 }
    const half = { bytesPerSecond: 120e3, running: 6 }
    const { numbers, last, state } = run(ready(12), thin, half, half)
    expect([numbers, last?.reason]).toEqual([[6, undefined, 12], 'slower'])
    const later = run(state, ...Array.from({ length: 60 }, () => thin))
    expect(later.numbers.every((number) => number === undefined || number > 12 || number === 12)).toBe(true)
  })

  it('memory bounds what is tried', () => {
    expect(run(ready(4), { availableMemory: 0.4 * GB }).last?.parallel).toBe(5)
    expect(run(ready(5), { availableMemory: 0.4 * GB }).last).toBeUndefined()
  })
})

it('whatever is measured, the number stays between one and the bound, and a decision always changes it', () => {
  const sample = fc.record({
    bytesPerSecond: fc.double({ min: 0, max: 1e10, noNaN: true }),
    running: fc.nat(13),
    waiting: fc.nat(50),
    diskQueue: fc.nat(20),
    availableMemory: fc.double({ min: 0, max: 1e11, noNaN: true }),
    lagMs: fc.double({ min: 0, max: 5000, noNaN: true }),
    ownCpu: fc.double({ min: 0, max: 1, noNaN: true }),
    otherCpu: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 13 }), fc.array(sample, { maxLength: 60 }), (first, samples) => {
      let state = firstState(first)
      for (const one of samples) {
        const before = state.parallel
        const [next, decision] = decide(state, one)
        state = next
        expect(state.parallel).toBeGreaterThanOrEqual(1)
        expect(state.parallel).toBeLessThanOrEqual(13)
        expect(decision?.parallel ?? before).toBe(state.parallel)
        if (decision) expect(decision.parallel).not.toBe(before)
      }
    }),
  )
})

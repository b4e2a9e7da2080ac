import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RepairLine, type RepairLineOptions, type Waiting } from '../../../src/engine/live/repair-line.ts'

interface Job extends Waiting {
  readonly name: string
}

const refused = Object.assign(new Error('refused'), { by: 'job' })

/** A line whose jobs fail as long as `broken` says so. */
class Bench {
  readonly runs: string[] = []
  readonly done: string[] = []
  broken: (name: string) => Error | undefined = () => undefined
  probes = 0
  running = 0
  most = 0
  readonly line: RepairLine<Job>

  constructor(options: Partial<RepairLineOptions<Job>> = {}) {
    this.line = new RepairLine<Job>({
      parallel: 2,
      retryMs: 1000,
      maxRetryMs: 60_000,
      isForgotten: ({ name }) => name.startsWith('f'),
      look: () => 'ready',
      judge: (error) => ((error as { by?: string }).by === 'job' ? 'job' : 'host'),
      done: ({ name }) => void this.done.push(name),
      probing: () => void this.probes++,
      run: async ({ name }) => {
        this.runs.push(name)
        this.most = Math.max(this.most, ++this.running)
        await new Promise((resolve) => setTimeout(resolve, 10))
        this.running--
        const error = this.broken(name)
        if (error) throw error
        return undefined
      },
      ...options,
    })
  }

  add(...names: string[]): void {
    for (const name of names) this.line.add({ name, failures: 0 }, 5)
  }
}

const many = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

describe('a line of repairs', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
  afterEach(() => vi.useRealTimers())

  it('does so many at once, the oldest first, but the newest of what is forgotten', async () => {
    const bench = new Bench({ parallel: 1 })
    bench.add('k0', 'k1', 'f0', 'f1', 'k2', 'f2')
    await vi.advanceTimersByTimeAsync(5)
    await vi.advanceTimersByTimeAsync(1000)
    const of = (prefix: string): string[] => bench.runs.filter((name) => name.startsWith(prefix))
    expect(of('k')).toEqual(['k0', 'k1', 'k2'])
    expect(of('f')).toEqual(['f2', 'f1', 'f0'])
    expect(bench.done).toHaveLength(6)
    expect(bench.most).toBe(1)
  })

  it('lets one try while the host is away, and all go on with its first success', async () => {
    const bench = new Bench()
    bench.broken = () => new Error('away')
    bench.add(...many('f', 300), ...many('k', 300))
    await vi.advanceTimersByTimeAsync(30_000)
    const tries = bench.runs.length
    expect(tries).toBeGreaterThan(10)
    // Two were on their way when it failed; from then on one a second at the most, on an average every half.
    expect(tries).toBeLessThan(150)
    expect(new Set(bench.runs).size).toBeGreaterThan(5)
    expect(bench.done).toEqual([])
    bench.broken = () => undefined
    await vi.advanceTimersByTimeAsync(1100 + 300 * 10)
    expect(new Set(bench.done).size).toBe(600)
    expect(bench.most).toBe(2)
  })

  it('tries ever slower, but at once when it is woken', async () => {
    const bench = new Bench()
    bench.broken = () => new Error('away')
    bench.add(...many('f', 10))
    await vi.advanceTimersByTimeAsync(4 * 3_600_000)
    const tries = bench.runs.length
    expect(tries).toBeLessThan(1200)
    bench.line.wake()
    expect(bench.runs.length).toBeGreaterThanOrEqual(tries)
    await vi.advanceTimersByTimeAsync(10)
    const { probes } = bench
    bench.broken = () => undefined
    bench.line.wake()
    expect(bench.probes).toBe(probes + 1)
    await vi.advanceTimersByTimeAsync(100)
    expect(bench.done.length).toBe(10)
    // While it works there is nothing to wake.
    bench.line.wake()
    expect(bench.probes).toBe(probes + 1)
  })

  it('waits as long as the host asks for', async () => {
    const bench = new Bench()
    bench.broken = () => Object.assign(new Error('too many requests'), { retryAfterMs: 120_000 })
    bench.add('f0', 'f1', 'f2')
    await vi.advanceTimersByTimeAsync(119_000)
    expect(bench.runs.length).toBe(2)
  })

  it.each([
    ['that the host refuses', refused],
    ['that brings the host down', new Error('500')],
  ])('does not wait for jobs %s', async (_, error) => {
    const bench = new Bench()
    bench.broken = (name) => (name === 'f50' || name === 'f51' ? error : undefined)
    bench.add(...many('f', 100))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(new Set(bench.done).size).toBe(98)
    bench.broken = () => undefined
    await vi.advanceTimersByTimeAsync(60_000)
    expect(new Set(bench.done).size).toBe(100)
  })

  it('leaves out what need not be done, and what another does along', async () => {
    const states: Record<string, 'ready' | 'taken' | 'over'> = { f0: 'over', f1: 'taken' }
    const bench = new Bench({ look: ({ name }) => states[name] ?? 'ready' })
    bench.add('f0', 'f1', 'f2')
    await vi.advanceTimersByTimeAsync(20)
    expect(bench.runs).toEqual(['f2'])
    expect(bench.done.toSorted()).toEqual(['f0', 'f2'])
    states.f1 = 'ready'
    bench.add('f3')
    await vi.advanceTimersByTimeAsync(100)
    expect(bench.runs.toSorted()).toEqual(['f1', 'f2', 'f3'])
  })

  it('comes back to what wants more, and begins nothing once it is closed', async () => {
    let left = 3
    const bench = new Bench({ run: async () => (--left > 0 ? 500 : undefined) })
    bench.add('k0')
    await vi.advanceTimersByTimeAsync(400)
    expect(left).toBe(2)
    await vi.advanceTimersByTimeAsync(1000)
    expect([left, bench.done]).toEqual([0, ['k0']])
    bench.add('k1')
    await bench.line.close()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(left).toBe(0)
  })
})

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { batchesToTable } from '../../src/engine/arrow.ts'
import { DataCache } from '../../src/engine/data-cache.ts'
import { candle } from '../../src/model/candle.ts'
import { makeBatch } from '../helpers/candles.ts'

describe('DataCache', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => void vi.useRealTimers())

  it('refuses an option that there is none of', () => {
    expect(() => new DataCache({ max: 3 } as object)).toThrow('DataCache has no option "max"')
  })

  it('keeps to its bounds and lets go of what was used least recently, whatever is done with it', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 60 }))), (steps) => {
        const cache = new DataCache<number>({ maxEntries: 5, maxBytes: 100, ttlMs: Number.POSITIVE_INFINITY })
        // The model: pairs in the order of use.
        let model: [string, number][] = []
        for (const [number, bytes] of steps) {
          const key = String(number)
          const held = model.find(([other]) => other === key)
          if (bytes > 50) {
            expect(cache.get(key)).toBe(held?.[1])
            if (held) model = [...model.filter((pair) => pair !== held), held]
            continue
          }
          cache.set(key, bytes, { bytes })
          model = [...model.filter((pair) => pair !== held), [key, bytes]]
          while (model.length > 5 || model.reduce((sum, [, size]) => sum + size, 0) > 100) model.shift()
          expect(cache.stats()).toMatchObject({
            entries: model.length,
            bytes: model.reduce((sum, [, size]) => sum + size, 0),
          })
        }
        for (const [key, value] of model) expect(cache.get(key)).toBe(value)
      }),
    )
  })

  it('forgets what is too old, also by a time of its own', () => {
    const cache = new DataCache<string>({ ttlMs: 1000 })
    cache.set('a', 'x')
    cache.set('b', 'y', { ttlMs: 5000 })
    cache.set('now', 'z', { ttlMs: 0 })
    expect([cache.get('a'), cache.get('b'), cache.has('now')]).toEqual(['x', 'y', false])
    vi.advanceTimersByTime(1001)
    expect([cache.get('a'), cache.get('b')]).toEqual([undefined, 'y'])
    vi.advanceTimersByTime(4000)
    expect(cache.has('b')).toBe(false)
    expect(cache.stats()).toEqual({ entries: 0, bytes: 0, hits: 3, misses: 1, evicted: 0, expired: 2 })
  })

  it('loads once for all who want the same at once, and again after a failure', async () => {
    const cache = new DataCache<string>()
    let loads = 0
    const load = async () => {
      loads++
      await Promise.resolve()
      if (loads === 1) throw new RangeError('not today')
      return `load ${loads}`
    }
    const failed = await Promise.allSettled([cache.load('a', load), cache.load('a', load)])
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await Promise.all([cache.load('a', load), cache.load('a', load)])).toEqual(['load 2', 'load 2'])
    expect(await cache.load('a', load)).toBe('load 2')
    expect(loads).toBe(2)
  })

  it('does not bring back what was cleared while it was being loaded', async () => {
    const cache = new DataCache<string>()
    let finish = (_: string): void => {}
    const loading = cache.load('a', () => {
      return new Promise((done) => {
        finish = done
      })
    })
    cache.clear()
    finish('old')
    expect(await loading).toBe('old')
    expect(cache.has('a')).toBe(false)
    expect(cache.size).toBe(0)
  })

  it('weighs tables and batches by their columns, and leaves out what is larger than all of it', async () => {
    const batch = makeBatch('1m', 0, 1000)
    const table = await batchesToTable(candle.columns.slice(0, 5), [batch])
    const cache = new DataCache<unknown>({ maxBytes: 150_000 })
    cache.set('table', table)
    expect(cache.stats().bytes).toBe(40_000)
    cache.set('batch', batch)
    expect(cache.stats().bytes).toBe(40_000 + candle.columns.length * 8000)
    cache.set('large', new Uint8Array(150_001))
    expect(cache.has('large')).toBe(false)
    expect(cache.get('table')).toBe(table)
    expect(cache.delete('table')).toBe(true)
    expect(cache.delete('table')).toBe(false)
  })

  it.each([{ maxEntries: -1 }, { maxBytes: Number.NaN }, { ttlMs: -1 }])('refuses %j', (options) => {
    expect(() => new DataCache(options)).toThrow(/use /)
  })
})

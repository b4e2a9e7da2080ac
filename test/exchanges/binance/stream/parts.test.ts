import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChannelPace } from '../../../../src/exchanges/binance/stream/channel-pace.ts'
import { attemptSpacing, claimAttempt } from '../../../../src/exchanges/binance/stream/connection-attempts.ts'
import { NameTable } from '../../../../src/exchanges/binance/stream/name-table.ts'
import { RecordReader } from '../../../../src/exchanges/binance/stream/record-reader.ts'
import type { LiveRecord } from '../../../../src/model/live/index.ts'
import { backoffMs } from '../../../../src/net/backoff.ts'

const frameOf = (name: string): Buffer => Buffer.from(`{"stream":${JSON.stringify(name)},"data":{}}`)

describe('the table of stream names', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9!_]{1,12}@[a-zA-Z0-9_]{1,12}$/), {
    minLength: 1,
    maxLength: 60,
  })

  it('finds each name in the bytes of a frame, at any place of a chunk, and no other', () => {
    fc.assert(
      fc.property(names, fc.nat({ max: 30 }), fc.array(fc.nat({ max: 59 })), (list, offset, order) => {
        const table = new NameTable<string>()
        const half = Math.ceil(list.length / 2)
        for (const name of list) table.set(name, name)
        for (const name of list.slice(half)) table.delete(name)
        for (const at of order) {
          const name = list[at % list.length]!
          const frame = frameOf(name)
          const chunk = Buffer.concat([Buffer.alloc(offset, '{'), frame, frame])
          const found = table.find(chunk, offset, offset + frame.length)
          expect(found).toBe(list.indexOf(name) < half ? name : undefined)
        }
      }),
    )
  })

  it('finds names of other scripts, escaped or not', () => {
    const table = new NameTable<number>()
    table.set('币安人生usdt@trade', 7)
    const plain = frameOf('币安人生usdt@trade')
    expect(table.find(plain, 0, plain.length)).toBe(7)
    const escaped = Buffer.from('{"stream":"\\u5e01\\u5b89\\u4eba\\u751fusdt@trade","data":{}}')
    for (let i = 0; i < 3; i++) expect(table.find(escaped, 0, escaped.length)).toBe(7)
    table.delete('币安人生usdt@trade')
    for (const frame of [plain, escaped]) expect(table.find(frame, 0, frame.length)).toBeUndefined()
  })

  it('takes any bytes', () => {
    const table = new NameTable<number>()
    table.set('a@trade', 1)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (tail, combined) => {
        const bytes = combined ? Buffer.concat([Buffer.from('{"stream":"'), tail]) : Buffer.from(tail)
        const found = table.find(bytes, 0, bytes.length)
        expect(found).toBe(bytes.toString('latin1').startsWith('{"stream":"a@trade"') ? 1 : undefined)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the pace of a channel', () => {
  it('is fixed for what speaks by the clock', () => {
    const pace = new ChannelPace({ market: 'usdm', kind: 'markPrice', symbol: 'BTCUSDT', speed: 3000 })
    expect(pace.limitMs).toBe(15_000)
    for (let i = 0; i < 100; i++) pace.learn(0, 1000, 0)
    expect(pace.limitMs).toBe(15_000)
  })

  it('is learned: ten seconds for a busy symbol, long for a quiet one', () => {
    const busy = new ChannelPace({ market: 'spot', kind: 'trade', symbol: 'BTCUSDT' })
    const quiet = new ChannelPace({ market: 'spot', kind: 'trade', symbol: 'OLDCOIN' })
    expect(busy.limitMs).toBe(60_000)
    for (let i = 0; i < 600; i++) {
      busy.learn(40, 1000, 900)
      quiet.learn(i % 40 === 0 ? 1 : 0, 1000, 40_000)
    }
    expect(busy.limitMs).toBe(10_000)
    expect(quiet.limitMs).toBeGreaterThan(120_000)
  })

  it('remembers a long gap for a while, not for ever', () => {
    const pace = new ChannelPace({ market: 'spot', kind: 'bookDelta', symbol: 'BTCUSDT' })
    for (let i = 0; i < 20; i++) pace.learn(10, 1000, 100)
    pace.learn(1, 60_000, 60_000)
    expect(pace.limitMs).toBe(240_000)
    for (let i = 0; i < 1300; i++) pace.learn(10, 1000, 100)
    expect(pace.limitMs).toBe(10_000)
  })

  it('doubles after each move in vain, up to a bound, and starts anew with data', () => {
    const pace = new ChannelPace({ market: 'spot', kind: 'trade', symbol: 'X' })
    const limits = Array.from({ length: 8 }, () => {
      const limit = pace.limitMs
      pace.moved()
      return limit / 60_000
    })
    expect(limits).toEqual([1, 2, 4, 8, 16, 30, 30, 30])
    pace.learn(1, 1000, 0)
    expect(pace.limitMs).toBe(60_000)
  })

  it('knows no silence where silence means nothing, unless it is told', () => {
    const channel = { market: 'usdm', kind: 'liquidation', symbol: 'BTCUSDT' } as const
    expect(new ChannelPace(channel).limitMs).toBe(Number.POSITIVE_INFINITY)
    expect(new ChannelPace(channel, 500).limitMs).toBe(500)
  })
})

describe('connection attempts', () => {
  it('stay under 300 in any five minutes per host, whatever is asked', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2000 }), { minLength: 400, maxLength: 700 }), fc.uuid(), (pauses, host) => {
        const times: number[] = []
        let now = 0
        for (const pause of pauses) {
          now += pause
          times.push(now + claimAttempt(`ws://${host}/stream`, now))
        }
        times.sort((a, b) => a - b)
        for (let i = 300; i < times.length; i++) expect(times[i]! - times[i - 300]!).toBeGreaterThanOrEqual(300_000)
      }),
      { numRuns: 20 },
    )
  })

  it('last through any row of outages: nobody waits for minutes when the exchange is back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ away: fc.integer({ min: 100, max: 200_000 }), back: fc.nat({ max: 3000 }) }), {
          minLength: 3,
          maxLength: 12,
        }),
        fc.integer({ min: 1, max: 6 }),
        fc.uuid(),
        (outages, links, host) => {
          const url = `ws://${host}/stream`
          const retry = (one: { at: number; attempt: number }, now: number, downMs: number): void => {
            one.attempt++
            const waits = { attempt: one.attempt, baseMs: 1000, maxMs: 60_000, downMs, sharedBy: links }
            one.at = now + backoffMs({ ...waits, spacingMs: attemptSpacing(url, now) })
          }
          let start = 0
          for (const { away, back } of outages) {
            const tries = Array.from({ length: links }, () => ({ at: start, attempt: 0 }))
            for (const one of tries) retry(one, start, 0)
            for (;;) {
              const next = tries.reduce((one, other) => (other.at < one.at ? other : one))
              const now = next.at
              const waited = claimAttempt(url, now)
              if (now + waited >= start + away) {
                expect(now + waited - (start + away)).toBeLessThan(60_000)
                start = now + waited + back
                break
              }
              retry(next, now + waited, now + waited - start)
            }
          }
        },
      ),
      { numRuns: 20 },
    )
  })
})

describe('a reader of records', () => {
  const record = (id: number): LiveRecord => ({ kind: 'trade', id }) as LiveRecord

  it('gives what a queue of its bound would give, whatever the order of writing and reading', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { maxLength: 300 }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom('drop-oldest' as const, 'drop-newest' as const),
        async (steps, bound, overflow) => {
          const reader = new RecordReader({ bound, overflow, begin: async () => {}, end: () => {} })
          const model: number[] = []
          let next = 0
          for (const isWrite of steps) {
            if (isWrite) {
              reader.push(record(next))
              if (model.length < bound) model.push(next)
              else if (overflow === 'drop-oldest') {
                model.shift()
                model.push(next)
              }
              next++
            } else if (model.length > 0) {
              expect((await reader.next()).value).toEqual(record(model.shift()!))
            }
            expect(reader.size).toBe(model.length)
          }
        },
      ),
    )
  })

  it('answers every call that waits, and all of them at the end', async () => {
    const reader = new RecordReader({ bound: 10, overflow: 'error', begin: async () => {}, end: () => {} })
    const calls = [reader.next(), reader.next(), reader.next()]
    await Promise.resolve()
    reader.push({ id: 1 } as never)
    reader.fail()
    const answers = await Promise.all(calls)
    expect(answers.filter(({ done }) => !done)).toHaveLength(1)
    expect(await reader.next()).toEqual({ done: true, value: undefined })
  })

  it('moves many records through in order', async () => {
    const reader = new RecordReader({ bound: 100_000, overflow: 'error', begin: async () => {}, end: () => {} })
    for (let i = 0; i < 50_000; i++) reader.push(record(i))
    for (let i = 0; i < 50_000; i++) {
      const { value } = await reader.next()
      if ((value as { id: number }).id !== i) expect(value).toEqual(record(i))
    }
    expect(reader.size).toBe(0)
  })

  it('wakes a pending read when the loop is left, and frees once', async () => {
    let ends = 0
    const reader = new RecordReader({
      bound: 1,
      overflow: 'error',
      begin: async () => {},
      end: () => {
        ends++
      },
    })
    const pending = reader.next()
    await reader.return()
    await reader.return()
    expect(await pending).toEqual({ done: true, value: undefined })
    expect(ends).toBe(1)
  })

  it('frees what it began when beginning fails', async () => {
    let ends = 0
    const reader = new RecordReader({
      bound: 1,
      overflow: 'error',
      begin: () => Promise.reject(new RangeError('no such channel')),
      end: () => {
        ends++
      },
    })
    await expect(reader.next()).rejects.toThrow('no such channel')
    expect(ends).toBe(1)
  })
})

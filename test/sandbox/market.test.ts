import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SandboxOptions } from '../../src/sandbox/index.ts'
import { SeededMarket } from '../../src/sandbox/market/seeded.ts'
import { aggregate, allKlines, archiveRows, klines, type Row, sandboxFor, units } from './help.ts'

const DAY = 86_400_000
const HOUR = 3_600_000

const sums = (row: Row): bigint[] => [5, 7, 9, 10].map((field) => units(String(row[field])))

function expectSum(whole: Row, parts: readonly Row[]): void {
  const { sums: expected, ...prices } = aggregate(parts)
  expect({ 1: whole[1], 2: whole[2], 3: whole[3], 4: whole[4], 8: whole[8] }).toEqual(prices)
  expect(sums(whole)).toEqual(expected)
}

describe('candles of the seeded market', () => {
  it('are the sum of smaller ones, exactly: seconds, minutes, hours, days, months', async () => {
    const sandbox = await sandboxFor()
    const from = Date.UTC(2024, 2, 30)
    const series = async (interval: string, start: number, end: number): Promise<Row[]> =>
      allKlines(sandbox, 'BTCUSDT', interval, start, end)
    const [minute] = await series('1m', from, from + 60_000)
    expectSum(minute!, await series('1s', from, from + 60_000))
    const [hour] = await series('1h', from, from + HOUR)
    expectSum(hour!, await series('1m', from, from + HOUR))
    expectSum(hour!, await series('1s', from, from + HOUR))
    const [day] = await series('1d', from, from + DAY)
    expectSum(day!, await series('1h', from, from + DAY))
    expectSum(day!, await series('3m', from, from + DAY))
    const [month] = await series('1M', Date.UTC(2024, 3, 1), Date.UTC(2024, 4, 1))
    expectSum(month!, await series('1d', Date.UTC(2024, 3, 1), Date.UTC(2024, 4, 1)))
    expectSum(month!, await series('30m', Date.UTC(2024, 3, 1), Date.UTC(2024, 4, 1)))
    const [week] = await series('1w', Date.UTC(2024, 3, 1), Date.UTC(2024, 3, 8))
    expectSum(week!, await series('4h', Date.UTC(2024, 3, 1), Date.UTC(2024, 3, 8)))
  })

  it('have seconds and quiet minutes without a trade, flat at the close before', async () => {
    const sandbox = await sandboxFor({ now: '2026-02-01', tradesPerSecond: 1 })
    const from = Date.UTC(2026, 0, 20)
    for (const [symbol, interval, span] of [
      ['BTCUSDT', '1s', HOUR],
      ['币安人生USDT', '1m', DAY],
    ] as const) {
      const rows = await allKlines(sandbox, symbol, interval, from, from + span)
      const flat = rows.filter((row, i) => i > 0 && row[8] === 0)
      expect(flat.length).toBeGreaterThan(10)
      expect(flat.length).toBeLessThan(rows.length)
      for (const [i, row] of rows.entries()) {
        if (i === 0 || row[8] > 0) continue
        expect(row.slice(1, 6)).toEqual([...Array(4).fill(rows[i - 1]![4]), '0.00000000'])
      }
    }
  })

  it('write an empty volume as 0 on USD-M', async () => {
    const sandbox = await sandboxFor({ tradesPerSecond: 0.01 })
    const rows = await klines(sandbox, { symbol: 'SOLUSDT', interval: '1m', limit: 200 }, 'usdm')
    const empty = rows.filter((row) => row[8] === 0)
    expect(empty.length).toBeGreaterThan(0)
    for (const row of empty) expect([row[5], row[7], row[9], row[10]]).toEqual(['0', '0', '0', '0'])
  })

  it('are plausible: high and low hold the rest, and adjacent candles often have a step between them', async () => {
    const sandbox = await sandboxFor()
    const rows = await klines(sandbox, { symbol: 'ETHUSDT', interval: '1m', limit: 1000 })
    let steps = 0
    for (const [i, row] of rows.entries()) {
      const [open, high, low, close] = row.slice(1, 5).map(Number)
      expect(high).toBeGreaterThanOrEqual(Math.max(open!, close!))
      expect(low).toBeLessThanOrEqual(Math.min(open!, close!))
      if (i > 0 && row[1] !== rows[i - 1]![4]) steps++
    }
    expect(steps).toBeGreaterThan(rows.length / 4)
  })

  it('are the same at every look and in every process, and others under another seed', async () => {
    const same: SandboxOptions = { seed: 42 }
    const [a, b, c] = await Promise.all([sandboxFor(same), sandboxFor(same), sandboxFor({ seed: 43 })])
    const query = { symbol: 'BTCUSDT', interval: '15m', startTime: Date.UTC(2023, 4, 5), limit: 300 }
    const first = await klines(a, query)
    // b is asked for other things first: the order of the questions must not matter.
    await klines(b, { symbol: 'BTCUSDT', interval: '1M', startTime: 0, limit: 2 })
    await klines(b, { symbol: 'ETHUSDT', interval: '1s' })
    expect(await klines(b, query)).toEqual(first)
    expect(await klines(a, query)).toEqual(first)
    expect(await klines(c, query)).not.toEqual(first)
  })

  it('agree between REST, archive and truth, and monthly files with the daily ones', async () => {
    const sandbox = await sandboxFor({ now: '2025-02-20', tradesPerSecond: 0.05 })
    const from = Date.UTC(2025, 0, 1)
    const to = Date.UTC(2025, 1, 1)
    for (const [market, folder] of [
      ['spot', 'data/spot'],
      ['usdm', 'data/futures/um'],
    ] as const) {
      const truth = await sandbox.truthCandles(market, 'ETHUSDT', '5m', from, to)
      expect(truth.length).toBe(31 * 288)
      expect(await allKlines(sandbox, 'ETHUSDT', '5m', from, to, market)).toEqual(truth)
      const monthly = await archiveRows(sandbox, `/${folder}/monthly/klines/ETHUSDT/5m/ETHUSDT-5m-2025-01.zip`)
      expect(monthly).toEqual(truth)
      const daily: Row[] = []
      for (let day = 1; day <= 31; day++) {
        const date = `2025-01-${String(day).padStart(2, '0')}`
        daily.push(...(await archiveRows(sandbox, `/${folder}/daily/klines/ETHUSDT/5m/ETHUSDT-5m-${date}.zip`)))
      }
      expect(daily).toEqual(truth)
    }
  })

  it('count trades without a hole: any two instants differ by the trades between them', async () => {
    const market = new SeededMarket({ markets: ['spot'], seed: 5, tradesPerSecond: 0.3 })
    market.setOutages([
      { from: Date.UTC(2024, 0, 2, 3, 4, 5, 678), to: Date.UTC(2024, 0, 2, 5, 30, 20, 1) },
      { from: Date.UTC(2024, 0, 2, 5, 30, 40), to: Date.UTC(2024, 0, 2, 6) },
    ])
    const one = market.symbolMarket('spot', 'ADAUSDT')!
    const start = Date.UTC(2024, 0, 2)
    const instant = fc.integer({ min: start, max: start + 8 * HOUR })
    await fc.assert(
      fc.asyncProperty(instant, instant, async (a, b) => {
        const [from, to] = a < b ? [a, b] : [b, a]
        const sum = await one.sum(from, to)
        expect(one.tradesBefore(to + 1) - one.tradesBefore(from)).toBe(sum.trades[0])
      }),
      { numRuns: 60 },
    )
    expect(one.tradesBefore(one.listing.listedAt)).toBe(0)
  })
})

describe('an outage', () => {
  const from = Date.UTC(2024, 3, 10, 3, 40, 54, 774)
  const to = Date.UTC(2024, 3, 10, 5, 17, 10)
  const outage = { type: 'outage', from, to, symbol: 'BTCUSDT' } as const

  it('leaves out candles that lie wholly inside, and cuts the one that it starts in', async () => {
    const sandbox = await sandboxFor({ faults: [outage] })
    const around = async (interval: string): Promise<Row[]> =>
      allKlines(sandbox, 'BTCUSDT', interval, Date.UTC(2024, 3, 10), Date.UTC(2024, 3, 10, 12))
    const minutes = await around('1m')
    const last = minutes.find((row) => row[0] === Date.UTC(2024, 3, 10, 3, 40))!
    expect(last[6]).toBe(from - 1)
    const next = minutes[minutes.indexOf(last) + 1]!
    expect(next[0]).toBe(Date.UTC(2024, 3, 10, 5, 17))
    expect(next[6]).toBe(next[0] + 59_999)
    const hours = await around('1h')
    expect(hours.map((row) => new Date(row[0]).getUTCHours())).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11])
    expect(hours[3]![6]).toBe(from - 1)
    expectSum(
      hours[3]!,
      minutes.filter((row) => row[0] >= hours[3]![0] && row[0] < hours[3]![0] + HOUR),
    )
    const quarters = await around('4h')
    expect(quarters.map((row) => row[6])).toEqual([from - 1, ...[8, 12].map((h) => Date.UTC(2024, 3, 10, h) - 1)])
    const seconds = await allKlines(sandbox, 'BTCUSDT', '1s', from - 3000, to + 3000)
    expect(seconds.map((row) => row[6] - row[0])).toContain(773)
    expect(seconds.some((row) => row[0] >= from && row[6] < to)).toBe(false)
  })

  it('is the same in REST, archive and truth, and touches no other symbol', async () => {
    const sandbox = await sandboxFor()
    const before = await klines(sandbox, { symbol: 'ETHUSDT', interval: '1m', startTime: from, limit: 5 })
    sandbox.addFaults([outage])
    const truth = await sandbox.truthCandles('spot', 'BTCUSDT', '1m', '2024-04-10', '2024-04-11')
    expect(truth.length).toBe(1440 - 96)
    expect(await archiveRows(sandbox, '/data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-04-10.zip')).toEqual(truth)
    expect(await allKlines(sandbox, 'BTCUSDT', '1m', Date.UTC(2024, 3, 10), Date.UTC(2024, 3, 11))).toEqual(truth)
    expect(await klines(sandbox, { symbol: 'ETHUSDT', interval: '1m', startTime: from, limit: 5 })).toEqual(before)
    sandbox.clearFaults()
    expect((await sandbox.truthCandles('spot', 'BTCUSDT', '1m', '2024-04-10', '2024-04-11')).length).toBe(1440)
  })

  it('of whole days leaves their files out', async () => {
    const days = { type: 'outage', from: '2024-04-10T12:00Z', to: '2024-04-12T12:00Z' } as const
    const sandbox = await sandboxFor({ faults: [days] })
    const path = (day: string): string => `/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-04-${day}.zip`
    expect((await archiveRows(sandbox, path('10'))).length).toBe(12)
    expect((await fetch(sandbox.endpoint + path('11'))).status).toBe(404)
    expect((await archiveRows(sandbox, path('12'))).length).toBe(12)
    const newest = await klines(sandbox, {
      symbol: 'BTCUSDT',
      interval: '1h',
      endTime: Date.UTC(2024, 3, 12, 13),
      limit: 4,
    })
    expect(newest.map((row) => new Date(row[0]).getUTCHours())).toEqual([10, 11, 12, 13])
  })
})

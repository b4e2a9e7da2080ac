import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ListedFile } from '../../src/archive/listing.ts'
import { dailyRanges, planArchive } from '../../src/archive/plan.ts'
import { binanceArchive } from '../../src/exchanges/binance/archive.ts'
import { intersectRanges, normaliseRanges, rangesLength, subtractRanges } from '../../src/model/ranges.ts'
import { DAY, nextMonth } from '../../src/model/time.ts'

const T0 = Date.UTC(2024, 0, 1)

function file(period: 'monthly' | 'daily', from: number, bytes: number): ListedFile {
  const path = binanceArchive.file({ market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1m' }, period, from)
  const to = period === 'daily' ? from + DAY : nextMonth(from)
  return { path, bytes, etag: path, modified: '', hasChecksum: true, period, from, to }
}

const months = [0, 1, 2, 3].map((month) => file('monthly', Date.UTC(2024, month, 1), 2_000_000))
const days = Array.from({ length: 121 }, (_, day) => file('daily', T0 + day * DAY, 70_000))
const paths = (plan: ReturnType<typeof planArchive>): string[] =>
  plan.files.map(({ file: { path } }) => path.slice(path.lastIndexOf('1m-') + 3, -4))

describe('the archive plan', () => {
  it('takes the month for a month, the days for a few days, REST for what is recent', () => {
    const input = { monthly: months, daily: days, archiveUntil: Date.UTC(2024, 2, 15) }
    const plan = planArchive({ ...input, wanted: [{ from: T0, to: Date.UTC(2024, 1, 3) }] })
    expect(paths(plan)).toEqual(['2024-01', '2024-02-01', '2024-02-02'])
    expect(plan.rest).toEqual([])
    const late = planArchive({ ...input, wanted: [{ from: Date.UTC(2024, 2, 14), to: Date.UTC(2024, 2, 17) }] })
    expect(paths(late)).toEqual(['2024-03-14'])
    expect(late.rest).toEqual([{ from: Date.UTC(2024, 2, 15), to: Date.UTC(2024, 2, 17) }])
  })

  it('completes a month without a file from days, and leaves the days without one to REST', () => {
    const plan = planArchive({
      wanted: [{ from: T0, to: T0 + 4 * DAY }],
      monthly: [],
      daily: [days[0]!, days[1]!, days[3]!],
      archiveUntil: Number.POSITIVE_INFINITY,
    })
    expect(paths(plan)).toEqual(['2024-01-01', '2024-01-02', '2024-01-04'])
    expect(plan.rest).toEqual([{ from: T0 + 2 * DAY, to: T0 + 3 * DAY }])
  })

  it('goes from a bad month to its days, and from bad days to REST', () => {
    const input = {
      wanted: [{ from: T0, to: Date.UTC(2024, 1, 1) }],
      monthly: months,
      daily: days,
      archiveUntil: Number.POSITIVE_INFINITY,
    }
    const excluded = new Set([months[0]!.path])
    expect(planArchive({ ...input, excluded }).files).toHaveLength(31)
    excluded.add(days[5]!.path)
    const plan = planArchive({ ...input, excluded })
    expect(plan.files).toHaveLength(30)
    expect(plan.rest).toEqual([{ from: T0 + 5 * DAY, to: T0 + 6 * DAY }])
  })

  it('fills every wanted instant exactly once, whatever is wanted and listed', () => {
    const range = fc.tuple(fc.nat(120 * 24), fc.integer({ min: 1, max: 60 * 24 })).map(([start, hours]) => ({
      from: T0 + start * 3_600_000,
      to: T0 + (start + hours) * 3_600_000,
    }))
    fc.assert(
      fc.property(
        fc.array(range, { minLength: 1, maxLength: 4 }),
        fc.subarray(months),
        fc.subarray(days),
        fc.nat(130),
        (wanted, monthly, daily, day) => {
          const archiveUntil = T0 + day * DAY
          const plan = planArchive({ wanted, monthly, daily, archiveUntil })
          const pieces = [...plan.files.flatMap(({ ranges }) => ranges), ...plan.rest]
          expect(normaliseRanges(pieces)).toEqual(normaliseRanges(wanted))
          expect(rangesLength(pieces)).toBe(pieces.reduce((sum, piece) => sum + piece.to - piece.from, 0))
          for (const { file: planned, ranges } of plan.files) expect(subtractRanges(ranges, [planned])).toEqual([])
          for (const { ranges } of plan.files)
            for (const piece of ranges) expect(piece.to).toBeLessThanOrEqual(archiveUntil)
          // Whatever days the plan uses, the listing of days was asked for them.
          const asked = dailyRanges(wanted, monthly, archiveUntil)
          for (const { file: planned } of plan.files)
            if (planned.period === 'daily') expect(intersectRanges([planned], asked)).not.toEqual([])
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe("the archive's file names", () => {
  it('are read back as they are made', () => {
    for (const [market, interval, period] of [
      ['spot', '1s', 'daily'],
      ['usdm', '1m', 'monthly'],
      ['spot', '1M', 'monthly'],
    ] as const) {
      const series = { market, kind: 'candle', symbol: '币安人生USDT', interval }
      const path = binanceArchive.file(series, period, Date.UTC(2024, 1, 1))
      expect(binanceArchive.parseFile(path)).toEqual({
        period,
        from: Date.UTC(2024, 1, 1),
        to: period === 'daily' ? Date.UTC(2024, 1, 2) : Date.UTC(2024, 2, 1),
      })
    }
    const months = { market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1M' } as const
    expect(binanceArchive.file(months, 'monthly', T0)).toBe(
      'data/spot/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-01.zip',
    )
  })

  it.each([
    ['trade', 'data/futures/um/daily/trades/BTCUSDT/BTCUSDT-trades-2024-01-01.zip'],
    ['aggTrade', 'data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-01-01.zip'],
    ['fundingRate', 'data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-01.zip'],
  ])('of %s have the kind in them', (kind, path) => {
    const period = kind === 'fundingRate' ? 'monthly' : 'daily'
    const series = { market: 'usdm', kind, symbol: 'BTCUSDT' } as const
    expect(binanceArchive.has(series)).toBe(true)
    expect(binanceArchive.file(series, period, T0)).toBe(path)
    expect(path.startsWith(binanceArchive.folder(series, period)!)).toBe(true)
    expect(binanceArchive.parseFile(path)?.period).toBe(period)
  })

  it('are not offered where the archive has none', () => {
    expect(binanceArchive.has({ market: 'spot', kind: 'fundingRate' })).toBe(false)
    expect(binanceArchive.has({ market: 'usdm', kind: 'candle', interval: '1s' })).toBe(false)
    const funding = { market: 'usdm', kind: 'fundingRate', symbol: 'BTCUSDT' } as const
    expect(binanceArchive.folder(funding, 'daily')).toBeUndefined()
  })

  it.each([
    '',
    'data/spot/monthly/klines/BTCUSDT/1m/ETHUSDT-1m-2024-01.zip',
    'data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-13.zip',
    'data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-02-30.zip',
    'data/spot/daily/klines/BTCUSDT/9m/BTCUSDT-9m-2024-02-03.zip',
    'data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip.CHECKSUM',
    'data/spot/daily/trades/BTCUSDT/BTCUSDT-aggTrades-2024-01-01.zip',
    'data/spot/daily/trades/BTCUSDT/1m/BTCUSDT-1m-2024-01-01.zip',
    'data/spot/daily/nothing/BTCUSDT/BTCUSDT-nothing-2024-01-01.zip',
  ])('do not match %j', (path) => expect(binanceArchive.parseFile(path)).toBeUndefined())
})

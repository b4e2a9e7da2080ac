import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Candle } from '../../src/model/candle.ts'
import { HOUR, MINUTE } from '../../src/model/time.ts'
import { CandleStorage } from '../../src/store/candle-storage.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'

const START = Date.UTC(2024, 0, 1)

/** Candles of 15 minutes, and the hours that they add up to. */
function candles(hours: number): { small: Candle[]; large: Candle[] } {
  const small = Array.from({ length: hours * 4 }, (_, index): Candle => {
    const openTime = START + index * 15 * MINUTE
    const price = 100 + (index % 7)
    return {
      ...{ openTime, open: price, high: price + 2, low: price - 1, close: price + 1 },
      ...{ volume: 0.1 + index / 10, closeTime: openTime + 15 * MINUTE - 1, quoteVolume: 12.5, trades: 3 },
      ...{ takerBuyVolume: 0.1, takerBuyQuoteVolume: 6.25 },
    }
  })
  const large = Array.from({ length: hours }, (_, hour): Candle => {
    const parts = small.slice(hour * 4, hour * 4 + 4)
    const sum = (value: (one: Candle) => number) =>
      Math.round(parts.reduce((total, one) => total + value(one), 0) * 1e8) / 1e8
    return {
      ...{ openTime: parts[0]!.openTime, open: parts[0]!.open, close: parts[3]!.close },
      ...{ high: Math.max(...parts.map(({ high }) => high)), low: Math.min(...parts.map(({ low }) => low)) },
      ...{ volume: sum(({ volume }) => volume), closeTime: parts[3]!.closeTime, trades: 12 },
      ...{ quoteVolume: sum(({ quoteVolume }) => quoteVolume), takerBuyVolume: 0.4, takerBuyQuoteVolume: 25 },
    }
  })
  return { small, large }
}

describe('ticklake verify', () => {
  let folder: TempFolder
  let storage: CandleStorage

  beforeAll(async () => {
    folder = await tempFolder('verify')
    storage = new CandleStorage({ dataDir: folder.join('ticklake-data') })
    const { small, large } = candles(24)
    await storage.save('BTCUSDT', '15m', small)
    await storage.save('BTCUSDT', '1h', large)
  })

  afterAll(async () => folder[Symbol.asyncDispose]())

  it('says that candles are the sum of the smaller ones, and ends with 0', async () => {
    const run = await runHere(['verify'], { cwd: folder.path })
    expect(run.stdout).toContain('same  as 15m candles: 24 candles')
    expect(run.code).toBe(0)
  })

  it('says where they are not, whose candle is kept and why, and ends with 3', async () => {
    const hour = candles(24).large[5]!
    await storage.save('BTCUSDT', '1h', [{ ...hour, volume: 999, high: 500 }])
    const run = await runHere(['verify'], { cwd: folder.path })
    expect(run.code).toBe(3)
    expect(run.stdout).toContain('differs  from 15m candles: 1 of 24 candles, 1 of them unresolved')
    expect(run.stdout).toMatch(/2024-01-01 05:00 {2}high 500, not 10\d; volume 999, not [\d.]+\. Kept: user; both are/)
    expect(run.stderr).toContain('ticklake verify --repair')
    const lines = jsonLines((await runHere(['verify', '--json'], { cwd: folder.path })).stdout)
    const report = lines.find(({ interval }) => interval === '1h') as { reconciled: unknown }
    expect(report.reconciled).toEqual([
      {
        ...{ against: 'candle', witness: '15m candles', range: { from: START, to: START + 24 * HOUR } },
        ...{ compared: 24, differing: 1, unresolved: 1 },
        differences: [
          {
            time: START + 5 * HOUR,
            values: { high: [500, expect.any(Number)], volume: [999, expect.any(Number)] },
            ...{ kept: 'user', resolved: false, why: expect.any(String) },
          },
        ],
      },
    ])
  })

  it('refuses to compare with what it does not know', async () => {
    const run = await runHere(['verify', '--compare', 'rest,moon'], { cwd: folder.path })
    expect(run.code).toBe(2)
    expect(run.stderr).toContain('"moon" is nothing to compare with')
  })
})

import { describe, expect, it } from 'vitest'
import { Bench, request } from '../help.ts'
import { eventCoverage, eventSeries, expectEventTruth, storedFlags } from './help.ts'

const bench = new Bench()
const NOW = Date.UTC(2024, 2, 10, 12, 0, 30)

describe('a download of trades from archive and REST', () => {
  it.each([
    ['trade', 'spot'],
    ['aggTrade', 'spot'],
    ['aggTrade', 'usdm'],
  ] as const)('equals the truth: %s of %s', async (kind, market) => {
    await bench.start({ now: NOW })
    const series = eventSeries(kind, market)
    const report = await bench.download(series, '2024-02-27T10:00Z', '2024-03-10T11:00Z')
    expect(report.error).toBeUndefined()
    await expectEventTruth(bench, series, '2024-02-27T10:00Z', '2024-03-10T11:00Z')
    expect(report).toMatchObject({ complete: true, gaps: [], unsettled: [] })
    expect(report.rows).toBe(report.added)
    expect(report.files.length).toBeGreaterThan(5)
    expect(report.files.every((file) => file.outcome === 'verified')).toBe(true)
  })
})
void request, eventCoverage, storedFlags

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DataValidator } from '../../src/analysis/index.ts'
import type { Market, SeriesId } from '../../src/model/series.ts'
import { DAY, HOUR } from '../../src/model/time.ts'
import { openQuery } from '../../src/store/lake/query.ts'
import { storedExchangeInfo } from '../../src/store/stored-exchange-info.ts'
import { Bench } from './help.ts'

const bench = new Bench()
const NOW = Date.UTC(2026, 10, 21, 12, 0, 30)
const START = {
  symbols: ['BTCUSDT', 'ETHUSDT', 'BTCUSD_PERP'],
  markets: ['spot', 'usdm', 'coinm'] as ('spot' | 'usdm' | 'coinm')[],
}

function seriesOf(kind: string, market: Market, symbol = 'ALL'): SeriesId {
  return { exchange: 'binance', market, kind, symbol }
}

async function rows(sql: string): Promise<unknown[][]> {
  using query = await openQuery(bench.folder.join('lake'))
  const found: unknown[][] = []
  for await (const row of (await query.run(sql)).rows) found.push([...row])
  return found
}

describe('a snapshot of exchangeInfo', () => {
  it.each(['spot', 'usdm', 'coinm'] as const)('is stored once a day, and read by DataValidator: %s', async (market) => {
    await bench.start({ ...START, now: NOW })
    const series = seriesOf('exchangeInfo', market)
    const report = await bench.download(series, 0, NOW + HOUR)
    expect(report).toMatchObject({ complete: true, added: 1, rows: 1, gaps: [], unsettled: [] })
    expect(await bench.download(series, 0, NOW + HOUR)).toMatchObject({
      complete: true,
      added: 0,
      rows: 1,
      restRequests: 0,
    })
    const lake = await bench.manager().lake()
    const { day, text } = await storedExchangeInfo(lake, { market })
    expect(day).toBe('2026-11-21')
    const path = { spot: '/api/v3/exchangeInfo', usdm: '/fapi/v1/exchangeInfo', coinm: '/dapi/v1/exchangeInfo' }[market]
    const told = (await (await fetch(bench.sandbox.endpoint + path)).json()) as { symbols: { symbol: string }[] }
    expect((JSON.parse(text) as typeof told).symbols).toEqual(told.symbols)
    const validator = new DataValidator(text)
    const symbol = told.symbols[0]!.symbol
    expect(validator.validatePrice(symbol, '100.0000000001').ok).toBe(false)
    expect(await rows('SELECT symbols FROM exchangeInfo')).toEqual([[told.symbols.length]])
    const [verdict] = await bench.manager().verify([series])
    expect(verdict).toMatchObject({ ok: true, complete: true, problems: [] })
  })

  it('is one of several days, of which the one wanted is found', async () => {
    const series = seriesOf('exchangeInfo', 'spot')
    for (const day of [0, 1, 3]) {
      await bench.start({ ...START, now: NOW + day * DAY })
      expect(await bench.download(series, 0, NOW + day * DAY)).toMatchObject({ complete: true, added: 1 })
      await bench.close()
    }
    await bench.start({ ...START, now: NOW + 3 * DAY })
    const lake = await bench.manager().lake()
    expect((await storedExchangeInfo(lake)).day).toBe('2026-11-24')
    expect((await storedExchangeInfo(lake, { at: '2026-11-23' })).day).toBe('2026-11-22')
    await expect(storedExchangeInfo(lake, { at: '2026-11-20' })).rejects.toThrow(
      'no exchangeInfo of binance spot up to',
    )
    await expect(storedExchangeInfo(lake, { market: 'usdm' })).rejects.toThrow(
      'download --kind exchangeInfo --market usdm',
    )
    const path = join(lake.folder(series), '2026-11-24.json.gz')
    await writeFile(path, (await readFile(path)).subarray(0, -9))
    await expect(storedExchangeInfo(lake)).rejects.toThrow('was changed since it was stored')
  })

  it('is of the present only', async () => {
    await bench.start({ ...START, now: NOW })
    const past = await bench.download(seriesOf('exchangeInfo', 'spot'), NOW - 9 * DAY, NOW - 8 * DAY)
    expect(past.error).toMatch(
      /tells the present exchangeInfo only, that of 2026-\d\d-\d\d, and the range ends before: give no end/,
    )
    const archived = await bench.download(seriesOf('exchangeInfo', 'spot'), 0, NOW, { source: 'archive' })
    expect(archived.error).toContain('The archive has no exchangeInfo')
  })
})

describe('a snapshot of the 24-hour ticker', () => {
  it.each([
    ['spot', 'BTCUSDT'],
    ['usdm', 'BTCUSDT'],
    ['coinm', 'BTCUSD_PERP'],
  ] as const)('is stored once a day: %s', async (market, symbol) => {
    await bench.start({ ...START, now: NOW })
    const series = seriesOf('ticker', market, symbol)
    expect(await bench.download(series, 0, NOW + HOUR)).toMatchObject({ complete: true, added: 1, rows: 1 })
    expect(await bench.download(series, 0, NOW + HOUR)).toMatchObject({
      complete: true,
      added: 0,
      rows: 1,
      restRequests: 0,
    })
    const [row] = await rows('SELECT epoch_ms(event_time), open, last, volume, quote_volume, trades, flags FROM ticker')
    const [time, open, last, volume, value, trades, flags] = row as number[]
    expect(time).toBeGreaterThanOrEqual(NOW)
    expect(flags).toBe(1)
    expect([open, last, volume, value, trades].every((one) => one! > 0)).toBe(true)
    const [verdict] = await bench.manager().verify([series])
    expect(verdict).toMatchObject({ ok: true, problems: [] })
  })

  it('of an unknown symbol is refused', async () => {
    await bench.start({ ...START, now: NOW })
    const report = await bench.download(seriesOf('ticker', 'spot', 'NOSUCHUSDT'), 0, NOW)
    expect(report.error).toContain('NOSUCHUSDT')
  })
})

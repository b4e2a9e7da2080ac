import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BinanceClient, floorDay, type Market, VisionClient } from '../../src/index.ts'

const DAY = 86_400_000
const live = process.env.SKIP_NETWORK_TESTS === '0'
const title = live ? 'the real exchange' : 'the real exchange (skipped: it is asked only with SKIP_NETWORK_TESTS=0)'

// REST_URL and ARCHIVE_URL lead past a wall, or to a sandbox to try these tests themselves.
const { REST_URL: restUrl, ARCHIVE_URL: archiveUrl } = process.env

describe.skipIf(!live).each<Market>(['spot', 'usdm'])(`${title}, %s`, (market) => {
  let binance: BinanceClient
  let vision: VisionClient
  beforeAll(() => {
    binance = new BinanceClient({ market, ...(restUrl === undefined ? {} : { restUrl }) })
    vision = new VisionClient(archiveUrl === undefined ? {} : { endpoint: archiveUrl })
  })
  afterAll(async () => {
    await binance.close()
    await vision.close()
  })

  it('answers a ping and tells its time', async () => {
    await binance.ping()
    expect(await binance.getServerTime()).toBeGreaterThan(Date.UTC(2024, 0))
  })

  it('has the rules of BTCUSDT where they are looked for', async () => {
    const info = await binance.getSymbolInfo('BTCUSDT')
    expect(info).toMatchObject({ market, symbol: 'BTCUSDT', base: 'BTC', quote: 'USDT', active: true })
    expect(Number(info.tickSize)).toBeGreaterThan(0)
    await expect(binance.getSymbolInfo('BTCUSTD')).rejects.toThrow(/Did you mean .*BTCUSDT/)
  })

  it('gives a page of candles without a hole, within the rate budget', async () => {
    const before = binance.getRemainingRequests()
    const page = await binance.getKlines('BTCUSDT', '1h', { startTime: '2024-01-01', limit: 48 })
    expect(page.map((row) => row.openTime)).toEqual(Array.from({ length: 48 }, (_, hour) => Date.UTC(2024, 0, 1, hour)))
    expect(page.every((row) => row.low <= row.open && row.open <= row.high && row.volume > 0)).toBe(true)
    expect(binance.getRemainingRequests()).toBeLessThanOrEqual(before)
  })

  it('publishes a day in the archive that fits its checksum and equals REST', async () => {
    const from = floorDay(await binance.getServerTime()) - 4 * DAY
    const request = { symbol: 'BTCUSDT', market, interval: '1h', from, to: from + DAY }
    const { batch, files, missing } = await vision.fetch(request)
    expect(missing).toEqual([])
    expect(files.map(({ state }) => state)).toEqual(['verified'])
    const rest = await binance.getKlines('BTCUSDT', '1h', { startTime: from, endTime: from + DAY - 1 })
    for (const [column, property] of [
      ['open_time', 'openTime'],
      ['open', 'open'],
      ['high', 'high'],
      ['low', 'low'],
      ['close', 'close'],
    ] as const) {
      expect([...batch.columns[column]!], column).toEqual(rest.map((row) => row[property]))
    }
  })
})

import { expect, test } from 'vitest'
import { VisionClient } from '../../src/archive/vision-client.ts'
import { ConfigError, InvalidRangeError, InvalidSymbolError } from '../../src/model/errors.ts'
import { startSandbox } from '../../src/sandbox/index.ts'
import { ArchiveCache } from '../../src/store/cache/archive-cache.ts'
import { ArrowCache } from '../../src/store/cache/arrow-cache.ts'
import { tempFolder } from '../helpers/temp.ts'

test('fetches a range by symbol in any spelling, and closes twice', async () => {
  await using sandbox = await startSandbox({ now: '2024-03-10', symbols: ['BTCUSDT'] })
  const vision = new VisionClient({ endpoint: sandbox.endpoint })
  expect(await vision.symbols('usdm')).toEqual(['BTCUSDT'])
  const range = { interval: '1h', from: '2024-03-01', to: new Date('2024-03-03') } as const
  const spot = await vision.fetch({ symbol: 'BTC/USDT', ...range })
  expect(spot.batch.length).toBe(48)
  expect(spot.missing).toEqual([])
  expect(spot.files.map(({ state }) => state)).toEqual(['verified', 'verified'])
  const perpetual = await vision.fetch({ symbol: 'BTC/USDT', market: 'usdm', ...range })
  expect(perpetual.files.every(({ path }) => path.startsWith('data/futures/um/'))).toBe(true)
  await vision.close()
  await vision.close()
})

test('is the archive of Binance without options, and tells what can not be', async () => {
  await using vision = new VisionClient()
  const range = { interval: '1h', from: '2024-03-01', to: '2024-03-03' }
  await expect(vision.fetch({ symbol: 'BTC/USDT:USDT', market: 'spot', ...range })).rejects.toThrow(InvalidSymbolError)
  await expect(vision.fetch({ symbol: 'BTCUSDT', ...range, to: '2024-02-01' })).rejects.toThrow(InvalidRangeError)
  await expect(vision.fetch({ symbol: 'BTCUSDT', market: 'usdm', ...range, interval: '1s' })).rejects.toThrow(/1s/)
  expect(() => new VisionClient({ exchange: 'nowhere' })).toThrow(ConfigError)
  expect(() => new VisionClient({ endPoint: 'http://127.0.0.1:1' } as object)).toThrow('Did you mean endpoint?')
})

test('finds the index price of a contract under its pair', async () => {
  await using sandbox = await startSandbox({ now: '2024-03-10', markets: ['coinm'] })
  await using vision = new VisionClient({ endpoint: sandbox.endpoint })
  const wish = { symbol: 'BTCUSD_PERP', kind: 'indexCandle', interval: '1h', from: '2024-03-01', to: '2024-03-03' }
  const { batch, files } = await vision.fetch(wish)
  expect(batch.length).toBe(48)
  expect(files.every(({ path }) => path.includes('/indexPriceKlines/BTCUSD/'))).toBe(true)
})

test('with a cache months are fetched once, and any part of them is the same rows as without', async () => {
  await using folder = await tempFolder('vision')
  await using sandbox = await startSandbox({ now: '2024-04-10', symbols: ['BTCUSDT'], tradesPerSecond: 0.02 })
  await using arrow = await ArrowCache.open(folder.join('cache'))
  await using plain = new VisionClient({ endpoint: sandbox.endpoint })
  await using vision = new VisionClient({ endpoint: sandbox.endpoint, cache: new ArchiveCache(arrow) })
  const range = { symbol: 'BTCUSDT', interval: '1h', from: '2024-01-15', to: '2024-04-05' } as const
  const expected = await plain.fetch(range)
  expect((await vision.fetch(range)).batch).toEqual(expected.batch)
  sandbox.resetUsage()
  const again = await vision.fetch(range)
  expect(again.batch).toEqual(expected.batch)
  expect(again.missing).toEqual(expected.missing)
  expect(again.files.map(({ path }) => path).toSorted()).toEqual(expected.files.map(({ path }) => path).toSorted())
  // January too, of which only the second half was wanted.
  const fetched = expected.files.filter(({ path }) => !/2024-0[123]\.zip$/.test(path))
  expect(sandbox.usage().archive.files).toBe(fetched.length)
  const part = { ...range, from: '2024-02-10T05:00', to: '2024-03-01T01:00' }
  sandbox.resetUsage()
  expect((await vision.fetch(part)).batch).toEqual((await plain.fetch(part)).batch)
})

test('prefetch brings whole months into the cache, no more than asked for, and needs a cache', async () => {
  await using folder = await tempFolder('vision')
  await using sandbox = await startSandbox({ now: '2024-04-10', symbols: ['BTCUSDT'], tradesPerSecond: 0.02 })
  await using arrow = await ArrowCache.open(folder.join('cache'))
  await using vision = new VisionClient({ endpoint: sandbox.endpoint, cache: new ArchiveCache(arrow) })
  const range = { symbol: 'BTCUSDT', interval: '1h', from: '2024-01-01', to: '2024-03-03' } as const
  await vision.prefetch(range)
  const series = { exchange: 'binance', market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1h' } as const
  expect(Object.keys(await arrow.months(series))).toEqual(['202402', '202403'])
  sandbox.resetUsage()
  expect((await vision.fetch({ ...range, from: '2024-02-01' })).batch.length).toBe(31 * 24)
  expect(sandbox.usage().archive.files).toBe(0)
  await using bare = new VisionClient({ endpoint: sandbox.endpoint })
  await expect(bare.prefetch(range)).rejects.toThrow(ConfigError)
})

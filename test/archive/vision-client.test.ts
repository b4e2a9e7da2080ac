import { expect, test } from 'vitest'
import { VisionClient } from '../../src/archive/vision-client.ts'
import { ConfigError, InvalidRangeError, InvalidSymbolError } from '../../src/model/errors.ts'
import { startSandbox } from '../../src/sandbox/index.ts'

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
})

import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { VisionDataClient } from '../../src/engine/vision-data-client.ts'
import { ConfigError } from '../../src/model/errors.ts'
import { startSandbox } from '../../src/sandbox/index.ts'
import { tempFolder } from '../helpers/temp.ts'

const range = { symbol: 'BTCUSDT', interval: '1h', from: '2024-01-01', to: '2024-03-01' } as const

test('fetches months once into its cache folder, also for a later client', async () => {
  await using folder = await tempFolder('vision-data')
  await using sandbox = await startSandbox({ now: '2024-04-10', symbols: ['BTCUSDT'], tradesPerSecond: 0.02 })
  const options = { endpoint: sandbox.endpoint, cacheDir: folder.join('cache') }
  const first = new VisionDataClient(options)
  const expected = await first.fetch(range)
  await first.close()
  expect(expected.batch.length).toBe(60 * 24)
  expect(await readdir(folder.join('cache', 'binance-spot', 'BTCUSDT', '1h'))).toContain('202402.arrow')
  sandbox.resetUsage()
  await using second = new VisionDataClient(options)
  expect((await second.fetch(range)).batch).toEqual(expected.batch)
  expect(sandbox.usage().archive.files).toBe(0)
  await using without = new VisionDataClient({ ...options, useCache: false })
  expect((await without.fetch(range)).batch).toEqual(expected.batch)
  expect(sandbox.usage().archive.files).toBe(2)
})

test('prefetch fills the cache folder, and without one says what to give', async () => {
  await using folder = await tempFolder('vision-data')
  await using sandbox = await startSandbox({ now: '2024-04-10', symbols: ['BTCUSDT'], tradesPerSecond: 0.02 })
  await using vision = new VisionDataClient({ endpoint: sandbox.endpoint, cacheDir: folder.join('cache') })
  await vision.prefetch(range)
  const months = async () => (await readdir(folder.join('cache', 'binance-spot', 'BTCUSDT', '1h'))).toSorted()
  expect((await months()).filter((name) => name.endsWith('.arrow'))).toEqual(['202402.arrow'])
  await vision.prefetch(range, 60)
  expect((await months()).filter((name) => name.endsWith('.arrow'))).toEqual(['202401.arrow', '202402.arrow'])
  await using without = new VisionDataClient({ endpoint: sandbox.endpoint })
  await expect(without.prefetch(range)).rejects.toThrow(ConfigError)
  await expect(without.prefetch(range)).rejects.toThrow('new VisionDataClient({ cacheDir })')
  expect(() => new VisionDataClient({ cachedir: 'here' } as object)).toThrow('Did you mean cacheDir?')
})

test('a month that was fetched for a part of it is kept whole', async () => {
  await using folder = await tempFolder('vision-data')
  await using sandbox = await startSandbox({ now: '2024-04-10', symbols: ['BTCUSDT'], tradesPerSecond: 0.02 })
  await using vision = new VisionDataClient({ endpoint: sandbox.endpoint, cacheDir: folder.join('cache') })
  const part = { ...range, from: '2024-01-03', to: '2024-01-30' }
  const expected = await vision.fetch(part)
  expect(expected.batch.length).toBe(27 * 24)
  sandbox.resetUsage()
  expect((await vision.fetch(part)).batch).toEqual(expected.batch)
  expect((await vision.fetch({ ...range, to: '2024-02-01' })).batch.length).toBe(31 * 24)
  expect(sandbox.usage().archive.files).toBe(0)
})

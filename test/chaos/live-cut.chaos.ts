import { expect, it } from 'vitest'
import { cutManyStreams } from '../engine/live/many.ts'

it('500 streams with all connections cut at once: nothing is missing, twice or wrong', async () => {
  const { streams, lost } = await cutManyStreams({ symbols: 84, tradesPerSecond: 6 })
  expect(streams).toBeGreaterThan(500)
  expect(lost).toBeGreaterThanOrEqual(12)
})

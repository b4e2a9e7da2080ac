import { expect, it } from 'vitest'
import { downloadWithKills } from '../helpers/kills.ts'

// `npm run chaos` does the same with 200 kills.
it('a download that is killed at random moments and run again gives the whole truth, and leaves nothing behind', async () => {
  const tally = await downloadWithKills({
    kills: 8,
    seed: 1,
    symbols: ['BTCUSDT', 'ETHUSDT'],
    intervals: ['1m', '1h'],
    from: '2024-02-15',
    to: '2024-05-08',
    now: '2024-05-08T00:10Z',
    lifeMs: 1000,
  })
  expect(tally.kills).toBe(8)
  expect(tally.finished).toBeGreaterThan(0)
}, 180_000)

import { expect, it } from 'vitest'
import { collectWithKills } from './kills.ts'

const KILLS = 4

it(`a collector that is killed ${KILLS} times loses nothing that was safe, and its lake is whole at the end`, async () => {
  const tally = await collectWithKills({ kills: KILLS, seed: 7, lifeMs: 1500 })
  expect(tally.kills).toBe(KILLS)
  expect(tally.acknowledged).toBeGreaterThan(0)
  expect(tally.lost).toBe(0)
  expect(tally.leftovers).toEqual([])
  expect(tally.verdicts.filter(({ problems }) => problems.length > 0)).toEqual([])
  const lost = tally.verdicts.filter(({ series }) => /[Tt]rade|candle/.test(series)).flatMap(({ gaps }) => gaps)
  expect(lost).toEqual([])
})

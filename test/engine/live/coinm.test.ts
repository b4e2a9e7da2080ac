import { expect, it } from 'vitest'
import type { Channel } from '../../../src/exchanges/stream.ts'
import { Rig } from './rig.ts'

const symbol = 'BTCUSD_PERP'
const kinds = ['trade', 'aggTrade', 'bookDelta', 'quote', 'markPrice'] as const
const channels: Channel[] = kinds.map((kind) => ({ market: 'coinm', kind, symbol }))
const sandbox = { symbols: [symbol, 'BTCUSD_270326'], markets: ['coinm', 'spot'] } as const

it('collects COIN-M, over a cut too, and has what happened', async () => {
  await using rig = await Rig.open({ channels, sandbox })
  await rig.start()
  await rig.run(1200)
  rig.faults({ type: 'disconnect', times: 1, refuseMs: 700 })
  await rig.run(1000)
  await rig.settle()
  const report = await rig.stop()
  const verdicts = await rig.check()
  expect(verdicts.length).toBeGreaterThanOrEqual(channels.length)
  expect(verdicts.every(({ series }) => series.startsWith('binance-coinm/'))).toBe(true)
  expect(report.counters.lost).toBeGreaterThan(0)
  expect(report.series.find(({ kind }) => kind === 'trade')!.records).toBeGreaterThan(0)
})

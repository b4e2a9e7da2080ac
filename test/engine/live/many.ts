import { expect } from 'vitest'
import type { Channel } from '../../../src/exchanges/stream.ts'
import { Rig } from './rig.ts'

/**
 * Cuts every connection of a collector of many streams at once, for a second, and compares all that it stored with what
 * happened. Six streams a symbol, and four books.
 */
export async function cutManyStreams(size: {
  readonly symbols: number
  readonly tradesPerSecond: number
}): Promise<{ readonly streams: number; readonly lost: number }> {
  const symbols = Array.from({ length: size.symbols }, (_, index) => `COIN${index}USDT`)
  const channels = symbols.flatMap((symbol, index): Channel[] => [
    ...(['trade', 'aggTrade', 'quote', 'ticker'] as const).map((kind) => ({ market: 'spot' as const, kind, symbol })),
    ...(['aggTrade', 'markPrice'] as const).map((kind) => ({ market: 'usdm' as const, kind, symbol })),
    ...(index < 4 ? [{ market: 'spot' as const, kind: 'bookDelta' as const, symbol }] : []),
  ])
  await using rig = await Rig.open({
    sandbox: { symbols, tradesPerSecond: size.tradesPerSecond },
    collector: { stream: { channelsPerConnection: 40 }, flushMs: 1500 },
    channels,
  })
  await rig.start()
  await rig.run(2000)
  rig.faults({ type: 'disconnect', times: 1, refuseMs: 1000 })
  await rig.run(1500)
  await rig.settle()
  const { counters } = await rig.stop()
  const verdicts = await rig.check()
  expect(verdicts.length).toBeGreaterThan(channels.length)
  return { streams: channels.length, lost: counters.lost }
}

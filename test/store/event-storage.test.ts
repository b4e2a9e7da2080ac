import { describe, expect, it } from 'vitest'
import { EventStorage } from '../../src/store/event-storage.ts'
import { deltaAt, T0, tradeAt, tradesFrom } from '../helpers/events.ts'
import { tempFolder } from '../helpers/temp.ts'

describe('EventStorage', () => {
  it('gives back the records that it was given, each once and in order', async () => {
    await using folder = await tempFolder('events')
    const storage = new EventStorage({ dataDir: folder.path })
    const big = 9_007_199_254_740_993n
    const records = [...tradesFrom(11, 20), ...tradesFrom(1, 12), tradeAt(big)]
    expect(await storage.save('trade', 'BTCUSDT', records)).toBe(21)
    expect(await storage.save('trade', 'BTCUSDT', tradesFrom(15, 22))).toBe(2)
    const read = []
    for await (const record of storage.loadRecords('trade', 'BTCUSDT')) read.push(record)
    expect(read).toEqual([...tradesFrom(1, 22), tradeAt(big)])
    expect(await storage.getStats('trade', 'BTCUSDT')).toMatchObject({ records: 23, files: 3 })
    expect((await storage.getCoverage('trade', 'BTCUSDT'))?.gaps).toMatchObject([
      { firstId: 23, lastId: `${big - 1n}` },
    ])
    expect(await storage.getStats('trade', 'ETHUSDT')).toBeUndefined()
  })

  it('makes book updates of the rows of their levels, also across batches and merged files', async () => {
    await using folder = await tempFolder('events')
    const storage = new EventStorage({ dataDir: folder.path })
    // More rows than a batch holds.
    const deltas = Array.from({ length: 40_000 }, (_, n) => deltaAt(n + 1))
    expect(await storage.save('bookDelta', 'BTCUSDT', deltas.slice(20_000))).toBe(20_000)
    expect(await storage.save('bookDelta', 'BTCUSDT', deltas.slice(0, 20_000))).toBe(20_000)
    expect(await storage.compact('bookDelta', 'BTCUSDT', '2024-01-01')).toBe(true)
    let n = 0
    for await (const record of storage.loadRecords('bookDelta', 'BTCUSDT')) {
      if (n % 977 === 0 || n > 39_990) expect(record).toEqual(deltas[n])
      else if (record.lastUpdateId !== deltas[n]!.lastUpdateId) expect.fail(`record ${n} is ${record.lastUpdateId}`)
      n++
    }
    expect(n).toBe(40_000)
    const part = []
    for await (const record of storage.loadRecords('bookDelta', 'BTCUSDT', { from: T0 + 200, to: T0 + 500 }))
      part.push(record.lastUpdateId)
    expect(part).toEqual([29, 39, 49])
  })

  it('refuses records of another kind or symbol', async () => {
    await using folder = await tempFolder('events')
    const storage = new EventStorage({ dataDir: folder.path })
    await expect(storage.save('trade', 'ETHUSDT', [tradeAt(1)])).rejects.toThrow(/trade of BTCUSDT, not a trade of ETH/)
  })
})

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Collector } from '../../../src/engine/live/collector.ts'
import type { SeriesProof } from '../../../src/engine/live/proof.ts'
import { proveLake } from '../../../src/engine/live/prove.ts'
import { pacedTruth } from '../../../src/engine/live/prove-pace.ts'
import { Truth } from '../../../src/engine/live/truth.ts'
import type { Channel } from '../../../src/exchanges/stream.ts'
import type { LiveRecord } from '../../../src/model/live/index.ts'
import type { SeriesId } from '../../../src/model/series.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { tempFolder } from '../../helpers/temp.ts'
import { QUICK, SYMBOL } from './rig.ts'

const START = Date.UTC(2024, 5, 1)

type Row = readonly [number, number, ...unknown[]]

let sandbox: Sandbox
let truth: Truth

beforeAll(async () => {
  sandbox = await startSandbox({ symbols: [SYMBOL, 'ETHUSDT'], tradesPerSecond: 20, speed: 10 })
  truth = await Truth.at(sandbox.endpoint)
})

afterAll(() => sandbox.close())

/** What a lake lacks of what it ought to have, by the first cell or the second. */
async function lacking(
  id: SeriesId,
  records: readonly LiveRecord[][],
  keyOf: (record: LiveRecord) => number,
  cell: 0 | 1,
) {
  const paced = pacedTruth(id, truth)!
  const missing: number[] = []
  let from = keyOf(records[0]![0]!)
  for (const chunk of records) {
    const to = keyOf(chunk.at(-1)!)
    const there = new Set(chunk.map(keyOf))
    const rows = await paced.rows(chunk, { from, to })
    const keys = rows.map((row) => Number(row[cell]))
    expect(keys).toEqual(keys.toSorted((a, b) => a - b))
    expect(keys.filter((key) => there.has(key))).toHaveLength(there.size)
    missing.push(...keys.filter((key) => !there.has(key)))
    from = to + 1
  }
  return missing
}

describe.each(['spot', 'usdm'] as const)('updates of a book of %s', (market) => {
  const id: SeriesId = { exchange: 'binance', market, kind: 'bookDelta', symbol: SYMBOL }
  const keyOf = (record: LiveRecord): number => Number((record as { lastUpdateId?: number }).lastUpdateId)
  const told = async (speed: number, from: number, to: number): Promise<LiveRecord[]> => {
    const rows = await truth.ask<Row>(id, { from: START + from, to: START + to, speed })
    return rows.map(([firstUpdateId, lastUpdateId]) => ({ firstUpdateId, lastUpdateId }) as unknown as LiveRecord)
  }

  it.each(market === 'spot' ? [100, 1000] : [100, 250, 500])(
    'that came each %i ms lack nothing else',
    async (speed) => {
      const records = await told(speed, 0, 30_000)
      expect(records.length).toBeGreaterThan(20)
      expect(await lacking(id, [records.slice(0, 7), records.slice(7)], keyOf, 1)).toEqual([])
      const without = records.filter((_, index) => index !== 5 && index !== 11 && index !== 12)
      const lost = [5, 11, 12].map((index) => keyOf(records[index]!))
      expect(await lacking(id, [without.slice(0, 9), without.slice(9)], keyOf, 1)).toEqual(lost)
    },
  )

  it('may change their pace on the way', async () => {
    const slow = market === 'spot' ? 1000 : 500
    const parts = [await told(100, 0, 5000), await told(slow, 5000, 20_000), await told(100, 20_000 - slow + 1, 25_000)]
    const records = parts.flat()
    expect(await lacking(id, [records.slice(0, 60), records.slice(60)], keyOf, 1)).toEqual([])
    const at = parts[0]!.length + 4
    expect(await lacking(id, [records.toSpliced(at, 1)], keyOf, 1)).toEqual([keyOf(records[at]!)])
  })
})

describe('mark prices', () => {
  const id: SeriesId = { exchange: 'binance', market: 'usdm', kind: 'markPrice', symbol: SYMBOL }
  const keyOf = (record: LiveRecord): number => record.eventTime
  const marks = (...parts: [from: number, to: number, step: number][]): LiveRecord[] =>
    parts.flatMap(([from, to, step]) =>
      Array.from(
        { length: Math.ceil((to - from) / step) },
        (_, i) => ({ eventTime: START + from + i * step }) as LiveRecord,
      ),
    )

  it('that came each three seconds lack none between, and those that came each second do', async () => {
    const slow = marks([0, 90_000, 3000])
    expect(await lacking(id, [slow.slice(0, 28), slow.slice(28)], keyOf, 0)).toEqual([])
    expect(await lacking(id, [slow.toSpliced(9, 2)], keyOf, 0)).toEqual([START + 27_000, START + 30_000])
    const fast = marks([0, 90_000, 1000])
    expect(await lacking(id, [fast.toSpliced(31, 2)], keyOf, 0)).toEqual([START + 31_000, START + 32_000])
  })

  it('may change their pace on the way', async () => {
    const records = marks([0, 20_000, 1000], [21_000, 61_000, 3000], [62_000, 80_000, 1000])
    expect(await lacking(id, [records], keyOf, 0)).toEqual([])
    expect(await lacking(id, [records.slice(0, 30), records.slice(30)], keyOf, 0)).toEqual([])
  })
})

it('a lake that was collected slowly is proved, and stays so when a program asks for more', async () => {
  await using folder = await tempFolder('paces')
  const slow: Channel[] = [
    { market: 'spot', kind: 'bookDelta', symbol: SYMBOL, speed: 1000 },
    { market: 'usdm', kind: 'bookDelta', symbol: SYMBOL, speed: 500 },
    { market: 'usdm', kind: 'markPrice', symbol: SYMBOL, speed: 3000 },
  ]
  await using collector = await Collector.open({
    ...QUICK,
    dataDir: folder.path,
    channels: slow,
    client: { endpoint: sandbox.endpoint },
  })
  await collector.start()
  const stored = (kind: string): number =>
    collector
      .status()
      .series.filter((one) => one.kind === kind)
      .reduce((sum, one) => sum + one.records, 0)
  while (stored('markPrice') < 12 || stored('bookDelta') < 60) await sleep(20)
  const before = stored('bookDelta')
  await collector.subscribe(slow.slice(0, 2).map(({ speed: _, ...channel }) => channel))
  await collector.unsubscribe(slow.slice(0, 2))
  while (stored('bookDelta') < before + 60) await sleep(20)
  await collector.stop()
  const proofs: SeriesProof[] = []
  const lake = await Lake.open(folder.path)
  for await (const proof of proveLake(lake, await lake.list(), sandbox.endpoint)) proofs.push(proof)
  for (const kind of ['bookDelta', 'markPrice']) {
    for (const proof of proofs.filter(({ series }) => series.kind === kind)) {
      expect(proof).toMatchObject({ missing: 0, extra: 0, different: 0, duplicates: 0 })
      // Where the pace changes the chain may break, and what is not told then is on record.
      expect(proof.truth).toBe(proof.stored + proof.lost)
      expect(proof.stored).toBeGreaterThan(10)
    }
  }
  expect(proofs.map(({ series }) => series.kind)).toEqual(expect.arrayContaining(['bookDelta', 'markPrice']))
})

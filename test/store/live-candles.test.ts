import { readdir } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { sliceBatch } from '../../src/model/batch.ts'
import { CandleFlag, candle } from '../../src/model/candle.ts'
import { MINUTE } from '../../src/model/time.ts'
import { inspectFile } from '../../src/store/lake/inspect.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { makeBatch } from '../helpers/candles.ts'
import { tempFolder } from '../helpers/temp.ts'

const T0 = Date.UTC(2024, 0, 1)
const series = { exchange: 'binance', market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1m' } as const
const all = candle.columns.map((spec) => spec.name)

it('takes candles of a stream one by one without writing their month each time', async () => {
  await using folder = await tempFolder('live')
  const lake = await Lake.open(folder.path)
  const made = makeBatch('1m', T0, 60)
  const rows = { ...made, columns: { ...made.columns, flags: made.columns.flags!.map(() => CandleFlag.stream) } }
  await using writer = await lake.writer(series)
  await writer.commit({
    batches: [sliceBatch(rows, 0, 10)],
    covered: [{ from: T0, to: T0 + 10 * MINUTE, source: 'archive' }],
  })
  const counts: number[] = []
  for (let i = 10; i < 60; i++) {
    if (i === 30) continue
    const time = T0 + i * MINUTE
    await writer.commit({
      append: true,
      batches: [sliceBatch(rows, i, i + 1)],
      covered: [{ from: i === 31 ? time - MINUTE : time, to: time + MINUTE, source: 'stream' }],
    })
    counts.push(writer.coverage.files.length)
  }
  expect(Math.max(...counts)).toBe(17)
  // The hole is on record, and a fill that comes late takes its place.
  expect(writer.coverage.gaps).toMatchObject([{ from: T0 + 30 * MINUTE, count: 1, cause: 'unknown' }])
  await writer.commit({ append: true, batches: [sliceBatch(rows, 30, 31)] })
  expect(writer.coverage.gaps).toEqual([])
  expect(writer.coverage.files.map((file) => file.name)).toEqual(['2024-01.parquet'])
  expect((await lake.load(series, { columns: all })).columns).toEqual(rows.columns)
  expect(writer.coverage.covered).toEqual([
    { from: T0, to: T0 + 10 * MINUTE, source: 'archive' },
    { from: T0 + 10 * MINUTE, to: T0 + 60 * MINUTE, source: 'stream' },
  ])
  for (const file of writer.coverage.files)
    expect(await inspectFile(lake.folder(series), file, writer.coverage)).toBeUndefined()
  expect((await readdir(lake.folder(series))).filter((name) => name.endsWith('.parquet'))).toEqual(['2024-01.parquet'])
})

it('flags a candle that a stream revises after its close, and keeps the former values on record', async () => {
  await using folder = await tempFolder('live')
  const lake = await Lake.open(folder.path)
  const rows = makeBatch('1m', T0, 5)
  await using writer = await lake.writer(series)
  await writer.commit({ append: true, batches: [rows] })
  const last = sliceBatch(rows, 4, 5)
  const flags = new Float64Array([CandleFlag.stream])
  const volume = last.columns.volume!.map((value) => value + 1)
  await writer.commit({ append: true, batches: [{ length: 1, columns: { ...last.columns, volume, flags } }] })
  const stored = await lake.load(series, { columns: all })
  expect(stored.length).toBe(5)
  expect(stored.columns.volume![4]).toBe(volume[0])
  expect(stored.columns.flags![4]).toBe(CandleFlag.stream | CandleFlag.revised)
  expect(writer.coverage.defects).toMatchObject([{ type: 'difference', kept: 'stream' }])
})

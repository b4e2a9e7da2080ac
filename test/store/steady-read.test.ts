import { describe, expect, it } from 'vitest'
import type { Batch } from '../../src/model/batch.ts'
import { StorageError } from '../../src/model/errors.ts'
import type { SeriesId } from '../../src/model/series.ts'
import { DAY, MINUTE } from '../../src/model/time.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { steadyRead } from '../../src/store/lake/steady-read.ts'
import { makeBatch } from '../helpers/candles.ts'
import { tempFolder } from '../helpers/temp.ts'

const series: SeriesId = { exchange: 'binance', market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1m' }
const T0 = Date.UTC(2024, 0, 1)
const DAYS = 8
const ROWS = (DAYS * DAY) / MINUTE

async function write(lake: Lake): Promise<void> {
  await using writer = await lake.writer(series)
  await writer.commit({
    batches: [makeBatch('1m', T0, ROWS)],
    covered: [{ from: T0, to: T0 + DAYS * DAY, source: 'archive' }],
  })
}

async function all(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const list: Batch[] = []
  for await (const batch of batches) list.push(batch)
  return list
}

describe('Reading a series while its files are replaced', () => {
  it('never fails and never gives a row twice or none, whatever columns are read', async () => {
    await using folder = await tempFolder('steady')
    // One cuts a month into many files, the other joins them again: file names come and go.
    const small = await Lake.open(folder.path, { maxFileSize: 30_000 })
    const large = await Lake.open(folder.path)
    await write(large)
    let isDone = false
    const writing = (async () => {
      for (let turn = 0; turn < 4; turn++) await write(turn % 2 === 0 ? small : large)
    })().finally(() => {
      isDone = true
    })
    writing.catch(() => {})
    let reads = 0
    const expected = makeBatch('1m', T0, ROWS)
    while (!isDone) {
      for (const columns of [['open_time', 'close'], ['close']]) {
        let rows = 0
        for await (const batch of large.read(series, { columns })) {
          expect(Object.keys(batch.columns)).toEqual(columns)
          const stored = batch.columns.close!.subarray(0, batch.length)
          expect(stored).toEqual(expected.columns.close!.subarray(rows, rows + batch.length))
          rows += batch.length
        }
        expect(rows).toBe(ROWS)
        expect((await large.load(series, { columns })).length).toBe(ROWS)
        reads += 2
      }
    }
    await writing
    expect(reads).toBeGreaterThan(0)
  })

  /** Two batches, between which reading fails in the first tries. */
  function broken(failures: number, revisions: boolean) {
    let tries = 0
    const asked: number[] = []
    return {
      asked,
      source: {
        revision: async () => (revisions ? tries : 0),
        async *read(from: number, seen: (revision: number) => void): AsyncGenerator<Batch> {
          asked.push(from)
          seen(revisions ? tries : 0)
          tries++
          for (const time of [0, 1000]) {
            if (time < from) continue
            if (time > 0 && tries <= failures) throw new StorageError('a.parquet', 'gone')
            yield { length: 2, columns: { open_time: Float64Array.of(time, time + 1), close: Float64Array.of(1, 2) } }
          }
        },
        ...{ from: Number.NEGATIVE_INFINITY, key: 'open_time', hidesKey: true, isWhole: false },
      },
    }
  }

  it('goes on behind the last row that was handed on', async () => {
    const { source, asked } = broken(2, true)
    const batches = await all(steadyRead(source))
    expect(batches.map(({ length, columns }) => [length, Object.keys(columns)])).toEqual([
      [2, ['close']],
      [2, ['close']],
    ])
    expect(asked).toEqual([Number.NEGATIVE_INFINITY, 2, 2])
  })

  it('fails where nobody has written, and where there is no end to it', async () => {
    await expect(all(steadyRead(broken(1, false).source))).rejects.toThrow('gone')
    const endless = broken(100, true)
    await expect(all(steadyRead(endless.source))).rejects.toThrow('gone')
    expect(endless.asked.length).toBe(6)
  })
})

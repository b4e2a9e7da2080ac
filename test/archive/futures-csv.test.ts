import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CandleZipReader } from '../../src/archive/candle-zip.ts'
import { type RecordFileSpec, RecordZipReader } from '../../src/archive/record-zip.ts'
import { binanceArchive } from '../../src/exchanges/binance/index.ts'
import type { Batch } from '../../src/model/batch.ts'
import type { Market } from '../../src/model/series.ts'
import { DAY, MINUTE } from '../../src/model/time.ts'
import { zipOf } from '../../src/sandbox/archive/zip-writer.ts'
import { findRealData, realDataTitle } from '../helpers/real-data.ts'

const TIME: Readonly<Record<string, string>> = { quote: 'event_time' }

/** What a reader makes of the CSV of a day. */
async function read(kind: string, text: string, day: number, market: Market = 'usdm') {
  const path = binanceArchive.file({ market, kind, symbol: 'BTCUSDT' }, 'daily', day)
  const labels = binanceArchive.traits?.(market, kind)?.labels
  const spec: RecordFileSpec = {
    ...{ path, fields: binanceArchive.fields(market, kind)!, timeColumn: TIME[kind] ?? 'time' },
    ...{ from: day, to: day + DAY, ...(labels ? { labels } : {}) },
  }
  const values: Record<string, number>[] = []
  const reader = new RecordZipReader(spec, ({ length, columns }: Batch) => {
    for (let i = 0; i < length; i++)
      values.push(Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[i]!])))
  })
  await reader.write(await zipOf(path.split('/').at(-1)!.replace('.zip', '.csv'), Buffer.from(text)))
  return { values, ...(await reader.end()) }
}

describe('files of futures', () => {
  it('of quotes have ids, prices and two times', async () => {
    const head = 'update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n'
    const row = '4157437590424,62387.00000000,7.90100000,62387.10000000,1.33600000,1709596800004,1709596800009\n'
    const found = await read('quote', head + row, Date.UTC(2024, 2, 5))
    expect(found).toMatchObject({ hasHeader: true, defects: [], rows: 1 })
    expect(found.values).toEqual([
      {
        ...{ update_id: 4157437590424, bid_price: 62387, bid_quantity: 7.901, ask_price: 62387.1, ask_quantity: 1.336 },
        ...{ transaction_time: 1709596800004, event_time: 1709596800009 },
      },
    ])
    expect((await read('quote', row, Date.UTC(2024, 2, 5))).rows).toBe(1)
  })

  it('of depth samples have times in words and bands of either sign, however many digits they have', async () => {
    const text = [
      'timestamp,percentage,depth,notional',
      '2024-03-05 00:00:06,-5,8018.44500000,478954211.12345678',
      '2024-03-05 00:00:06,-0.20,12.5,780000',
      '2024-03-05 00:00:06,5.00,1.1E3,6.9E7',
      '2024-02-30 00:00:06,5.00,1,1',
      '2024-03-05T00:00:06,1,1,1',
    ].join('\n')
    const day = Date.UTC(2024, 2, 5)
    const { defects, ...found } = await read('bookDepth', text, day)
    const time = day + 6000
    expect(found.values).toEqual(
      [
        { time, percentage: -5, depth: 8018.445, notional: 478954211.12345678 },
        { time, percentage: -0.2, depth: 12.5, notional: 780000 },
        { time, percentage: 5, depth: 1100, notional: 69000000 },
        { time, percentage: 1, depth: 1, notional: 1 },
      ].map((row) => expect.objectContaining(row)),
    )
    expect(defects).toMatchObject([{ type: 'bad-row', detail: expect.stringContaining('field 1 is no time') }])
  })

  it('of liquidations are read by the names of their columns, with the symbol or without', async () => {
    const day = Date.UTC(2024, 2, 5)
    const rest = 'LIMIT,IOC,0.5,61000.1,61011.2,FILLED,0.2,0.5'
    const plain = await read(
      'liquidation',
      `time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,last_fill_quantity,accumulated_fill_quantity\n${day},SELL,${rest}\n${day},HOLD,${rest}\n`,
      day,
    )
    const named = await read(
      'liquidation',
      `time,symbol,side,order_type,time_in_force,original_quantity,price,average_price,order_status,last_fill_quantity,accumulated_fill_quantity\n${day},BTCUSDT,BUY,${rest}\n`,
      day,
    )
    const values = {
      time: day,
      quantity: 0.5,
      price: 61000.1,
      average_price: 61011.2,
      last_filled_quantity: 0.2,
      filled_quantity: 0.5,
    }
    expect([plain.values, named.values]).toEqual([[{ ...values, side: 2 }], [{ ...values, side: 1 }]])
    expect(plain.defects).toMatchObject([{ detail: expect.stringContaining('neither BUY nor SELL') }])
    expect(named.defects).toEqual([])
  })

  it('of metrics lack cells and whole columns', async () => {
    const day = Date.UTC(2026, 6, 9)
    const head = 'create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio'
    const found = await read(
      'metrics',
      `${head}\n2026-07-09 00:00:00,STXXUSDT,10.5,,\n2026-07-09 00:05:00,STXXUSDT,,,1.5\n`,
      day,
    )
    expect(found.rows).toBe(2)
    expect(found.defects).toMatchObject([
      { type: 'suspect', detail: 'blank cells: open_interest_value 2, top_account_ratio 1, open_interest 1' },
    ])
  })

  it('of metrics give each period its start, whichever way and with whatever lacking they are labelled', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(Date.UTC(2024, 0, 5), Date.UTC(2026, 5, 24), Date.UTC(2026, 5, 25), Date.UTC(2026, 8, 1)),
        fc.constantFrom<Market>('usdm', 'coinm'),
        fc.uniqueArray(fc.integer({ min: 0, max: 287 }), { minLength: 1, maxLength: 40 }),
        async (day, market, gaps) => {
          const kept = Array.from({ length: 288 }, (_, i) => i).filter((i) => !gaps.includes(i))
          const isEnd = market === 'usdm' && day < Date.UTC(2026, 5, 25)
          const text = kept
            .map((i) => new Date(day + (i + (isEnd ? 1 : 0)) * 5 * MINUTE).toISOString().slice(0, 19).replace('T', ' '))
            .map((label) => `${label},BTCUSDT,1,2,3,4,5,6\n`)
            .join('')
          const times: number[] = []
          const labels: number[] = []
          const traits = binanceArchive.traits?.(market, 'metrics')?.labels
          const path = binanceArchive.file({ market, kind: 'metrics', symbol: 'BTCUSDT' }, 'daily', day)
          const reader = new RecordZipReader(
            {
              ...{
                path,
                fields: binanceArchive.fields(market, 'metrics')!,
                timeColumn: 'time',
                from: day,
                to: day + DAY,
              },
              labels: traits!,
            },
            ({ columns }) => {
              times.push(...columns.time!)
              labels.push(...columns.label_time!)
            },
          )
          await reader.write(await zipOf('x.csv', Buffer.from(text)))
          const { rows, defects } = await reader.end()
          expect(times).toEqual(kept.map((i) => day + i * 5 * MINUTE))
          expect(labels).toEqual(times.map((time) => time + (isEnd ? 5 * MINUTE : 0)))
          expect([rows, defects]).toEqual([kept.length, []])
        },
      ),
      { numRuns: 40 },
    )
  })

  it.each(['quote', 'bookDepth', 'metrics', 'liquidation'])('never lose a row without a word: %s', async (kind) => {
    const cell = fc.oneof(
      fc.constantFrom(
        '',
        '1',
        '-0.2',
        'NaN',
        'BUY',
        '2024-03-05 00:05:00',
        '1709596800004',
        '1e400',
        'SYMBOL',
        '99999999999999999999',
      ),
      fc.string({ maxLength: 12 }).filter((text) => !/[\n\r,]/.test(text)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(cell, { minLength: 1, maxLength: 12 }), { maxLength: 30 }), async (lines) => {
        const texts = lines.map((cells) => cells.join(',')).filter((line) => line !== '')
        const first = texts[0]
        // A first line that begins with no digit is taken for a header, and is a defect when it names no columns.
        const found = await read(kind, texts.map((line) => `${line}\n`).join(''), Date.UTC(2024, 2, 5))
        const bad = found.defects.filter(({ type }) => type === 'bad-row').length
        expect(found.rows + bad).toBe(texts.length - (first !== undefined && found.hasHeader ? 1 : 0))
      }),
      { numRuns: 60 },
    )
  })

  it('that hold far more rows than periods are refused', async () => {
    const text = '2024-03-05 00:05:00,BTCUSDT,1,2,3,4,5,6\n'.repeat(288 * 256 + 1)
    await expect(read('metrics', text, Date.UTC(2024, 2, 5))).rejects.toThrow('rows and more in a file of 288 periods')
  })
})

describe('recorded files of 2026', () => {
  const root = findRealData()
  it.skipIf(root === undefined).each([
    ['spot', 'archive_spot_klines_BTCUSDT_1h_2026-07.trimmed.csv', 'us'],
    ['usdm', 'archive_futures_klines_BTCUSDT_1h_2026-07.trimmed.csv', 'ms'],
  ] as const)(realDataTitle('of candles are read value by value: %s'), async (_, name, unit) => {
    const text = await readFile(join(root!, 'vision/trimmed', name), 'utf8')
    const range = { from: Date.UTC(2026, 6, 1), to: Date.UTC(2026, 7, 1) }
    const batches: Batch[] = []
    const reader = new CandleZipReader({ path: name, interval: '1h', ...range }, (batch) => void batches.push(batch))
    await reader.write(await zipOf(name, Buffer.from(text)))
    const { rows, defects, timeUnit } = await reader.end()
    const lines = text
      .trim()
      .split(/\r?\n/)
      .filter((line) => /^\d/.test(line))
    expect([rows, defects, timeUnit]).toEqual([lines.length, [], unit])
    const columns = ['open', 'high', 'low', 'close', 'volume', 'quote_volume', 'trades']
    const found = batches.flatMap((batch) =>
      Array.from({ length: batch.length }, (_, i) => columns.map((column) => batch.columns[column]![i])),
    )
    expect(found).toEqual(lines.map((line) => [1, 2, 3, 4, 5, 7, 8].map((at) => Number(line.split(',')[at]))))
  })
})

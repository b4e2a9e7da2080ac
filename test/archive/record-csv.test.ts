import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RecordCsvParser, type RecordRows } from '../../src/archive/record-csv.ts'
import { RecordZipReader } from '../../src/archive/record-zip.ts'
import { ARCHIVE_FIELDS } from '../../src/exchanges/binance/archive-fields.ts'
import { binanceArchive } from '../../src/exchanges/binance/index.ts'
import type { Batch } from '../../src/model/batch.ts'
import { RecordFlag } from '../../src/model/live/index.ts'
import { zipOf } from '../../src/sandbox/archive/zip-writer.ts'
import { findRealData, realDataTitle } from '../helpers/real-data.ts'

const DAY = { from: Date.UTC(2025, 0, 1), to: Date.UTC(2025, 0, 2) }
const YEARS = { from: Date.UTC(2017, 0, 1), to: Date.UTC(2030, 0, 1) }

function parse(kind: string, text: string, options: { chunk?: number; blockRows?: number; range?: typeof DAY } = {}) {
  const rows: Record<string, number>[] = []
  const bad: string[] = []
  const parser = new RecordCsvParser({
    fields: ARCHIVE_FIELDS[kind]!,
    timeColumn: kind === 'fundingRate' ? 'funding_time' : 'time',
    range: options.range ?? YEARS,
    ...(options.blockRows === undefined ? {} : { blockRows: options.blockRows }),
    onRows: (block: RecordRows) => {
      for (let i = 0; i < block.length; i++)
        rows.push(Object.fromEntries(Object.entries(block.columns).map(([name, values]) => [name, values[i]!])))
    },
    onBadRow: ({ reason, text: row }) => void bad.push(`${reason}: ${row}`),
  })
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += options.chunk ?? bytes.length)
    parser.push(bytes.subarray(at, at + (options.chunk ?? bytes.length)))
  parser.finish()
  return { rows, bad, parser }
}

describe('trades as the archive writes them', () => {
  it('are read with and without a header, in either unit, in either spelling of true', () => {
    const spot = parse('trade', '4357463210,94591.78000000,0.00062000,58.64690360,1735689600109632,True,True\n')
    expect(spot.rows).toEqual([
      { id: 4357463210, price: 94591.78, quantity: 0.00062, time: 1735689600109.632, buyer_is_maker: 1 },
    ])
    expect(spot.parser).toMatchObject({ timeUnit: 'us', hasHeader: false })
    const usdm = parse(
      'trade',
      'id,price,qty,quote_qty,time,is_buyer_maker\n5,16500.1,0.001,16.5,1672531200044,false\n',
    )
    expect(usdm.rows).toEqual([{ id: 5, price: 16500.1, quantity: 0.001, time: 1672531200044, buyer_is_maker: 0 }])
    expect(usdm.parser).toMatchObject({ timeUnit: 'ms', hasHeader: true })
    const coinm = parse('trade', 'id,price,qty,base_qty,time,is_buyer_maker\r\n7,42000,3,0.007,1672531200044,true\r\n')
    expect(coinm.rows).toEqual([{ id: 7, price: 42000, quantity: 3, time: 1672531200044, buyer_is_maker: 1 }])
    const agg = parse('aggTrade', '26129,0.01633102,4.70443515,27781,27781,1498793709153,false,true')
    expect(agg.rows).toEqual([
      {
        ...{ id: 26129, price: 0.01633102, quantity: 4.70443515, time: 1498793709153 },
        ...{ first_trade_id: 27781, last_trade_id: 27781, buyer_is_maker: 0 },
      },
    ])
  })

  it('are read by the words of a header in another order', () => {
    const { rows } = parse('trade', 'time,is_buyer_maker,id,qty,price\n1735689600109,true,9,2.5,100\n')
    expect(rows).toEqual([{ id: 9, price: 100, quantity: 2.5, time: 1735689600109, buyer_is_maker: 1 }])
  })

  it.each([
    ['1,100,1,100,1735689600000,maybe,True', 'neither true nor false'],
    ['1,NaN,1,100,1735689600000,True,True', 'is not a number'],
    ['1,100,-1,100,1735689600000,True,True', 'no price or quantity'],
    ['1,1e300,1,100,1735689600000,True,True', 'no price or quantity'],
    ['1,100,1,100,17356,True,True', 'is no time'],
    ['1,100,1,100', 'only 4 of 6 fields'],
    ['1,100,1,100,1735689600000,True,True,1', 'more than 7 fields'],
    ['9007199254740993,100,1,100,1735689600000,True,True', 'beyond 2^53'],
    ['1,100,1,100,1735776000000,True,True', 'outside its file'],
  ])('are refused when they are %s', (row, reason) => {
    const { rows, bad } = parse('trade', `${row}\n2,100,1,100,1735689600001,False,True\n`, { range: DAY })
    expect(rows.map(({ id }) => id)).toEqual([2])
    expect(bad).toHaveLength(1)
    expect(bad[0]).toContain(reason)
  })

  it('are flagged when a price is zero or has more digits than a float64 keeps', () => {
    const { rows, parser } = parse(
      'trade',
      '1,0,1,0,1735689600000,True,True\n2,0.12345678901234567891,1,1,1735689600000,True,True\n3,1,1,1,1735689600000,True,True\n',
    )
    expect(rows.map(({ flags }) => flags)).toEqual([RecordFlag.suspect, RecordFlag.inexact, 0])
    expect(parser.inexactValues).toBe(1)
  })

  it('equal a slow reader, wherever the bytes are cut', () => {
    const amount = fc
      .tuple(fc.nat(99_999_999), fc.integer({ min: 0, max: 99_999_999 }), fc.nat(8))
      .map(([whole, fraction, digits]) =>
        digits === 0 ? `${whole}` : `${whole}.${`${fraction}`.padStart(8, '0').slice(0, digits)}`,
      )
    const row = fc.record({
      id: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      price: amount,
      quantity: amount,
      time: fc.oneof(
        fc.integer({ min: YEARS.from, max: YEARS.to - 1 }),
        fc.integer({ min: YEARS.from * 1000, max: YEARS.to * 1000 - 1 }),
      ),
      maker: fc.constantFrom('True', 'False', 'true', 'false'),
    })
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 700 }), (wanted, chunk) => {
        const text = wanted.map((r) => `${r.id},${r.price},${r.quantity},1.5,${r.time},${r.maker},True\n`).join('')
        const { rows, bad } = parse('trade', text, { chunk, blockRows: 7 })
        expect(bad).toEqual([])
        expect(rows.map(({ flags: _, ...values }) => values)).toEqual(
          wanted.map((r) => ({
            ...{ id: r.id, price: Number(r.price), quantity: Number(r.quantity) },
            time: r.time >= 1e14 ? r.time / 1000 : r.time,
            buyer_is_maker: /^t/i.test(r.maker) ? 1 : 0,
          })),
        )
      }),
      { numRuns: 200 },
    )
  })

  it('never make the reader throw or lose a row without a word, whatever is in the file', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 600 }), fc.integer({ min: 1, max: 50 }), (noise, chunk) => {
        const text = `1,100,1,100,1735689600000,True,True\n${noise}`
        const { rows, bad } = parse('aggTrade', text, { chunk })
        const lines = text.split('\n').filter((line) => line !== '' && line !== '\r').length
        expect(rows.length + bad.length).toBe(lines)
      }),
      { numRuns: 300 },
    )
  })

  it('come out of a zip in blocks, with memory that is used again', async () => {
    const [ROWS, BLOCK] = [400_000, 16_384]
    const text = Array.from(
      { length: ROWS },
      // Values that do not pack well: a piece of the zip is a few rows, as in real files.
      (_, i) => `${i + 1},${(i * 7919) % 99991}.5,0.${(i * 104729) % 999983}1,25.125,${DAY.from + i},True,True\n`,
    ).join('')
    const zip = await zipOf('BTCUSDT-trades-2025-01-01.csv', Buffer.from(text))
    const path = 'data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-2025-01-01.zip'
    let [rows, last, blocks] = [0, 0, 0]
    const memory = new Set<ArrayBuffer>()
    const reader: RecordZipReader = new RecordZipReader(
      { path, fields: binanceArchive.fields('spot', 'trade')!, timeColumn: 'time', ...DAY },
      (batch: Batch) => {
        for (let i = 0; i < batch.length; i++) if (batch.columns.id![i] === last + 1) last++
        rows += batch.length
        blocks++
        const buffers = Object.values(batch.columns).map((values) => values.buffer as ArrayBuffer)
        for (const buffer of buffers) memory.add(buffer)
        reader.reuse(buffers)
      },
      { blockRows: BLOCK },
    )
    for (let at = 0; at < zip.length; at += 10_000) await reader.write(zip.subarray(at, at + 10_000))
    expect(await reader.end()).toMatchObject({ rows: ROWS, defectCount: 0, timeUnit: 'ms' })
    expect([rows, last]).toEqual([ROWS, ROWS])
    expect(blocks).toBe(Math.ceil(ROWS / BLOCK))
    // However long the file: five columns of the few blocks that are under way at once, and the last one's own.
    expect(memory.size).toBeLessThanOrEqual(5 * 6)
    expect(deflateRawSync(Buffer.from(text)).length).toBeLessThan(text.length)
  })
})

describe('recorded files of the archive', () => {
  const root = findRealData()
  it.skipIf(root === undefined)(realDataTitle('of fundings are read value by value'), async () => {
    const path = join(root!, 'vision/trimmed/archive_fundingRate_BTCUSDT_2026-07.trimmed.csv')
    const text = await readFile(path, 'utf8')
    const { rows, bad, parser } = parse('fundingRate', text)
    const lines = text.trim().split(/\r?\n/).slice(1)
    expect(bad).toEqual([])
    expect(parser.hasHeader).toBe(true)
    expect(rows).toEqual(
      lines.map((line) => {
        const [time, hours, rate] = line.split(',').map(Number)
        return { funding_time: time, interval_hours: hours, funding_rate: rate }
      }),
    )
  })

  it.skipIf(root === undefined)(realDataTitle('that were published anew have names that are understood'), async () => {
    const list = await readFile(join(root!, 'vision/revisions/2022-10-04_aggregate_trade_updates.csv'), 'utf8')
    const names = list.trim().split(/\r?\n/).slice(1)
    expect(names.length).toBeGreaterThan(100)
    for (const name of names.map((line) => line.split(',')[0]!.replace('.zip', ''))) {
      const [, symbol, date] = /^(.+)-aggTrades-(\d{4}-\d{2}(?:-\d{2})?)$/.exec(name) ?? []
      const period = date?.length === 7 ? 'monthly' : 'daily'
      const series = { market: 'spot', kind: 'aggTrade', symbol: symbol! } as const
      const path = binanceArchive.file(series, period, Date.parse(date!))
      expect(path.endsWith(`/${name}.zip`), path).toBe(true)
      expect(binanceArchive.parseFile(path), path).toMatchObject({ period, from: Date.parse(date!) })
    }
  })
})

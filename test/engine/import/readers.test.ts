import { readFile, writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import {
  Field,
  Float64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMillisecond,
  tableToIPC,
} from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArrowEncoder } from '../../../src/cli/export/arrow.ts'
import { csvHeader, csvRows, jsonRows, type NamedColumn } from '../../../src/cli/export/rows.ts'
import { readArrow } from '../../../src/engine/import/read-arrow.ts'
import { readCcxt } from '../../../src/engine/import/read-ccxt.ts'
import { readFreqtrade } from '../../../src/engine/import/read-freqtrade.ts'
import { readParquetFile } from '../../../src/engine/import/read-parquet.ts'
import { readTardis } from '../../../src/engine/import/read-tardis.ts'
import { readCsv, readJsonl } from '../../../src/engine/import/read-text.ts'
import type { ImportTarget, OnBatch, ReadFacts } from '../../../src/engine/import/types.ts'
import { ParseError } from '../../../src/model/errors.ts'
import { trade as tradeKind } from '../../../src/model/live/trade.ts'
import { joinEvents } from '../../../src/store/lake/event-columns.ts'
import { writeEvents } from '../../../src/store/lake/event-parquet.ts'
import { tempFolder } from '../../helpers/temp.ts'

const START = Date.UTC(2024, 0, 1)
const until = Number.POSITIVE_INFINITY
const candle = { exchange: 'binance', market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1h' } as const
const trade = { exchange: 'binance', market: 'spot', kind: 'trade', symbol: 'BTCUSDT' } as const
const opens = Array.from({ length: 40 }, (_, hour) => START + hour * 3_600_000)

/** A dataset of tardis.dev with a row per hour, unpacked: a checksum would find most damage before the reader does. */
function tardis(header: string, row: (index: number) => string): Uint8Array {
  const lines = opens.map((time, index) => `binance,BTCUSDT,${time}000,${time}123,${row(index)}`)
  return Buffer.from([`exchange,symbol,timestamp,local_timestamp,${header}`, ...lines, ''].join('\n'))
}

function feather(): Uint8Array {
  const names = ['open', 'high', 'low', 'close', 'volume']
  const schema = new Schema([
    new Field('date', new TimestampMillisecond('UTC')),
    ...names.map((name) => new Field(name, new Float64())),
  ])
  const length = opens.length
  const children = [
    makeData({ type: new TimestampMillisecond('UTC'), length, data: BigInt64Array.from(opens, BigInt) }),
    ...names.map((_, n) =>
      makeData({ type: new Float64(), length, data: Float64Array.from(opens, (_, i) => n + i + 1) }),
    ),
  ]
  const data = makeData({ type: new Struct(schema.fields), length, nullCount: 0, children })
  return tableToIPC(new Table([new RecordBatch(schema, data)]), 'file')
}

/** Trades as a lake gives them. */
const trades = {
  length: opens.length,
  columns: {
    id: BigInt64Array.from(opens, (_, id) => BigInt(id)),
    time: Float64Array.from(opens, (time) => time + 0.125),
    price: Float64Array.from(opens, (_, id) => 100 + id / 7),
    quantity: Float64Array.from(opens, (_, id) => id / 3),
    buyer_is_maker: Float64Array.from(opens, (_, id) => id % 2),
    event_time: Float64Array.from(opens, (time, id) => (id % 3 ? time : Number.NaN)),
    receive_time: new Float64Array(opens.length).fill(Number.NaN),
    flags: new Float64Array(opens.length).fill(2),
  },
}
const columns: NamedColumn[] = tradeKind.columns.map((spec) => ({ spec, name: spec.name }))
const context = { until, signal: undefined }

/** The same trades again and again, as a file of many pieces would have them: later, and with higher ids. */
function manyTrades(times: number): (typeof trades)[] {
  return Array.from({ length: times }, (_, n) => ({
    ...trades,
    columns: {
      ...trades.columns,
      id: trades.columns.id.map((id) => id + BigInt(n * trades.length)),
    },
  }))
}

async function arrow(format: 'file' | 'stream'): Promise<Uint8Array> {
  const encoder = await ArrowEncoder.create(columns, format, undefined)
  return Buffer.concat([...encoder.encode(trades), ...encoder.finish()])
}

async function parquet(): Promise<Uint8Array> {
  await using folder = await tempFolder('readers')
  await writeEvents(folder.join('a'), tradeKind, trades, 'snappy')
  return readFile(folder.join('a'))
}

interface Form {
  readonly bytes: Uint8Array
  readonly rows: number
  /** Damaged files that are tried. */
  readonly runs?: number
  readonly read: (path: string, onBatch: OnBatch) => Promise<ReadFacts>
}

const FORMS: Readonly<Record<string, Form>> = {
  ccxt: {
    bytes: Buffer.from(JSON.stringify(opens.map((time, i) => [time, i + 2, i + 3, i + 1, i + 2.5, 0.1]))),
    rows: 40,
    read: (path, onBatch) => readCcxt(target(path, candle), onBatch, { until, signal: undefined }),
  },
  freqtrade: {
    bytes: feather(),
    rows: 40,
    read: (path, onBatch) => readFreqtrade(target(path, candle), onBatch, { until, signal: undefined }),
  },
  tardis: {
    bytes: gzipSync(
      [
        'exchange,symbol,timestamp,local_timestamp,id,side,price,amount',
        ...opens.map((time, id) => `binance,BTCUSDT,${time}000,${time}123,${id},${id % 2 ? 'buy' : 'sell'},100.5,0.25`),
      ].join('\n'),
    ),
    rows: 40,
    read: (path, onBatch) => readTardis(target(path, trade), onBatch, undefined),
  },
  'tardis, quotes': {
    bytes: tardis('ask_amount,ask_price,bid_price,bid_amount', (row) => `${row},101.5,,`),
    rows: 40,
    runs: 100,
    read: (path, onBatch) => readTardis(target(path, { ...trade, kind: 'timedQuote' }), onBatch, undefined),
  },
  'tardis, changes of books': {
    bytes: tardis('is_snapshot,side,price,amount', (row) => `${row < 9},${row % 2 ? 'bid' : 'ask'},100.5,0.25`),
    rows: 40,
    runs: 100,
    read: (path, onBatch) => readTardis(target(path, { ...trade, kind: 'timedBookDelta' }), onBatch, undefined),
  },
  'tardis, books': {
    bytes: tardis('asks[0].price,asks[0].amount,bids[0].price,bids[0].amount', (row) => `101,${row + 1},100,2`),
    rows: 80,
    runs: 100,
    read: (path, onBatch) => readTardis(target(path, { ...trade, kind: 'timedBookSnapshot' }), onBatch, undefined),
  },
  'tardis, derivative tickers': {
    bytes: tardis('funding_timestamp,funding_rate,index_price,mark_price', (row) => `,-0.0001,,${100 + row / 8}`),
    rows: 40,
    runs: 100,
    read: (path, onBatch) => readTardis(target(path, { ...trade, kind: 'markPrice' }), onBatch, undefined),
  },
  csv: {
    bytes: Buffer.from(csvHeader(columns) + csvRows(trades, columns, 'ms')),
    rows: 40,
    runs: 100,
    read: (path, onBatch) => readCsv(target(path, trade), onBatch, context),
  },
  'JSON lines': {
    bytes: Buffer.from(jsonRows(trades, columns, 'iso')),
    rows: 40,
    runs: 100,
    read: (path, onBatch) => readJsonl(target(path, trade), onBatch, context),
  },
  Arrow: {
    bytes: await arrow('file'),
    rows: 40,
    runs: 100,
    read: (path, onBatch) => readArrow(target(path, trade), onBatch, context),
  },
  'Arrow as a stream': {
    bytes: await arrow('stream'),
    rows: 40,
    runs: 100,
    read: (path, onBatch) => readArrow(target(path, trade), onBatch, context),
  },
  Parquet: {
    bytes: await parquet(),
    rows: 40,
    runs: 100,
    read: (path, onBatch) => readParquetFile(target(path, trade), onBatch, context),
  },
}

function target(path: string, series: ImportTarget['series']): ImportTarget {
  return { path, format: 'ccxt', series }
}

describe.each(Object.entries(FORMS))('a file of %s', (name, { bytes, rows, runs = 300, read }) => {
  const ending = name === 'tardis' ? '.csv.gz' : ''

  it('is read whole', async () => {
    await using folder = await tempFolder('readers')
    await writeFile(folder.join(`file${ending}`), bytes)
    let length = 0
    const facts = await read(folder.join(`file${ending}`), async (batch) => {
      length += batch.length
    })
    expect([facts.rows, length, facts.defectCount]).toEqual([rows, rows, 0])
  })

  it('that is damaged or cut anywhere gives rows or an error that names it, and never anything else', async () => {
    await using folder = await tempFolder('readers')
    const path = folder.join(`file${ending}`)
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }))
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 4 }),
        fc.nat(bytes.length),
        fc.boolean(),
        async (changes, end, cut) => {
          const damaged = Uint8Array.from(bytes)
          for (const [at, by] of changes) damaged[at]! ^= by
          await writeFile(path, cut ? damaged.subarray(0, end) : damaged)
          let length = 0
          try {
            const facts = await read(path, async (batch) => {
              length += batch.length
              for (const values of Object.values(batch.columns)) expect(values.length).toBe(batch.length)
            })
            expect(facts.rows).toBe(length)
          } catch (error) {
            expect(error).toBeInstanceOf(ParseError)
            expect((error as ParseError).source.startsWith(path)).toBe(true)
          }
        },
      ),
      { numRuns: runs },
    )
  })
})

describe('a large table', () => {
  const FILES: Readonly<Record<string, () => Promise<string | Uint8Array>>> = {
    csv: async () =>
      csvHeader(columns) +
      manyTrades(2500)
        .map((part) => csvRows(part, columns, 'ms'))
        .join(''),
    jsonl: async () =>
      manyTrades(2500)
        .map((part) => jsonRows(part, columns, 'ms'))
        .join(''),
    arrow: async () => {
      const encoder = await ArrowEncoder.create(columns, 'file', undefined)
      return Buffer.concat([...manyTrades(2500).flatMap((part) => encoder.encode(part)), ...encoder.finish()])
    },
    parquet: async () => {
      await using folder = await tempFolder('readers')
      const parts = manyTrades(2500)
      await writeEvents(folder.join('a'), tradeKind, joinEvents(tradeKind.columns, parts), 'snappy')
      return readFile(folder.join('a'))
    },
  }
  const READERS = { csv: readCsv, jsonl: readJsonl, arrow: readArrow, parquet: readParquetFile } as const

  it.each(['csv', 'jsonl', 'arrow', 'parquet'] as const)(
    'of %s comes in pieces, and no more of them when it is given up',
    async (form) => {
      await using folder = await tempFolder('readers')
      const path = folder.join(`trades.${form}`)
      await writeFile(path, await FILES[form]!())
      const sizes: number[] = []
      const facts = await READERS[form](target(path, trade), async (batch) => void sizes.push(batch.length), context)
      expect([facts.rows, sizes.reduce((sum, size) => sum + size)]).toEqual([100_000, 100_000])
      expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536)
      const stop = new AbortController()
      let pieces = 0
      const take = async () => {
        pieces++
        stop.abort()
      }
      await expect(READERS[form](target(path, trade), take, { until, signal: stop.signal })).rejects.toThrow('abort')
      expect(pieces).toBe(1)
    },
  )
})

import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { tableFromIPC } from 'apache-arrow'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Batch, columnOf } from '../../src/model/batch.ts'
import { candle } from '../../src/model/candle.ts'
import { closeTimeOf, type Interval, nextOpen } from '../../src/model/interval.ts'
import { kindOf } from '../../src/model/kinds.ts'
import type { BookSnapshot, LiveRecord } from '../../src/model/live/index.ts'
import { asCandlesOf } from '../../src/model/price-candle.ts'
import type { Market, SeriesId } from '../../src/model/series.ts'
import { unzip } from '../../src/sandbox/archive/zip-writer.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { deltaAt, eventSeries, quoteAt, readRows, storeEvents, T0, tradesFrom } from '../helpers/events.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'
import { seriesOf } from './lake.ts'

const HOUR = 3_600_000
const PRICES = ['open_time', 'open', 'high', 'low', 'close', 'volume']
const ALL = candle.columns.map(({ name }) => name).filter((name) => name !== 'flags')

let folder: TempFolder
beforeEach(async () => {
  folder = await tempFolder('layouts')
})
afterEach(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(args, { cwd: folder.path })

/** Candles of a market as the exchange gives them: eight decimals at most, every value its own. */
function candlesOf(interval: Interval, from: number, count: number, seed = 1): Batch {
  const columns = Object.fromEntries(candle.columns.map(({ name }) => [name, new Float64Array(count)]))
  const batch: Batch = { length: count, columns }
  for (let row = 0, open = from; row < count; row++, open = nextOpen({ interval }, open)) {
    const value = (n: number): number => Number(`${1 + ((row * 7919 + seed * 31 + n * 104_729) % 99_991)}e-${n % 9}`)
    const [a, b, c, d] = [value(2), value(11), value(20), value(4)]
    const values: Record<string, number> = {
      open_time: open,
      open: a,
      high: Math.max(a, b, c),
      low: Math.min(a, b, c),
      close: b,
      volume: d,
      close_time: closeTimeOf({ interval }, open),
      quote_volume: value(8),
      trades: row % 1000,
      taker_buy_volume: value(5),
      taker_buy_quote_volume: value(6),
      flags: 0,
    }
    for (const [name, number] of Object.entries(values)) columnOf(batch, name)[row] = number
  }
  return batch
}

async function store(series: SeriesId, batch: Batch): Promise<void> {
  const lake = await Lake.open(folder.join('ticklake-data'))
  await using writer = await lake.writer(series)
  const times = columnOf(batch, 'open_time')
  const range = { from: times[0]!, to: nextOpen({ interval: series.interval! }, times[batch.length - 1]!) }
  await writer.commit({ batches: [batch], covered: [{ ...range, source: 'archive' }] })
}

async function valuesOf(dataDir: string, series: SeriesId, columns: readonly string[]): Promise<number[][]> {
  const lake = await Lake.open(folder.join(dataDir))
  const batch = await lake.load(series, { columns })
  return Array.from({ length: batch.length }, (_, row) => columns.map((name) => columnOf(batch, name)[row]!))
}

async function filesBelow(path: string): Promise<string[]> {
  const found = await readdir(path, { recursive: true, withFileTypes: true })
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort()
}

describe('export --layout and import', () => {
  it.each([
    ['spot', '1m', Date.UTC(2024, 11, 31, 20), 600],
    ['spot', '1s', Date.UTC(2025, 0, 1), 7000],
    ['usdm', '4h', Date.UTC(2023, 10, 1), 500],
    ['spot', '1M', Date.UTC(2020, 0, 1), 30],
    ['spot', '3d', Date.UTC(2024, 0, 2), 40],
  ] as [Market, Interval, number, number][])(
    'give the very same candles of %s %s through zips of the archive',
    async (market, interval, from, count) => {
      const series = seriesOf('BTCUSDT', interval, market)
      await store(series, candlesOf(interval, from, count))
      const selected = ['BTCUSDT', '--market', market, '--interval', interval]
      const exported = await here('export', ...selected, '--layout', 'binance', '--out', 'archive/')
      expect([exported.code, exported.stderr]).toEqual([0, expect.stringContaining('wrote')])

      const files = await filesBelow(folder.join('archive'))
      const zips = files.filter((file) => file.endsWith('.zip'))
      expect(files).toEqual(zips.flatMap((zip) => [zip, `${zip}.CHECKSUM`]))
      for (const zip of zips) {
        const bytes = await readFile(folder.join('archive', zip))
        const [hash, name] = (await readFile(folder.join('archive', `${zip}.CHECKSUM`), 'utf8')).trim().split('  ')
        expect([hash, name]).toEqual([createHash('sha256').update(bytes).digest('hex'), zip.split('/').at(-1)])
        expect(unzip(zip, bytes).name).toBe(name!.replace('.zip', '.csv'))
      }

      const imported = await here('import', 'archive', '--data-dir', 'other')
      expect(imported).toMatchObject({ code: 0, stdout: expect.stringContaining(`${zips.length} file`) })
      expect(await valuesOf('other', series, [...ALL, 'flags'])).toEqual(
        (await valuesOf('ticklake-data', series, ALL)).map((row) => [...row, 0]),
      )
      const lake = await Lake.open(folder.join('other'))
      expect((await lake.coverage(series))!.covered.every(({ source }) => source === 'import')).toBe(true)
      expect((await here('verify', '--data-dir', 'other')).stdout).not.toContain('damaged')
    },
  )

  it.each(['ccxt', 'freqtrade'])('give the very same prices and volumes through the form of %s', async (layout) => {
    const series = seriesOf('BTCUSDT', '15m')
    await store(series, candlesOf('15m', Date.UTC(2024, 0, 1), 3000))
    expect((await here('export', 'BTC/USDT', '--layout', layout, '--out', 'out/')).code).toBe(0)
    const [file] = await filesBelow(folder.join('out'))
    expect(file).toBe(layout === 'ccxt' ? 'BTCUSDT-15m.json' : 'BTC_USDT-15m.feather')
    expect((await here('import', 'out', '--data-dir', 'other')).code).toBe(0)
    expect(await valuesOf('other', series, PRICES)).toEqual(await valuesOf('ticklake-data', series, PRICES))
    const [row] = await valuesOf('other', series, ['trades', 'quote_volume', 'flags'])
    // What the form does not carry is 0, and the flags say that it is not known.
    expect(row).toEqual([0, 0, 256 + 2048])
  })

  it('keep every float64, whatever its digits', async () => {
    const series = seriesOf('BTCUSDT', '1h')
    const number = fc.double({ min: 1e-12, max: 1e12, noNaN: true })
    const row = fc.tuple(number, number, number, number, number)
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), async (rows) => {
        await using own = await tempFolder('layouts-any')
        const run = (...args: string[]) => runHere(args, { cwd: own.path })
        const batch = candlesOf('1h', Date.UTC(2024, 0, 1), rows.length)
        rows.forEach((values, i) => {
          ;['open', 'high', 'low', 'close', 'volume'].forEach((name, n) => {
            columnOf(batch, name)[i] = values[n]!
          })
        })
        const lake = await Lake.open(own.join('ticklake-data'))
        {
          await using writer = await lake.writer(series)
          const to = Date.UTC(2024, 0, 1) + rows.length * HOUR
          await writer.commit({ batches: [batch], covered: [{ from: Date.UTC(2024, 0, 1), to, source: 'user' }] })
        }
        for (const layout of ['binance', 'ccxt', 'freqtrade']) {
          await run('export', 'BTC/USDT', '--layout', layout, '--out', `${layout}/`)
          await run('import', layout, '--data-dir', `of-${layout}`)
          const other = await (await Lake.open(own.join(`of-${layout}`))).load(series, { columns: PRICES })
          for (const name of PRICES) expect([...columnOf(other, name)]).toEqual([...columnOf(batch, name)])
        }
      }),
      { numRuns: 6 },
    )
  })

  it.each(['spot', 'usdm'] as const)(
    'give the very same trades of %s through zips, ids and sides included',
    async (market) => {
      const series = eventSeries('trade', 'BTCUSDT', market)
      const trades = tradesFrom(1, 900).map((trade) => ({ ...trade, market, time: Math.floor(trade.time) }))
      await storeEvents(await Lake.open(folder.join('ticklake-data')), series, trades)
      const out = await here(
        'export',
        'BTCUSDT',
        '--market',
        market,
        '--kind',
        'trade',
        '--layout',
        'binance',
        '--period',
        'day',
        '--out',
        'a/',
      )
      expect(out.stderr).toContain('wrote 900 rows')
      const [zip] = await filesBelow(folder.join('a'))
      const { content } = unzip('a', await readFile(folder.join('a', zip!)))
      const first = content.toString().split('\n')[market === 'spot' ? 0 : 1]
      expect(first).toBe(
        market === 'spot'
          ? '1,42000.10000000,0.00037000,15.54003700,1704110400100,False,True'
          : '1,42000.1,0.00037,15.540037,1704110400100,false',
      )
      expect((await here('import', 'a', '--data-dir', 'other')).code).toBe(0)
      const columns = ['id', 'time', 'price', 'quantity', 'buyer_is_maker']
      const [mine, theirs] = await Promise.all(
        ['ticklake-data', 'other'].map(async (dir) => readRows(await Lake.open(folder.join(dir)), series, columns)),
      )
      expect(theirs).toEqual(mine)
    },
  )

  it('give the very same aggregates, fundings and candles of other prices through zips', async () => {
    const lake = await Lake.open(folder.join('ticklake-data'))
    const about = {
      market: 'usdm',
      symbol: 'BTCUSDT',
      eventTime: Number.NaN,
      receiveTime: Number.NaN,
      flags: 0,
    } as const
    const records: Readonly<Record<string, readonly LiveRecord[]>> = {
      aggTrade: Array.from({ length: 300 }, (_, i) => ({
        ...{
          ...about,
          kind: 'aggTrade',
          id: i + 7,
          time: T0 + i * 1000,
          price: 42_000 + i / 8,
          quantity: ((i % 9) + 1) / 1000,
        },
        ...{ firstTradeId: i * 3, lastTradeId: i * 3 + 2, buyerIsMaker: i % 2 === 0 },
      })),
      fundingRate: Array.from({ length: 9 }, (_, i) => ({
        ...{ ...about, kind: 'fundingRate', fundingTime: T0 + i * 8 * HOUR, fundingRate: i / 1e5 - 2e-5 },
        ...{ markPrice: Number.NaN, intervalHours: 8 },
      })),
    }
    const compared: [SeriesId, string[]][] = []
    for (const [kind, rows] of Object.entries(records)) {
      const series = eventSeries(kind, 'BTCUSDT', 'usdm')
      await storeEvents(lake, series, rows)
      compared.push([series, kindOf(kind).columns.map(({ name }) => name)])
    }
    const mark = { ...seriesOf('BTCUSDT', '1h', 'usdm'), kind: 'markCandle' }
    await store(mark, asCandlesOf(kindOf('markCandle'), candlesOf('1h', Date.UTC(2024, 0, 1), 50)))
    for (const kind of [...Object.keys(records), 'markCandle'])
      await here('export', 'BTCUSDT', '--market', 'usdm', '--kind', kind, '--layout', 'binance', '--out', 'a/')
    const ran = await here('import', 'a', '--data-dir', 'other')
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining('hash verified')])
    const other = await Lake.open(folder.join('other'))
    for (const [series, columns] of compared)
      expect(await readRows(other, series, columns)).toEqual(await readRows(lake, series, columns))
    const columns = kindOf('markCandle').columns.map(({ name }) => name)
    expect(await valuesOf('other', mark, columns)).toEqual(await valuesOf('ticklake-data', mark, columns))
  })

  it.each(['usdm', 'coinm'] as const)(
    'give the very same quotes, depth samples and metrics of %s through zips, a file per day where the archive has no other',
    async (market) => {
      const about = { market, symbol: 'BTCUSDT', eventTime: Number.NaN, receiveTime: Number.NaN, flags: 0 }
      const midnight = Date.UTC(2024, 0, 2)
      const [every, period] = [10 * 60_000, 300_000]
      const records: Readonly<Record<string, readonly object[]>> = {
        quote: Array.from({ length: 200 }, (_, i) => ({
          ...{ ...about, kind: 'quote', updateId: 9e9 + i * 3, bidPrice: 100 + i / 8, bidQuantity: (i + 1) / 1000 },
          ...{ askPrice: 100.5 + i / 8, askQuantity: 2, transactionTime: midnight - HOUR + i * every - 3 },
          eventTime: midnight - HOUR + i * every,
        })),
        bookDepth: Array.from({ length: 400 }, (_, i) => ({
          ...{ ...about, kind: 'bookDepth', time: midnight - HOUR + Math.floor(i / 2) * 30_000 },
          ...{ percentage: i % 2 === 0 ? -0.2 : 5, depth: (i + 1) / 3, notional: (i + 1) * 1.1 },
        })),
        // Whole days: labels of the first and the last period tell what they are.
        metrics: Array.from({ length: 576 }, (_, i) => ({
          ...{ ...about, kind: 'metrics', time: midnight - 288 * period + i * period, openInterest: i / 7 },
          ...{ openInterestValue: i, topAccountRatio: 1, topPositionRatio: 1.5, accountRatio: 2, takerRatio: i / 9 },
          labelTime: Number.NaN,
        })),
      }
      const lake = await Lake.open(folder.join('ticklake-data'))
      for (const [kind, rows] of Object.entries(records)) {
        const series = { exchange: 'binance', market, kind, symbol: 'BTCUSDT' }
        await storeEvents(lake, series, rows as readonly LiveRecord[])
        const about = ['BTCUSDT', '--market', market, '--kind', kind, '--layout', 'binance', '--out', `${kind}/`]
        expect([kind, (await here('export', ...about)).stderr]).toEqual([kind, expect.stringContaining('wrote')])
        const zips = (await filesBelow(folder.join(kind))).filter((file) => file.endsWith('.zip'))
        expect([kind, zips.length, zips[0]!.includes(kind === 'quote' ? 'monthly' : 'daily')]).toEqual([
          kind,
          kind === 'quote' ? 1 : 2,
          true,
        ])
        const ran = await here('import', kind, '--data-dir', 'other', '--json')
        expect([kind, ran.code, jsonLines(ran.stdout).map(({ defects }) => defects)]).toEqual([
          kind,
          0,
          zips.map(() => 0),
        ])
        // Labels are those of the file, and no file says when a quote reached us.
        const columns = kindOf(kind).columns.flatMap(({ name }) => (name === 'label_time' ? [] : [name]))
        expect(await readRows(await Lake.open(folder.join('other')), series, columns)).toEqual(
          await readRows(lake, series, columns),
        )
      }
    },
  )

  it.each([
    [['--kind', 'liquidation', '--market', 'usdm'], 'tell type and status of each order'],
    [['--kind', 'quote'], 'has no quote of spot'],
    [['--kind', 'ticker'], 'has no form for ticker'],
    [['--kind', 'metrics', '--market', 'usdm', '--period', 'month', '--out', 'x/'], 'no files of a month of metrics'],
    [
      ['--kind', 'fundingRate', '--market', 'usdm', '--period', 'day', '--out', 'x/'],
      'no files of a day of fundingRate',
    ],
  ])('refuse %j in the form of the archive, which has no such files', async (args, message) => {
    const lake = await Lake.open(folder.join('ticklake-data'))
    const kind = args[1]!
    const market = args.includes('usdm') ? 'usdm' : 'spot'
    const values = kindOf(kind).columns.map(({ property, type }) => [property, type === 'time' ? T0 : 1])
    const record = { ...Object.fromEntries(values), kind, market, symbol: 'BTCUSDT' } as LiveRecord
    await storeEvents(lake, eventSeries(kind, 'BTCUSDT', market), [record])
    const ran = await here('export', 'BTCUSDT', ...args, '--layout', 'binance')
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining(message)])
  })

  it('give the very same fundings of REST through zips, and say what those of the archive have besides', async () => {
    const series = eventSeries('fundingRate', 'BTCUSDT', 'usdm')
    const rows: LiveRecord[] = Array.from({ length: 6 }, (_, i) => ({
      ...{ market: 'usdm', symbol: 'BTCUSDT', eventTime: Number.NaN, receiveTime: Number.NaN, flags: 0 },
      ...{ kind: 'fundingRate', fundingTime: T0 + i * 8 * HOUR, fundingRate: i / 1e5, markPrice: Number.NaN },
      intervalHours: i < 3 ? 8 : Number.NaN,
    }))
    const lake = await Lake.open(folder.join('ticklake-data'))
    await storeEvents(lake, series, rows)
    await here('export', 'BTCUSDT', '--market', 'usdm', '--kind', 'fundingRate', '--layout', 'binance', '--out', 'a/')
    const ran = await here('import', 'a', '--data-dir', 'other', '--json')
    expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([
      3,
      [{ added: 6, defects: 1, firstDefect: expect.stringContaining('blank cells: interval_hours 3') }],
    ])
    const columns = ['funding_time', 'funding_rate', 'interval_hours']
    const other = await Lake.open(folder.join('other'))
    expect(await readRows(other, series, columns)).toEqual(await readRows(lake, series, columns))
  })

  it('give the very same trades through the form of tardis.dev, microseconds and our clock included', async () => {
    const series = eventSeries('trade')
    const trades = tradesFrom(1, 999).map((trade, i) => (i % 7 === 0 ? { ...trade, receiveTime: Number.NaN } : trade))
    await storeEvents(await Lake.open(folder.join('ticklake-data')), series, trades)
    await here('export', 'BTCUSDT', '--kind', 'trade', '--layout', 'tardis', '--out', 't/')
    expect(await filesBelow(folder.join('t'))).toEqual(['binance_trades_2024-01-01_BTCUSDT.csv.gz'])
    const text = gunzipSync(await readFile(folder.join('t/binance_trades_2024-01-01_BTCUSDT.csv.gz'))).toString()
    expect(text.split('\n').slice(0, 3)).toEqual([
      'exchange,symbol,timestamp,local_timestamp,id,side,price,amount',
      'binance,BTCUSDT,1704110400100250,1704110400100250,1,buy,42000.1,0.00037',
      'binance,BTCUSDT,1704110400200250,1704110400202125,2,buy,42000.2,0.00074',
    ])
    expect((await here('import', 't', '--data-dir', 'other')).code).toBe(0)
    const columns = ['id', 'time', 'price', 'quantity', 'buyer_is_maker', 'receive_time']
    const [mine, theirs] = await Promise.all(
      ['ticklake-data', 'other'].map(async (dir) => readRows(await Lake.open(folder.join(dir)), series, columns)),
    )
    expect(theirs).toEqual(mine)
  })

  it('write quotes and books for tardis.dev, a snapshot before the first change that it lacks', async () => {
    const lake = await Lake.open(folder.join('ticklake-data'))
    await storeEvents(lake, eventSeries('quote'), [quoteAt(5)])
    await storeEvents(lake, eventSeries('bookDelta'), [deltaAt(1), deltaAt(2), deltaAt(3)])
    const snapshot: BookSnapshot = {
      ...{ kind: 'bookSnapshot', market: 'spot', symbol: 'BTCUSDT', eventTime: Number.NaN, flags: 2 },
      ...{ lastUpdateId: 25, time: T0 + 250, receiveTime: T0 + 260, depth: 5, bids: [42_000, 1], asks: [42_001, 2] },
    }
    await storeEvents(lake, eventSeries('bookSnapshot'), [snapshot])
    const quotes = await here('export', 'BTCUSDT', '--kind', 'quote', '--layout', 'tardis')
    expect(quotes.stdout).toBe(
      'exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n' +
        `binance,BTCUSDT,${T0 * 1000 + 7125},${T0 * 1000 + 7125},1,42000.1,42000,0.5\n`,
    )
    const book = await here('export', 'BTCUSDT', '--kind', 'bookDelta', '--layout', 'tardis')
    const lines = book.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(',').slice(4).join(','))
    expect(lines[0]).toBe('is_snapshot,side,price,amount')
    const snapshots = lines.flatMap((line, i) => (line.startsWith('true') ? [i] : []))
    const deltas = [deltaAt(1), deltaAt(2), deltaAt(3)].map(({ bids, asks }) => (bids.length + asks.length) / 2)
    // Ids to 19 are in the snapshot of 25 already; the update of 20 to 29 is the first that it does not contain whole.
    expect(snapshots).toEqual([1 + deltas[0]!, 2 + deltas[0]!])
    expect(lines.slice(snapshots[0], snapshots[1]! + 1)).toEqual(['true,bid,42000,1', 'true,ask,42001,2'])
    expect(lines.length).toBe(1 + deltas.reduce((a, b) => a + b) + 2)
  })

  it('write Feather whose dates every reader takes for instants', async () => {
    await store(seriesOf('BTCUSDT', '1h', 'usdm'), candlesOf('1h', Date.UTC(2024, 0, 1), 5))
    await here('export', 'BTC/USDT:USDT', '--layout', 'freqtrade', '--out', 'data/')
    const path = folder.join('data/futures/BTC_USDT_USDT-1h-futures.feather')
    const table = tableFromIPC(await readFile(path))
    expect(table.schema.fields.map(({ name, type }) => [name, String(type)])).toEqual([
      ['date', 'Timestamp<MILLISECOND, UTC>'],
      ...['open', 'high', 'low', 'close', 'volume'].map((name) => [name, 'Float64']),
    ])
    expect([...table.getChild('date')!].map(Number)).toEqual([0, 1, 2, 3, 4].map((n) => Date.UTC(2024, 0, 1, n)))
  })

  it.each([
    [['--layout', 'ccxt', '--format', 'csv'], 'leave --format out'],
    [['--layout', 'ccxt', '--no-header'], 'leave --no-header out'],
    [['--layout', 'ccxt', '--period', 'day', '--out', 'x/'], 'has no files of a day'],
    [['--period', 'day'], '--period is for --layout binance'],
    [['--layout', 'tardis'], 'has no form for candle'],
    [['--layout', 'freqtrade', '--out', 'x/'], 'write it as BTC/USDT'],
    [['--layout', 'ccxt', '--json'], 'both want stdout'],
  ])('refuse %j', async (args, message) => {
    await store(seriesOf('BTCUSDT', '1h'), candlesOf('1h', Date.UTC(2024, 0, 1), 5))
    const ran = await here('export', 'BTCUSDT', ...args)
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining(message)])
  })

  it('read Parquet of export again', async () => {
    const series = seriesOf('BTCUSDT', '1h')
    await store(series, candlesOf('1h', Date.UTC(2024, 0, 1), 50))
    await here('export', 'BTCUSDT', '--out', 'BTCUSDT-1h.parquet')
    await here('export', 'BTCUSDT', '--out', 'BTCUSDT-1h.csv')
    for (const [file, dir] of [
      ['BTCUSDT-1h.parquet', 'p'],
      ['BTCUSDT-1h.csv', 'c'],
    ] as const) {
      const ran = await here('import', file, '--data-dir', dir, '--json')
      expect(jsonLines(ran.stdout)).toMatchObject([{ outcome: 'taken', added: 50, symbol: 'BTCUSDT', interval: '1h' }])
      expect(await valuesOf(dir, series, ALL)).toEqual(await valuesOf('ticklake-data', series, ALL))
    }
  })

  it('tell a file that is no candle file at all', async () => {
    await mkdir(folder.join('x'))
    await writeFile(folder.join('x/BTCUSDT-1h.parquet'), 'no parquet')
    await writeFile(folder.join('x/BTC_USDT-1h.feather'), 'no feather')
    const ran = await here('import', 'x')
    expect(ran.code).toBe(3)
    expect(ran.stderr).toContain('BTCUSDT-1h.parquet: is no Parquet file that can be read')
    expect(ran.stderr).toContain('BTC_USDT-1h.feather: is no Feather file that can be read')
  })
})

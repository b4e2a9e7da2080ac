import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BookSnapshot, QuoteRecord } from '../../src/model/live/index.ts'
import type { Market } from '../../src/model/series.ts'
import { DAY, HOUR } from '../../src/model/time.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { deltaAt, eventSeries, quoteAt, readRows, storeEvents, T0 } from '../helpers/events.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'

const START = Date.UTC(2024, 0, 1)
const QUOTES = 'ask_amount,ask_price,bid_price,bid_amount'
const BOOK = 'is_snapshot,side,price,amount'
const LOT = 'id,side,price,amount'
const TICKER = 'funding_timestamp,funding_rate,predicted_funding_rate,open_interest,last_price,index_price,mark_price'
const EXCHANGES = { spot: 'binance', usdm: 'binance-futures', coinm: 'binance-delivery' }

let folder: TempFolder
beforeEach(async () => {
  folder = await tempFolder('tardis')
})
afterEach(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(args, { cwd: folder.path })
const lakeOf = (dataDir = 'ticklake-data') => Lake.open(folder.join(dataDir))

/** Instants in µs: when it happened, and when it came, ms after the day's beginning. */
const at = (time: number, local = time): string => `${(START + time) * 1000},${Math.round((START + local) * 1000)}`

/** Puts a file of a dataset of 2024-01-01, or of another day. */
async function put(
  market: 'spot' | 'usdm' | 'coinm',
  dataset: string,
  header: string,
  rows: readonly string[],
  day = '01',
) {
  const exchange = EXCHANGES[market]
  const name = `in/${exchange}_${dataset}_2024-01-${day}_BTCUSDT.csv.gz`
  const lines = rows.map((row) => `${exchange},BTCUSDT,${row}\n`)
  await mkdir(dirname(folder.join(name)), { recursive: true })
  await writeFile(folder.join(name), gzipSync(`exchange,symbol,timestamp,local_timestamp,${header}\n${lines.join('')}`))
  return name
}

async function rowsOf(
  kind: string,
  market: Market,
  columns: readonly string[],
  dataDir?: string,
): Promise<unknown[][]> {
  const series = { exchange: 'binance', market, kind, symbol: 'BTCUSDT' }
  const rows = await readRows(await lakeOf(dataDir), series, columns)
  return rows.map((row) => Object.values(row))
}

async function coverageOf(kind: string, market: Market = 'spot', dataDir?: string) {
  return (await (await lakeOf(dataDir)).coverage({ exchange: 'binance', market, kind, symbol: 'BTCUSDT' }))!
}

async function textOf(path: string): Promise<string> {
  return gunzipSync(await readFile(folder.join(path))).toString()
}

describe('what export writes for tardis.dev', () => {
  /** Quotes of which some have no time of the exchange, some were filled in; two came out of order. */
  const quotes: QuoteRecord[] = Array.from({ length: 60 }, (_, i) => ({
    ...quoteAt(i * 1000),
    transactionTime: i % 3 === 0 ? Number.NaN : T0 + i * 1000 - 3,
    eventTime: i % 3 === 0 ? Number.NaN : T0 + i * 1000 - 2,
    receiveTime: T0 + i * 1000 + 7.125 - (i === 30 ? 2000 : 0),
  }))
  /** Came later than changes that it does not contain. */
  const snapshot: BookSnapshot = {
    ...{ kind: 'bookSnapshot', market: 'spot', symbol: 'BTCUSDT', eventTime: Number.NaN, flags: 2 },
    ...{ lastUpdateId: 25, time: T0 + 900, receiveTime: T0 + 900.5, depth: 5, bids: [42_000, 1], asks: [42_001, 2] },
  }

  it.each([
    ['quote', 'timedQuote', 'quotes', 60],
    ['bookDelta', 'timedBookDelta', 'incremental_book_L2', 97],
  ])('of %s is read again as %s, and written again it is the same file', async (kind, timed, dataset, count) => {
    const lake = await lakeOf()
    if (kind === 'quote') await storeEvents(lake, eventSeries(kind), quotes)
    else {
      await storeEvents(lake, eventSeries('bookSnapshot'), [snapshot])
      await storeEvents(
        lake,
        eventSeries(kind),
        Array.from({ length: 40 }, (_, n) => deltaAt(n + 1)),
      )
    }
    await here('export', 'BTCUSDT', '--kind', kind, '--layout', 'tardis', '--out', 'first/')
    const file = `binance_${dataset}_2024-01-01_BTCUSDT.csv.gz`
    const imported = await here('import', 'first', '--data-dir', 'other', '--json')
    expect(imported.code).toBe(0)
    expect(jsonLines(imported.stdout)).toMatchObject([
      { outcome: 'taken', kind: timed, rows: count, added: count, defects: 0 },
    ])
    await here('export', 'BTCUSDT', '--kind', timed, '--layout', 'tardis', '--data-dir', 'other', '--out', 'second/')
    expect(await textOf(`second/${file}`)).toBe(await textOf(`first/${file}`))

    // A second time there is nothing new, and nothing is said to differ.
    const again = await here('import', 'first', '--data-dir', 'other', '--json')
    expect([again.code, jsonLines(again.stdout)]).toMatchObject([0, [{ added: 0, same: count, differing: 0 }]])
    const [verified] = jsonLines((await here('verify', '--data-dir', 'other', '--json')).stdout)
    expect(verified).toMatchObject({ kind: timed, problems: [] })
    // The hours before and behind are in no file: nobody knows of them.
    const { covered, gaps } = await coverageOf(timed, 'spot', 'other')
    expect(covered).toEqual([{ from: START, to: START + DAY, source: 'import' }])
    expect(gaps).toMatchObject([
      { from: START, to: expect.closeTo(T0, -4), cause: 'unknown', checked: [] },
      { from: expect.closeTo(T0, -6), to: START + DAY, cause: 'unknown', checked: [] },
    ])
  })

  it('never mixes with records that have ids: those of a stream or a download are a series of their own', async () => {
    await storeEvents(await lakeOf(), eventSeries('quote'), quotes)
    await here('export', 'BTCUSDT', '--kind', 'quote', '--layout', 'tardis', '--out', 'out/')
    const before = await coverageOf('quote')
    expect((await here('import', 'out')).code).toBe(0)
    expect(await coverageOf('quote')).toEqual(before)
    expect((await rowsOf('quote', 'spot', ['update_id'])).length).toBe(60)
    expect((await rowsOf('timedQuote', 'spot', ['sequence'])).length).toBe(60)
  })
})

describe('a file of tardis.dev', () => {
  it('of quotes has a side empty where the book has none there, and its own place for what came at once', async () => {
    await put('usdm', 'quotes', QUOTES, [
      `${at(5, 9.25)},1,101,100,2`,
      `${at(5, 9.25)},3,101,100,2`,
      `${at(9.5)},,,100,2`,
      `${at(20, 21)},1,99,100,2`,
    ])
    const ran = await here('import', 'in', '--json')
    expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([0, [{ kind: 'timedQuote', market: 'usdm', added: 4 }]])
    const columns = ['sequence', 'bid_price', 'ask_price', 'ask_quantity', 'event_time', 'receive_time', 'flags']
    const count = BigInt(START) * 1_000_000n
    expect(await rowsOf('timedQuote', 'usdm', columns)).toEqual([
      [count + 9_250_000n, 100, 101, 1, START + 5, START + 9.25, 256],
      [count + 9_250_001n, 100, 101, 3, START + 5, START + 9.25, 256],
      // The exchange gave no time: the file has that of arrival twice.
      [count + 9_500_000n, 100, Number.NaN, Number.NaN, Number.NaN, START + 9.5, 256],
      [count + 21_000_000n, 100, 99, 1, START + 20, START + 21, 256 + 64],
    ])
    const quality = jsonLines((await here('quality', '--json')).stdout)
    expect(JSON.stringify(quality)).toContain('crossed')
  })

  it('of books keeps the order of the file, where it shows whether a change is in the snapshot', async () => {
    const rows = [
      `${at(1, 2)},true,bid,100,1`,
      `${at(1, 2)},true,ask,101,1`,
      `${at(1, 2)},false,bid,100,0`,
      `${at(1, 2)},false,bid,100,5`,
    ]
    await put('spot', 'incremental_book_L2', BOOK, rows)
    expect((await here('import', 'in')).code).toBe(0)
    expect(await rowsOf('timedBookDelta', 'spot', ['is_snapshot', 'side', 'price', 'quantity'])).toEqual([
      [1, 1, 100, 1],
      [1, 2, 101, 1],
      [0, 1, 100, 0],
      [0, 1, 100, 5],
    ])
  })

  it.each([5, 25])('of snapshots with %d levels has a row per level, those that are there', async (depth) => {
    const names = Array.from({ length: depth }, (_, n) =>
      ['asks', 'bids'].flatMap((side) => [`${side}[${n}].price`, `${side}[${n}].amount`]).join(','),
    )
    const book = (ask: number, levels: number): string =>
      Array.from({ length: depth }, (_, n) => (n < levels ? `${ask + n},1,${ask - 1 - n},2` : ',,,')).join(',')
    await put('spot', `book_snapshot_${depth}`, names.join(','), [
      `${at(1, 2)},${book(101, depth)}`,
      `${at(3, 4)},${book(201, 2)}`,
    ])
    const ran = await here('import', 'in', '--json')
    expect(jsonLines(ran.stdout)).toMatchObject([{ kind: 'timedBookSnapshot', added: 2 * depth + 4, defects: 0 }])
    const rows = await rowsOf('timedBookSnapshot', 'spot', ['sequence', 'depth', 'side', 'level', 'price', 'quantity'])
    const second = BigInt(START + 4) * 1_000_000n
    expect(rows.slice(2 * depth)).toEqual([
      [second, depth, 2, 0, 201, 1],
      [second, depth, 2, 1, 202, 1],
      [second, depth, 1, 0, 200, 2],
      [second, depth, 1, 1, 199, 2],
    ])
    expect(rows.slice(0, 2 * depth).map(([, , side, level]) => [side, level])).toEqual(
      [2, 1].flatMap((side) => Array.from({ length: depth }, (_, level) => [side, level])),
    )
    expect(JSON.stringify(jsonLines((await here('quality', '--json')).stdout))).not.toContain('not-sorted')
    expect((await here('import', 'in')).code).toBe(0)
  })

  it('of liquidations says what was paid and how much, and nothing of the price of the order', async () => {
    await put('usdm', 'liquidations', LOT, [
      `${at(5, 6)},,sell,100,2`,
      `${at(4, 7)},,buy,101,3`,
      `${at(9, 9)},,sell,99,1`,
    ])
    const ran = await here('import', 'in', '--json')
    expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([0, [{ kind: 'liquidation', added: 3, defects: 0 }]])
    const columns = ['time', 'side', 'price', 'average_price', 'quantity', 'last_filled_quantity', 'filled_quantity']
    const none = Number.NaN
    expect(await rowsOf('liquidation', 'usdm', [...columns, 'receive_time'])).toEqual([
      [START + 4, 1, none, 101, 3, none, 3, START + 7],
      [START + 5, 2, none, 100, 2, none, 2, START + 6],
      [START + 9, 2, none, 99, 1, none, 1, none],
    ])
    const again = jsonLines((await here('import', 'in', '--json')).stdout)
    expect(again).toMatchObject([{ added: 0, same: 3, differing: 0 }])
    const [verified] = jsonLines((await here('verify', '--json')).stdout)
    expect(verified).toMatchObject({ kind: 'liquidation', problems: [] })
  })

  it('of derivative tickers tells a mark price where that is new, and nothing where something else is', async () => {
    const funding = (START + 8 * HOUR) * 1000
    await put('usdm', 'derivative_ticker', TICKER, [
      `${at(500, 501)},,,,,100.5,,`,
      `${at(1000, 1005)},${funding},0.0001,,,100.5,100.2,100.1`,
      `${at(1400, 1403)},${funding},0.0001,,,100.7,100.2,100.1`,
      `${at(2000, 2004)},${funding},-0.0002,,5,100.7,100.3,100.4`,
    ])
    const ran = await here('import', 'in', '--json')
    expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([
      0,
      [
        {
          ...{ kind: 'markPrice', rows: 2, added: 2, defects: 0 },
          check: {
            note: expect.stringContaining('without its columns predicted_funding_rate, open_interest, last_price'),
          },
        },
      ],
    ])
    const columns = ['event_time', 'receive_time', 'mark_price', 'index_price', 'funding_rate', 'next_funding_time']
    expect(await rowsOf('markPrice', 'usdm', columns)).toEqual([
      [START + 1000, START + 1005, 100.1, 100.2, 0.0001, START + 8 * HOUR],
      [START + 2000, START + 2004, 100.4, 100.3, -0.0002, START + 8 * HOUR],
    ])
  })

  it('is cut by when rows came: what happened just before its day belongs to it', async () => {
    const late = [`${at(-2, 3)},7,buy,100,1`, `${at(5, 9)},8,sell,100,1`]
    await put('spot', 'trades', LOT, late)
    const ran = await here('import', 'in', '--json')
    expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([0, [{ rows: 2, added: 2, defects: 0 }]])
    expect(await rowsOf('trade', 'spot', ['id', 'time'])).toEqual([
      [7n, START - 2],
      [8n, START + 5],
    ])
  })

  it('that was cut by another time than its rows loses none at midnight, whichever day comes first', async () => {
    const row = (time: number, local: number): string => `${at(time, local)},false,bid,100,1`
    const first = await put('usdm', 'incremental_book_L2', BOOK, [row(1, 2), row(DAY - 1, DAY + 40)])
    const second = await put(
      'usdm',
      'incremental_book_L2',
      BOOK,
      [row(DAY + 3, DAY + 50), row(2 * DAY - 2, 2 * DAY - 1)],
      '02',
    )
    for (const [file, added] of [
      [second, 2],
      [first, 2],
      [first, 0],
      [second, 0],
    ] as const) {
      const ran = await here('import', file, '--json')
      expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([0, [{ added, same: 2 - added, differing: 0 }]])
    }
    expect(await rowsOf('timedBookDelta', 'usdm', ['receive_time'])).toEqual(
      [2, DAY + 40, DAY + 50, 2 * DAY - 1].map((time) => [START + time]),
    )
  })

  it('that was collected by the clock of another year claims no more than its rows', async () => {
    const years = 700 * DAY
    await put('usdm', 'quotes', QUOTES, [`${at(5, years)},1,101,100,2`, `${at(900, years + 905)},1,102,100,2`])
    const ran = await here('import', 'in', '--json')
    expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([0, [{ added: 2, defects: 0 }]])
    expect((await coverageOf('timedQuote', 'usdm')).covered).toEqual([
      { from: START + years, to: expect.closeTo(START + years + 905, 1), source: 'import' },
    ])
  })

  it('tells its dataset by its columns where its name does not', async () => {
    const first = await put('usdm', 'quotes', QUOTES, [`${at(5, 9)},1,101,100,2`])
    await writeFile(folder.join('mine.csv'), await textOf(first))
    const about = ['--symbol', 'BTCUSDT', '--market', 'usdm', '--json']
    const ran = await here('import', 'mine.csv', ...about)
    expect(jsonLines(ran.stdout)).toMatchObject([{ outcome: 'taken', kind: 'timedQuote', added: 1 }])
    // Without a day in its name nothing is claimed beyond its rows.
    expect((await coverageOf('timedQuote', 'usdm')).covered).toMatchObject([{ from: START + 9, source: 'import' }])
    const second = await put('usdm', 'liquidations', LOT, [`${at(5, 6)},,sell,100,2`])
    await writeFile(folder.join('other.csv'), await textOf(second))
    const untold = await here('import', 'other.csv', ...about)
    expect([untold.code, untold.stdout + untold.stderr]).toEqual([3, expect.stringContaining('--kind liquidation')])
    const told = await here('import', 'other.csv', '--kind', 'liquidation', ...about)
    expect(jsonLines(told.stdout)).toMatchObject([{ outcome: 'taken', kind: 'liquidation', added: 1 }])
  })

  it.each([
    ['spot', 'quotes', QUOTES, [], 'has no row of timedQuote: tardis.dev gives that out where it has nothing'],
    ['spot', 'trades', LOT, [], 'has no row of trade'],
    ['spot', 'quotes', BOOK, [`${at(1)},true,bid,1,1`], ':1: lacks the columns ask_amount, ask_price'],
    [
      'spot',
      'book_snapshot_5',
      'asks[0].price,bids[0].price',
      [`${at(1)},1,2`],
      ':1: lacks the columns asks[0].amount',
    ],
    ['spot', 'liquidations', LOT, [`${at(1)},,sell,1,1`], 'holds liquidation, which spot has not'],
    ['spot', 'options_chain', LOT, [`${at(1)},,sell,1,1`], 'that is not imported; trades, liquidations'],
  ] as const)(
    'of %s %s: %#. is left out whole where it is none, and says why',
    async (...[market, dataset, header, rows, why]) => {
      await put(market, dataset, header, rows)
      const ran = await here('import', 'in')
      expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining(why)])
      expect(await (await lakeOf()).list()).toEqual([])
    },
  )

  it('of another market than its name says is refused', async () => {
    const name = await put('usdm', 'quotes', QUOTES, [`${at(5, 9)},1,101,100,2`])
    await writeFile(folder.join('binance_quotes_2024-01-01_BTCUSDT.csv.gz'), await readFile(folder.join(name)))
    const ran = await here('import', 'binance_quotes_2024-01-01_BTCUSDT.csv.gz')
    expect([ran.code, ran.stderr]).toEqual([
      3,
      expect.stringContaining(':2: is of binance-futures, not of binance (spot)'),
    ])
  })

  it.each([
    ['quotes', QUOTES, `${at(2)},x,101,100,2`, 'ask_amount is "x"'],
    ['quotes', QUOTES, `${at(2, 30 * HOUR)},1,101,100,2`, 'is no time in µs inside the file'],
    ['incremental_book_L2', BOOK, `${at(2)},maybe,bid,1,1`, 'is_snapshot is "maybe"'],
    ['incremental_book_L2', BOOK, `${at(2)},true,buy,1,1`, 'the side is "buy", neither bid nor ask'],
    ['incremental_book_L2', BOOK, `${at(2)},true,bid,,1`, 'price or amount is none'],
    ['liquidations', LOT, `${at(2)},,bid,1,1`, 'the side is "bid", neither buy nor sell'],
    ['derivative_ticker', TICKER, `${at(2)},,,,,,,0x10`, 'the mark price is "0x10"'],
    ['derivative_ticker', TICKER, `x,${at(2).split(',')[1]},,,,,,,1`, 'x is no time in µs'],
  ])(
    'of %s: %#. with a row that cannot be read has a defect there, and the rest goes in',
    async (dataset, header, row, why) => {
      const good: Readonly<Record<string, string>> = {
        quotes: '1,101,100,2',
        incremental_book_L2: 'false,bid,100,1',
        liquidations: ',sell,100,1',
        derivative_ticker: ',,,,,,100',
      }
      await put('usdm', dataset, header, [`${at(1)},${good[dataset]}`, row])
      const ran = await here('import', 'in', '--json')
      expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([
        3,
        [{ added: 1, defects: 1, firstDefect: expect.stringContaining(why) }],
      ])
    },
  )
})

describe('series that only files bring', () => {
  it('are left alone by downloads, which say so, and read by export, query and replay', async () => {
    await put('spot', 'quotes', QUOTES, [`${at(5, 9)},1,101,100,2`, `${at(7 * HOUR)},1,102,100,2`])
    await put('spot', 'quotes', QUOTES, [`${at(DAY + 5, DAY + 9)},1,103,100,2`], '02')
    expect((await here('import', 'in')).code).toBe(0)
    const wanted = await here('download', 'BTCUSDT', '--kind', 'timedQuote', '--days', '1')
    expect([wanted.code, wanted.stderr]).toEqual([2, expect.stringContaining('"ticklake import"')])
    const asked = await here('query', 'SELECT count(*)::INTEGER AS n, max(ask_price) AS top FROM timedQuote', '--json')
    expect(jsonLines(asked.stdout)).toEqual([{ n: 3, top: 103 }])
    const told = await here('export', 'BTCUSDT', '--kind', 'timedQuote', '--columns', 'ask_price', '--format', 'csv')
    // Hours without a quote are holes that nobody was asked about.
    expect([told.code, told.stdout]).toEqual([3, 'ask_price\n101\n102\n103\n'])
    const replayed = jsonLines((await here('replay', 'BTCUSDT', '--kind', 'timedQuote', '--json')).stdout)
    expect(replayed.flatMap(({ askPrice }) => askPrice ?? [])).toEqual([101, 102, 103])
    const { covered } = await coverageOf('timedQuote')
    expect(covered).toEqual([{ from: START, to: START + 2 * DAY, source: 'import' }])
  })
})

import { mkdir, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { importFiles } from '../../src/engine/import/index.ts'
import { CandleFlag } from '../../src/model/candle.ts'
import type { MarkPrice } from '../../src/model/live/index.ts'
import { HOUR } from '../../src/model/time.ts'
import { zipOf } from '../../src/sandbox/archive/zip-writer.ts'
import { connectDuck } from '../../src/store/lake/duckdb.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { eventSeries, readRows } from '../helpers/events.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'
import { START, seriesOf } from './lake.ts'

let folder: TempFolder
beforeEach(async () => {
  folder = await tempFolder('import-tables')
})
afterEach(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(args, { cwd: folder.path })
const lake = () => Lake.open(folder.join('ticklake-data'))

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(folder.join(path)), { recursive: true })
  await writeFile(folder.join(path), content)
}

const CANDLE =
  'open_time,open,high,low,close,volume,close_time,quote_volume,trades,taker_buy_volume,taker_buy_quote_volume'
const TRADE = 'id,time,price,quantity,buyer_is_maker,event_time,receive_time'
const MARK = 'open_time,open,high,low,close,close_time,samples'

const candleRow = (hour: number): string =>
  `${START + hour * HOUR},100,102,99,101,5,${START + (hour + 1) * HOUR - 1},500,7,2,200`
const tradeRow = (id: number | string, price: number | string = 100): string =>
  `${id},${START + Number(id)},${price},0.5,true,,`
const csv = (...lines: string[]): string => `${lines.join('\n')}\n`

describe('a table', () => {
  it('tells its kind by its columns, whatever its name', async () => {
    await put('a.csv', csv(TRADE, tradeRow(1)))
    await put(
      'b.jsonl',
      `{"updateId":5,"bidPrice":1,"bidQuantity":2,"askPrice":3,"askQuantity":4,"receiveTime":${START}}\n`,
    )
    await put(
      'c.json',
      `{"id":1,"time":${START},"price":1,"quantity":2,"first_trade_id":3,"last_trade_id":4,"buyer_is_maker":false}`,
    )
    const ran = await here('import', 'a.csv', 'b.jsonl', 'c.json', '--symbol', 'BTC/USDT', '--json')
    expect([ran.code, jsonLines(ran.stdout).map(({ kind, market, added }) => [kind, market, added])]).toEqual([
      0,
      [
        ['trade', 'spot', 1],
        ['quote', 'spot', 1],
        ['aggTrade', 'spot', 1],
      ],
    ])
  })

  it.each([
    ['BTCUSDT-1h.csv', CANDLE, candleRow(0), ['spot', 'candle', 'BTCUSDT', '1h']],
    ['BTCUSDT-1h-2024-01.csv', CANDLE, candleRow(0), ['spot', 'candle', 'BTCUSDT', '1h']],
    ['BTCUSD_PERP-1h.csv', CANDLE, candleRow(0), ['coinm', 'candle', 'BTCUSD_PERP', '1h']],
    ['BTCUSDT_240628-trade.csv', TRADE, tradeRow(1), ['usdm', 'trade', 'BTCUSDT_240628', undefined]],
    ['BTC_USDT-1h.csv', CANDLE, candleRow(0), ['spot', 'candle', 'BTCUSDT', '1h']],
    [
      'BTC_USDT_USDT-1h-mark.csv',
      MARK,
      `${START},1,2,1,2,${START + HOUR - 1},60`,
      ['usdm', 'markCandle', 'BTCUSDT', '1h'],
    ],
  ])('named %s is of the series that its name tells', async (name, header, row, series) => {
    await put(name, csv(header, row))
    const [report] = jsonLines((await here('import', name, '--json')).stdout)
    expect([report!.market, report!.kind, report!.symbol, report!.interval]).toEqual(series)
  })

  it.each([
    ['a.csv', csv(TRADE, tradeRow(1)), [], 'add --symbol'],
    ['BTCUSDT.csv', csv(CANDLE, candleRow(0)), [], 'add --symbol and --interval'],
    [
      'BTCUSDT-1h.csv',
      csv(MARK, `${START},1,2,1,2,${START + HOUR - 1},60`),
      [],
      'may be of markCandle, indexCandle, premiumCandle: add --kind',
    ],
    [
      'BTCUSDT-markCandle-1h.csv',
      csv(MARK, `${START},1,2,1,2,${START + HOUR - 1},60`),
      [],
      'holds markCandle, which spot has not: add --market usdm',
    ],
    ['BTCUSDT-1h.csv', csv('open_time,close', `${START},1`), ['--kind', 'candle'], ':1: lacks open, high, low, volume'],
    ['BTCUSDT-trade.csv', csv(`${TRADE},buyerIsMaker`, `${tradeRow(1)},true`), [], ':1: has buyer_is_maker twice'],
    ['BTCUSDT-trade.csv', '', ['--layout', 'csv'], 'is empty'],
    [
      'BTCUSDT-trade.csv',
      csv(TRADE, tradeRow(1), tradeRow(3), tradeRow(2)),
      [],
      ':4: id 2 does not come after 3: sort the file',
    ],
    ['BTCUSDT-4h.csv', csv(CANDLE, candleRow(0), candleRow(1)), [], ':3: no 4h candle opens at 2024-01-01T01:00'],
    ['BTCUSDT-trade.csv', csv(TRADE, '1,1704067200,100,0.5,true,,'), [], ':2: 1704067200 is no time in ms or µs'],
    [
      'BTCUSDT-quote.csv',
      csv('update_id,bid_price,bid_quantity,ask_price,ask_quantity,event_time', '1,2,3,4,5,'),
      [],
      ':2: has no time at all',
    ],
    ['BTCUSDT-trade.jsonl', '[1,2]\n', [], ':1: is no JSON object: [1,2]'],
    [
      'ALL-exchangeInfo.csv',
      csv('time,symbols,trading,bytes', `${START},1,1,1`),
      [],
      'the lake keeps the answers themselves',
    ],
    ['BTCUSDT-trade.arrow', 'ARROW1 is how it begins, and no more', [], 'its end is missing'],
    ['BTCUSDT-trade.parquet', 'PAR1', [], 'is no Parquet file that can be read'],
  ])('%s: %#. nothing of it is taken, and it is told why', async (name, text, flags, message) => {
    await put(name, text)
    const ran = await here('import', name, ...flags)
    expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining(message)])
    expect(ran.stderr).toContain(folder.join(name))
    expect(await (await lake()).list()).toEqual([])
  })

  it.each([
    ['1,x,100,0.5,true,,', 'time is "x", which is no time in ms, µs or ISO 8601'],
    [`1,${START},0x10,0.5,true,,`, 'price is "0x10", which is no number'],
    [`1,${START},,0.5,true,,`, 'has no price'],
    [`1,${START},100,0.5,maybe,,`, 'buyer_is_maker is "maybe", which is no true or false'],
    [`1.5,${START},100,0.5,true,,`, 'id is "1.5", which is no id, or not exact'],
    [`99999999999999999999,${START},100,0.5,true,,`, 'id is "99999999999999999999", which is no id'],
    [`1,${START},100,0.5`, '4 of 7 fields'],
    [`1,2024-01-31T25:00Z,100,0.5,true,,`, 'time is "2024-01-31T25:00Z", which is no time'],
  ])('with the row %s has a defect there, and the rest goes in', async (row, message) => {
    await put('BTCUSDT-trade.csv', csv(TRADE, tradeRow(0), row, tradeRow(2)))
    const ran = await here('import', 'BTCUSDT-trade.csv', '--json')
    expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([
      3,
      [{ added: 2, defects: 1, firstDefect: expect.stringContaining(`BTCUSDT-trade.csv:3: ${message}`) }],
    ])
  })

  it('that was cut is told of: a last line without end, a gzip without end, Parquet and Arrow without theirs', async () => {
    const text = csv(TRADE, tradeRow(0), tradeRow(1), tradeRow(2))
    await put('BTCUSDT-trade.csv', text.slice(0, -2))
    const ran = await here('import', 'BTCUSDT-trade.csv', '--json')
    expect(jsonLines(ran.stdout)).toMatchObject([
      { added: 2, firstDefect: expect.stringContaining(':4: the last line has no end, so it may have been cut') },
    ])
    const packed = gzipSync(text)
    await put('cut/BTCUSDT-trade.csv.gz', packed.subarray(0, packed.length - 12))
    for (const ending of ['parquet', 'arrow']) {
      await here('export', 'BTCUSDT', '--kind', 'trade', '--out', `cut/BTCUSDT-trade.${ending}`)
      const path = folder.join(`cut/BTCUSDT-trade.${ending}`)
      await truncate(path, (await stat(path)).size - 30)
    }
    const cut = await here('import', 'cut', '--data-dir', 'other')
    expect(cut.code).toBe(3)
    expect(cut.stderr.match(/not taken/g)).toHaveLength(3)
    expect(cut.stderr).toContain('BTCUSDT-trade.csv.gz: can not be unpacked: it is cut or damaged')
    expect(cut.stderr).toContain('BTCUSDT-trade.arrow: is no Feather file that can be read: its end is missing')
    expect(cut.stderr).toContain('BTCUSDT-trade.parquet: is no Parquet file that can be read')
  })

  it('without a line of names is read with --columns', async () => {
    await put('plain.csv', csv(tradeRow(1), tradeRow(2)))
    const columns = ['--symbol', 'BTCUSDT', '--kind', 'trade', '--columns', TRADE]
    const ran = await here('import', 'plain.csv', ...columns, '--json')
    expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([0, [{ kind: 'trade', added: 2 }]])
    const wrong = await here('import', 'plain.csv', ...columns, '--layout', 'jsonl')
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('--columns is for CSV')])
  })

  it('may have more columns, quotes, a mark in front and ends of lines of Windows', async () => {
    const text = `\ufeff"${TRADE.replaceAll(',', '","')}","mood"\r\n"${tradeRow(1).replaceAll(',', '","')}","good"\r\n`
    await put('BTCUSDT-trade.csv', text)
    const ran = await here('import', 'BTCUSDT-trade.csv', '--json')
    expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([
      0,
      [{ added: 1, check: { note: expect.stringContaining('without its columns mood') } }],
    ])
  })

  it('of another program is read as far as its types go, and refused where they do not', async () => {
    using duck = await connectDuck()
    const write = (name: string, price: string): Promise<unknown> =>
      duck.run(
        `COPY (SELECT 7::UINTEGER AS id, make_timestamp_ns(${START}000000) AS time, ${price} AS price, 2::FLOAT AS quantity, 1 AS "buyerIsMaker") TO '${folder.join(name)}' (FORMAT parquet)`,
      )
    await write('BTCUSDT-trade.parquet', '1.25::DECIMAL(9,2)')
    expect((await here('import', 'BTCUSDT-trade.parquet')).code).toBe(0)
    expect(
      await readRows(await lake(), eventSeries('trade'), ['id', 'time', 'price', 'quantity', 'buyer_is_maker']),
    ).toEqual([{ id: 7n, time: START, price: 1.25, quantity: 2, buyer_is_maker: 1 }])
    await write('b/BTCUSDT-trade.parquet', `'1.25'`).catch(() => mkdir(folder.join('b')))
    await write('b/BTCUSDT-trade.parquet', `'1.25'`)
    const ran = await here('import', 'b')
    expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining('has price as VARCHAR, not as float64')])
  })

  it('keeps what its flags say, and flags candles that make no sense or were open when it was written', async () => {
    const odd = candleRow(1).replace(',102,', ',98,')
    await put('BTCUSDT-1h.csv', csv(`${CANDLE},flags`, `${candleRow(0)},17`, `${odd},0`, `${candleRow(2)},0`))
    const at = new Date(START + 2.5 * HOUR)
    await utimes(folder.join('BTCUSDT-1h.csv'), at, at)
    expect((await here('import', 'BTCUSDT-1h.csv')).code).toBe(0)
    const batch = await (await lake()).load(seriesOf('BTCUSDT', '1h'), { columns: ['flags'] })
    const { user, rest, revised, suspect, unfinished } = CandleFlag
    expect([...batch.columns.flags!]).toEqual([user | rest | revised, user | suspect, user | unfinished])
  })

  it('is given up at once where that is wanted, and leaves nothing behind', async () => {
    await put('BTCUSDT-trade.csv', csv(TRADE, tradeRow(1)))
    const stop = new AbortController()
    const options = { lake: await lake(), paths: ['BTCUSDT-trade.csv'], cwd: folder.path, signal: stop.signal }
    await expect(importFiles({ ...options, onFound: () => stop.abort() })).rejects.toThrow('abort')
    expect(await (await lake()).list()).toEqual([])
  })
})

describe('records without counted ids', () => {
  const series = eventSeries('markPrice', 'BTCUSDT', 'usdm')
  const time = (minute: number): number => START + minute * 60_000
  const row = (minute: number, price = 100): string => `${price + minute},${time(minute)},${time(minute)}`
  const file = (...minutes: number[]): string =>
    csv('mark_price,event_time,receive_time', ...minutes.map((one) => row(one)))
  const stored = async () => (await readRows(await lake(), series, ['mark_price'])).map((one) => Object.values(one)[0])

  beforeEach(async () => {
    const own = await lake()
    await using writer = await own.eventWriter(series)
    for (const minute of [0, 1, 2, 5, 6])
      writer.append({
        ...{ kind: 'markPrice', market: 'usdm', symbol: 'BTCUSDT', markPrice: 100 + minute, indexPrice: Number.NaN },
        ...{ estimatedSettlePrice: Number.NaN, fundingRate: Number.NaN, nextFundingTime: Number.NaN },
        ...{ eventTime: time(minute), receiveTime: time(minute), flags: 2 },
      } as MarkPrice)
    await writer.flush({
      covered: [{ from: time(0), to: time(7), source: 'stream' }],
      gaps: [{ from: time(2) + 1, to: time(5), cause: 'own-outage', checked: [] }],
    })
  })

  it('fill the gaps of a lake, once', async () => {
    await put('BTCUSDT-markPrice.csv', file(1, 2, 3, 4, 5))
    const args = ['import', 'BTCUSDT-markPrice.csv', '--market', 'usdm', '--json']
    expect(jsonLines((await here(...args)).stdout)).toMatchObject([{ rows: 5, added: 2, same: 3, differing: 0 }])
    expect(jsonLines((await here(...args)).stdout)).toMatchObject([{ rows: 5, added: 0, same: 5, differing: 0 }])
    expect(await stored()).toEqual([100, 101, 102, 103, 104, 105, 106])
    const { covered, gaps } = (await (await lake()).coverage(series))!
    expect(gaps).toEqual([])
    expect(covered.map(({ source }) => source)).toEqual(['stream', 'import', 'stream'])
  })

  it('are differences where the lake knows all there is', async () => {
    await put('BTCUSDT-markPrice.csv', csv('mark_price,event_time,receive_time', row(1), `1,${time(1.5)},`, row(6, 7)))
    const ran = await here('import', 'BTCUSDT-markPrice.csv', '--market', 'usdm', '--json')
    expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([3, [{ rows: 3, added: 0, same: 1, differing: 2 }]])
    expect(await stored()).toEqual([100, 101, 102, 105, 106])
  })
})

describe('a file of the archive', () => {
  it('is read under any name with the flags that say what it is', async () => {
    const lines = csv(`1,100.5,2,201,${START},true,true`, `2,100.5,2,201,${START + 1},false,true`)
    await put('mine.zip', await zipOf('mine.csv', Buffer.from(lines)))
    const ran = await here('import', 'mine.zip', '--symbol', 'BTCUSDT', '--kind', 'trade', '--json')
    expect(jsonLines(ran.stdout)).toMatchObject([{ outcome: 'taken', kind: 'trade', added: 2 }])
    const untold = await here('import', 'mine.zip')
    expect([untold.code, untold.stderr]).toEqual([3, expect.stringContaining('add --symbol and --interval')])
  })

  it('of best bids and offers is compared by the time that it has', async () => {
    const header = 'update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time'
    const row = (id: number, price = 1): string => `${id},${price},2,3,4,${START + id},${START + id}`
    const path = 'data/futures/um/daily/bookTicker/BTCUSDT/BTCUSDT-bookTicker-2024-01-01.zip'
    await put(path, await zipOf('BTCUSDT-bookTicker-2024-01-01.csv', Buffer.from(csv(header, row(5), row(7)))))
    const first = jsonLines((await here('import', 'data', '--json')).stdout)
    expect(first.map(({ error }) => error)).toEqual([undefined])
    expect(first).toMatchObject([{ outcome: 'taken', kind: 'quote', added: 2 }])
    const again = jsonLines((await here('import', 'data', '--json')).stdout)
    expect(again).toMatchObject([{ outcome: 'taken', added: 0, same: 2, differing: 0 }])
    expect((await readFile(folder.join(path))).length).toBeGreaterThan(0)
    // The rest of the day is silence that nobody was asked about.
    const { gaps } = (await (await lake()).coverage(eventSeries('quote', 'BTCUSDT', 'usdm')))!
    expect(gaps).toMatchObject([{ cause: 'unknown', checked: [], to: START + 24 * HOUR }])
  })

  it('of metrics gives the start of each period, whichever end its rows name', async () => {
    const header =
      'create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio'
    const rows = Array.from({ length: 288 }, (_, i) => {
      const label = new Date(START + (i + 1) * 300_000).toISOString().slice(0, 19).replace('T', ' ')
      return `${label},BTCUSDT,${i},1,1,1,1,1`
    })
    const name = 'BTCUSDT-metrics-2024-01-01'
    await put(`${name}.csv`, csv(header, ...rows))
    const ran = await here('import', `${name}.csv`, '--market', 'usdm', '--json')
    expect([ran.code, jsonLines(ran.stdout)]).toMatchObject([0, [{ added: 288, kind: 'metrics', defects: 0 }]])
    const stored = await readRows(await lake(), eventSeries('metrics', 'BTCUSDT', 'usdm'), ['time', 'open_interest'])
    expect([stored[0], stored.at(-1)]).toEqual([
      { time: START, open_interest: 0 },
      { time: START + 287 * 300_000, open_interest: 287 },
    ])
    await put('mine.csv', csv(header, ...rows))
    const args = ['--layout', 'binance', '--kind', 'metrics', '--symbol', 'BTCUSDT', '--market', 'usdm']
    const unnamed = await here('import', 'mine.csv', ...args)
    expect([unnamed.code, unnamed.stderr]).toEqual([
      3,
      expect.stringContaining('give it the name that the archive gave it'),
    ])
  })
})

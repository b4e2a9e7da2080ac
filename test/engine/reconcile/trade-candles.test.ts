import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { candlesOfTrades, TradeCandles } from '../../../src/engine/reconcile/index.ts'
import { type Batch, concatBatches } from '../../../src/model/batch.ts'
import { candle } from '../../../src/model/candle.ts'
import { kindOf, selectColumns } from '../../../src/model/kinds.ts'
import type { SeriesId } from '../../../src/model/series.ts'
import { DAY, HOUR, MINUTE } from '../../../src/model/time.ts'
import { MILLISECONDS } from '../../../src/store/lake/event-scan.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { tempFolder } from '../../helpers/temp.ts'

const T0 = Date.UTC(2025, 0, 1)
const GRID = { interval: '1m' } as const

interface Trade {
  readonly time: number
  /** Hundredths, and hundred-thousandths. */
  readonly price: number
  readonly lots: number
  readonly isMaker: boolean
}

function columnsOf(trades: readonly Trade[]) {
  return {
    length: trades.length,
    columns: {
      time: Float64Array.from(trades, ({ time }) => time),
      price: Float64Array.from(trades, ({ price }) => price / 100),
      quantity: Float64Array.from(trades, ({ lots }) => lots / 1e5),
      buyer_is_maker: Float64Array.from(trades, ({ isMaker }) => (isMaker ? 1 : 0)),
    },
  }
}

/** The same with whole numbers beyond 2^53, one trade at a time. */
function oracle(trades: readonly Trade[]): number[][] {
  const bars = new Map<number, Trade[]>()
  for (const trade of trades) {
    const open = Math.floor(trade.time / MINUTE) * MINUTE
    bars.set(open, [...(bars.get(open) ?? []), trade])
  }
  const sum = (list: readonly Trade[], of: (trade: Trade) => bigint) => list.reduce((total, one) => total + of(one), 0n)
  const decimal = (value: bigint, digits: number) => {
    const text = String(value).padStart(digits + 1, '0')
    return Number(`${text.slice(0, -digits)}.${text.slice(-digits)}`)
  }
  return [...bars]
    .sort(([a], [b]) => a - b)
    .map(([open, list]) => {
      const prices = list.map(({ price }) => price / 100)
      const taken = list.filter(({ isMaker }) => !isMaker)
      const lots = ({ lots }: Trade) => BigInt(lots)
      const value = ({ lots, price }: Trade) => BigInt(lots) * BigInt(price)
      return [
        ...[open, prices[0]!, Math.max(...prices), Math.min(...prices), prices.at(-1)!],
        ...[decimal(sum(list, lots), 5), open + MINUTE - 1, decimal(sum(list, value), 7), list.length],
        ...[decimal(sum(taken, lots), 5), decimal(sum(taken, value), 7)],
      ]
    })
}

function rowsOf(batch: Batch): number[][] {
  const columns = candle.columns.filter(({ isDefault }) => isDefault).map(({ name }) => batch.columns[name]!)
  return Array.from({ length: batch.length }, (_, row) => columns.map((values) => values[row]!))
}

/** Up to four millions a trade: of more, price times quantity is no longer right to eight decimals. */
const sizes = fc.oneof(
  fc.record({ price: fc.integer({ min: 1, max: 20_000_000 }), lots: fc.integer({ min: 1, max: 1_000_000 }) }),
  fc.record({ price: fc.integer({ min: 1, max: 100 }), lots: fc.integer({ min: 1, max: 100_000_000_000 }) }),
)
const trades = fc
  .array(fc.tuple(sizes, fc.integer({ min: 0, max: 20 * MINUTE }), fc.boolean()), { maxLength: 200 })
  .map((list) =>
    list.map(([size, time, isMaker]): Trade => ({ ...size, time: T0 + time, isMaker })).sort((a, b) => a.time - b.time),
  )

describe('Candles of trades', () => {
  it('are their exact decimal sums, however the trades are cut into batches', () => {
    fc.assert(
      fc.property(trades, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }), (list, cuts) => {
        const made = new TradeCandles(GRID)
        const parts: Batch[] = []
        for (let at = 0, cut = 0; at < list.length; cut++) {
          const size = cuts[cut % cuts.length]!
          parts.push(made.append(columnsOf(list.slice(at, at + size))))
          at += size
        }
        parts.push(made.finish())
        expect(rowsOf(concatBatches(candle, parts))).toEqual(oracle(list))
      }),
    )
  })

  it('are exact where a minute of large trades is more than a float64 counts in hundred-millionths', () => {
    const list = Array.from(
      { length: 150 },
      (_, i): Trade => ({ time: T0 + i, price: 399_999_999, lots: 99_999 + (i % 2), isMaker: i % 3 === 0 }),
    )
    const { length, columns } = columnsOf(list)
    const { buyer_is_maker, ...numbers } = columns
    const made = new TradeCandles(GRID)
    made.append({ length, columns: numbers, flags: { buyer_is_maker: Uint8Array.from(buyer_is_maker) } })
    expect(rowsOf(made.finish())).toEqual(oracle(list))
  })

  it('take trades whose times fall back a little in the order of their ids, and count those that fall far', () => {
    const at = (time: number, price: number): Trade => ({ time: T0 + time, price, lots: 100_000, isMaker: false })
    const list = [at(59_990, 100), at(60_010, 200), at(59_995, 300), at(60_020, 400)]
    const made = new TradeCandles(GRID)
    const rows = rowsOf(concatBatches(candle, [made.append(columnsOf(list)), made.finish()]))
    expect(
      rows.map(([open, first, high, low, close, volume]) => [open! - T0, first, high, low, close, volume]),
    ).toEqual([
      [0, 1, 3, 1, 3, 2],
      [MINUTE, 2, 4, 2, 4, 2],
    ])
    made.append(columnsOf([at(5 * MINUTE, 1), at(6 * MINUTE, 1), at(7 * MINUTE, 1), at(0, 1)]))
    expect(made.late).toBe(1)
  })
})

describe('Scanning the trades of a lake', () => {
  const series: SeriesId = { exchange: 'binance', market: 'spot', kind: 'trade', symbol: 'BTCUSDT' }
  const ROWS = 1_000_000

  async function fill(lake: Lake): Promise<void> {
    await using writer = await lake.eventWriter(series)
    const range = { from: T0, to: T0 + DAY }
    const stage = writer.stage([range])
    const length = 100_000
    for (let first = 0; first < ROWS; first += length) {
      const of = (value: (row: number) => number) => Float64Array.from({ length }, (_, row) => value(first + row))
      await stage.add({
        length,
        columns: {
          id: of((row) => row + 1),
          time: of((row) => T0 + Math.floor((row * DAY) / ROWS)),
          price: of((row) => 100 + (row % 1000) / 100),
          quantity: of((row) => ((row % 97) + 1) / 1e5),
          buyer_is_maker: of((row) => row % 2),
        },
      })
    }
    expect(await writer.adopt(stage, { covered: [{ ...range, source: 'archive' }] })).toBe(true)
  }

  it('gives every row of a range once and in order, whole files and cuts of them', async () => {
    await using folder = await tempFolder('scan')
    const lake = await Lake.open(folder.path)
    await fill(lake)
    await using writer = await lake.eventWriter(series)
    const files = writer.coverage.files.length
    expect(files).toBeGreaterThan(2)
    const values = { id: 'id::DOUBLE', time: MILLISECONDS('time') }
    const columns = selectColumns(kindOf('trade'), ['id', 'time'])
    for (const [from, to] of [
      [T0, T0 + DAY],
      [T0 + 5 * HOUR + 17, T0 + 6 * HOUR + 1],
      [T0 - DAY, T0],
    ] as const) {
      let next = Math.ceil(((Math.max(from, T0) - T0) * ROWS) / DAY)
      let rows = 0
      for await (const chunk of lake.scanEvents(series, { values, columns, from, to })) {
        for (let i = 0; i < chunk.length; i++) {
          if (chunk.columns.id![i] !== next + 1) expect(chunk.columns.id![i]).toBe(next + 1)
          next++
        }
        rows += chunk.length
      }
      const inside = Math.max(
        0,
        Math.ceil(((to - T0) * ROWS) / DAY) - Math.ceil(((Math.max(from, T0) - T0) * ROWS) / DAY),
      )
      expect(rows).toBe(inside)
    }
    let candles = 0
    let trades = 0
    for await (const batch of candlesOfTrades(lake, series, GRID, { from: T0, to: T0 + DAY })) {
      candles += batch.length
      trades += batch.columns.trades!.reduce((sum, count) => sum + count, 0)
    }
    expect([candles, trades]).toEqual([1440, ROWS])
  })

  it('ends when it is aborted or left, and says what is wrong with a file', async () => {
    await using folder = await tempFolder('scan')
    const lake = await Lake.open(folder.path)
    await fill(lake)
    const range = { from: T0, to: T0 + DAY }
    for await (const batch of candlesOfTrades(lake, series, GRID, range)) {
      expect(batch.length).toBeGreaterThan(0)
      break
    }
    const stop = new AbortController()
    stop.abort(new RangeError('enough'))
    await expect(candlesOfTrades(lake, series, GRID, range, stop.signal).next()).rejects.toThrow('enough')
    const candles = { ...series, kind: 'candle', interval: '1m' } as const
    await expect(lake.scanEvents(candles, { values: {}, columns: [], ...range }).next()).rejects.toThrow(
      'read with read',
    )
  })
})

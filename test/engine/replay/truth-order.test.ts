import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applyTransforms, defineTransform, parseTransforms, TransformRegistry } from '../../../src/analysis/index.ts'
import { readColumns } from '../../../src/analysis/indicators/columns.ts'
import { EventBus } from '../../../src/bus/event-bus.ts'
import { DataSourceManager } from '../../../src/engine/data-source-manager.ts'
import { LookAheadError } from '../../../src/model/errors.ts'
import type { StoredRecord } from '../../../src/model/history/index.ts'
import { type Interval, intervalLength } from '../../../src/model/interval.ts'
import { kindOf } from '../../../src/model/kinds.ts'
import type { LiveRecord, TradeRecord } from '../../../src/model/live/index.ts'
import type { SeriesId } from '../../../src/model/series.ts'
import { MINUTE } from '../../../src/model/time.ts'
import { type Sandbox, type SandboxMarket, startSandbox } from '../../../src/sandbox/index.ts'
import { EventStorage } from '../../../src/store/event-storage.ts'
import { type TempFolder, tempFolder } from '../../helpers/temp.ts'
import { eventSeries, truthRows } from '../events/help.ts'
import { seriesOf } from '../help.ts'

const FROM = Date.UTC(2024, 2, 6, 15, 30)
const TO = FROM + 60 * MINUTE
const candles = (symbol: string, interval: Interval, market?: SandboxMarket) => seriesOf(symbol, interval, market)

/** In the order that ties have: candles, the smaller first, then by kind, market and symbol. */
const SERIES: readonly SeriesId[] = [
  candles('BTCUSDT', '1m'),
  candles('ETHUSDT', '1m'),
  candles('BTCUSDT', '1m', 'usdm'),
  candles('BTCUSDT', '5m'),
  candles('ETHUSDT', '5m'),
  eventSeries('trade'),
  eventSeries('trade', 'spot', 'ETHUSDT'),
  eventSeries('trade', 'usdm'),
  eventSeries('fundingRate', 'usdm'),
  eventSeries('metrics', 'usdm'),
]

let sandbox: Sandbox
let folder: TempFolder
let manager: DataSourceManager

beforeAll(async () => {
  sandbox = await startSandbox({ now: '2024-03-10T12:00:30Z', symbols: ['BTCUSDT', 'ETHUSDT'], tradesPerSecond: 0.1 })
  folder = await tempFolder('replay')
  manager = new DataSourceManager({ dataDir: folder.path, endpoint: sandbox.endpoint })
  const reports = await manager.download(SERIES.map((series) => ({ series, from: FROM, to: TO, source: 'auto' })))
  expect(reports.map(({ complete }) => complete)).toEqual(SERIES.map(() => true))
})
afterAll(async () => {
  await manager.close()
  await sandbox.close()
  await folder[Symbol.asyncDispose]()
})

interface Known {
  readonly at: number
  readonly name: string
}

/** What the sandbox says happened, by when each was known: reckoned here, and not by the code that is tested. */
async function truthOf(series: SeriesId, rank: number): Promise<(Known & { readonly rank: number })[]> {
  const { market, kind, symbol, interval } = series
  const named = (at: number, key: number) => ({ at, rank, name: `${market} ${kind} ${symbol} ${interval} ${key}` })
  if (interval !== undefined) {
    const rows = await sandbox.truthCandles(market as SandboxMarket, symbol, interval, FROM, TO)
    return rows.map(([open]) => named(Number(open) + intervalLength(interval), Number(open)))
  }
  const rows = await truthRows(sandbox.endpoint, series, FROM, TO)
  // Archives of that year have whole milliseconds.
  if (kind === 'trade') return rows.map(([id, time]) => named(Math.floor(time!), id!))
  return rows.map(([time]) => named(kind === 'metrics' ? time! + 5 * MINUTE : time!, time!))
}

function nameOf(record: StoredRecord): string {
  const { market, kind, symbol } = record
  const interval = record.kind === 'candle' ? record.interval : undefined
  const key = kindOf(kind).columns.find(({ name }) => name === kindOf(kind).sortKey)!.property
  return `${market} ${kind} ${symbol} ${interval} ${(record as unknown as Record<string, number>)[key]}`
}

async function storedTrades(): Promise<TradeRecord[]> {
  const trades: TradeRecord[] = []
  for await (const record of new EventStorage({ dataDir: folder.path }).loadRecords('trade', 'BTCUSDT'))
    trades.push(record)
  return trades
}

const byInstant = (a: Known & { rank: number }, b: Known & { rank: number }) => a.at - b.at || a.rank - b.rank

describe('a replay', () => {
  it('tells what happened in many series in the order in which it was known, to the last record', async () => {
    const truth = (await Promise.all(SERIES.map(truthOf))).flat().sort(byInstant)
    await using replay = await manager.replay({ series: SERIES.toReversed() as never, from: FROM, to: TO })
    const told: Known[] = []
    for await (const record of replay) told.push({ at: replay.time, name: nameOf(record) })
    expect(told).toEqual(truth.map(({ at, name }) => ({ at, name })))
    expect(told.length).toBeGreaterThan(1000)
    expect(told.some(({ name }) => name.includes('fundingRate'))).toBe(true)
    expect(replay.records).toBe(told.length)
    expect([replay.complete, replay.gaps]).toEqual([true, []])
  })

  it('names its series by symbols, kinds and intervals, too, each once', async () => {
    const request = {
      symbols: ['BTC/USDT', 'ETHUSDT', 'BTCUSDT', 'BTC/USDT:USDT'],
      kinds: ['trade', 'candle'],
      intervals: ['1m'],
    } as const
    await using replay = await manager.replay({ ...request, from: FROM, to: TO })
    const picked = SERIES.filter(({ kind, interval }) => interval === '1m' || kind === 'trade')
    expect(replay.series.map(({ series }) => series)).toEqual(picked)
  })

  it('tells no candle before its close, and none that closes after the end', async () => {
    const to = FROM + 7 * MINUTE + 1
    await using replay = await manager.replay({ symbol: 'BTCUSDT', intervals: ['1m', '5m'], from: FROM + 1, to })
    const closes: [string, number][] = []
    for await (const { interval, openTime, closeTime } of replay) {
      expect(replay.time).toBeGreaterThan(closeTime)
      expect(replay.time).toBe(openTime + intervalLength(interval))
      closes.push([interval, (replay.time - FROM) / MINUTE])
    }
    // The larger one that opens in the range closes behind its end, the first of the small ones opens before it.
    expect(closes).toEqual([2, 3, 4, 5, 6, 7].map((minute) => ['1m', minute]))
    expect(replay.complete).toBe(true)
  })

  it('gives the very rows that getData and EventStorage give', async () => {
    const candles: StoredRecord[] = []
    const trades: StoredRecord[] = []
    await using replay = await manager.replay({
      ...{ symbol: 'BTCUSDT', kinds: ['candle', 'trade'], interval: '1m' },
      ...{ startTime: FROM, endTime: TO - 1 },
    })
    for await (const record of replay) (record.kind === 'candle' ? candles : trades).push(record)
    const table = await manager.getData({ symbol: 'BTCUSDT', interval: '1m', from: FROM, to: TO, source: 'lake' })
    const names = table.schema.fields.map(({ name }) => name)
    const properties = names.map((name) => kindOf('candle').columns.find((spec) => spec.name === name)!.property)
    const rows = candles.map((record) => properties.map((name) => (record as never)[name]))
    const columns = readColumns(table, names)
    expect(rows).toEqual(Array.from({ length: table.numRows }, (_, row) => columns.map((values) => values[row])))
    expect(trades).toEqual(await storedTrades())
  })
})

describe('transforms of a replay', () => {
  const [change, slow] = parseTransforms('change = close / prev(close) - 1\nslow = (close + prev(close, 7)) / 2')

  it('give the bits that getData gives, for each series on its own', async () => {
    const symbols = ['BTCUSDT', 'ETHUSDT']
    const transforms = [change!, slow!, ...parseTransforms('where change > 0')]
    await using replay = await manager.replay({ symbols, interval: '1m', from: FROM, to: TO }, { transforms })
    const made = new Map<string, number[][]>()
    for await (const { record, row } of replay) {
      expect(row.close).toBe(record.close)
      made.set(record.symbol, [...(made.get(record.symbol) ?? []), [row.open_time!, row.change!, row.slow!]])
    }
    for (const symbol of symbols) {
      const request = { symbol, interval: '1m', from: FROM, to: TO, source: 'lake' } as const
      const table = await manager.getData({ ...request, transforms })
      const columns = readColumns(table, ['open_time', 'change', 'slow'])
      expect(made.get(symbol)).toEqual(
        Array.from({ length: table.numRows }, (_, row) => columns.map((values) => values[row])),
      )
      expect(table.numRows).toBeGreaterThan(10)
    }
  })

  it('are those of feeds for any kind, by name, and the bus hears of all records', async () => {
    const [tick] = parseTransforms('tick = price - prev(price)')
    const transforms = new TransformRegistry().register({ ...tick!, name: 'tick' })
    await using other = new DataSourceManager({ dataDir: folder.path, transforms })
    const bus = new EventBus()
    const heard: LiveRecord[] = []
    bus.on('market_data.*', (record) => void heard.push(record))
    const request = { symbol: 'BTCUSDT', kinds: ['trade', 'candle'], interval: '1m', from: FROM, to: TO } as const
    const list = ['tick', ...parseTransforms('where tick < 0')]
    await using replay = await other.replay(request, { transforms: { trade: list }, bus })
    const found: number[][] = []
    let others = 0
    for await (const { record, row } of replay) {
      if (record.kind === 'candle') others++
      else found.push([record.id as number, row.tick!])
    }
    const trades = await storedTrades()
    const columns = { id: trades.map(({ id }) => Number(id)), price: trades.map(({ price }) => price) }
    const table = applyTransforms(columns, [tick!, ...parseTransforms('where tick < 0')]).columns
    expect(found).toEqual(Array.from(table.id!, (id, row) => [id, table.tick![row]]))
    expect(others).toBe(60)
    expect(heard.length).toBe(trades.length + 60)
    expect(replay.records).toBe(heard.length)
  })

  it('are refused at once where they look ahead, or cannot run', async () => {
    const request = { symbol: 'BTCUSDT', kinds: ['candle', 'trade'], interval: '1m', from: FROM, to: TO } as const
    const ahead = defineTransform({
      ...{ type: 'column', name: 'ahead', inputs: ['close'], outputs: ['ahead'], lookAhead: true, lookback: 0 },
      compute: ({ close }) => close!,
    })
    const { lookAhead: _, lookback: __, ...unbounded } = ahead
    const refused = (transforms: never) => manager.replay(request, { transforms })
    await expect(refused({ candle: [ahead] } as never)).rejects.toThrow(LookAheadError)
    await expect(refused({ candle: [unbounded] } as never)).rejects.toThrow(/has no lookback/)
    await expect(refused([change] as never)).rejects.toThrow(/Unknown column "close" of trade/)
    await expect(refused(['range'] as never)).rejects.toThrow(/no transform "range"/)
    await expect(refused({ quote: [] } as never)).rejects.toThrow(/transforms for quote, but only candle, trade is/)
    await expect(refused({ trades: [] } as never)).rejects.toThrow(/Unknown kind "trades"/)
  })
})

import { expect } from 'vitest'
import { kindOf } from '../../../src/model/kinds.ts'
import type { Market, SeriesId } from '../../../src/model/series.ts'
import { parseTime } from '../../../src/model/time.ts'
import type { SeriesCoverage } from '../../../src/store/lake/coverage-file.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import type { Bench } from '../help.ts'

export function eventSeries(kind: string, market: Market = 'spot', symbol = 'BTCUSDT'): SeriesId {
  return { exchange: 'binance', market, kind, symbol }
}

/** Columns of a kind that its truth tells, in the truth's order. */
const TRUTH_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  trade: ['id', 'time', 'price', 'quantity', 'buyer_is_maker'],
  aggTrade: ['id', 'time', 'price', 'quantity', 'first_trade_id', 'last_trade_id', 'buyer_is_maker'],
  fundingRate: ['funding_time', 'funding_rate'],
  metrics: [
    ...['time', 'open_interest', 'open_interest_value', 'top_account_ratio', 'top_position_ratio'],
    ...['account_ratio', 'taker_ratio'],
  ],
  quote: ['update_id', 'transaction_time', 'bid_price', 'bid_quantity', 'ask_price', 'ask_quantity'],
  bookDepth: ['time', 'percentage', 'depth', 'notional'],
  liquidation: ['time', 'side', 'price', 'average_price', 'quantity'],
}

/** Rows of a lake as plain numbers. */
export async function storedRows(dataDir: string, series: SeriesId): Promise<number[][]> {
  const lake = await Lake.open(dataDir)
  const columns = TRUTH_COLUMNS[series.kind]!
  const rows: number[][] = []
  for await (const batch of lake.readEvents(series, { columns })) {
    const values = columns.map((name) => batch.columns[name]!)
    for (let i = 0; i < batch.length; i++) rows.push(values.map((column) => Number(column[i])))
  }
  return rows
}

/** Flags of all rows of a lake, by the sort key. */
export async function storedFlags(dataDir: string, series: SeriesId): Promise<Map<number, number>> {
  const lake = await Lake.open(dataDir)
  const { sortKey } = kindOf(series.kind)
  const flags = new Map<number, number>()
  for await (const batch of lake.readEvents(series, { columns: [sortKey, 'flags'] })) {
    for (let i = 0; i < batch.length; i++)
      flags.set(Number(batch.columns[sortKey]![i]), Number(batch.columns.flags![i]))
  }
  return flags
}

/** What really happened, times as the sources give them: whole milliseconds, but for spot archives from 2025 on. */
export async function truthRows(
  endpoint: string,
  { market, kind, symbol }: SeriesId,
  from: string | number,
  to: string | number,
): Promise<number[][]> {
  const query = { market, kind, symbol, from: String(parseTime(from)), to: String(parseTime(to)) }
  const answer = await fetch(`${endpoint}/sandbox/truth?${new URLSearchParams(query)}`)
  const rows = (await answer.json()) as (string | number | boolean)[][]
  const value = (cell: string | number | boolean): number => (cell === 'BUY' ? 1 : cell === 'SELL' ? 2 : Number(cell))
  return rows.map((row) => row.map(value).slice(0, TRUTH_COLUMNS[kind]!.length))
}

/** The lake holds the truth of a range, and nothing else. */
export async function expectEventTruth(
  bench: Bench,
  series: SeriesId,
  from: string | number,
  to: string | number,
  dataDir = bench.folder.join('lake'),
): Promise<void> {
  const time = TRUTH_COLUMNS[series.kind]!.findIndex((name) => name.endsWith('time'))
  const whole = (row: number[]): string => row.map((value, i) => (i === time ? Math.floor(value) : value)).join()
  const truth = (await truthRows(bench.sandbox.endpoint, series, from, to)).map(whole)
  const stored = (await storedRows(dataDir, series)).map(whole)
  expect(truth.length).toBeGreaterThan(0)
  const index = truth.findIndex((row, i) => row !== stored[i])
  expect(index < 0 ? undefined : { index, stored: stored[index], truth: truth[index] }).toBeUndefined()
  expect(stored.length).toBe(truth.length)
}

export async function eventCoverage(bench: Bench, series: SeriesId): Promise<SeriesCoverage> {
  const lake = await Lake.open(bench.folder.join('lake'))
  return (await lake.coverage(series))!
}

import { readdir } from 'node:fs/promises'
import { columnOf } from '../../model/batch.ts'
import { candle } from '../../model/candle.ts'
import { StorageError } from '../../model/errors.ts'
import { type Interval, intervalLength } from '../../model/interval.ts'
import type {
  AggTradeRecord,
  BookDelta,
  FundingRateRecord,
  Liquidation,
  LiveRecord,
  MarkPrice,
  QuoteRecord,
  RecordId,
  TradeRecord,
} from '../../model/live/index.ts'
import type { Market, SeriesId } from '../../model/series.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { timeOf } from './live-series.ts'
import { recordsOf, type SeriesProof, Tally } from './proof.ts'
import { proveBooks } from './prove-books.ts'
import { type PacedTruth, pacedTruth } from './prove-pace.ts'
import { Truth } from './truth.ts'

/** Records that are compared at a time; book updates have a hundred levels each. */
const CHUNK = 20_000
const BOOK_CHUNK = 1_000
const CANDLE_CHUNK = 20_000
/** How the records of a kind are compared with the rows of the truth. */
interface Comparison {
  /** Place in the series: an id, or a time. */
  readonly key: (record: LiveRecord) => RecordId
  readonly values: (record: LiveRecord) => readonly (number | boolean | string)[]
  /** What of a row is compared; its key comes first. */
  readonly row: (row: readonly unknown[], market: Market) => readonly [key: number, ...values: unknown[]]
  readonly by: 'id' | 'time'
  readonly chunk: number
}

/** REST and futures tell milliseconds, streams of spot may tell microseconds: both are right. */
const ms = (time: unknown): number => Math.floor(Number(time))

const timedRow = (row: readonly unknown[]): [number, ...unknown[]] => {
  const [id, time, ...rest] = row
  return [Number(id), ms(time), ...rest.map(plain)]
}

/** A contract that ends on a date has neither a funding rate nor a time for it: `""` and 0. */
function markRow(row: readonly unknown[]): [number, ...unknown[]] {
  const [time, mark, index, settle, rate, next] = row
  return [Number(time), ...[mark, index, settle].map(plain), rate === '' ? Number.NaN : plain(rate), next || Number.NaN]
}

/** Updates of spot and of futures have the same row; spot's stream leaves one id out. */
function deltaRow(row: readonly unknown[], market: Market): [number, ...unknown[]] {
  const [firstId, lastId, previousId, , bids, asks] = row as [number, number, number, number, string[][], string[][]]
  const flat = (levels: string[][]): number[] =>
    levels.flatMap(([price, quantity]) => [Number(price), Number(quantity)])
  const ids = market === 'spot' ? [firstId] : [firstId, previousId]
  return [lastId, ...ids, bids.length * 2, ...flat(bids), ...flat(asks)]
}

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  trade: {
    key: (record) => (record as TradeRecord).id,
    values: (record) => {
      const { time, price, quantity, buyerIsMaker } = record as TradeRecord
      return [ms(time), price, quantity, buyerIsMaker]
    },
    row: timedRow,
    by: 'id',
    chunk: CHUNK,
  },
  aggTrade: {
    key: (record) => (record as AggTradeRecord).id,
    values: (record) => {
      const { time, price, quantity, firstTradeId, lastTradeId, buyerIsMaker } = record as AggTradeRecord
      return [ms(time), price, quantity, Number(firstTradeId), Number(lastTradeId), buyerIsMaker]
    },
    row: timedRow,
    by: 'id',
    chunk: CHUNK,
  },
  bookDelta: {
    key: (record) => (record as BookDelta).lastUpdateId,
    values: (record) => {
      const { firstUpdateId, previousUpdateId, bids, asks } = record as BookDelta
      // Only futures say which update they follow.
      return [
        Number(firstUpdateId),
        ...(Number(previousUpdateId) < 0 ? [] : [Number(previousUpdateId)]),
        bids.length,
        ...bids,
        ...asks,
      ]
    },
    row: deltaRow,
    by: 'id',
    chunk: BOOK_CHUNK,
  },
  quote: {
    key: (record) => (record as QuoteRecord).updateId,
    values: (record) => {
      const { bidPrice, bidQuantity, askPrice, askQuantity } = record as QuoteRecord
      return [bidPrice, bidQuantity, askPrice, askQuantity]
    },
    row: (row) => [Number(row[0]), ...row.slice(2).map(plain)],
    by: 'id',
    chunk: CHUNK,
  },
  markPrice: {
    key: (record) => record.eventTime,
    values: (record) => {
      const { markPrice, indexPrice, estimatedSettlePrice, fundingRate, nextFundingTime } = record as MarkPrice
      return [markPrice, indexPrice, estimatedSettlePrice, fundingRate, nextFundingTime]
    },
    row: markRow,
    by: 'time',
    chunk: CHUNK,
  },
  fundingRate: {
    key: (record) => (record as FundingRateRecord).fundingTime,
    values: (record) => [(record as FundingRateRecord).fundingRate],
    row: (row) => [Number(row[0]), plain(row[1])],
    by: 'time',
    chunk: CHUNK,
  },
  liquidation: {
    // At most one of a second is told, so the time is as good as an id.
    key: (record) => (record as Liquidation).time,
    values: (record) => {
      const { side, price, averagePrice, quantity } = record as Liquidation
      return [side === 1 ? 'BUY' : 'SELL', price, averagePrice, quantity]
    },
    row: ([time, side, ...rest]) => [Number(time), side, ...rest.map(plain)],
    by: 'time',
    chunk: CHUNK,
  },
}

/**
 * Compares series of a lake with the truth of a sandbox, record by record and field by field; of order books also the
 * stored snapshots and books rebuilt from the past.
 * @throws ConfigError when `endpoint` is no sandbox.
 */
export async function* proveLake(
  lake: Lake,
  series: readonly SeriesId[],
  endpoint: string,
  signal?: AbortSignal,
): AsyncGenerator<SeriesProof, void, void> {
  const truth = await Truth.at(endpoint, signal)
  for (const id of series) {
    signal?.throwIfAborted()
    let tally = new Tally(id, [])
    try {
      const coverage = await lake.coverage(id)
      if (coverage === undefined && (await hasFiles(lake, id))) {
        throw new StorageError(lake.folder(id), 'series.json is missing. Run "ticklake verify --repair".')
      }
      tally = new Tally(id, coverage?.gaps ?? [])
      const unproved = await proveSeries(lake, id, truth, tally, signal)
      if (unproved === undefined) yield tally.proof()
      else yield { ...tally.proof(), stored: await countOf(lake, id), unproved }
    } catch (error) {
      signal?.throwIfAborted()
      // One damaged file is a finding, and no reason to say nothing of the other series.
      if (!(error instanceof StorageError)) throw error
      yield { ...tally.proof(), unread: error.message }
    }
  }
}

/** Fills the tally, or tells why there is nothing to compare with. */
async function proveSeries(
  lake: Lake,
  id: SeriesId,
  truth: Truth,
  tally: Tally,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (truth.isRecorded(id)) return 'the sandbox plays it from a capture, and knows no more than that'
  const comparison = COMPARISONS[id.kind]
  if (id.kind === 'candle') await proveCandles(lake, id, truth, tally, signal)
  else if (id.kind === 'bookSnapshot') await proveBooks(lake, id, truth, tally, signal)
  else if (comparison) await proveEvents(lake, id, truth, tally, comparison, signal)
  else return `prove knows no way to compare ${id.kind}`
  return undefined
}

async function hasFiles(lake: Lake, id: SeriesId): Promise<boolean> {
  return (await readdir(lake.folder(id))).some((name) => name.endsWith('.parquet'))
}

async function countOf(lake: Lake, id: SeriesId): Promise<number> {
  const stats = await lake.stats(id)
  return stats?.records ?? stats?.rows ?? 0
}

async function proveEvents(
  lake: Lake,
  id: SeriesId,
  truth: Truth,
  tally: Tally,
  comparison: Comparison,
  signal: AbortSignal | undefined,
): Promise<void> {
  let before: LiveRecord | undefined
  let isSampled: boolean | undefined
  let chunk: LiveRecord[] = []
  const paced = pacedTruth(id, truth)
  const compare = async (): Promise<void> => {
    if (chunk.length === 0) return
    isSampled ??= areSamples(chunk)
    await compareChunk(id, truth, tally, { ...comparison, isSampled, paced }, before, chunk)
    before = chunk.at(-1)
    chunk = []
  }
  for await (const record of recordsOf(lake, id, {}, signal)) {
    tally.stored++
    chunk.push(record)
    if (chunk.length >= comparison.chunk) await compare()
  }
  await compare()
}

/** Time between the quotes of a futures stream of all symbols, ms. */
const SAMPLES = 5000

/** Quotes of all symbols of a futures market are told at times, not at each change: what lies between was never told. */
function areSamples(records: readonly LiveRecord[]): boolean {
  return records.every((record) => record.kind === 'quote' && record.transactionTime % SAMPLES === 0)
}

async function compareChunk(
  id: SeriesId,
  truth: Truth,
  tally: Tally,
  comparison: Comparison & { readonly isSampled: boolean; readonly paced: PacedTruth | undefined },
  before: LiveRecord | undefined,
  records: readonly LiveRecord[],
): Promise<void> {
  const keyOf = (record: LiveRecord): number => Number(comparison.key(record))
  const from = before === undefined ? keyOf(records[0]!) : keyOf(before) + 1
  const to = keyOf(records.at(-1)!)
  const range = comparison.by === 'id' ? { fromId: from, toId: to } : { from, to: to + 1 }
  const all = await (comparison.paced?.rows(records, { from, to }) ?? truth.ask<unknown[]>(id, range))
  const keys = comparison.isSampled ? new Set(records.map(keyOf)) : undefined
  const rows = keys === undefined ? all : all.filter((row) => keys.has(comparison.row(row, id.market)[0]))
  tally.truth += rows.length
  let last = before
  let next = 0
  const takeUntil = (key: number): LiveRecord | undefined => {
    for (; next < records.length && keyOf(records[next]!) <= key; next++) {
      const record = records[next]!
      if (last !== undefined && keyOf(record) === keyOf(last))
        tally.add('duplicates', `${keyOf(record)} is there twice`)
      else if (keyOf(record) < key) tally.add('extra', `${keyOf(record)} never happened`)
      last = record
    }
    return last !== undefined && keyOf(last) === key ? last : undefined
  }
  for (const raw of rows) {
    const [key, ...values] = comparison.row(raw, id.market)
    const record = takeUntil(key)
    if (record === undefined) {
      const known =
        tally.isLostId(key) ||
        (id.kind !== 'trade' && id.kind !== 'aggTrade' && isLostBetween(tally, last, records[next]))
      tally.add(known ? 'lost' : 'missing', `${key} is missing, and no gap says so`)
    } else if (comparison.values(record).join() !== values.join()) {
      tally.add('different', `${key} is ${brief(comparison.values(record))}; true is ${brief(values)}`)
    }
  }
  takeUntil(Number.POSITIVE_INFINITY)
}

/** Whether a gap lies between two neighbours, by the clock that gaps of the series are on. */
function isLostBetween(tally: Tally, before: LiveRecord | undefined, after: LiveRecord | undefined): boolean {
  const from = before === undefined ? Number.NEGATIVE_INFINITY : timeOf(before)
  const to = after === undefined ? Number.POSITIVE_INFINITY : timeOf(after)
  return tally.isLostTime(from, to)
}

const CANDLE_COLUMNS = candle.columns.map((spec) => spec.name).filter((name) => name !== 'flags')

async function proveCandles(
  lake: Lake,
  id: SeriesId,
  truth: Truth,
  tally: Tally,
  signal: AbortSignal | undefined,
): Promise<void> {
  const coverage = await lake.coverage(id)
  const interval = id.interval as Interval
  const step = CANDLE_CHUNK * intervalLength(interval)
  for (const { from: start, to: end } of coverage?.covered ?? []) {
    for (let from = start; from < end; from += step) {
      const to = Math.min(end, from + step)
      const rows = await truth.ask<(string | number)[]>(id, { interval, from, to })
      const batch = await lake.load(id, { from, to, columns: CANDLE_COLUMNS, ...(signal ? { signal } : {}) })
      const columns = CANDLE_COLUMNS.map((name) => columnOf(batch, name))
      tally.stored += batch.length
      tally.truth += rows.length
      let at = 0
      let last = Number.NaN
      for (const row of rows) {
        const real = row.slice(0, columns.length).map(Number)
        const open = real[0]!
        for (; at < batch.length && columns[0]![at]! < open; at++) {
          const what = columns[0]![at] === last ? 'duplicates' : 'extra'
          tally.add(what, `candle ${time(columns[0]![at]!)} ${what === 'extra' ? 'never happened' : 'is there twice'}`)
        }
        const mine = at < batch.length && columns[0]![at] === open ? columns.map((values) => values[at]!) : undefined
        last = open
        if (mine === undefined) {
          const known = tally.gaps.some((gap) => gap.from <= open && open < gap.to)
          tally.add(known ? 'lost' : 'missing', `candle ${time(open)} is missing, and no gap says so`)
          continue
        }
        at++
        if (mine.join() !== real.join())
          tally.add('different', `candle ${time(open)} is ${brief(mine)}; true is ${brief(real)}`)
      }
      for (; at < batch.length; at++) tally.add('extra', `candle ${time(columns[0]![at]!)} never happened`)
    }
  }
}

function time(at: number): string {
  return new Date(at).toISOString()
}

function plain(value: unknown): unknown {
  return typeof value === 'string' ? Number(value) : value
}

function brief(values: readonly unknown[]): string {
  const text = values.join(', ')
  return text.length > 160 ? `${text.slice(0, 159)}…` : text
}

import { ParseError } from '../../model/errors.ts'
import {
  type AggTradeRecord,
  type BookSnapshot,
  type FundingRateRecord,
  RecordFlag,
  type RecordId,
  type TradeRecord,
} from '../../model/live/index.ts'
import type { Market } from '../../model/series.ts'
import { parseExact, WideNumber } from './frames/exact-json.ts'
import { Members } from './frames/members.ts'
import * as make from './frames/records.ts'

// Answers of REST as records. Ids stay exact at any size, which the plain-row calls of the client do not promise.

/** What rows are read for. */
export interface RowContext {
  readonly market: Market
  readonly symbol: string
  /** URL, for messages. */
  readonly source: string
}

type Json = Readonly<Record<string, unknown>>

/** @throws ParseError when the answer is no JSON. */
function parse(bytes: Uint8Array, source: string): unknown {
  const text = new TextDecoder().decode(bytes)
  try {
    return parseExact(text)
  } catch (error) {
    throw new ParseError(source, `the answer is not JSON: ${JSON.stringify(text.slice(0, 80))}`, { cause: error })
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof WideNumber)
}

/** The rows of an answer that is a list of objects. @throws ParseError for any other answer. */
export function membersOf(bytes: Uint8Array, source: string): Members[] {
  const rows = parse(bytes, source)
  if (!Array.isArray(rows)) throw new ParseError(source, '$: expected an array of rows')
  return (rows as unknown[]).map((row, index) => {
    if (!isObject(row)) throw new ParseError(source, `$[${index}]: expected an object`)
    return new Members(row, `${source}: $[${index}]`)
  })
}

/** Trades of `trades` and `historicalTrades`. @throws ParseError with the JSON path of what is wrong. */
export function tradesOf(bytes: Uint8Array, { market, symbol, source }: RowContext): TradeRecord[] {
  return membersOf(bytes, source).map((row) => {
    const [id, time] = [row.id('id'), row.time('time')]
    const [price, quantity] = [row.decimal('price'), row.decimal('qty')]
    const maker = row.flag('isBuyerMaker')
    const flags = row.flags(RecordFlag.rest)
    return make.tradeRecord(market, symbol, Number.NaN, Number.NaN, flags, id, time, price, quantity, maker)
  })
}

/** @throws ParseError with the JSON path of what is wrong. */
export function aggTradesOf(bytes: Uint8Array, { market, symbol, source }: RowContext): AggTradeRecord[] {
  return membersOf(bytes, source).map((row) => {
    const [id, time] = [row.id('a'), row.time('T')]
    const [price, quantity] = [row.decimal('p'), row.decimal('q')]
    const [first, last] = [row.id('f', -1), row.id('l', -1)]
    const maker = row.flag('m')
    const flags = row.flags(RecordFlag.rest)
    const none = Number.NaN
    return make.aggTradeRecord(market, symbol, none, none, flags, id, time, price, quantity, first, last, maker)
  })
}

/** `takenAt` is the time of a snapshot that tells none. @throws ParseError with the JSON path of what is wrong. */
export function snapshotOf(bytes: Uint8Array, context: RowContext, depth: number, takenAt: number): BookSnapshot {
  const { market, symbol, source } = context
  const answer = parse(bytes, source)
  if (!isObject(answer)) throw new ParseError(source, '$: expected an object')
  const row = new Members(answer, `${source}: $`)
  const lastUpdateId: RecordId = row.id('lastUpdateId', -1)
  const eventTime = row.has('E') ? row.time('E') : Number.NaN
  const time = row.has('T') ? row.time('T') : takenAt
  const [bids, asks] = [row.levels('bids'), row.levels('asks')]
  checkOrder(bids, -1, `${source}: $.bids`)
  checkOrder(asks, 1, `${source}: $.asks`)
  const flags = row.flags(RecordFlag.rest)
  return make.snapshotRecord(market, symbol, eventTime, Number.NaN, flags, lastUpdateId, time, depth, bids, asks)
}

/** Best first is what everything that reads a snapshot relies on. */
function checkOrder(levels: readonly number[], direction: 1 | -1, where: string): void {
  for (let index = 2; index < levels.length; index += 2) {
    if ((levels[index]! - levels[index - 2]!) * direction <= 0) {
      throw new ParseError(where, `the levels are not in order: ${levels[index]} after ${levels[index - 2]}`)
    }
  }
}

/** @throws ParseError with the JSON path of what is wrong. */
export function fundingsOf(bytes: Uint8Array, { market, symbol, source }: RowContext): FundingRateRecord[] {
  return membersOf(bytes, source).map((row) => {
    const [time, rate, mark] = [row.time('fundingTime'), row.decimal('fundingRate'), row.decimalOrNaN('markPrice')]
    return make.fundingRecord(market, symbol, row.flags(RecordFlag.rest), time, rate, mark)
  })
}

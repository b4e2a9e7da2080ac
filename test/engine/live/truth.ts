import { kindOf } from '../../../src/model/kinds.ts'
import { addId, narrowId, sameId } from '../../../src/model/live/ids.ts'
import type {
  AggTradeRecord,
  BookDelta,
  BookSnapshot,
  LiveRecord,
  MarkPrice,
  QuoteRecord,
  RecordId,
  TradeRecord,
} from '../../../src/model/live/index.ts'
import { type SeriesId, seriesKey } from '../../../src/model/series.ts'
import type { SeriesCoverage } from '../../../src/store/lake/coverage-file.ts'
import { toRecords } from '../../../src/store/lake/event-records.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { valuesOf } from '../../helpers/truth.ts'

/** Prices and quantities of one side, best first, as the sandbox's truth spells them. */
type TruthLevels = readonly (readonly [price: string, quantity: string])[]

/** What the sandbox says really happened. */
export class Truth {
  readonly #endpoint: string
  /** What `large-ids` adds: the truth names the real ones. */
  readonly #offset: bigint

  constructor(endpoint: string, offset = 0n) {
    this.#endpoint = endpoint
    this.#offset = offset
  }

  /** An id as the exchange has it, and back. */
  real(id: RecordId): number {
    return Number(BigInt(id) - this.#offset)
  }

  told(id: number): RecordId {
    return narrowId(BigInt(id) + this.#offset)
  }

  async ask<Row>(series: Pick<SeriesId, 'market' | 'kind' | 'symbol'>, query: Record<string, unknown>): Promise<Row[]> {
    const { market, symbol, kind } = series
    const asked = new URLSearchParams({ market, symbol, kind })
    for (const [name, value] of Object.entries(query)) asked.set(name, String(value))
    const answer = await fetch(`${this.#endpoint}/sandbox/truth?${asked}`)
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${asked}: ${text}`)
    return JSON.parse(text) as Row[]
  }
}

/** What is wrong with a stored series, in words; nothing for one that is right. */
export interface Verdict {
  readonly series: string
  readonly records: number
  readonly missing: number
  readonly duplicates: number
  readonly different: number
  /** The first few problems. */
  readonly problems: readonly string[]
  readonly gaps: SeriesCoverage['gaps']
  readonly first?: RecordId
  readonly last?: RecordId
}

export interface CompareOptions {
  /** Events that were dropped one by one leave no trace in kinds without counted ids. */
  readonly silentLosses?: boolean
  readonly offset?: bigint
  /** How far the exchange's clock was off, ms: times of sending are. */
  readonly skew?: number
}

/** Compares everything in a lake with the truth. */
export async function compareLake(dataDir: string, endpoint: string, options: CompareOptions = {}): Promise<Verdict[]> {
  const lake = await Lake.open(dataDir)
  const truth = new Truth(endpoint, options.offset)
  const verdicts: Verdict[] = []
  for (const id of await lake.list()) {
    const tally = new Tally(id, (await lake.coverage(id))!)
    if (id.kind === 'candle') await compareCandles(lake, id, truth, tally)
    else {
      const records: LiveRecord[] = []
      const columns = kindOf(id.kind).columns.map((spec) => spec.name)
      for await (const record of toRecords(kindOf(id.kind), id, lake.readEvents(id, { columns }))) records.push(record)
      tally.records = records.length
      await COMPARE[id.kind]?.(id, records, truth, tally, options)
    }
    verdicts.push(tally.verdict())
  }
  return verdicts
}

class Tally {
  readonly id: SeriesId
  readonly coverage: SeriesCoverage
  records = 0
  missing = 0
  duplicates = 0
  different = 0
  first: RecordId | undefined
  last: RecordId | undefined
  readonly #problems: string[] = []

  constructor(id: SeriesId, coverage: SeriesCoverage) {
    this.id = id
    this.coverage = coverage
  }

  problem(what: 'missing' | 'duplicates' | 'different', text: string, count = 1): void {
    this[what] += count
    if (this.#problems.length < 5) this.#problems.push(`${what}: ${text}`)
  }

  /** Whether a gap on record speaks of an id. */
  isKnownMissing(id: RecordId): boolean {
    return this.coverage.gaps.some(
      ({ firstId, lastId }) =>
        firstId !== undefined && lastId !== undefined && BigInt(firstId) <= BigInt(id) && BigInt(id) <= BigInt(lastId),
    )
  }

  /** Whether it is on record that a stretch of time is not known for sure. */
  isKnownGap(from: number, to: number): boolean {
    return this.coverage.gaps.some((gap) => gap.from <= to && gap.to >= from)
  }

  verdict(): Verdict {
    const { id, records, missing, duplicates, different, first, last } = this
    return {
      ...{ series: seriesKey(id), records, missing, duplicates, different },
      ...{ problems: this.#problems, gaps: this.coverage.gaps },
      ...(first === undefined || last === undefined ? {} : { first, last }),
    }
  }
}

type Compare = (
  id: SeriesId,
  records: readonly LiveRecord[],
  truth: Truth,
  tally: Tally,
  options: CompareOptions,
) => Promise<void>

const COMPARE: Readonly<Record<string, Compare>> = {
  trade: (id, records, truth, tally) =>
    compareCounted(id, records as readonly TradeRecord[], truth, tally, (one) => [
      ...[one.time, one.price, one.quantity, one.buyerIsMaker],
    ]),
  aggTrade: (id, records, truth, tally) =>
    compareCounted(id, records as readonly AggTradeRecord[], truth, tally, (one) => [
      ...[one.time, one.price, one.quantity, truth.real(one.firstTradeId), truth.real(one.lastTradeId)],
      one.buyerIsMaker,
    ]),
  bookDelta: (id, records, truth, tally) => compareDeltas(id, records as readonly BookDelta[], truth, tally),
  bookSnapshot: async (id, records, truth, tally) => {
    for (const one of records as readonly BookSnapshot[]) {
      const problem = await bookProblem(truth, id, one.lastUpdateId, one.bids, one.asks, {
        bids: one.bids.length / 2 < one.depth ? 0 : (one.bids.at(-2) ?? 0),
        asks:
          one.asks.length / 2 < one.depth ? Number.POSITIVE_INFINITY : (one.asks.at(-2) ?? Number.POSITIVE_INFINITY),
      })
      if (problem !== undefined) tally.problem('different', problem)
    }
  },
  quote: (id, records, truth, tally, options) =>
    compareRising(id, records as readonly QuoteRecord[], truth, tally, options, {
      position: (one) => truth.real(one.updateId),
      values: (one) => [one.bidPrice, one.bidQuantity, one.askPrice, one.askQuantity],
      time: (one) => one.receiveTime,
      ask: (first, last) => truth.ask(id, { fromId: first, toId: last }),
      told: (row) => row.slice(2),
    }),
  markPrice: (id, records, truth, tally, options) =>
    compareRising(id, records as readonly MarkPrice[], truth, tally, options, {
      position: (one) => one.eventTime - (options.skew ?? 0),
      values: (one) => [one.markPrice, one.indexPrice, one.estimatedSettlePrice, one.fundingRate, one.nextFundingTime],
      time: (one) => one.eventTime,
      ask: (first, last) => truth.ask(id, { from: first, to: last + 1 }),
      told: (row) => row.slice(1),
    }),
  ticker: async (_id, records, _truth, tally) => {
    for (let i = 1; i < records.length; i++) {
      if (records[i]!.eventTime <= records[i - 1]!.eventTime) tally.problem('duplicates', `${records[i]!.eventTime}`)
    }
  },
  fundingRate: async (_id, records, _truth, tally) => {
    const times = records.map((record) => (record as { fundingTime: number }).fundingTime)
    if (new Set(times).size !== times.length) tally.problem('duplicates', times.join())
  },
}

/** Kinds whose ids count by one: from the first to the last, every one is there once, and is what it was. */
async function compareCounted<One extends TradeRecord | AggTradeRecord>(
  id: SeriesId,
  records: readonly One[],
  truth: Truth,
  tally: Tally,
  values: (one: One) => unknown[],
): Promise<void> {
  if (records.length === 0) return
  const [first, last] = [records[0]!, records.at(-1)!]
  tally.first = first.id
  tally.last = last.id
  const rows = await truth.ask<unknown[]>(id, { fromId: truth.real(first.id), toId: truth.real(last.id) })
  const stored = new Map<number, One>()
  for (const record of records) {
    const real = truth.real(record.id)
    if (stored.has(real)) tally.problem('duplicates', `id ${record.id}`)
    stored.set(real, record)
  }
  for (const [real, ...told] of rows) {
    const one = stored.get(Number(real))
    stored.delete(Number(real))
    if (one === undefined) {
      if (!tally.isKnownMissing(truth.told(Number(real)))) tally.problem('missing', `id ${real} without a gap`)
      else tally.problem('missing', `id ${real}, on record as a gap`)
      continue
    }
    // Futures REST gives no more than ms; times of aggregates are those of their first or last trade.
    const mine = values(one)
    const theirs = told.map(number)
    if ((one.flags & 1) !== 0 || id.market === 'usdm') {
      mine[0] = Math.floor(Number(mine[0]))
      theirs[0] = Math.floor(Number(theirs[0]))
    } else {
      mine[0] = Math.floor(Number(mine[0]))
      theirs[0] = Math.floor(Number(theirs[0]))
    }
    if (mine.join() !== theirs.join())
      tally.problem('different', `id ${real}: ${mine.join()} is really ${theirs.join()}`)
  }
  for (const real of stored.keys()) tally.problem('different', `id ${real} never happened`)
}

/** Every record is an update that took place, and chains to the one before it wherever no gap is on record. */
async function compareDeltas(id: SeriesId, records: readonly BookDelta[], truth: Truth, tally: Tally): Promise<void> {
  if (records.length === 0) return
  const rows = await truth.ask<[number, number, number, number, TruthLevels, TruthLevels]>(id, {
    fromId: truth.real(records[0]!.lastUpdateId),
    toId: truth.real(records.at(-1)!.lastUpdateId),
  })
  tally.first = records[0]!.firstUpdateId
  tally.last = records.at(-1)!.lastUpdateId
  const told = new Map(rows.map((row) => [row[1], row]))
  let before: BookDelta | undefined
  for (const one of records) {
    const real = told.get(truth.real(one.lastUpdateId))
    if (!real) tally.problem('different', `update ${one.lastUpdateId} never happened`)
    else {
      const [firstId, , previousId, , bids, asks] = real
      const previous = id.market === 'spot' ? -1 : previousId
      const mine = [truth.real(one.firstUpdateId), id.market === 'spot' ? -1 : truth.real(one.previousUpdateId)]
      // The lake keeps the levels of a side in the exchange's order.
      const same =
        mine.join() === [firstId, previous].join() &&
        one.bids.join() === flat(bids).join() &&
        one.asks.join() === flat(asks).join()
      if (!same) tally.problem('different', `update ${one.lastUpdateId} is not what it was`)
    }
    if (before && before.lastUpdateId >= one.lastUpdateId) tally.problem('duplicates', `update ${one.lastUpdateId}`)
    if (before && !chains(before, one)) {
      const from = addId(before.lastUpdateId, 1)
      if (!tally.isKnownMissing(from)) tally.problem('missing', `${from} to ${one.firstUpdateId} without a gap`)
    }
    before = one
  }
}

function chains(before: BookDelta, one: BookDelta): boolean {
  return one.market === 'spot'
    ? sameId(one.firstUpdateId, addId(before.lastUpdateId, 1))
    : sameId(one.previousUpdateId, before.lastUpdateId)
}

interface Rising<One> {
  position(one: One): number
  values(one: One): unknown[]
  /** By the clock that the series' gaps are on. */
  time(one: One): number
  ask(first: number, last: number): Promise<unknown[][]>
  told(row: readonly unknown[]): unknown[]
}

/** What is stored is true, nothing twice, and what is not lies in a gap. */
async function compareRising<One extends LiveRecord>(
  _id: SeriesId,
  records: readonly One[],
  _truth: Truth,
  tally: Tally,
  options: CompareOptions,
  how: Rising<One>,
): Promise<void> {
  if (records.length === 0) return
  tally.first = how.position(records[0]!)
  tally.last = how.position(records.at(-1)!)
  const stored = new Map<number, One>()
  for (const record of records) {
    if (stored.has(how.position(record))) tally.problem('duplicates', `${how.position(record)}`)
    stored.set(how.position(record), record)
  }
  const rows = await how.ask(tally.first, tally.last)
  let before: One | undefined
  let lost: number[] = []
  for (const row of rows) {
    const position = Number(row[0])
    const one = stored.get(position)
    stored.delete(position)
    if (one === undefined) {
      lost.push(position)
      continue
    }
    const mine = how.values(one).join()
    const theirs = how.told(row).map(number).join()
    if (mine !== theirs) tally.problem('different', `${position}: ${mine} is really ${theirs}`)
    if (lost.length > 0 && before && !options.silentLosses && !tally.isKnownGap(how.time(before), how.time(one)))
      tally.problem('missing', `${lost[0]} to ${lost.at(-1)} without a gap`, lost.length)
    lost = []
    before = one
  }
  for (const position of stored.keys()) tally.problem('different', `${position} never happened`)
}

async function compareCandles(lake: Lake, id: SeriesId, truth: Truth, tally: Tally): Promise<void> {
  const stored = valuesOf(await lake.load(id))
  tally.records = stored.length
  if (stored.length === 0) return
  const [first, last] = [stored[0]![0]!, stored.at(-1)![0]!]
  tally.first = first
  tally.last = last
  const rows = await truth.ask<(number | string)[]>(id, { interval: id.interval, from: first, to: last + 1 })
  const open = new Map(stored.map((row) => [row[0]!, row]))
  if (open.size !== stored.length) tally.problem('duplicates', 'an open time is there twice')
  for (const row of rows) {
    const real = row.slice(0, stored[0]!.length).map(Number)
    const mine = open.get(real[0]!)
    open.delete(real[0]!)
    if (!mine) tally.problem('missing', `candle ${real[0]}`)
    else if (mine.join() !== real.join()) tally.problem('different', `${mine.join()} is really ${real.join()}`)
  }
  for (const time of open.keys()) tally.problem('different', `candle ${time} never happened`)
}

/** What is wrong with the levels of a book at an update, within the range that is known; undefined when nothing is. */
export async function bookProblem(
  truth: Truth,
  id: Pick<SeriesId, 'market' | 'symbol'>,
  updateId: RecordId,
  bids: readonly number[],
  asks: readonly number[],
  known: { readonly bids: number; readonly asks: number },
): Promise<string | undefined> {
  const [row] = await truth.ask<[number, number, TruthLevels, TruthLevels]>(
    { ...id, kind: 'book' },
    { updateId: truth.real(updateId) },
  )
  if (!row) return `the truth has no book at ${updateId}`
  const sides = [
    ['bids', bids, flat(row[2]), (price: number) => price >= known.bids],
    ['asks', asks, flat(row[3]), (price: number) => price <= known.asks],
  ] as const
  for (const [side, mine, real, isKnown] of sides) {
    const within = real.findIndex((price, i) => i % 2 === 0 && !isKnown(price))
    const expected = within < 0 ? real : real.slice(0, within)
    const own = mine.slice(0, expected.length)
    if (own.join() !== expected.join()) {
      const at = expected.findIndex((value, i) => own[i] !== value)
      return `${id.market} ${id.symbol} at ${updateId}, ${side}, value ${at}: ${own[at]} is really ${expected[at]}`
    }
    // Beyond what is known, levels may be missing, but those that are there are right.
    const beyond = new Map<number, number>()
    for (let i = 0; i < real.length; i += 2) beyond.set(real[i]!, real[i + 1]!)
    for (let i = expected.length; i < mine.length; i += 2) {
      if (beyond.get(mine[i]!) !== mine[i + 1])
        return `${id.market} ${id.symbol} at ${updateId}, ${side} beyond: ${mine[i]} ${mine[i + 1]} is really ${beyond.get(mine[i]!)}`
    }
  }
  return undefined
}

function flat(levels: TruthLevels): number[] {
  return levels.flatMap(([price, quantity]) => [Number(price), Number(quantity)])
}

function number(value: unknown): unknown {
  return typeof value === 'string' ? Number(value) : value
}

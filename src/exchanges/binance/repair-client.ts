import { ConfigError, InvalidRangeError, ParseError } from '../../model/errors.ts'
import type { StoredRecord } from '../../model/history/index.ts'
import { addId, countIds, maxId, minId } from '../../model/live/ids.ts'
import type {
  AggTradeRecord,
  BookSnapshot,
  FundingRateRecord,
  LiveRecord,
  RecordId,
  TradeRecord,
} from '../../model/live/index.ts'
import type { Market } from '../../model/series.ts'
import { DAY, formatTime, HOUR, type TimeRange } from '../../model/time.ts'
import type { RawAnswer, RecordRequest, RepairClient } from '../stream.ts'
import { metricsPages, metricsReach } from './metrics-rest.ts'
import { aggTradesOf, fundingsOf, snapshotOf, tradesOf } from './repair-rows.ts'
import type { BinanceRest } from './rest.ts'
import type { Params } from './weights.ts'

type Counted = TradeRecord | AggTradeRecord
type Of = Pick<RecordRequest, 'market' | 'symbol' | 'kind' | 'signal'>

const PREFIX: Readonly<Partial<Record<Market, string>>> = {
  spot: '/api/v3',
  usdm: '/fapi/v1',
  coinm: '/dapi/v1',
}
/** Largest page of every list of trades but one. */
const PAGE = 1000
/** Largest page of historicalTrades on futures. */
const FUTURES_HISTORY_PAGE = 500
/** Depths that futures have; spot takes any up to 5000. */
const FUTURES_DEPTHS = [5, 10, 20, 50, 100, 500, 1000]
const SPOT_DEPTH = 5000
/** An aggregate trade of futures joins the trades of this time, ms, and may have happened before the last of them. */
const AGGREGATION = 100
/** How far back futures give aggregate trades, and (with a key) trades; older ones are in the archive only. */
const FUTURES_AGG_REACH = 48 * HOUR
const FUTURES_TRADE_REACH = 30 * DAY
/** Futures refuse a span of an hour or more. */
const WINDOW = HOUR - 1
/** Who has had more answers than this is likely to want many: time to ask what the exchange allows. */
const FEW = 4

/**
 * Fetches what streams have lost, and the snapshots that books start from, over Binance's public REST. Every call stays
 * within the client's rate budget. Records carry the flag `rest`, their `receiveTime` and `eventTime` are NaN.
 *
 * What can not be had: without an API key, trades of futures other than the newest 1000; with one, those older than a
 * month. Then what there is comes first, and a ConfigError says what is missing.
 */
export class BinanceRepairClient implements RepairClient {
  readonly #rest: BinanceRest
  readonly #hasKey: boolean
  readonly #onMuch: (market: Market, symbol: string) => void
  readonly #answers = new Map<Market, number>()

  /** `onMuch` is told of each answer after the first few of a market. */
  constructor(
    rest: BinanceRest,
    options: { readonly hasKey?: boolean; readonly onMuch?: (market: Market, symbol: string) => void } = {},
  ) {
    this.#rest = rest
    this.#hasKey = options.hasKey ?? false
    this.#onMuch = options.onMuch ?? (() => {})
  }

  reach({ market, kind, symbol }: { market: Market; kind: string; symbol?: string }): number {
    if (kind === 'metrics') return metricsReach(market, symbol)
    if (kind === 'fundingRate') return market === 'spot' ? 0 : Number.POSITIVE_INFINITY
    if (kind !== 'trade' && kind !== 'aggTrade') return 0
    if (market === 'spot') return Number.POSITIVE_INFINITY
    if (kind === 'aggTrade') return FUTURES_AGG_REACH
    return this.#hasKey ? FUTURES_TRADE_REACH : 0
  }

  async *historyPages(
    request: { market: Market; symbol: string; kind: string; signal?: AbortSignal } & TimeRange,
  ): AsyncGenerator<readonly StoredRecord[], void, void> {
    if (request.kind === 'fundingRate') yield await this.fundingRates(request)
    else if (request.kind === 'metrics') yield* metricsPages(this.#rest, request)
  }

  async *recordPages(
    request: RecordRequest & { readonly newestFirst?: boolean },
  ): AsyncGenerator<readonly LiveRecord[], void, void> {
    const { firstId, lastId } = request
    if (firstId < 0 || lastId < firstId) {
      throw new InvalidRangeError(`There are no ids from ${firstId} to ${lastId}: the first must not pass the last.`)
    }
    if (request.kind === 'aggTrade' || request.market === 'spot') {
      yield* this.#byId(request, firstId, lastId, request.newestFirst ?? false)
      return
    }
    // On futures the newest trades cost a fortieth of the older ones and need no key: most holes end there.
    const newest = await this.#newest(request, PAGE)
    const oldest = newest[0]?.id
    const tail = within(newest, firstId, lastId)
    const restEnd = oldest === undefined ? lastId : minId(lastId, addId(oldest, -1))
    const hasRest = oldest === undefined || oldest > firstId
    if (tail.length > 0 && (request.newestFirst || !hasRest || !this.#hasKey)) yield tail
    if (!hasRest) return
    if (!this.#hasKey) throw this.#needsKey(request, `from id ${firstId} to ${restEnd}`)
    yield* this.#byId(request, firstId, restEnd, request.newestFirst ?? false)
    if (tail.length > 0 && !request.newestFirst) yield tail
  }

  async lastRecords(
    request: Omit<RecordRequest, 'firstId' | 'lastId'> & { readonly limit: number },
  ): Promise<readonly LiveRecord[]> {
    const { limit } = request
    if (!Number.isInteger(limit) || limit < 1) throw new InvalidRangeError(`limit: ${limit} is no number of records.`)
    return await this.#newest(request, Math.min(limit, PAGE))
  }

  async *recordsAt(
    request: Omit<RecordRequest, 'firstId' | 'lastId'> & TimeRange,
  ): AsyncGenerator<readonly LiveRecord[], void, void> {
    const { from, to, kind, market } = request
    checkRange(request)
    if (to <= from) return
    if (kind === 'trade' && market !== 'spot') {
      const newest = await this.#newest(request, PAGE)
      if (newest.length === 0) return
      const isEnough = newest[0]!.time < from || newest.length < PAGE
      if (isEnough || !this.#hasKey) {
        const rows = newest.filter(({ time }) => time >= from && time < to)
        if (rows.length > 0) yield rows
        if (!isEnough) {
          const end = formatTime(Math.min(to, newest[0]!.time))
          throw this.#needsKey(request, `from ${formatTime(from)} to ${end}`)
        }
        return
      }
    }
    const early = kind === 'trade' ? AGGREGATION : 0
    const head = await this.#firstAggTrades({ ...request, from: from - early })
    if (head.length === 0) return
    if (kind === 'aggTrade') {
      yield head
      // A page that is not full ends where its window ended, which may be before the range does.
      yield* this.#inRange(request, addId(head.at(-1)!.id, 1))
      return
    }
    const start = head.find(({ firstTradeId }) => firstTradeId >= 0)
    if (start) yield* this.#inRange(request, start.firstTradeId)
  }

  async bookSnapshot(request: {
    market: Market
    symbol: string
    depth: number
    signal?: AbortSignal
    onAnswer?: (answer: RawAnswer) => void
  }): Promise<BookSnapshot> {
    const { market, symbol, depth, signal } = request
    if (!Number.isInteger(depth) || depth < 1) throw new InvalidRangeError(`depth: ${depth} is no number of levels.`)
    const limit =
      market === 'spot'
        ? Math.min(depth, SPOT_DEPTH)
        : (FUTURES_DEPTHS.find((one) => one >= depth) ?? FUTURES_DEPTHS.at(-1)!)
    // Spot snapshots tell no time: ours is as good as the last look at the exchange's clock.
    if (market === 'spot') await this.#rest.now(market, { signal })
    const { bytes, url, sentAt } = await this.#call(request, 'depth', { symbol, limit })
    const { pathname, search } = new URL(url)
    request.onAnswer?.({ path: pathname + search, status: 200, body: bytes })
    return snapshotOf(bytes, { market, symbol, source: url }, limit, sentAt)
  }

  async fundingRates(
    request: { market: Market; symbol: string; signal?: AbortSignal } & TimeRange,
  ): Promise<readonly FundingRateRecord[]> {
    const { market, symbol, to } = request
    if (market === 'spot') throw new InvalidRangeError('binance spot has no funding. Ask for a futures market.')
    checkRange(request)
    const fundings: FundingRateRecord[] = []
    const endTime = Math.ceil(to) - 1
    let startTime = Math.max(0, Math.ceil(request.from))
    while (startTime <= endTime) {
      const params = { symbol, startTime, endTime, limit: PAGE }
      const { bytes, url } = await this.#call(request, 'fundingRate', params)
      const page = fundingsOf(bytes, { market, symbol, source: url })
      for (const funding of page) {
        if (funding.fundingTime < startTime || funding.fundingTime > endTime) {
          throw new ParseError(url, `a funding of ${formatTime(funding.fundingTime)} was not asked for`, RETRYABLE)
        }
        fundings.push(funding)
        startTime = funding.fundingTime + 1
      }
      if (page.length < PAGE) break
    }
    return fundings
  }

  /** Pages of ids from `first` to `last`, both included. */
  async *#byId(
    request: Of,
    first: RecordId,
    last: RecordId,
    newestFirst: boolean,
  ): AsyncGenerator<readonly Counted[], void, void> {
    const size = pageSize(request)
    if (!newestFirst) {
      let next = first
      while (next <= last) {
        const rows = await this.#fromId(request, next, Math.min(size, countIds(next, last)))
        const wanted = within(rows, next, last)
        if (wanted.length === 0) return
        yield wanted
        next = addId(wanted.at(-1)!.id, 1)
      }
      return
    }
    let end = last
    while (end >= first) {
      const start = maxId(first, addId(end, 1 - size))
      const rows = await this.#fromId(request, start, countIds(start, end))
      const wanted = within(rows, start, end)
      if (wanted.length > 0) yield wanted
      else if (start > first) {
        // Nothing in a whole page of ids: a hole of the exchange's own, or the end of what it keeps.
        const [oldest] = await this.#fromId(request, first, 1)
        if (oldest === undefined || oldest.id >= start) return
      }
      end = addId(start, -1)
    }
  }

  /** Records from an id on that happened in the range. */
  async *#inRange(request: Of & TimeRange, firstId: RecordId): AsyncGenerator<readonly Counted[], void, void> {
    const { from, to } = request
    const size = pageSize(request)
    for (let next = firstId; ; ) {
      const rows = await this.#fromId(request, next, size)
      const wanted = rows.filter(({ time }) => time >= from && time < to)
      if (wanted.length > 0) yield wanted
      if (rows.length < size || rows.at(-1)!.time >= to) return
      next = addId(rows.at(-1)!.id, 1)
    }
  }

  /** The first page of aggregate trades of a time range: empty when there is none in it. */
  async #firstAggTrades(request: Of & TimeRange): Promise<readonly AggTradeRecord[]> {
    const { market, symbol } = request
    const last = Math.ceil(request.to) - 1
    const now = Math.floor(await this.#rest.now(market, { signal: request.signal }))
    for (let startTime = Math.max(0, Math.ceil(request.from)); startTime <= Math.min(last, now); ) {
      const endTime = market === 'spot' ? last : Math.min(last, startTime + WINDOW)
      const { bytes, url } = await this.#call(request, 'aggTrades', { symbol, startTime, endTime, limit: PAGE })
      const rows = aggTradesOf(bytes, { market, symbol, source: url })
      checkRising(rows, url)
      if (rows.length > 0 && rows[0]!.time < startTime) {
        throw new ParseError(url, `a trade of ${formatTime(rows[0]!.time)} was not asked for`, RETRYABLE)
      }
      if (rows.length > 0) return rows
      startTime = endTime + 1
    }
    return []
  }

  /** Up to `limit` records whose ids are `from` or more. */
  async #fromId(request: Of, from: RecordId, limit: number): Promise<readonly Counted[]> {
    const isTrade = request.kind === 'trade'
    const fromId = typeof from === 'bigint' ? String(from) : from
    const name = isTrade ? 'historicalTrades' : 'aggTrades'
    const rows = await this.#records(request, name, { symbol: request.symbol, fromId, limit })
    if (rows.length > 0 && rows[0]!.id < from) {
      throw new ParseError(`binance ${name}`, `the answer begins at id ${rows[0]!.id}, asked for ${from}`, RETRYABLE)
    }
    return rows
  }

  #newest(request: Of, limit: number): Promise<readonly Counted[]> {
    const name = request.kind === 'trade' ? 'trades' : 'aggTrades'
    return this.#records(request, name, { symbol: request.symbol, limit })
  }

  async #records(request: Of, name: string, params: Params): Promise<readonly Counted[]> {
    const { market, symbol } = request
    const { bytes, url } = await this.#call(request, name, params)
    const rows = (request.kind === 'trade' ? tradesOf : aggTradesOf)(bytes, { market, symbol, source: url })
    checkRising(rows, url)
    return rows
  }

  async #call(request: { market: Market; symbol: string; signal?: AbortSignal }, name: string, params: Params) {
    const { market, symbol, signal } = request
    const prefix = PREFIX[market]
    if (prefix === undefined)
      throw new InvalidRangeError(`binance ${market}: ${name} is known for spot, usdm and coinm only.`)
    const key = market !== 'spot' && name === 'historicalTrades'
    const answer = await this.#rest.bytes({ market, path: `${prefix}/${name}`, params, signal, key })
    const answers = (this.#answers.get(market) ?? 0) + 1
    this.#answers.set(market, answers)
    if (answers > FEW) this.#onMuch(market, symbol)
    return answer
  }

  #needsKey(request: Of, what: string): ConfigError {
    const { market, symbol } = request
    return new ConfigError(
      `binance ${market} ${symbol}: trades ${what} are older than the newest ${PAGE}, and those the exchange gives only with an API key. Set BINANCE_API_KEY (it needs no permission), or collect aggTrade instead.`,
      { exchange: 'binance' },
    )
  }
}

const RETRYABLE = { exchange: 'binance', retryable: true } as const

function pageSize(request: Of): number {
  return request.kind === 'trade' && request.market !== 'spot' ? FUTURES_HISTORY_PAGE : PAGE
}

function within(rows: readonly Counted[], first: RecordId, last: RecordId): readonly Counted[] {
  return rows.filter(({ id }) => id >= first && id <= last)
}

function checkRising(rows: readonly Counted[], url: string): void {
  for (let index = 1; index < rows.length; index++) {
    const [before, id] = [rows[index - 1]!.id, rows[index]!.id]
    if (id <= before) throw new ParseError(url, `$[${index}]: id ${id} does not come after ${before}`, RETRYABLE)
  }
}

function checkRange({ from, to }: TimeRange): void {
  if (Number.isFinite(from) && Number.isFinite(to)) return
  throw new InvalidRangeError(`The range ${from} to ${to} has no bounds. Give both as epoch milliseconds.`)
}

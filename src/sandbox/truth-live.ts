import { HOUR, SECOND } from '../model/time.ts'
import { Breath } from './breath.ts'
import type { LiveMarket } from './market/live-market.ts'
import type { SymbolInfo } from './market/market.ts'
import { type TruthFormat, TruthWriter } from './truth-writer.ts'

/** What is asked about the events of a symbol. Times are epoch ms: `from` is inside, `to` is not; ids are both inside. */
export interface LiveTruthQuery {
  readonly kind: LiveTruthKind
  readonly info: SymbolInfo
  readonly from: number
  readonly to: number
  readonly fromId?: number
  readonly toId?: number
  /** Pace of book updates, ms. */
  readonly speed: number
  /** Levels a side of a book. */
  readonly levels: number
  /** A book after this update, or else at the last instant before `to`. */
  readonly updateId?: number
}

interface Telling {
  readonly live: LiveMarket
  readonly query: LiveTruthQuery
  readonly now: number
  readonly out: TruthWriter
}

interface LiveTruth {
  /** Cells of a row of CSV. */
  readonly header: string
  /** Writes a stretch at each step. */
  tell(telling: Telling): Generator<void>
}

/** Rows of trades at a time. */
const PAGE = 5_000

const TELL = {
  trade: {
    header: 'id,time,price,quantity,buyer_is_maker',
    *tell({ live, query, now, out }) {
      const { info } = query
      const end = lastId(query.toId, live.nextTradeId(info, query.to))
      for (let id = query.fromId ?? live.nextTradeId(info, query.from); id < end; id += PAGE) {
        for (const trade of live.tradesFrom(info, id, Math.min(PAGE, end - id), now)) {
          out.row().integer(trade.id).micros(trade.time).price(trade.price).lots(trade.lots).flag(trade.buyerIsMaker)
        }
        yield
      }
    },
  },
  aggTrade: {
    header: 'id,time,price,quantity,first_trade_id,last_trade_id,buyer_is_maker',
    *tell({ live, query, now, out }) {
      const { info } = query
      const end = lastId(query.toId, live.nextAggTradeId(info, query.to))
      for (let id = query.fromId ?? live.nextAggTradeId(info, query.from); id < end; id += PAGE) {
        for (const agg of live.aggTradesFrom(info, id, Math.min(PAGE, end - id), now)) {
          out.row().integer(agg.id).micros(agg.time).price(agg.price).lots(agg.lots)
          out.integer(agg.firstId).integer(agg.lastId).flag(agg.buyerIsMaker)
        }
        yield
      }
    },
  },
  bookDelta: {
    header: 'first_update_id,last_update_id,previous_update_id,time,side,price,quantity',
    *tell({ live, query, out }) {
      const { info, speed } = query
      for (const [from, to] of stretches(updateRange(live, query), 10 * SECOND)) {
        for (const update of live.bookUpdates(info, from - 1, to - 1, speed)) {
          if (!isInside(query, update.lastId)) continue
          const ids = [update.firstId, update.lastId, update.previousId, update.time]
          out.levelRows(ids, update.bids, update.asks)
        }
        yield
      }
    },
  },
  book: {
    header: 'update_id,time,side,price,quantity',
    *tell({ live, query, out }) {
      const { info, updateId } = query
      const book = live.book(
        info,
        updateId === undefined ? query.to - 1 : live.updateTime(info, updateId),
        query.levels,
      )
      out.levelRows([book.updateId, book.time], book.bids, book.asks)
      yield
    },
  },
  quote: {
    header: 'update_id,time,bid_price,bid_quantity,ask_price,ask_quantity',
    *tell({ live, query, out }) {
      for (const [from, to] of stretches(updateRange(live, query), 60 * SECOND)) {
        for (const quote of live.quotes(query.info, from - 1, to - 1)) {
          if (!isInside(query, quote.updateId)) continue
          out.row().integer(quote.updateId).integer(quote.time)
          out.price(quote.bid).lots(quote.bidLots).price(quote.ask).lots(quote.askLots)
        }
        yield
      }
    },
  },
  markPrice: {
    header: 'time,mark_price,index_price,estimated_settle_price,funding_rate,next_funding_time',
    *tell({ live, query, out }) {
      const from = Math.ceil(query.from / SECOND) * SECOND
      for (const [start, end] of stretches([from, query.to], HOUR)) {
        for (let time = start; time < end; time += SECOND) {
          const mark = live.mark(query.info, time)
          out.row().integer(time).text(mark.markPrice).text(mark.indexPrice).text(mark.settlePrice)
          out.text(mark.fundingRate).integer(mark.nextFundingTime)
        }
        yield
      }
    },
  },
  fundingRate: {
    header: 'time,funding_rate,mark_price',
    *tell({ live, query, out }) {
      for (const [from, to] of stretches([query.from, query.to], 1000 * HOUR)) {
        for (const paid of live.fundings(query.info, from, to)) {
          out.row().integer(paid.time).text(paid.rate).text(paid.markPrice)
        }
        yield
      }
    },
  },
  liquidation: {
    header: 'time,side,price,average_price,quantity',
    *tell({ live, query, out }) {
      for (const [from, to] of stretches([query.from, query.to], HOUR)) {
        for (const one of live.liquidations(query.info, from, to)) {
          out.row().integer(one.time).text(one.side).price(one.price).price(one.averagePrice).lots(one.lots)
        }
        yield
      }
    },
  },
  metrics: {
    header: 'time,open_interest,open_interest_value,top_account_ratio,top_position_ratio,account_ratio,taker_ratio',
    *tell({ live, query, out }) {
      for (const [from, to] of stretches([query.from, query.to], 100 * HOUR)) {
        for (const one of live.metrics(query.info, from, to)) {
          out.row().integer(one.time).lots(one.lots).text(one.value)
          out.text(one.topAccounts).text(one.topPositions).text(one.accounts).text(one.takers)
        }
        yield
      }
    },
  },
  bookDepth: {
    header: 'time,percentage,depth,notional',
    *tell({ live, query, out }) {
      for (const [from, to] of stretches([query.from, query.to], HOUR)) {
        for (const one of live.depthSamples(query.info, from, to)) {
          out.row().integer(one.time).text(String(one.percentage)).text(one.depth).text(one.notional)
        }
        yield
      }
    },
  },
} as const satisfies Record<string, LiveTruth>

export type LiveTruthKind = keyof typeof TELL

export const LIVE_TRUTH_KINDS = Object.keys(TELL) as LiveTruthKind[]
/** Kinds that only futures have. */
export const FUTURES_TRUTH_KINDS: readonly LiveTruthKind[] = [
  ...(['markPrice', 'fundingRate', 'liquidation'] as const),
  ...(['metrics', 'bookDepth'] as const),
]
/** Kinds that can be asked for by id. */
export const ID_TRUTH_KINDS: readonly LiveTruthKind[] = ['trade', 'aggTrade', 'bookDelta', 'quote']

/** What really happened, as text, stretch by stretch. */
export async function* liveTruthText(
  live: LiveMarket,
  query: LiveTruthQuery,
  now: number,
  format: TruthFormat,
): AsyncGenerator<Buffer> {
  const { header, tell }: LiveTruth = TELL[query.kind]
  const out = new TruthWriter(query.info, format, header)
  const breath = new Breath()
  for (const _ of tell({ live, query, now, out })) {
    if (out.isFull) yield out.take()
    await breath.take()
  }
  yield out.end()
}

/** First id that is not told: what has not happened by `next` is never told. */
function lastId(toId: number | undefined, next: number): number {
  return toId === undefined ? next : Math.min(next, toId + 1)
}

function isInside({ fromId, toId }: LiveTruthQuery, id: number): boolean {
  return id >= (fromId ?? 0) && id <= (toId ?? Number.POSITIVE_INFINITY)
}

/** The time in which the updates of a query lie. */
function updateRange(live: LiveMarket, query: LiveTruthQuery): [from: number, to: number] {
  const { info, fromId, toId, speed } = query
  const from = fromId === undefined ? query.from : live.updateTime(info, fromId)
  // An update of a slower pace ends after the last change in it.
  const to = toId === undefined ? query.to : Math.min(query.to, live.updateTime(info, toId) + speed + 1)
  return [Math.max(from, info.listedAt), to]
}

function* stretches([from, to]: [number, number], length: number): Generator<[from: number, to: number]> {
  for (let start = from; start < to; start += length) yield [start, Math.min(start + length, to)]
}

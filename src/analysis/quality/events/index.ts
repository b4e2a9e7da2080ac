import { BOOK_DELTA_SCORING, BOOK_SNAPSHOT_SCORING, QUOTE_SCORING } from './books.ts'
import { DEPTH_SAMPLE_SCORING } from './depth-samples.ts'
import { EXCHANGE_INFO_SCORING } from './exchange-infos.ts'
import { FUNDING_SCORING } from './funding.ts'
import { LIQUIDATION_SCORING } from './liquidations.ts'
import { MARK_SCORING } from './marks.ts'
import { METRICS_SCORING } from './metrics.ts'
import type { EventScoring } from './scoring.ts'
import { TICKER_SCORING } from './tickers.ts'
import { TIMED_BOOK_DELTA_SCORING, TIMED_BOOK_SNAPSHOT_SCORING, TIMED_QUOTE_SCORING } from './timed.ts'
import { AGG_TRADE_SCORING, TRADE_SCORING } from './trades.ts'

/** How series of events are scored, by kind. A new kind is a file and a line here. */
export const EVENT_SCORINGS = {
  trade: TRADE_SCORING,
  aggTrade: AGG_TRADE_SCORING,
  bookDelta: BOOK_DELTA_SCORING,
  bookSnapshot: BOOK_SNAPSHOT_SCORING,
  quote: QUOTE_SCORING,
  ticker: TICKER_SCORING,
  markPrice: MARK_SCORING,
  fundingRate: FUNDING_SCORING,
  liquidation: LIQUIDATION_SCORING,
  bookDepth: DEPTH_SAMPLE_SCORING,
  metrics: METRICS_SCORING,
  exchangeInfo: EXCHANGE_INFO_SCORING,
  timedQuote: TIMED_QUOTE_SCORING,
  timedBookDelta: TIMED_BOOK_DELTA_SCORING,
  timedBookSnapshot: TIMED_BOOK_SNAPSHOT_SCORING,
} as const satisfies Readonly<Record<string, EventScoring>>

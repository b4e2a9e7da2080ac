import { METRICS_PERIOD } from '../../model/history/index.ts'
import type { Market } from '../../model/series.ts'
import { SECOND } from '../../model/time.ts'
import type { ArchiveField, ArchiveTraits } from '../exchange.ts'

/** A price or a quantity: there is no negative one. */
const amount = (column: string, ...words: string[]): ArchiveField => ({
  words,
  column,
  type: 'decimal',
  isPositive: true,
})

/** A number of any sign that a row may lack. */
const maybe = (column: string, word: string): ArchiveField => ({
  words: [word],
  column,
  type: 'decimal',
  isOptional: true,
})

const MAKER: ArchiveField = {
  words: ['is_buyer_maker', 'isbuyermaker'],
  column: 'buyer_is_maker',
  type: 'boolean',
}
/** Spot only, and true for every trade that is published. */
const BEST: ArchiveField = { words: ['is_best_match', 'isbestmatch'] }

/**
 * The columns of Binance Vision's CSV files by kind (reference: binance-vision.md, section 3). One list serves all
 * markets: they differ in header words and in what is left out at the end of a row.
 */
export const ARCHIVE_FIELDS: Readonly<Record<string, readonly ArchiveField[]>> = {
  trade: [
    { words: ['id', 'trade_id'], column: 'id', type: 'id' },
    amount('price', 'price'),
    amount('quantity', 'qty', 'quantity'),
    // Price times quantity (on coinm the reverse): it says nothing that the two do not.
    { words: ['quote_qty', 'base_qty', 'quoteqty', 'baseqty'] },
    { words: ['time'], column: 'time', type: 'time' },
    MAKER,
    BEST,
  ],
  aggTrade: [
    { words: ['agg_trade_id', 'agg_id', 'id'], column: 'id', type: 'id' },
    amount('price', 'price'),
    amount('quantity', 'quantity', 'qty'),
    { words: ['first_trade_id', 'first_id'], column: 'first_trade_id', type: 'id' },
    { words: ['last_trade_id', 'last_id'], column: 'last_trade_id', type: 'id' },
    { words: ['transact_time', 'time'], column: 'time', type: 'time' },
    MAKER,
    BEST,
  ],
  fundingRate: [
    { words: ['calc_time'], column: 'funding_time', type: 'time' },
    // The archive has it in every row; what was exported of rows that REST told has none.
    { words: ['funding_interval_hours'], column: 'interval_hours', type: 'integer', isOptional: true },
    { words: ['last_funding_rate'], column: 'funding_rate', type: 'decimal' },
  ],
  quote: [
    { words: ['update_id'], column: 'update_id', type: 'id' },
    amount('bid_price', 'best_bid_price'),
    amount('bid_quantity', 'best_bid_qty'),
    amount('ask_price', 'best_ask_price'),
    amount('ask_quantity', 'best_ask_qty'),
    { words: ['transaction_time'], column: 'transaction_time', type: 'time' },
    { words: ['event_time'], column: 'event_time', type: 'time' },
  ],
  bookDepth: [
    { words: ['timestamp'], column: 'time', type: 'text-time' },
    { words: ['percentage'], column: 'percentage', type: 'decimal' },
    amount('depth', 'depth'),
    amount('notional', 'notional'),
  ],
  metrics: [
    { words: ['create_time'], column: 'time', type: 'text-time' },
    { words: ['symbol'] },
    maybe('open_interest', 'sum_open_interest'),
    maybe('open_interest_value', 'sum_open_interest_value'),
    maybe('top_account_ratio', 'count_toptrader_long_short_ratio'),
    maybe('top_position_ratio', 'sum_toptrader_long_short_ratio'),
    maybe('account_ratio', 'count_long_short_ratio'),
    maybe('taker_ratio', 'sum_taker_long_short_vol_ratio'),
  ],
  liquidation: [
    { words: ['time'], column: 'time', type: 'time' },
    { words: ['side'], column: 'side', type: 'side' },
    { words: ['order_type'] },
    { words: ['time_in_force'] },
    amount('quantity', 'original_quantity'),
    amount('price', 'price'),
    amount('average_price', 'average_price'),
    { words: ['order_status'] },
    amount('last_filled_quantity', 'last_fill_quantity'),
    amount('filled_quantity', 'accumulated_fill_quantity'),
  ],
}

/** The day on which USD-M's metrics began to be labelled by the starts of their periods; COIN-M's always were. */
const LABELS_SHIFTED = Date.UTC(2026, 5, 25)

/** What is peculiar to the files of a market and kind (reference: binance-vision.md, sections 3 and 8). */
export const ARCHIVE_TRAITS: Readonly<Partial<Record<Market, Readonly<Record<string, ArchiveTraits>>>>> = {
  usdm: {
    // The last file of a day is that of 2024-03-30; that of April 2024 holds a few hours.
    quote: { endedAt: Date.UTC(2024, 2, 30), slackMs: SECOND },
    liquidation: { endedAt: Date.UTC(2024, 3, 1) },
    metrics: { labels: { periodMs: METRICS_PERIOD, endsBefore: LABELS_SHIFTED } },
  },
  coinm: {
    quote: { endedAt: Date.UTC(2024, 9, 15), slackMs: SECOND },
    metrics: { labels: { periodMs: METRICS_PERIOD, endsBefore: 0 } },
  },
}

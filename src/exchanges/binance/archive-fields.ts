import type { ArchiveField } from '../exchange.ts'

/** A price or a quantity: there is no negative one. */
const amount = (column: string, ...words: string[]): ArchiveField => ({
  words,
  column,
  type: 'decimal',
  isPositive: true,
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
    { words: ['funding_interval_hours'], column: 'interval_hours', type: 'integer' },
    { words: ['last_funding_rate'], column: 'funding_rate', type: 'decimal' },
  ],
}

import type { Exchange } from '../exchange.ts'
import { binanceArchive } from './archive.ts'
import { intervalsOf } from './candles.ts'
import { BinanceClient } from './client.ts'
import { binanceEndpoints } from './endpoints.ts'
import { binanceLive } from './live.ts'
import { hasKind, seriesSymbol } from './names.ts'
import { binanceGaps } from './outages.ts'
import { formerSymbol } from './renames.ts'

export { binanceArchive } from './archive.ts'
export { BinanceClient, type PriceKind } from './client.ts'
export type { BinanceClientOptions, MarketCall, TimeSpan } from './client-base.ts'
export { binanceEndpoints } from './endpoints.ts'
export { binanceLive } from './live.ts'
export type {
  AggTrade,
  AvgPrice,
  BookTicker,
  Depth,
  FundingInfo,
  FundingRate,
  LongShortRatio,
  PremiumIndex,
  Price,
  Ticker,
  Trade,
} from './market-data.ts'
export { RENAMES, type Rename } from './renames.ts'
export {
  BinanceStream,
  type BinanceStreamOptions,
  type ChannelOrName,
  type RecordsOptions,
  type StreamKind,
  type StreamSubscribeOptions,
} from './stream/binance-stream.ts'
export type { RecordOverflow, RecordReader } from './stream/record-reader.ts'

/** Binance: spot, USD-M and COIN-M futures. */
export const binance: Exchange = {
  id: 'binance',
  markets: ['spot', 'usdm', 'coinm'],
  intervals: intervalsOf,
  endpoints: binanceEndpoints,
  seriesSymbol,
  formerSymbol,
  hasKind,
  createClient: (options = {}) => new BinanceClient(options),
  archive: binanceArchive,
  knownGaps: binanceGaps,
  live: binanceLive,
}

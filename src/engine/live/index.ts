// The public names of live collection.
export type { BackfillOptions, BackfillStatus } from './backfill.ts'
export type { BookStateChange, BookStatus } from './book-keeper.ts'
export { Collector } from './collector.ts'
export type { CollectorReport, CollectorStatus } from './collector-report.ts'
export type { ConnectionCounters, LoggedEvent } from './connection-log.ts'
export {
  DataFeed,
  type FeedOptions,
  type FeedSource,
  type FeedStatus,
  type FeedTarget,
  type HistoryRequest,
  type IndicatorFeedOptions,
} from './feed.ts'
export { type IndicatorUpdate, type TransformedRecord, withIndicators, withTransforms } from './feed-analysis.ts'
export type { FeedGap, FeedOverflow } from './feed-flow.ts'
export type { FeedState, LatestData } from './feed-latest.ts'
export type { FeedStream } from './feed-stream.ts'
export type { FlusherStatus } from './flusher.ts'
export type { LagSummary } from './lag.ts'
export type { Absence, HoleReport, SeriesStatus } from './live-series.ts'
export type { CollectorOptions } from './options.ts'
export type { Renewal } from './renewal.ts'
export { MarketDataService } from './service.ts'
export type { SubscribableKind, SymbolState, SymbolWish } from './service-channels.ts'
export type {
  MarketDataServiceOptions,
  ServiceStatistics,
  SubscribeSymbolOptions,
  SymbolSubscription,
  UpdateSubscriptionOptions,
} from './service-types.ts'

// The public names, one by one, with every type that they mention. Heavy libraries (DuckDB, Arrow, undici…) load at
// first use, not here.
export * from './analysis/index.ts'
export type { FetchedFile } from './archive/fetch-file.ts'
export type { ListedFile, ListedObject } from './archive/listing.ts'
export type { ArchiveRequest, ArchiveRows, MonthStore, VisionClientOptions } from './archive/vision-client.ts'
export { VisionClient } from './archive/vision-client.ts'
export {
  type BookDepth,
  type BookInstant,
  type BookLevel,
  type BookLevels,
  type BookListener,
  type BookOddity,
  type BookReason,
  type BookState,
  type BookStats,
  BookSync,
  type BookSyncOptions,
  type BookTop,
  type Fill,
  OrderBook,
  type OrderBookOptions,
  type Reach,
  type RebuiltBook,
  rebuildBook,
  type Side,
  type SnapshotWish,
  type StateChange,
  type SyncedBy,
  type TickSize,
} from './book/index.ts'
export { BoundedQueue, type Overflow } from './bus/bounded-queue.ts'
export { EventBus, type Handler, type SubscribeOptions, type Subscription, type TopicRecord } from './bus/event-bus.ts'
export { parseTopic, type Selection, topicOf, topicOfRecord } from './bus/topics.ts'
export { type ArrowOptions, batchesToTable } from './engine/arrow.ts'
export { DataCache, type DataCacheOptions, type DataCacheStats, type KeepOptions } from './engine/data-cache.ts'
export {
  DataSourceManager,
  type DataSourceManagerOptions,
  type DownloadOptions,
  type GetBatchesRequest,
  type GetDataRequest,
  type GetManyRequest,
  type VerifyOptions,
} from './engine/data-source-manager.ts'
export {
  type ImportFormat,
  type ImportHints,
  type ImportOptions,
  type ImportReport,
  importFiles,
} from './engine/import/index.ts'
export * from './engine/live/index.ts'
export {
  candlesOfTrades,
  type Difference,
  type Reconciliation,
  type RemoteWitness,
  type ScannedTrades,
  TradeCandles,
  type Witness,
} from './engine/reconcile/index.ts'
export type {
  Replay,
  ReplayClock,
  ReplayHolding,
  ReplayKind,
  ReplayOptions,
  ReplayRequest,
  ReplaySeries,
  TransformList,
} from './engine/replay/index.ts'
export type { SelectedSymbol, SymbolSelection } from './engine/select-symbols.ts'
export type { SeriesRequest } from './engine/series-of.ts'
export type { ParallelReport, TimedDecision, TuningDecision, TuningReason } from './engine/tuning/decide.ts'
export type {
  DownloadEvent,
  DownloadRequest,
  SeriesReport,
  SourceChoice,
  VerifyProblem,
  VerifyProgress,
  VerifyReport,
} from './engine/types.ts'
export { VisionDataClient, type VisionDataClientOptions } from './engine/vision-data-client.ts'
export { BinanceClient, type PriceKind } from './exchanges/binance/client.ts'
export type { BinanceClientOptions, MarketCall, TimeSpan } from './exchanges/binance/client-base.ts'
export type { ExchangeInfo } from './exchanges/binance/instruments.ts'
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
} from './exchanges/binance/market-data.ts'
export type { BinanceMarketData } from './exchanges/binance/market-data-client.ts'
export { RENAMES, type Rename } from './exchanges/binance/renames.ts'
export type { BinanceRepairClient } from './exchanges/binance/repair-client.ts'
export type { CallOptions, RestOptions } from './exchanges/binance/rest.ts'
export {
  BinanceStream,
  type BinanceStreamOptions,
  type ChannelOrName,
  type RecordsOptions,
  type StreamKind,
  type StreamSubscribeOptions,
} from './exchanges/binance/stream/binance-stream.ts'
export type { RecordOverflow, RecordReader } from './exchanges/binance/stream/record-reader.ts'
export type { Pool } from './exchanges/binance/weights.ts'
export type {
  ArchiveField,
  ArchiveFieldType,
  ArchiveLayout,
  ArchivePeriod,
  ArchiveSeries,
  ArchiveTraits,
  BaseDataClient,
  CandlePage,
  CandleRequest,
  ClientOptions,
  Endpoints,
  Exchange,
  FormerSymbol,
  KnownGap,
  MarketDescription,
  PeriodLabels,
  RetryInfo,
} from './exchanges/exchange.ts'
export { EXCHANGES, exchangeOf } from './exchanges/index.ts'
export * from './exchanges/stream.ts'
export {
  type BookDepthRecord,
  type CandleRecord,
  CONTRACT_TYPES,
  type ContinuousCandleRecord,
  type ContractType,
  continuousSymbol,
  type ExchangeInfoRecord,
  type HistoryRecord,
  METRICS_PERIOD,
  type MetricsRecord,
  type PriceCandleRecord,
  readContinuous,
  type StoredRecord,
  type StoredRecordOf,
  type TimedBookDeltaRecord,
  type TimedBookSnapshotRecord,
  type TimedQuoteRecord,
} from './model/history/index.ts'
export * from './model/index.ts'
export type { BudgetEvent, BudgetEventType, BudgetLog, BudgetLogOptions } from './net/budget-log.ts'
export { createLog, type LogLevel, type LogOptions, type OpenLog } from './net/log.ts'
export { type Permit, type RateLimit, RateLimiter, type RateLimiterOptions } from './net/rate-limiter.ts'
export { type RetryOptions, retryWithBackoff } from './net/retry.ts'
export * from './store/cache/index.ts'
export { batchToRows, CandleStorage, type CandleStorageOptions, type LoadOptions } from './store/candle-storage.ts'
export { type EventKind, type EventLoadOptions, EventStorage, type EventStorageOptions } from './store/event-storage.ts'
export type { SeriesChange, StagedRows } from './store/lake/change.ts'
export type { LakeFile, SeriesCoverage, SpoolMark, StoredIds } from './store/lake/coverage-file.ts'
export type { EventBatch, EventColumn } from './store/lake/event-columns.ts'
export type { ScannedChunk, ScanQuery } from './store/lake/event-scan.ts'
export type { EventWriter } from './store/lake/event-writer.ts'
export type { GapFinding } from './store/lake/gaps.ts'
export type { StoredId } from './store/lake/ids.ts'
export { Lake, type LakeOptions, type ReadOptions, type SeriesStats, type WriterRequest } from './store/lake/lake.ts'
export type { FileLock } from './store/lake/lock.ts'
export type { Compression } from './store/lake/parquet.ts'
export type { Period } from './store/lake/periods.ts'
export { type LakeQuery, openQuery, type QueryColumn, QueryError, type QueryResult } from './store/lake/query.ts'
export type { SeriesWriter, WriterOptions } from './store/lake/series-writer.ts'
export {
  decodeRecords,
  encodeRecords,
  Spool,
  type SpoolDamage,
  type SpoolEntry,
  type SpoolEntryType,
  type SpoolOptions,
  type SpoolStatus,
} from './store/spool/index.ts'
export type { StoredExchangeInfo } from './store/stored-exchange-info.ts'

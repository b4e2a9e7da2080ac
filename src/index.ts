// The public names, one by one. Heavy libraries (DuckDB, Arrow, undici, zod…) load at first use, not here.
export type { ArchiveRequest, ArchiveRows, VisionClientOptions } from './archive/vision-client.ts'
export { VisionClient } from './archive/vision-client.ts'
export { type ArrowOptions, batchesToTable } from './engine/arrow.ts'
export {
  DataSourceManager,
  type DataSourceManagerOptions,
  type DownloadOptions,
  type GetDataRequest,
  type VerifyOptions,
} from './engine/data-source-manager.ts'
export type {
  DownloadEvent,
  DownloadRequest,
  SeriesReport,
  SourceChoice,
  VerifyProblem,
  VerifyReport,
} from './engine/types.ts'
export { BinanceClient } from './exchanges/binance/client.ts'
export { EXCHANGES, exchangeOf } from './exchanges/index.ts'
export type { BaseDataClient, ClientOptions, Endpoints, Exchange } from './exchanges/exchange.ts'
export * from './model/index.ts'
export { createLog } from './net/log.ts'
export { RateLimiter } from './net/rate-limiter.ts'
export { type RetryOptions, retryWithBackoff } from './net/retry.ts'
export { batchToRows, CandleStorage, type CandleStorageOptions, type LoadOptions } from './store/candle-storage.ts'
export type { LakeFile, SeriesCoverage } from './store/lake/coverage-file.ts'
export { Lake, type LakeOptions, type ReadOptions, type SeriesStats } from './store/lake/lake.ts'
export { type LakeQuery, openQuery, QueryError, type QueryResult } from './store/lake/query.ts'

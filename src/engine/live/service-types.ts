import type { Market } from '../../model/series.ts'
import type { CollectorStatus } from './collector-report.ts'
import type { FeedStatus } from './feed.ts'
import type { CollectorOptions } from './options.ts'
import type { SymbolState, SymbolWish } from './service-channels.ts'

export interface MarketDataServiceOptions extends Omit<CollectorOptions, 'channels'> {
  /** Market of symbols that name none. Default `spot`. */
  readonly market?: Market | string
}

export interface SubscribeSymbolOptions extends SymbolWish {
  readonly market?: Market | string
  readonly signal?: AbortSignal
}

/** What to change; what is left out stays. */
export interface UpdateSubscriptionOptions extends Partial<SymbolWish> {
  readonly market?: Market | string
  readonly signal?: AbortSignal
}

/** A subscribed symbol. Disposing it ends the subscription. */
export interface SymbolSubscription extends SymbolState, AsyncDisposable {
  /** The exchange's own id. */
  readonly symbol: string
  readonly market: Market
  /** Changes it at run time; nothing is lost of what stays. */
  update(changes: UpdateSubscriptionOptions): Promise<void>
  unsubscribe(): Promise<void>
}

export interface ServiceStatistics {
  readonly running: boolean
  /** Local clock, epoch ms; NaN before the start. */
  readonly startedAt: number
  readonly symbols: readonly ({ readonly symbol: string; readonly market: Market } & SymbolState)[]
  /** Series whose latest value is in memory. */
  readonly latestValues: number
  readonly bus: { readonly published: number; readonly readers: number; readonly handlerErrors: number }
  readonly feeds: readonly FeedStatus[]
  /** Connections, series, books, repairs, flushes; undefined before the start. */
  readonly collector: CollectorStatus | undefined
}

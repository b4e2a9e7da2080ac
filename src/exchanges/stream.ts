import type { StoredRecord } from '../model/history/index.ts'
import type { Interval } from '../model/interval.ts'
import type { BookSnapshot, FundingRateRecord, LiveKind, LiveRecord, RecordId } from '../model/live/index.ts'
import type { Log } from '../model/log.ts'
import type { OptionNames } from '../model/options.ts'
import type { Market } from '../model/series.ts'
import type { TimeRange } from '../model/time.ts'

/** Symbol of a channel that carries every symbol of a market (`!miniTicker@arr`). */
export const EVERY_SYMBOL = '*'

/** One stream of an exchange, in the exchange-independent words. */
export interface Channel {
  readonly market: Market
  /** `bookDelta` is the diff stream, `bookSnapshot` the stream of the top levels. */
  readonly kind: Exclude<LiveKind, 'fundingRate'>
  /** The exchange's own id, or `EVERY_SYMBOL`. */
  readonly symbol: string
  /** Of candles, which need it. */
  readonly interval?: Interval
  /** Levels per side of a `bookSnapshot`: 5, 10 or 20. */
  readonly depth?: number
  /** Time between updates in ms where the exchange offers a choice; the fastest without it. */
  readonly speed?: number
  /** The small form of a ticker. */
  readonly mini?: boolean
}

/** Text that tells channels apart, e.g. `spot/candle/BTCUSDT/1m`. */
export function channelKey(channel: Channel): string {
  const parts: (string | number)[] = [channel.market, channel.kind, channel.symbol]
  if (channel.interval !== undefined) parts.push(channel.interval)
  if (channel.depth !== undefined) parts.push(channel.depth)
  if (channel.speed !== undefined) parts.push(`${channel.speed}ms`)
  if (channel.mini) parts.push('mini')
  return parts.join('/')
}

/** Where a parser puts what it found in a frame. */
export interface FrameSink {
  /** Once per record, in the frame's order. The record belongs to the receiver. */
  record(record: LiveRecord): void
  /** The answer to a request; `error` is what the exchange said. */
  reply(
    id: number | string | null,
    result: unknown,
    error: { readonly code: number; readonly message: string } | undefined,
  ): void
  /** The exchange is about to close the connection. */
  shutdown(time: number): void
  /** A well-formed event that ticklake has no kind for: counted, and nothing is wrong. */
  unknown(event: string): void
  /** A frame that can not be understood, or a field with an impossible value: `problem` says where and what. */
  bad(problem: string): void
}

/** Turns the frames of one market into records. Keeps no state between frames but what saves work. */
export interface FrameParser {
  /**
   * Reads one frame, `bytes[start…end)`. Never throws: what is wrong goes to `sink.bad`.
   * `receiveTime` is stamped on the records, epoch ms with a fraction.
   */
  parse(bytes: Uint8Array, start: number, end: number, receiveTime: number, sink: FrameSink): void
}

/**
 * The frames that came with one read of a socket: in the memory of each of them, `bytes[start…end)` holds them all, with
 * what lies between them on the wire.
 */
export interface ArrivedChunk {
  readonly start: number
  readonly end: number
}

/** A frame as it arrived. One object is used again and again: read it during the call, and copy what should stay. */
export interface ArrivedFrame {
  readonly market: Market
  /** Number of the connection it came over; rotation makes a new one. */
  readonly connection: number
  /** The payload is `bytes[start…end)`; the memory is used again after the call. */
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  readonly receiveTime: number
  /** What it holds. The array is used again, the records are not. */
  readonly records: readonly LiveRecord[]
  /** What it came with, the same object for each of them; undefined for a frame that came in several reads. */
  readonly chunk: ArrivedChunk | undefined
}

/** What happens on the connections. `at` is the local clock, epoch ms. */
export type StreamEvent = { readonly at: number } & (
  | { readonly type: 'open'; readonly connection: number; readonly market: Market; readonly url: string }
  /** A connection ended. `planned`: rotation, unsubscription, close. `channels` are those that no other connection carries now. */
  | {
      readonly type: 'closed'
      readonly connection: number
      readonly market: Market
      readonly code: number
      readonly reason: string
      readonly planned: boolean
      readonly channels: readonly Channel[]
      /** When the last frame arrived over it; NaN when none did. */
      readonly lastFrameAt: number
    }
  | {
      readonly type: 'reconnecting'
      readonly market: Market
      readonly attempt: number
      readonly delayMs: number
      readonly reason: string
    }
  /** The first data of a channel since it was subscribed on this connection. */
  | { readonly type: 'live'; readonly connection: number; readonly channel: Channel }
  /** No data for longer than the channel's pace allows: it is being moved to another connection. */
  | { readonly type: 'silent'; readonly connection: number; readonly channel: Channel; readonly silentMs: number }
  /** The exchange refused or never acknowledged a subscription. */
  | { readonly type: 'refused'; readonly channels: readonly Channel[]; readonly reason: string }
  | { readonly type: 'shutdown'; readonly connection: number; readonly market: Market }
  | { readonly type: 'rotated'; readonly from: number; readonly to: number; readonly market: Market }
  /** `frame` is a copy, cut to 64 KB. */
  | {
      readonly type: 'bad-frame'
      readonly connection: number
      readonly market: Market
      readonly problem: string
      readonly frame: Uint8Array
    }
  | { readonly type: 'unknown-event'; readonly connection: number; readonly market: Market; readonly event: string }
)

/** Who is told. Calls are synchronous and must be short; an exception in them is logged and kills nothing. */
export interface StreamListener {
  frame?(frame: ArrivedFrame): void
  event?(event: StreamEvent): void
}

export interface ChannelStatus {
  readonly channel: Channel
  /** `pending`: subscribed, no data yet; `live`: data arrive; `silent`: overdue; `down`: no connection carries it. */
  readonly state: 'pending' | 'live' | 'silent' | 'down'
  readonly connection: number | undefined
  readonly frames: number
  /** Local clock, epoch ms; NaN before the first. */
  readonly lastFrameAt: number
}

export interface ConnectionStatus {
  readonly connection: number
  readonly market: Market
  readonly url: string
  readonly state: 'connecting' | 'open' | 'closing'
  readonly channels: number
  readonly openedAt: number
  readonly frames: number
  readonly bytes: number
  readonly lastFrameAt: number
  /** Round trip of the last ping that we sent, ms; NaN before the first. */
  readonly pingMs: number
}

export interface StreamOptions {
  /** One base URL for everything (a sandbox or a proxy), http or ws; wins over `wsUrl`. */
  readonly endpoint?: string
  readonly wsUrl?: string
  readonly testnet?: boolean
  /** Time between pings that we send, ms; 0 for none. Default 15 s. */
  readonly pingIntervalMs?: number
  /** How long a pong may take before the connection counts as dead, ms. Default 10 s. */
  readonly pingTimeoutMs?: number
  /** How long the other side may take to answer a close, ms. Default 2 s. */
  readonly closeTimeoutMs?: number
  /** How long a connection may take to open, ms. Default 10 s. */
  readonly connectTimeoutMs?: number
  /** Largest message accepted, bytes. Default 16 MB. A larger one ends the connection. */
  readonly maxMessageSize?: number
  /** Default true. Without it a lost connection stays lost, its channels are `down`, and loops end when the last is. */
  readonly autoReconnect?: boolean
  /** First delay before a reconnect, ms, with full jitter; doubled up to `maxReconnectDelayMs`. Default 1 s and 60 s. */
  readonly reconnectDelayMs?: number
  readonly maxReconnectDelayMs?: number
  /** Channels per connection; the exchange's own limit at most. Default 200. */
  readonly channelsPerConnection?: number
  /** Age at which a connection is replaced, ms. Default 23 h. */
  readonly rotateAfterMs?: number
  /** How long both connections run side by side at a rotation, ms. Default 5 s. */
  readonly rotateOverlapMs?: number
  /** Silence at which a channel counts as dead, ms; without it by the channel's own pace. */
  readonly silenceMs?: number
  readonly log?: Log
}

/** Every name of `StreamOptions`. */
export const STREAM_OPTIONS: OptionNames<StreamOptions> = {
  endpoint: true,
  wsUrl: true,
  testnet: true,
  pingIntervalMs: true,
  pingTimeoutMs: true,
  closeTimeoutMs: true,
  connectTimeoutMs: true,
  maxMessageSize: true,
  autoReconnect: true,
  reconnectDelayMs: true,
  maxReconnectDelayMs: true,
  channelsPerConnection: true,
  rotateAfterMs: true,
  rotateOverlapMs: true,
  silenceMs: true,
  log: true,
}

/** A pool of connections that carries channels. */
export interface LiveStream extends AsyncDisposable {
  /** Adds channels; those that are there already stay. Resolves when the exchange acknowledged them, not when data came. */
  subscribe(channels: readonly Channel[], options?: { signal?: AbortSignal }): Promise<void>
  unsubscribe(channels: readonly Channel[], options?: { signal?: AbortSignal }): Promise<void>
  channels(): readonly ChannelStatus[]
  connections(): readonly ConnectionStatus[]
  /** Replaces every connection, new ones first. */
  reconnect(): Promise<void>
  /**
   * Reads nothing until `resume`, so that the exchange must hold back what it has; one read of each connection may still
   * come. A paused connection never counts as dead or silent. For seconds only: an exchange hangs up on who does not read.
   */
  pause(): void
  resume(): void
  close(): Promise<void>
}

/** Records wanted by id, both ends included. */
export interface RecordRequest {
  readonly market: Market
  readonly symbol: string
  readonly kind: 'trade' | 'aggTrade'
  readonly firstId: RecordId
  readonly lastId: RecordId
  readonly signal?: AbortSignal
}

/** An answer of REST, byte for byte. */
export interface RawAnswer {
  /** Path and query, e.g. `/api/v3/depth?symbol=BTCUSDT&limit=1000`. */
  readonly path: string
  readonly status: number
  readonly body: Uint8Array
}

/** What the engine needs of REST to start books and to fill holes. All within the client's rate budget. */
export interface RepairClient {
  /**
   * Records by id in pages, rising. Ids that the exchange does not have any more are left out; `newestFirst` asks for
   * the last page first, for exchanges that forget.
   */
  recordPages(
    request: RecordRequest & { readonly newestFirst?: boolean },
  ): AsyncGenerator<readonly LiveRecord[], void, void>
  /** The newest records, rising: says which id is the last one. */
  lastRecords(
    request: Omit<RecordRequest, 'firstId' | 'lastId'> & { readonly limit: number },
  ): Promise<readonly LiveRecord[]>
  /** Records of a time range, for where no id is known yet. */
  recordsAt(
    request: Omit<RecordRequest, 'firstId' | 'lastId'> & TimeRange,
  ): AsyncGenerator<readonly LiveRecord[], void, void>
  bookSnapshot(request: {
    market: Market
    symbol: string
    depth: number
    signal?: AbortSignal
    /** Told of the answer as it came. */
    onAnswer?: (answer: RawAnswer) => void
  }): Promise<BookSnapshot>
  /**
   * How far back REST gives records of a kind, ms before now: 0 for not at all, Infinity for all there are. Of a symbol
   * where one is named.
   */
  reach(request: { readonly market: Market; readonly kind: string; readonly symbol?: string }): number
  /** Records of a time range, of kinds that have no ids to ask by: fundings, metrics. None of other kinds. */
  historyPages(
    request: { market: Market; symbol: string; kind: string; signal?: AbortSignal } & TimeRange,
  ): AsyncGenerator<readonly StoredRecord[], void, void>
  /** Fundings paid in [from, to). */
  fundingRates(
    request: { market: Market; symbol: string; signal?: AbortSignal } & TimeRange,
  ): Promise<readonly FundingRateRecord[]>
}

/** The live side of an exchange. */
export interface LiveExchange {
  /** Kinds that a market has channels for. */
  kinds(market: Market): readonly Channel['kind'][]
  /** @throws InvalidRangeError for a channel that the exchange does not have, saying which exist. */
  checkChannel(channel: Channel): void
  /** The longest time between two frames of a busy symbol's channel, ms; undefined where silence means nothing. */
  pace(channel: Channel): number | undefined
  /** What book snapshots of a market cost, and how much weight they may use in a minute. */
  snapshots(market: Market): {
    readonly costs: readonly { readonly depth: number; readonly weight: number }[]
    readonly weightPerMinute: number
    /** Markets of one pool share what is used. */
    readonly pool: string
  }
  createParser(market: Market): FrameParser
  createStream(options: StreamOptions, listener: StreamListener): LiveStream
}

import { PARALLEL_LIMIT } from '../../engine/tuning/decide.ts'
import { MARKETS } from '../../model/series.ts'
import { liveKinds } from '../collect/kinds.ts'
import {
  choice,
  count,
  flag,
  interval,
  intervals,
  pairs,
  path,
  sharing,
  size,
  span,
  text,
  url,
  type ValueType,
} from './values.ts'

/** One setting: everything that loading, checking, `init` and `doctor` need to know of it. */
export interface Setting<T, D extends T | undefined = T | undefined> {
  readonly type: ValueType<T>
  readonly about: string
  readonly default: D
  /** Environment variables that set it; the first is the name to show. */
  readonly env?: readonly string[]
  /** Command line flag that sets it. */
  readonly flag?: string
  /** Never shown in full. */
  readonly secret?: boolean
  /** A path: relative ones count from the folder of the file that names them. */
  readonly isPath?: boolean
}

type Facts = Omit<Setting<unknown>, 'type' | 'about' | 'default'>

function withDefault<T>(type: ValueType<T>, value: T, about: string, facts: Facts = {}): Setting<T, T> {
  return { type, about, default: value, ...facts }
}

function optional<T>(type: ValueType<T>, about: string, facts: Facts = {}): Setting<T, undefined> {
  return { type, about, default: undefined, ...facts }
}

/**
 * Every setting, by group and key as in `ticklake.config.yaml`. Flags win over the environment, that over `.env`, that
 * over the config file, that over the default.
 */
export const SETTINGS = {
  exchange: {
    name: withDefault(text, 'binance', 'The exchange.', { flag: '--exchange' }),
    market: optional(choice(...MARKETS), 'Market of symbols that do not say theirs; spot when unset.', {
      flag: '--market',
    }),
    endpoint: optional(url('http', 'https'), 'One base URL for REST, WebSocket and archive: a sandbox or a proxy.', {
      flag: '--endpoint',
    }),
    restUrl: optional(url('http', 'https'), 'REST base URL, e.g. of a proxy.', { env: ['REST_URL'] }),
    wsUrl: optional(url('ws', 'wss'), 'WebSocket base URL.', { env: ['WS_URL'] }),
    archiveUrl: optional(url('http', 'https'), 'Base URL of the archive.', { env: ['ARCHIVE_URL'] }),
    apiKey: optional(text, 'API key. Market data needs none; better kept in .env than here.', {
      env: ['BINANCE_API_KEY'],
      secret: true,
    }),
    secretKey: optional(text, 'Secret of the API key; better kept in .env than here.', {
      env: ['BINANCE_API_SECRET', 'BINANCE_SECRET_KEY'],
      secret: true,
    }),
    sharedBudget: optional(
      sharing,
      'Whether the programs of this user share one rate budget per address, or the folder to share it in; true when unset.',
      { env: ['TICKLAKE_SHARED_BUDGET'] },
    ),
    testnet: withDefault(flag, false, "Use the exchange's testnet.", { env: ['BINANCE_TESTNET'] }),
  },
  data: {
    dataDir: withDefault(path, 'ticklake-data', 'Folder of the lake.', {
      flag: '--data-dir',
      env: ['DATA_DIR'],
      isPath: true,
    }),
    cacheDir: optional(path, 'Folder of what can be built again; <dataDir>/.cache when unset.', {
      flag: '--cache-dir',
      env: ['CACHE_DIR'],
      isPath: true,
    }),
    cacheSize: withDefault(size(0, '0 for no cache'), 10e9, 'The cache grows no larger.', { env: ['CACHE_SIZE'] }),
    maxFileSize: withDefault(size(1e6, '1MB'), 100e6, 'No file of the lake grows past this.'),
    compression: withDefault(choice('zstd', 'snappy', 'none'), 'zstd', 'Compression of Parquet files.'),
  },
  websocket: {
    pingInterval: withDefault(span(1_000, 3_600_000), 20_000, 'How often to ping a connection.'),
    pingTimeout: withDefault(
      span(100, 600_000),
      10_000,
      'A connection is dead after this long without an answer to a ping.',
    ),
    closeTimeout: withDefault(span(100, 600_000), 5_000, 'How long to wait for a clean close.'),
    maxMessageSize: withDefault(size(1_024, '1KiB'), 10e6, 'Larger messages are refused.'),
    autoReconnect: withDefault(flag, true, 'Connect again after a connection is lost.'),
    reconnectDelay: withDefault(
      span(10, 600_000),
      1_000,
      'First wait before connecting again; it doubles, with jitter.',
    ),
    maxReconnectDelay: withDefault(span(10, 3_600_000), 60_000, 'Longest wait before connecting again.'),
  },
  collect: {
    kinds: withDefault(liveKinds, ['candle', 'trade'], 'What `ticklake collect` collects of each symbol.', {
      flag: '--kinds',
    }),
    intervals: optional(intervals, 'Intervals of candles; the default interval when unset.'),
    depth: withDefault(count(5, 5_000), 1_000, 'Levels per side that an order book is started with.', {
      flag: '--depth',
      env: ['DEFAULT_DEPTH'],
    }),
    flush: withDefault(span(100, 3_600_000), 30_000, 'Longest time that a record waits for the lake.', {
      flag: '--flush',
    }),
    snapshots: withDefault(
      span(0, 86_400_000),
      600_000,
      'Time between stored snapshots of each order book; 0 for none but those that begin one.',
    ),
    maxBackfill: withDefault(
      count(0, 1_000_000_000),
      5_000_000,
      'Records per hole that REST is asked for at most; an older rest is a gap.',
    ),
  },
  download: {
    parallel: optional(
      count(1, PARALLEL_LIMIT),
      'Archive files at a time; what machine and line bear, 13 at most, when unset.',
      {
        flag: '--parallel',
      },
    ),
    timeout: withDefault(span(100, 600_000), 30_000, 'How long one request may stay without an answer.'),
    retries: withDefault(count(0, 100), 5, 'Further tries after a failure that may pass.'),
    recentHours: withDefault(
      count(0, 8_760),
      36,
      'What is younger than this comes from REST, what is older from the archive.',
    ),
    defaultInterval: withDefault(interval, '1m', 'Interval when symbols are named without one.', {
      env: ['DEFAULT_INTERVAL'],
    }),
    pairs: withDefault(pairs, { file: 'pairs.yaml' }, 'What `ticklake download` fetches when no symbol is named.', {
      isPath: true,
    }),
    intervals: optional(intervals, 'Intervals of those pairs; wins over the list in the pairs file.'),
    months: optional(count(1, 1_200), 'Months of history of those pairs; wins over the pairs file.'),
  },
} as const

type Table = typeof SETTINGS
type ValueOf<S> = S extends Setting<infer T, infer D> ? (D extends undefined ? T | undefined : T) : never

/** The settings in force. Sizes are bytes, times milliseconds, paths absolute. */
export type Settings = { readonly [G in keyof Table]: { readonly [K in keyof Table[G]]: ValueOf<Table[G][K]> } }

export type SettingKey = { [G in keyof Table & string]: `${G}.${keyof Table[G] & string}` }[keyof Table & string]

/** Every setting with its dotted key, in the order of the table. */
export function settingEntries(): { key: SettingKey; group: string; name: string; setting: Setting<unknown> }[] {
  return Object.entries(SETTINGS).flatMap(([group, entries]) =>
    Object.entries(entries).map(([name, setting]) => ({
      key: `${group}.${name}` as SettingKey,
      group,
      name,
      setting: setting as unknown as Setting<unknown>,
    })),
  )
}

import { ConfigError } from '../model/errors.ts'
import { type Log, silentLog } from '../model/log.ts'
import type { Market } from '../model/series.ts'
import { parseTime, type TimeInput } from '../model/time.ts'
import { type FaultSpec, parseFaults } from './faults/spec.ts'
import type { LiveLimits, LiveTimes } from './live/manners.ts'
import { SANDBOX_MARKETS, type SandboxMarket } from './market/listing.ts'

/** How a sandbox is made; everything has a default. */
export interface SandboxOptions {
  /** Port on 127.0.0.1; 0 takes a free one. */
  readonly port?: number
  /** `spot`, `usdm` and `coinm`; all by default. */
  readonly markets?: readonly Market[]
  /** A folder in the archive's layout (it holds `data/spot/…`), served as archive and as REST instead of the seeded market. */
  readonly archive?: string
  /** The exchange's clock at the start; it runs on from there. Real time by default. */
  readonly now?: TimeInput
  /** How many times as fast as real time the clock runs (default 1). */
  readonly speed?: number
  /** Whole number that the seeded market is drawn from (default 1). */
  readonly seed?: number
  /** Only these symbols; names that are not built in are made up. */
  readonly symbols?: readonly string[]
  /** Rate of the seeded market (default 1); each symbol trades at a multiple of it. */
  readonly tradesPerSecond?: number
  /** First instant of trading, for all symbols or by symbol. */
  readonly listedAt?: TimeInput | Readonly<Record<string, TimeInput>>
  readonly faults?: readonly FaultSpec[]
  /** Recorded frames, played over WebSocket instead of the seeded market's: files of JSON lines, plain or gzipped. */
  readonly capture?: readonly string[]
  /** Pings and life of connections, real ms, where the exchange's own would be a long wait. */
  readonly liveTimes?: LiveTimes
  /** Limits of connections, where the exchange's own are in the way. */
  readonly liveLimits?: LiveLimits
  /** Weight per window and address (default 6000 on spot, 2400 on the futures, which share one count). */
  readonly weightLimits?: { readonly spot?: number; readonly usdm?: number }
  /** Length of a weight window on the exchange's clock: whole seconds, 60,000 by default. */
  readonly weightWindowMs?: number
  readonly log?: Log
}

export interface Settings {
  readonly port: number
  readonly markets: readonly SandboxMarket[]
  readonly archive: string | undefined
  /** Undefined for real time, or the beginning of the capture. */
  readonly start: number | undefined
  readonly speed: number
  readonly seed: number
  readonly symbols: readonly string[] | undefined
  readonly tradesPerSecond: number
  readonly listedAt: SandboxOptions['listedAt']
  readonly faults: readonly FaultSpec[]
  readonly capture: readonly string[]
  readonly liveTimes: LiveTimes
  readonly liveLimits: LiveLimits
  readonly weightLimits: Readonly<Record<'spot' | 'usdm', number>>
  readonly weightWindowMs: number
  readonly log: Log
}

/** @throws ConfigError naming the option and what is allowed. */
export function settingsOf(options: SandboxOptions): Settings {
  return {
    port: within('port', options.port ?? 0, 0, 65_535, true),
    markets: marketsOf(options.markets),
    archive: options.archive,
    start: options.now === undefined ? undefined : parseTime(options.now, 'now'),
    speed: within('speed', options.speed ?? 1, 1e-6, 1e6, false),
    seed: within('seed', options.seed ?? 1, 0, 2 ** 32 - 1, true),
    symbols: options.symbols === undefined || options.symbols.length === 0 ? undefined : [...new Set(options.symbols)],
    tradesPerSecond: within('tradesPerSecond', options.tradesPerSecond ?? 1, 0.0001, 10_000, false),
    listedAt: options.listedAt,
    faults: parseFaults(options.faults ?? []),
    capture: options.capture ?? [],
    liveTimes: numbersOf('liveTimes', options.liveTimes, ['pingMs', 'pongMs', 'lifeMs']),
    liveLimits: numbersOf('liveLimits', options.liveLimits, [
      'streams',
      'messagesPerSecond',
      'attempts',
      'unreadBytes',
    ]),
    weightLimits: {
      spot: within('weightLimits.spot', options.weightLimits?.spot ?? 6000, 1, 1e9, true),
      usdm: within('weightLimits.usdm', options.weightLimits?.usdm ?? 2400, 1, 1e9, true),
    },
    weightWindowMs: within('weightWindowMs', (options.weightWindowMs ?? 60_000) / 1000, 1, 86_400, true) * 1000,
    log: options.log ?? silentLog,
  }
}

function marketsOf(markets: readonly Market[] | undefined): SandboxMarket[] {
  if (markets === undefined || markets.length === 0) return [...SANDBOX_MARKETS]
  const known: readonly string[] = SANDBOX_MARKETS
  const strange = markets.find((market) => !known.includes(market))
  if (strange !== undefined) {
    throw new ConfigError(`markets: "${strange}" is not in the sandbox; it has ${SANDBOX_MARKETS.join(', ')}.`)
  }
  return SANDBOX_MARKETS.filter((market) => markets.includes(market))
}

function numbersOf<Name extends string>(
  group: string,
  values: { readonly [N in Name]?: number } | undefined,
  names: readonly Name[],
): { readonly [N in Name]?: number } {
  const checked: { [N in Name]?: number } = {}
  for (const name of names) {
    const value = values?.[name]
    if (value !== undefined) checked[name] = within(`${group}.${name}`, value, 1, 1e12, false)
  }
  return checked
}

function within(name: string, value: number, least: number, most: number, whole: boolean): number {
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value
  const kind = whole ? 'a whole number' : 'a number'
  const unit = name === 'weightWindowMs' ? ' of seconds' : ''
  throw new ConfigError(`${name} is ${value}; allowed: ${kind}${unit} from ${least} to ${most}.`)
}

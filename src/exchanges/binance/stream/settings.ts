import { ConfigError } from '../../../model/errors.ts'
import { type Log, silentLog } from '../../../model/log.ts'
import type { Market } from '../../../model/series.ts'
import { HOUR, MINUTE, SECOND } from '../../../model/time.ts'
import type { StreamOptions } from '../../stream.ts'

/** What a market's server allows and does (reference/binance-streams.md, section 2). */
export interface ServerRules {
  /** Frames that we send within `perMs`: one less than allowed and in a longer time, because the way compresses time. */
  readonly sendRate: { readonly frames: number; readonly perMs: number }
  readonly maxChannels: number
  /** Silence of the server's own pings, and of everything else, after which it is gone, ms. */
  readonly pingSilenceMs: number
}

export function rulesOf(market: Market): ServerRules {
  return market === 'spot'
    ? { sendRate: { frames: 4, perMs: 1100 }, maxChannels: 1024, pingSilenceMs: 75 * SECOND }
    : // Older pages and those of COIN-M say 200.
      { sendRate: { frames: 9, perMs: 1100 }, maxChannels: market === 'usdm' ? 1024 : 200, pingSilenceMs: 10 * MINUTE }
}

/** Names per SUBSCRIBE message. */
export const NAMES_PER_MESSAGE = 200

type Numbers = Required<
  Pick<
    StreamOptions,
    | 'pingIntervalMs'
    | 'pingTimeoutMs'
    | 'closeTimeoutMs'
    | 'connectTimeoutMs'
    | 'maxMessageSize'
    | 'reconnectDelayMs'
    | 'maxReconnectDelayMs'
    | 'channelsPerConnection'
    | 'rotateAfterMs'
    | 'rotateOverlapMs'
  >
>

export interface StreamSettings extends Numbers {
  readonly source: StreamOptions
  readonly autoReconnect: boolean
  readonly silenceMs: number | undefined
  readonly log: Log
}

const DEFAULTS: Numbers = {
  pingIntervalMs: 15 * SECOND,
  pingTimeoutMs: 10 * SECOND,
  closeTimeoutMs: 2 * SECOND,
  connectTimeoutMs: 10 * SECOND,
  maxMessageSize: 16 * 1024 * 1024,
  reconnectDelayMs: SECOND,
  maxReconnectDelayMs: 60 * SECOND,
  channelsPerConnection: 200,
  rotateAfterMs: 23 * HOUR,
  rotateOverlapMs: 5 * SECOND,
}

const MAY_BE_ZERO: ReadonlySet<string> = new Set(['pingIntervalMs', 'rotateOverlapMs', 'reconnectDelayMs'])

/** The options with their defaults. @throws ConfigError for a number that makes no sense. */
export function settingsOf(options: StreamOptions): StreamSettings {
  const numbers: Record<string, number> = {}
  for (const [name, fallback] of Object.entries(DEFAULTS)) {
    numbers[name] = checked(name, options[name as keyof Numbers] ?? fallback)
  }
  return {
    ...(numbers as unknown as Numbers),
    source: options,
    autoReconnect: options.autoReconnect ?? true,
    silenceMs: options.silenceMs === undefined ? undefined : checked('silenceMs', options.silenceMs),
    log: options.log ?? silentLog,
  }
}

function checked(name: string, value: number): number {
  if (typeof value === 'number' && (value > 0 || (value === 0 && MAY_BE_ZERO.has(name)))) return value
  throw new ConfigError(`${name}: ${value} is not a number ${MAY_BE_ZERO.has(name) ? 'from 0 on' : 'above 0'}.`)
}

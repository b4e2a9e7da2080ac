import { ConfigError } from '../../model/errors.ts'
import type { Market } from '../../model/series.ts'
import type { StreamOptions } from '../stream.ts'
import type { Route } from './channels.ts'

/** Equivalent hosts per market, in order of preference (reference/binance-streams.md, section 1). */
const PRODUCTION: Readonly<Record<Market, readonly string[]>> = {
  spot: ['wss://stream.binance.com:9443', 'wss://stream.binance.com:443', 'wss://data-stream.binance.vision'],
  usdm: ['wss://fstream.binance.com'],
  coinm: ['wss://dstream.binance.com'],
  option: ['wss://fstream.binance.com'],
}

/** Ids of the two futures test venues are unrelated: the first one is that of the first REST host. */
const TESTNET: Readonly<Record<Market, readonly string[]>> = {
  spot: ['wss://stream.testnet.binance.vision', 'wss://stream.testnet.binance.vision:9443'],
  usdm: ['wss://demo-fstream.binance.com'],
  coinm: ['wss://dstream.binancefuture.com'],
  option: ['wss://fstream.binancefuture.com'],
}

/** Base URLs of a market's streams, in order of preference: one endpoint for all, a URL of its own, testnet, production. */
export function streamBases(market: Market, options: StreamOptions = {}): readonly string[] {
  if (options.endpoint !== undefined) {
    const base = cleanUrl(options.endpoint, 'endpoint')
    // Routes tell USD-M from spot where one host serves all; COIN-M has none of its own.
    return [market === 'coinm' ? `${base}/dstream` : base]
  }
  if (options.wsUrl !== undefined) return [cleanUrl(options.wsUrl, 'wsUrl')]
  return options.testnet ? TESTNET[market] : PRODUCTION[market]
}

/** URL of a combined connection, to which streams are subscribed afterwards. */
export function streamUrl(base: string, route: Route | undefined): string {
  return route === undefined ? `${base}/stream` : `${base}/${route}/stream`
}

/** The base as a WebSocket URL without a trailing slash; http becomes ws, https wss. */
function cleanUrl(text: string, name: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^(https?|wss?):$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new ConfigError(
      `${name}: "${text}" is not the base URL of streams. It must begin with ws://, wss://, http:// or https:// and have no query.`,
    )
  }
  return text.trim().replace(/^http/i, 'ws').replace(/\/+$/, '')
}

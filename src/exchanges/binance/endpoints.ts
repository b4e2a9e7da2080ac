import { ConfigError } from '../../model/errors.ts'
import type { Market } from '../../model/series.ts'
import type { ClientOptions, Endpoints } from '../exchange.ts'

/** Serves public spot data only, without a key; reported to answer where the trading hosts refuse a location. */
export const SPOT_DATA_HOST = 'https://data-api.binance.vision'

/** Equivalent hosts per market, in order of preference (reference/binance-rest.md, section 1.1). */
const PRODUCTION: Readonly<Record<Market, readonly string[]>> = {
  spot: [
    'https://api.binance.com',
    SPOT_DATA_HOST,
    'https://api-gcp.binance.com',
    'https://api1.binance.com',
    'https://api2.binance.com',
    'https://api3.binance.com',
    'https://api4.binance.com',
  ],
  usdm: ['https://fapi.binance.com'],
  coinm: ['https://dapi.binance.com'],
  option: ['https://eapi.binance.com'],
}

const TESTNET: Readonly<Record<Market, readonly string[]>> = {
  spot: ['https://testnet.binance.vision', 'https://api1.testnet.binance.vision'],
  usdm: ['https://demo-fapi.binance.com', 'https://testnet.binancefuture.com'],
  coinm: ['https://demo-dapi.binance.com', 'https://testnet.binancefuture.com'],
  option: ['https://testnet.binancefuture.com'],
}

const ARCHIVE = 'https://data.binance.vision'
const ARCHIVE_LIST = 'https://s3-ap-northeast-1.amazonaws.com/data.binance.vision'

const DATA_HOST_PATHS: ReadonlySet<string> = new Set(
  [
    'aggTrades',
    'avgPrice',
    'depth',
    'exchangeInfo',
    'klines',
    'ping',
    'ticker',
    'ticker/24hr',
    'ticker/bookTicker',
    'ticker/price',
    'time',
    'trades',
    'uiKlines',
  ].map((name) => `/api/v3/${name}`),
)

/** Whether a host has a path; only the market-data host lacks some. */
export function servesPath(base: string, path: string): boolean {
  return base !== SPOT_DATA_HOST || DATA_HOST_PATHS.has(path)
}

/** Base URLs by the options: one endpoint for all, single URLs, the testnet (which has no archive), or production. */
export function binanceEndpoints(options: ClientOptions = {}): Endpoints {
  if (options.endpoint !== undefined) {
    const base = cleanUrl(options.endpoint, 'endpoint')
    return { rest: everywhere(base), archive: base, archiveList: base }
  }
  const rest = options.restUrl === undefined ? undefined : cleanUrl(options.restUrl, 'restUrl')
  const archive = options.archiveUrl === undefined ? undefined : cleanUrl(options.archiveUrl, 'archiveUrl')
  return {
    rest: rest !== undefined ? everywhere(rest) : options.testnet ? TESTNET : PRODUCTION,
    ...(archive !== undefined
      ? { archive, archiveList: archive }
      : options.testnet
        ? {}
        : { archive: ARCHIVE, archiveList: ARCHIVE_LIST }),
  }
}

/** One name for hosts that count the requests of an address together. */
export function budgetHost(base: string): string {
  const group = [...Object.values(PRODUCTION), ...Object.values(TESTNET)].find((bases) => bases.includes(base))
  return new URL(group?.[0] ?? base).host.replace(/^localhost\b/, '127.0.0.1')
}

function everywhere(base: string): Readonly<Record<Market, readonly string[]>> {
  return { spot: [base], usdm: [base], coinm: [base], option: [base] }
}

function cleanUrl(text: string, name: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ConfigError(`${name}: "${text}" is not a URL. It must begin with http:// or https://.`)
  }
  return text.trim().replace(/\/+$/, '')
}

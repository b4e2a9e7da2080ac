import { ConfigError } from '../model/errors.ts'
import { binance } from './binance/index.ts'
import type { Exchange } from './exchange.ts'

/** Every exchange, by id. A new exchange is one file (or folder) and one line here. */
export const EXCHANGES: Readonly<Record<string, Exchange>> = { binance }

/** @throws ConfigError naming the exchanges that are known. */
export function exchangeOf(id: string): Exchange {
  const key = id.trim().toLowerCase()
  const exchange = Object.hasOwn(EXCHANGES, key) ? EXCHANGES[key] : undefined
  if (exchange) return exchange
  throw new ConfigError(`Unknown exchange "${id}". Use one of ${Object.keys(EXCHANGES).join(', ')}.`)
}

import type { DataSourceManager, DataSourceManagerOptions } from '../engine/data-source-manager.ts'
import type { Exchange } from '../exchanges/exchange.ts'
import { ConfigError } from '../model/errors.ts'
import { HOUR } from '../model/time.ts'
import type { Settings } from './config/settings.ts'
import type { Context } from './context.ts'
import { returnMemoryEarly } from './memory.ts'
import { didYouMean } from './suggest.ts'

/** The exchange of the settings. @throws ConfigError naming those that exist. */
export async function chosenExchange(settings: Settings): Promise<Exchange> {
  const { EXCHANGES } = await import('../exchanges/index.ts')
  const { name } = settings.exchange
  const known = Object.keys(EXCHANGES)
  const exchange = Object.hasOwn(EXCHANGES, name) ? EXCHANGES[name] : undefined
  if (!exchange) throw new ConfigError(`exchange is "${name}"; allowed: ${known.join(', ')}.${didYouMean(name, known)}`)
  const { market } = settings.exchange
  if (market !== undefined && !exchange.markets.includes(market)) {
    throw new ConfigError(
      `market is "${market}"; ${name} has ${exchange.markets.join(', ')}.${didYouMean(market, exchange.markets)}`,
    )
  }
  return exchange
}

/** The engine with the settings in force, but for what the verb wants otherwise; its owner disposes of it. */
export async function openEngine(
  context: Context,
  wanted: Partial<DataSourceManagerOptions> = {},
): Promise<DataSourceManager> {
  const settings = await context.settings()
  const { exchange, data, download } = settings
  await chosenExchange(settings)
  await returnMemoryEarly()
  const { DataSourceManager } = await import('../engine/data-source-manager.ts')
  return new DataSourceManager({
    dataDir: data.dataDir,
    ...(data.cacheDir === undefined ? {} : { cacheDir: data.cacheDir }),
    useCache: data.cacheSize > 0,
    cacheMaxBytes: data.cacheSize,
    exchange: exchange.name,
    ...(exchange.market === undefined ? {} : { market: exchange.market }),
    ...(exchange.endpoint === undefined ? {} : { endpoint: exchange.endpoint }),
    ...(exchange.restUrl === undefined ? {} : { restUrl: exchange.restUrl }),
    ...(exchange.archiveUrl === undefined ? {} : { archiveUrl: exchange.archiveUrl }),
    ...(exchange.apiKey === undefined ? {} : { apiKey: exchange.apiKey }),
    ...(exchange.sharedBudget === undefined ? {} : { sharedBudget: exchange.sharedBudget }),
    testnet: exchange.testnet,
    ...(download.parallel === undefined ? {} : { parallel: download.parallel }),
    recentMs: download.recentHours * HOUR,
    maxFileSize: data.maxFileSize,
    compression: data.compression,
    timeoutMs: download.timeout,
    attempts: download.retries + 1,
    log: await context.log(),
    ...wanted,
  })
}

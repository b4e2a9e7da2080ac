import type { SandboxMarket } from '../../market/listing.ts'
import type { SymbolInfo } from '../../market/market.ts'
import type { StreamSpec } from '../names.ts'
import { allQuotesSource, depthSource, partialDepthSource, quoteSource } from './books.ts'
import { klineSource } from './klines.ts'
import { liquidationSource, markSource } from './marks.ts'
import type { Source, SourceContext } from './source.ts'
import { averageSource, miniTickerSource, tickerSource, windowTickerSource } from './tickers.ts'
import { aggTradeSource, tradeSource } from './trades.ts'

/** The source of a stream; undefined for a symbol that the market does not have (now): such a stream stays silent. */
export async function sourceFor(
  context: SourceContext,
  market: SandboxMarket,
  spec: StreamSpec,
): Promise<Source | undefined> {
  const listed = async (): Promise<readonly SymbolInfo[]> =>
    (await context.data.symbols(market, context.now())).filter((info) => info.listed)
  if (spec.symbol === undefined) return marketSource(context, spec, listed)
  const info = await context.data.symbol(market, spec.symbol, context.now())
  return info?.listed ? symbolSource(context, spec, info) : undefined
}

function symbolSource(context: SourceContext, spec: StreamSpec, info: SymbolInfo): Source {
  const alone = async (): Promise<readonly SymbolInfo[]> => [info]
  switch (spec.type) {
    case 'trade':
      return tradeSource(context, info)
    case 'aggTrade':
      return aggTradeSource(context, info)
    case 'depth':
      return depthSource(context, info, spec.speed)
    case 'partialDepth':
      return partialDepthSource(context, info, spec.speed, spec.levels)
    case 'bookTicker':
      return quoteSource(context, info)
    case 'kline':
    case 'continuousKline':
      return klineSource(context, info, { ...spec, continuous: spec.type === 'continuousKline' })
    case 'ticker':
      return tickerSource(context, info, alone)
    case 'miniTicker':
      return miniTickerSource(context, info, alone)
    case 'windowTicker':
      return windowTickerSource(context, info, alone, spec.window, spec.hours)
    case 'avgPrice':
      return averageSource(context, info)
    case 'markPrice':
      return markSource(context, alone, spec.speed, false)
    case 'forceOrder':
      return liquidationSource(context, alone)
  }
}

function marketSource(
  context: SourceContext,
  spec: StreamSpec,
  symbols: () => Promise<readonly SymbolInfo[]>,
): Source | undefined {
  switch (spec.type) {
    case 'ticker':
      return tickerSource(context, undefined, symbols)
    case 'miniTicker':
      return miniTickerSource(context, undefined, symbols)
    case 'windowTicker':
      return windowTickerSource(context, undefined, symbols, spec.window, spec.hours)
    case 'bookTicker':
      return allQuotesSource(context, symbols)
    case 'markPrice':
      return markSource(context, symbols, spec.speed, true)
    case 'forceOrder':
      return liquidationSource(context, symbols)
    default:
      return undefined
  }
}

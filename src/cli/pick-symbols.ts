import type { DataSourceManager } from '../engine/data-source-manager.ts'
import type { SourceChoice } from '../engine/types.ts'
import { ConfigError } from '../model/errors.ts'
import type { Interval } from '../model/interval.ts'
import type { Market } from '../model/series.ts'
import { words } from './config/values.ts'
import type { Context } from './context.ts'
import { type RangeOptions, readRangeWithLength } from './range.ts'
import { plural } from './render/text.ts'
import { readSymbols, symbolWords, type WantedSymbol } from './select.ts'

/** Flags that choose symbols by more than their names. */
export interface PickOptions extends RangeOptions {
  readonly quote?: string
  readonly delisted?: boolean
  readonly source?: SourceChoice
}

/** Of which data symbols are picked. */
export interface PickOf {
  readonly kind: string
  readonly interval: Interval | undefined
}

/** A symbol that a pattern brought in is known to be there. */
export interface PickedSymbol extends WantedSymbol {
  readonly isPicked?: boolean
}

/**
 * Named symbols as `readSymbols` reads them, and those that patterns, `ALL` and `--quote` mean, as the exchange and its
 * archive know them now.
 * @throws InvalidSymbolError for a pattern that nothing matches.
 */
export async function pickSymbols(
  context: Context,
  engine: DataSourceManager,
  typed: readonly string[],
  options: PickOptions,
  of: PickOf,
): Promise<PickedSymbol[]> {
  const { isSymbolPattern } = await import('../model/symbol-pattern.ts')
  const all = symbolWords(typed)
  const patterns = all.filter(isSymbolPattern)
  const quote = options.quote === undefined ? [] : words(options.quote)
  const named = await readSymbols(
    context,
    all.filter((word) => !isSymbolPattern(word)),
  )
  if (patterns.length === 0 && (quote.length === 0 || named.length > 0)) {
    if (quote.length > 0 || options.delisted !== undefined) {
      const flag = quote.length > 0 ? '--quote' : '--delisted'
      throw new ConfigError(`${flag} goes with ALL or a pattern such as '*USDT', not with the names of symbols alone.`)
    }
    return named
  }
  const market = (await context.settings()).exchange.market ?? 'spot'
  const source = options.source ?? 'auto'
  const selected = await engine.symbols({
    symbols: patterns,
    market,
    quote,
    ...(options.delisted === undefined ? {} : { delisted: options.delisted }),
    // REST knows nothing of what was delisted.
    ...(source === 'rest' ? { delisted: false } : {}),
    ...(await rangeOf(context, engine, market, options)),
    kind: of.kind,
    ...(of.interval === undefined ? {} : { interval: of.interval }),
    signal: context.signal,
  })
  const gone = selected.filter(({ isListed }) => isListed === false).length
  const by = [...patterns, ...quote.map((asset) => `--quote ${asset}`)].join(' ')
  context.say(`${plural(selected.length, 'symbol')} of ${by}${gone === 0 ? '' : `, ${gone} of them no longer traded`}`)
  const picked = selected.map(({ symbol, market: own, by: text }) => ({
    ...{ typed: text, symbol, market: own, isPicked: true },
  }))
  return [
    ...named,
    ...picked.filter(
      ({ symbol, market: own }) => !named.some((one) => one.symbol === symbol && (one.market ?? market) === own),
    ),
  ]
}

/** The range that the flags name, if they name one. */
async function rangeOf(context: Context, engine: DataSourceManager, market: Market, options: PickOptions) {
  const now = await engine.now(market, context.signal, options.source ?? 'auto')
  const { from, to } = readRangeWithLength(options, now)
  return from === undefined && to === undefined ? {} : { range: { from: from ?? 0, to: to ?? now } }
}

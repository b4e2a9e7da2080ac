import type { Market } from '../../model/series.ts'
import type { FormerSymbol } from '../exchange.ts'

/** A coin that got another name, one unit for one: the price went on. */
export interface Rename {
  readonly from: string
  readonly to: string
  /** Month in which the new name began to trade on spot. */
  readonly month: string
  /** The old name means another coin from this instant on, epoch ms. */
  readonly until?: number
}

/**
 * Coins that Binance renamed one for one. Those whose units changed (LEND to AAVE, ERD to EGLD, OM to MANTRA) are left
 * out: their prices are of different things. When the old symbol ended and the new one began the data tell, so no day
 * stands here.
 *
 * Not verified with the exchange: Binance publishes no list of renames, and no reference at hand backs one. An announcement
 * of Binance's was read of FTM to S alone (2025-01: pairs ended on the 13th, began on the 16th, one for one). What its
 * exchangeInfo of 2021-04-17 can tell contradicts none (`test/exchanges/binance/renames.test.ts`): names given up before
 * stand there as no longer trading, beside the new ones; of later renames the old name trades, or is not listed yet, and
 * the new one is unknown.
 */
export const RENAMES: readonly Rename[] = [
  { from: 'BCC', to: 'BCHABC', month: '2018-11' },
  { from: 'BCHABC', to: 'BCH', month: '2019-11' },
  { from: 'STORM', to: 'STMX', month: '2020-03' },
  { from: 'STRAT', to: 'STRAX', month: '2020-11' },
  { from: 'GNT', to: 'GLM', month: '2020-11' },
  { from: 'XZC', to: 'FIRO', month: '2020-12' },
  { from: 'PAX', to: 'USDP', month: '2021-09' },
  { from: 'NANO', to: 'XNO', month: '2022-01' },
  { from: 'ANY', to: 'MULTI', month: '2022-01' },
  // LUNA is the coin of the new chain since then.
  { from: 'LUNA', to: 'LUNC', month: '2022-09', until: Date.UTC(2022, 4, 28) },
  { from: 'UST', to: 'USTC', month: '2022-09', until: Date.UTC(2022, 4, 28) },
  { from: 'POLY', to: 'POLYX', month: '2022-12' },
  { from: 'COCOS', to: 'COMBO', month: '2023-06' },
  { from: 'TOMO', to: 'VIC', month: '2023-12' },
  { from: 'FRONT', to: 'SLF', month: '2024-07' },
  { from: 'RNDR', to: 'RENDER', month: '2024-07' },
  { from: 'MATIC', to: 'POL', month: '2024-09' },
  { from: 'ORN', to: 'LUMIA', month: '2024-10' },
  { from: 'KLAY', to: 'KAIA', month: '2024-11' },
  { from: 'FTM', to: 'S', month: '2025-01' },
  { from: 'DAR', to: 'D', month: '2025-01' },
  { from: 'LIT', to: 'HEI', month: '2025-02' },
  { from: 'EOS', to: 'A', month: '2025-05' },
]

/** Assets that prices are named in: what may follow a coin's name in a symbol. */
const QUOTES: ReadonlySet<string> = new Set(
  'USDT BUSD USDC FDUSD TUSD PAX USDS USD1 BTC ETH BNB TRX XRP EUR GBP AUD TRY BRL RUB UAH NGN IDRT BIDR JPY USD'.split(
    ' ',
  ),
)
const ENDING = /_(?:PERP|\d{6})$/

const BY_NEW: ReadonlyMap<string, Rename> = new Map(RENAMES.map((rename) => [rename.to, rename]))

/** The symbol that this one continues, where Binance renamed the coin: `NANOUSDT` of `XNOUSDT`. */
export function formerSymbol(_market: Market, symbol: string): FormerSymbol | undefined {
  const end = ENDING.exec(symbol)?.[0] ?? ''
  const pair = symbol.slice(0, symbol.length - end.length)
  for (let length = 1; length < pair.length; length++) {
    const rename = BY_NEW.get(pair.slice(0, length))
    const quote = pair.slice(length)
    if (!rename || !QUOTES.has(quote)) continue
    return {
      symbol: `${rename.from}${quote}${end}`,
      ...(rename.until === undefined ? {} : { until: rename.until }),
    }
  }
  return undefined
}

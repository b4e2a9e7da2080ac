import { ConfigError } from '../../model/errors.ts'
import { floorDay, parseTime, type TimeInput } from '../../model/time.ts'
import { seedOf } from './noise.ts'

/** The markets that the sandbox speaks. */
export const SANDBOX_MARKETS = ['spot', 'usdm', 'coinm'] as const
export type SandboxMarket = (typeof SANDBOX_MARKETS)[number]

/** A symbol of the seeded market with its rules and its life. All increments are powers of ten. */
export interface Listing {
  readonly market: SandboxMarket
  readonly symbol: string
  readonly base: string
  readonly quote: string
  /** Digits after the point of the price increment. */
  readonly tickDecimals: number
  /** Digits after the point in which prices are written (≥ tickDecimals). */
  readonly priceDecimals: number
  /** Digits after the point of the quantity increment. */
  readonly stepDecimals: number
  /** Digits after the point in which base and quote volumes are written. */
  readonly volumeDecimals: number
  readonly quoteDecimals: number
  /** Price that the path wanders around. */
  readonly anchor: number
  /** Trades per second, as a multiple of the market's rate. */
  readonly activity: number
  /** First and (exclusive) last instant of trading, epoch ms, on whole minutes. */
  readonly listedAt: number
  readonly endsAt: number
  /** USD a contract, on COIN-M: a lot is a contract there, and volumes in money are in the base asset. */
  readonly contractSize?: number
}

/** One line a symbol: anchor, activity, then per market tick, (written) and step decimals and the first instant. */
interface Seeded {
  readonly base: string
  readonly quote?: string
  readonly anchor: number
  readonly activity: number
  readonly spot?: readonly [tick: number, step: number, listedAt: string, endsAt?: string]
  readonly usdm?: readonly [tick: number, written: number, step: number, listedAt: string, endsAt?: string]
  /** The delivery dates of the contracts of USD-M beside the perpetual. */
  readonly usdmDates?: readonly string[]
  /** The perpetual, and the delivery dates of the contracts beside it. */
  readonly coinm?: readonly [tick: number, size: number, listedAt: string, dates?: readonly string[]]
}

/** Quarters of futures: two that are long settled, and those of the sandbox's own time. */
const QUARTERS = ['210625', '241227', '261225', '270326'] as const

const KNOWN: readonly Seeded[] = [
  {
    base: 'BTC',
    anchor: 62000,
    activity: 1.5,
    spot: [2, 5, '2017-08-17T04:00Z'],
    usdm: [1, 2, 3, '2019-09-08T17:55Z'],
    usdmDates: QUARTERS,
    coinm: [1, 100, '2020-08-10T06:00Z', QUARTERS],
  },
  {
    base: 'ETH',
    anchor: 2600,
    activity: 1.2,
    spot: [2, 4, '2017-08-17T04:00Z'],
    usdm: [2, 2, 3, '2019-11-27T07:45Z'],
    usdmDates: QUARTERS,
    coinm: [2, 10, '2020-08-19T03:00Z', QUARTERS],
  },
  {
    base: 'BNB',
    anchor: 560,
    activity: 0.8,
    spot: [2, 3, '2017-11-06T03:54Z'],
    usdm: [2, 3, 2, '2020-02-10T08:00Z'],
    coinm: [3, 10, '2020-09-04T07:00Z'],
  },
  {
    base: 'SOL',
    anchor: 140,
    activity: 1,
    spot: [2, 3, '2020-08-11T06:00Z'],
    usdm: [2, 4, 0, '2020-09-14T07:00Z'],
    coinm: [3, 10, '2021-09-06T07:00Z'],
  },
  { base: 'XRP', anchor: 1.4, activity: 1, spot: [4, 1, '2018-05-04T08:11Z'], usdm: [4, 4, 1, '2020-01-06T08:12Z'] },
  { base: 'ADA', anchor: 0.6, activity: 0.6, spot: [4, 1, '2018-04-17T04:00Z'], usdm: [4, 5, 0, '2020-01-31T08:00Z'] },
  {
    base: 'DOGE',
    anchor: 0.16,
    activity: 0.7,
    spot: [5, 0, '2019-07-05T12:00Z'],
    usdm: [5, 6, 0, '2020-07-10T09:00Z'],
  },
  { base: 'AVAX', anchor: 31, activity: 0.5, spot: [2, 2, '2020-09-22T06:30Z'], usdm: [3, 4, 0, '2020-09-23T07:00Z'] },
  { base: 'ETH', quote: 'BTC', anchor: 0.042, activity: 0.4, spot: [5, 3, '2017-07-14T04:00Z'] },
  { base: 'LTC', anchor: 95, activity: 0.4, spot: [2, 3, '2017-12-13T03:32Z'], usdm: [2, 2, 3, '2020-01-09T09:15Z'] },
  { base: 'LINK', anchor: 16, activity: 0.5, spot: [2, 2, '2019-01-16T10:00Z'], usdm: [3, 3, 2, '2020-01-17T07:35Z'] },
  { base: 'DOT', anchor: 5.2, activity: 0.4, spot: [3, 2, '2020-08-18T23:00Z'], usdm: [3, 3, 1, '2020-08-22T07:00Z'] },
  { base: 'ATOM', anchor: 6.1, activity: 0.3, spot: [3, 2, '2019-04-29T04:00Z'], usdm: [3, 3, 2, '2020-02-07T08:00Z'] },
  { base: 'NEAR', anchor: 3.8, activity: 0.4, spot: [3, 1, '2020-10-14T11:30Z'], usdm: [3, 4, 0, '2020-10-15T07:00Z'] },
  { base: 'UNI', anchor: 8.4, activity: 0.4, spot: [3, 2, '2020-09-17T03:00Z'], usdm: [3, 4, 0, '2020-09-18T07:00Z'] },
  { base: 'AAVE', anchor: 190, activity: 0.3, spot: [2, 3, '2020-10-15T03:00Z'], usdm: [2, 3, 1, '2020-10-16T07:00Z'] },
  { base: 'FIL', anchor: 4.3, activity: 0.3, spot: [3, 2, '2020-10-15T14:00Z'], usdm: [3, 3, 1, '2020-10-16T08:00Z'] },
  { base: 'INJ', anchor: 14, activity: 0.3, spot: [2, 2, '2020-10-21T06:00Z'], usdm: [3, 6, 1, '2022-08-12T12:30Z'] },
  { base: 'OP', anchor: 1.3, activity: 0.3, spot: [3, 2, '2022-06-01T02:00Z'], usdm: [4, 7, 1, '2022-06-01T12:00Z'] },
  { base: 'APT', anchor: 7.2, activity: 0.4, spot: [3, 2, '2022-10-19T01:00Z'], usdm: [3, 5, 1, '2022-10-19T12:00Z'] },
  { base: 'ARB', anchor: 0.7, activity: 0.4, spot: [4, 1, '2023-03-23T13:00Z'], usdm: [4, 6, 1, '2023-03-23T14:30Z'] },
  {
    base: '币安人生',
    anchor: 0.15,
    activity: 0.06,
    spot: [4, 1, '2026-01-07T13:00Z'],
    usdm: [5, 7, 0, '2025-10-09T10:15Z'],
  },
  { base: '1000PEPE', anchor: 0.012, activity: 0.9, usdm: [7, 7, 0, '2023-05-05T13:30Z'] },
  // One coin under two names.
  { base: 'NANO', anchor: 2.9, activity: 0.15, spot: [4, 2, '2020-03-11T04:00Z', '2022-01-24T02:00Z'] },
  { base: 'XNO', anchor: 2.9, activity: 0.15, spot: [4, 2, '2022-01-26T08:00Z'] },
  {
    base: 'SRM',
    anchor: 2.4,
    activity: 0.15,
    spot: [3, 2, '2020-08-11T04:30Z', '2022-11-28T03:00Z'],
    usdm: [4, 4, 0, '2020-09-01T07:00Z', '2022-11-15T09:00Z'],
  },
]

/** Assets that prices are named in, longest first so that `FDUSD` is not read as `USD`. */
const QUOTES = ['FDUSD', 'USDT', 'USDC', 'BUSD', 'TUSD', 'BTC', 'ETH', 'BNB', 'EUR', 'TRY', 'BRL', 'JPY', 'USD']

/** How COIN-M names its contracts; no other market names any so. */
const INVERSE = /^.+USD_(?:PERP|\d{6})$/

/** What an index price is of: the pair that contracts of all dates share. */
export function pairOf(symbol: string): string {
  return symbol.split('_')[0] ?? symbol
}

/** Whether a contract ends on a date of its own. */
export function isDated(symbol: string): boolean {
  return /_\d{6}$/.test(symbol)
}

/** Splits a symbol by the quote assets that Binance has. */
export function splitSymbol(symbol: string): { base: string; quote: string } {
  const pair = pairOf(symbol)
  const quote = QUOTES.find((name) => pair.endsWith(name) && pair.length > name.length)
  return quote ? { base: pair.slice(0, -quote.length), quote } : { base: pair, quote: 'USDT' }
}

/** What recorded data tell of the rules of symbols, by `market:symbol`: digits of prices and quantities, and a price. */
export type RecordedRules = ReadonlyMap<
  string,
  { readonly price: number; readonly written: number; readonly quantity: number; readonly anchor: number }
>

/**
 * The symbols of the seeded market. Named symbols that are not built in get plausible rules of their own, so any name
 * can be asked for.
 */
export function seededListings(
  markets: readonly SandboxMarket[],
  symbols: readonly string[] | undefined,
  listedAt: TimeInput | Readonly<Record<string, TimeInput>> | undefined,
  recorded?: RecordedRules,
): Listing[] {
  const listings: Listing[] = []
  for (const market of markets) {
    const built = KNOWN.flatMap((seeded) => fromKnown(seeded, market))
    const named = symbols?.filter((symbol) => isOfMarket(market, symbol))
    const wanted =
      named?.map((symbol) => built.find((one) => one.symbol === symbol) ?? invented(market, symbol)) ?? built
    for (const listing of wanted) listings.push(withListing(withRules(listing, recorded), listedAt))
  }
  return listings
}

/** Names of contracts tell their market; any other may be of spot and of USD-M. */
function isOfMarket(market: SandboxMarket, symbol: string): boolean {
  if (INVERSE.test(symbol)) return market === 'coinm'
  return market === 'usdm' || (market === 'spot' && !isDated(symbol))
}

function fromKnown(seeded: Seeded, market: SandboxMarket): Listing[] {
  if (market === 'coinm') return inverseContracts(seeded)
  const quote = seeded.quote ?? 'USDT'
  const symbol = seeded.base + quote
  const common = { market, symbol, base: seeded.base, quote, anchor: seeded.anchor, activity: seeded.activity }
  if (market === 'spot') {
    if (!seeded.spot) return []
    const [tick, step, from, to] = seeded.spot
    const digits = { tickDecimals: tick, priceDecimals: 8, stepDecimals: step, volumeDecimals: 8, quoteDecimals: 8 }
    return [{ ...common, ...digits, ...life(from, to) }]
  }
  if (!seeded.usdm) return []
  const [tick, written, step, from, to] = seeded.usdm
  return [
    { ...common, ...linearDigits(tick, written, step), ...life(from, to) },
    // Prices of contracts that end on a date are written with the digits of their tick.
    ...(seeded.usdmDates ?? []).map((date) => ({
      ...common,
      ...linearDigits(tick, tick, step),
      ...{ symbol: `${symbol}_${date}`, activity: seeded.activity * 0.1 },
      ...contractLife(date),
    })),
  ]
}

function linearDigits(tick: number, written: number, step: number) {
  const prices = { tickDecimals: tick, priceDecimals: written }
  return { ...prices, stepDecimals: step, volumeDecimals: step, quoteDecimals: written + step }
}

/** The perpetual of COIN-M, and the contracts that end on a date: listed half a year before, settled at eight. */
function inverseContracts({ base, anchor, activity, coinm }: Seeded): Listing[] {
  if (!coinm) return []
  const [tick, contractSize, from, dates = []] = coinm
  const common = { market: 'coinm', base, quote: 'USD', anchor, ...inverseDigits(tick), contractSize } as const
  return [
    { ...common, symbol: `${base}USD_PERP`, activity: activity * 0.5, ...life(from, undefined) },
    ...dates.map((date) => ({
      ...common,
      symbol: `${base}USD_${date}`,
      activity: activity * 0.1,
      ...contractLife(date),
    })),
  ]
}

/** Contracts are whole; base volumes have eight digits. */
function inverseDigits(tick: number) {
  return { tickDecimals: tick, priceDecimals: tick, stepDecimals: 0, volumeDecimals: 0, quoteDecimals: 8 } as const
}

const CONTRACT_DAYS = 182

/** `yymmdd` */
function contractLife(date: string): { listedAt: number; endsAt: number } {
  const [year, month, day] = [0, 2, 4].map((at) => Number(date.slice(at, at + 2))) as [number, number, number]
  const endsAt = Date.UTC(2000 + year, month - 1, day, 8)
  return { listedAt: endsAt - CONTRACT_DAYS * 86_400_000, endsAt }
}

function life(from: string, to: string | undefined): { listedAt: number; endsAt: number } {
  return { listedAt: Date.parse(from), endsAt: to === undefined ? Number.POSITIVE_INFINITY : Date.parse(to) }
}

/** Whether a text can be a symbol. */
export function isSymbolName(text: string): boolean {
  return /^[\p{Lu}\p{Lo}\p{N}_\-.]{2,50}$/u.test(text)
}

function invented(market: SandboxMarket, symbol: string): Listing {
  if (!isSymbolName(symbol)) {
    throw new ConfigError(
      `symbols: "${symbol}" is not a symbol. Use the exchange's spelling in capitals, e.g. BTCUSDT.`,
    )
  }
  const { base, quote } = splitSymbol(symbol)
  const hash = seedOf(7, symbol)
  // A price from 0.05 to about 500, written with five or so significant digits.
  const anchor = 0.05 * 10 ** ((hash % 4000) / 1000)
  const tick = Math.max(2, 5 - Math.ceil(Math.log10(anchor)))
  const step = anchor > 20 ? 2 : anchor > 1 ? 1 : 0
  const day = Date.UTC(2019, 0, 1) + (hash % 700) * 86_400_000
  const date = market === 'spot' ? undefined : /_(\d{6})$/.exec(symbol)?.[1]
  const found =
    date === undefined ? { listedAt: day + 8 * 3_600_000, endsAt: Number.POSITIVE_INFINITY } : contractLife(date)
  if (market === 'coinm') {
    const own = { ...inverseDigits(tick), contractSize: 10, ...found }
    return { ...{ market, symbol, base, quote, anchor, activity: 0.5 }, ...own }
  }
  const decimals =
    market === 'spot'
      ? { priceDecimals: 8, volumeDecimals: 8, quoteDecimals: 8 }
      : { priceDecimals: tick, volumeDecimals: step, quoteDecimals: tick + step }
  return {
    ...{ market, symbol, base, quote, anchor, activity: 0.5, tickDecimals: tick, stepDecimals: step },
    ...decimals,
    ...found,
  }
}

/** Increments fine enough for what was recorded of a symbol. */
function withRules(listing: Listing, recorded: RecordedRules | undefined): Listing {
  const rule = recorded?.get(`${listing.market}:${listing.symbol}`)
  if (!rule || rule.anchor === 0) return listing
  const { price, written, quantity, anchor } = rule
  const spot = listing.market === 'spot'
  const priceDecimals = spot ? 8 : Math.max(price, written)
  return {
    ...listing,
    ...{ anchor, tickDecimals: price, stepDecimals: quantity, priceDecimals },
    volumeDecimals: spot ? 8 : quantity,
    quoteDecimals: spot || listing.contractSize !== undefined ? 8 : priceDecimals + quantity,
  }
}

function withListing(listing: Listing, listedAt: TimeInput | Readonly<Record<string, TimeInput>> | undefined): Listing {
  const own = typeof listedAt === 'object' && !(listedAt instanceof Date) ? listedAt[listing.symbol] : listedAt
  if (own === undefined) return listing
  return { ...listing, listedAt: Math.floor(parseTime(own, 'listedAt') / 60_000) * 60_000 }
}

/** The 3d grid of a symbol counts from its first trading day. */
export function gridOrigin(listing: Listing): number {
  return floorDay(listing.listedAt)
}

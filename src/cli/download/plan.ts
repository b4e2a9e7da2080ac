import type { DataSourceManager } from '../../engine/data-source-manager.ts'
import { checkHistory } from '../../engine/history.ts'
import type { DownloadRequest, SourceChoice } from '../../engine/types.ts'
import type { Exchange } from '../../exchanges/exchange.ts'
import { ConfigError, InvalidRangeError } from '../../model/errors.ts'
import { exchangeInfo, WHOLE_MARKET } from '../../model/history/index.ts'
import { floorOpen, type Interval } from '../../model/interval.ts'
import { kindOf } from '../../model/kinds.ts'
import { type Market, type SeriesId, seriesKey } from '../../model/series.ts'
import { loadPairs } from '../config/pairs.ts'
import type { Context } from '../context.ts'
import { type PickedSymbol, pickSymbols } from '../pick-symbols.ts'
import { addMonths, type RangeOptions, readRangeWithLength } from '../range.ts'
import { plural } from '../render/text.ts'
import { formatInstant } from '../render/time.ts'
import { readIntervals, readKind, readSymbols, type SelectOptions, type WantedSymbol } from '../select.ts'
import { existingPairs, existingSeries } from './existing.ts'

/** @throws ConfigError for intervals of a kind that has none. */
export function checkIntervals(options: DownloadOptions): void {
  const kind = readKind(options)
  if (kindOf(kind).hasInterval || readIntervals(options).length === 0) return
  throw new ConfigError(`${kind} has no intervals: leave --interval out.`)
}

/** The flags of `download`. */
export interface DownloadOptions extends SelectOptions, RangeOptions {
  readonly update?: boolean
  readonly prepend?: boolean
  readonly parallel?: string
  readonly source?: SourceChoice
  readonly quote?: string
  readonly delisted?: boolean
}

/** What a call of `download` comes to. */
export interface DownloadPlan {
  readonly requests: readonly DownloadRequest[]
  /** Series that were asked for and that the exchange does not have. */
  readonly leftOut: number
}

/** @throws ConfigError for flags that contradict --update or --prepend. */
export function checkCombination(options: DownloadOptions): void {
  if (!options.update && !options.prepend) return
  if (options.quote !== undefined || options.delisted !== undefined) {
    const other = options.quote === undefined ? '--delisted' : '--quote'
    throw new ConfigError(`--update and --prepend take what the lake has; leave ${other} out, or give a pattern.`)
  }
  const flag = options.update ? '--update' : '--prepend'
  const how = options.prepend
    ? '--prepend goes back from the first stored candle to the listing, or to --from'
    : '--update goes from the last stored candle to now'
  const starts = { '--from': options.from, '--start-date': options.startDate }
  const others = {
    '--to': options.to,
    '--end-date': options.endDate,
    '--days': options.days,
    '--months': options.months,
  }
  for (const [other, value] of Object.entries(
    flag === '--update' && !options.prepend ? { ...starts, ...others } : others,
  )) {
    if (value !== undefined) throw new ConfigError(`${how}; leave ${other} out.`)
  }
}

/** The series that symbols, pairs and flags name, each with its range. */
export async function planDownload(
  context: Context,
  exchange: Exchange,
  engine: DataSourceManager,
  typed: readonly string[],
  options: DownloadOptions,
): Promise<DownloadPlan> {
  const { settings, origins } = await context.load()
  const kind = readKind(options)
  let intervals: readonly Interval[] = readIntervals(options)
  const named = kindOf(kind).hasInterval ? intervals[0] : undefined
  let symbols =
    kind === exchangeInfo.id
      ? wholeMarket(typed, settings.exchange.market)
      : await pickSymbols(context, engine, typed, options, { kind, interval: named })
  let months: number | undefined
  if (symbols.length === 0) {
    const pairs = await loadPairs(settings, origins.get('download.pairs')?.from !== 'default')
    symbols = await Promise.all(
      pairs.pairs.map(async (pair) => {
        const [symbol] = await readSymbols(context, [pair.symbol])
        return {
          ...symbol!,
          market: context.common.market === undefined ? (pair.market ?? symbol!.market) : symbol!.market,
        }
      }),
    )
    if (intervals.length === 0) intervals = pairs.intervals
    months = pairs.months
    const from =
      pairs.from === 'default' ? 'the default pairs (ticklake init writes a pairs.yaml to change)' : pairs.from
    context.say(
      `${plural(symbols.length, 'pair')} of ${from}, ${kindOf(kind).hasInterval ? intervals.join(', ') : kind}`,
    )
  }
  if (intervals.length === 0) intervals = [settings.download.defaultInterval]

  const seriesOf = ({ symbol, market }: WantedSymbol): SeriesId[] => {
    const name = exchange.seriesSymbol?.(market ?? 'spot', kind, symbol) ?? symbol
    const id = { exchange: settings.exchange.name, market: market ?? 'spot', kind, symbol: name }
    return kindOf(kind).hasInterval ? intervals.map((interval) => ({ ...id, interval })) : [id]
  }
  const wanted = symbols.flatMap(seriesOf)
  const picked = symbols.filter(({ isPicked }) => isPicked).flatMap(seriesOf)
  for (const { market } of wanted) checkHistory(kind, market)
  checkSeries(exchange, wanted)
  // One question, before many are asked at once: an exchange that can't be reached is told once, and soon.
  const nows = new Map<Market, number>()
  const source = options.source ?? 'auto'
  const clocks = [...new Set(wanted.map((id) => id.market))].map(async (market) =>
    nows.set(market, await engine.now(market, context.signal, source)),
  )
  await Promise.all(clocks)
  // What a pattern brought in was found in the exchange's own lists; only what somebody wrote needs a look.
  const written = symbols.filter(({ isPicked }) => !isPicked).flatMap(seriesOf)
  const exists = typed.length > 0 ? existingSeries : existingPairs
  const found = written.length > 0 ? await exists(context, engine, written, source) : []
  const series = uniqueSeries([...found, ...picked])
  const requests = series.map((id): DownloadRequest => {
    const now = nows.get(id.market)!
    const { from, to } = readRangeWithLength(options, now)
    const end = to ?? now
    if (from !== undefined && from >= now) {
      throw new InvalidRangeError(
        `The range starts at ${formatInstant(from)}, which has not come yet; the exchange's clock says ${formatInstant(Math.floor(now / 1000) * 1000)}.`,
      )
    }
    // 0 stands for the listing, which the engine finds.
    const start = from ?? (months === undefined ? 0 : addMonths(end, -months))
    // A length that counts back from now would else begin inside a candle.
    const isCounted = options.from === undefined && options.startDate === undefined && start > 0
    const grid = id.interval !== undefined && id.interval !== '3d' ? { interval: id.interval } : undefined
    return {
      series: id,
      from: isCounted && grid ? floorOpen(grid, start) : start,
      to: end,
      source,
      remember: true,
    }
  })
  return { requests, leftOut: written.length - found.length }
}

/** Each series once: several contracts of COIN-M share one index. */
function uniqueSeries(series: readonly SeriesId[]): SeriesId[] {
  return [...new Map(series.map((id) => [seriesKey(id), id])).values()]
}

/** @throws ConfigError when symbols are named: there is one exchangeInfo per market. */
function wholeMarket(typed: readonly string[], market: Market | undefined): PickedSymbol[] {
  if (typed.length > 0) throw new ConfigError('exchangeInfo is of a whole market: leave the symbols out.')
  return [{ typed: WHOLE_MARKET, symbol: WHOLE_MARKET, market: market ?? 'spot' }]
}

/** @throws ConfigError, InvalidRangeError for a market or an interval that the exchange does not have. */
function checkSeries(exchange: Exchange, series: readonly SeriesId[]): void {
  for (const { market, symbol, interval } of series) {
    if (!exchange.markets.includes(market)) {
      throw new ConfigError(`${symbol} is of market ${market}; ${exchange.id} has ${exchange.markets.join(', ')} here.`)
    }
    const intervals = exchange.intervals(market)
    if (interval !== undefined && !intervals.includes(interval)) {
      throw new InvalidRangeError(
        `${exchange.id} has no ${interval} candles on ${market}; it has ${intervals.join(', ')}.`,
      )
    }
  }
}

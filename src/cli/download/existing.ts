import type { DataSourceManager } from '../../engine/data-source-manager.ts'
import type { SourceChoice } from '../../engine/types.ts'
import { InvalidRangeError, InvalidSymbolError, isTicklakeError } from '../../model/errors.ts'
import type { Market, SeriesId } from '../../model/series.ts'
import type { Context } from '../context.ts'
import { seriesLabel } from '../progress/state.ts'

/**
 * One look per series before anything is fetched: a typing mistake should cost a second, not an hour. Gives the series
 * that the exchange has data of.
 */
export async function existingSeries(
  context: Context,
  engine: DataSourceManager,
  series: readonly SeriesId[],
  source: SourceChoice,
): Promise<SeriesId[]> {
  const archived = archiveMemory(context, engine)
  const found = await Promise.all(series.map((id) => hasData(context, engine, id, source, archived)))
  const empty = series.filter((_, index) => !found[index])
  if (empty.length === series.length) {
    throw new InvalidRangeError(`${owner(source)} has no data of ${empty.map(seriesLabel).join(', ')}.`)
  }
  for (const id of empty)
    context.warn(`${owner(source).toLowerCase()} has no data of ${seriesLabel(id)}; it is left out.`)
  return series.filter((_, index) => found[index])
}

/**
 * The same for the pairs of the config, by one look per symbol. An exchange that lacks a few of them (a sandbox, or after
 * a delisting) is no reason to fetch nothing.
 */
export async function existingPairs(
  context: Context,
  engine: DataSourceManager,
  series: readonly SeriesId[],
  source: SourceChoice,
): Promise<SeriesId[]> {
  const bySymbol = new Map<string, SeriesId[]>()
  for (const id of series) {
    const key = `${id.market} ${id.symbol}`
    bySymbol.set(key, [...(bySymbol.get(key) ?? []), id])
  }
  const groups = [...bySymbol.values()]
  const archived = archiveMemory(context, engine)
  const found = await Promise.all(
    groups.map(([first]) =>
      hasData(context, engine, first!, source, archived).catch((error: unknown) => {
        if (error instanceof InvalidSymbolError) return false
        throw error
      }),
    ),
  )
  const absent = groups.filter((_, index) => !found[index]).map(([id]) => pairLabel(id!))
  if (absent.length === groups.length) {
    throw new InvalidRangeError(`The exchange has none of the pairs: ${absent.join(', ')}.`)
  }
  if (absent.length > 0) {
    context.warn(
      `the exchange does not have ${absent.join(', ')}; ${absent.length === 1 ? 'it is' : 'they are'} left out.`,
    )
  }
  return groups.filter((_, index) => found[index]).flat()
}

function owner(source: SourceChoice): string {
  return source === 'archive' ? 'The archive' : 'The exchange'
}

function pairLabel({ interval: _, ...pair }: SeriesId): string {
  return seriesLabel(pair)
}

type ArchivedSymbols = (market: Market) => Promise<readonly string[]>

/** The archive's symbols, listed once per market, and only when someone asks. */
function archiveMemory(context: Context, engine: DataSourceManager): ArchivedSymbols {
  const lists = new Map<Market, Promise<readonly string[]>>()
  return (market) => {
    const known = lists.get(market) ?? engine.archivedSymbols(market, context.signal).catch((): string[] => [])
    lists.set(market, known)
    return known
  }
}

async function hasData(
  context: Context,
  engine: DataSourceManager,
  id: SeriesId,
  source: SourceChoice,
  archived: ArchivedSymbols,
): Promise<boolean> {
  try {
    return (await engine.firstAvailable(id, context.signal, source)) !== undefined
  } catch (error) {
    if (context.signal.aborted || !isTicklakeError(error)) throw error
    // A network that does not answer is for the download to deal with, series by series.
    if (!(error instanceof InvalidSymbolError)) return true
    // REST forgets what was delisted; the archive does not.
    if (!(await archived(id.market)).includes(id.symbol)) throw error
    return true
  }
}

import type { Gap } from '../../model/coverage.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import { isFileKind } from '../../model/history/index.ts'
import { floorOpen } from '../../model/interval.ts'
import type { SeriesId } from '../../model/series.ts'
import { formatTime, type TimeRange } from '../../model/time.ts'
import type { SeriesCoverage } from '../../store/lake/coverage-file.ts'
import type { Lake } from '../../store/lake/lake.ts'
import type { OpenBounds } from '../data-range.ts'
import { hasHistory, isOfMarket } from '../history.ts'
import { gridOf, heldRange, isHarmless, lacksOf } from '../holes.ts'

/** What the lake holds of one series of a replay. */
export interface ReplayHolding {
  readonly series: SeriesId
  /** The range that is replayed: of candles those that lie whole in what was asked for. */
  readonly from: number
  readonly to: number
  /** Whether nothing is missing that the exchange published, or may have. */
  readonly complete: boolean
  /** What is missing in the range, rising; also what the exchange never published. */
  readonly gaps: readonly Gap[]
}

/**
 * What the lake holds of each series in a range.
 * @throws InvalidRangeError naming every series that the lake has nothing of there, and how to get it.
 */
export async function readHoldings(lake: Lake, all: readonly SeriesId[], bounds: OpenBounds): Promise<ReplayHolding[]> {
  const holdings: ReplayHolding[] = []
  const lacking: string[] = []
  for (const series of all) {
    const coverage = await lake.coverage(series)
    const lack = lackOf(series, coverage, bounds)
    if (lack !== undefined) lacking.push(lack)
    else holdings.push(holdingOf(coverage!, bounds))
  }
  if (lacking.length === 0) return holdings
  const shown = lacking.slice(0, SHOWN)
  const more = lacking.length > SHOWN ? ` Of ${lacking.length - SHOWN} more series there is nothing either.` : ''
  throw new InvalidRangeError(`${shown.join(' ')}${more}`)
}

/** Series that an error names. */
const SHOWN = 5

/** Why a series cannot be replayed; undefined where it can. */
function lackOf(series: SeriesId, coverage: SeriesCoverage | undefined, bounds: OpenBounds): string | undefined {
  const what =
    series.interval === undefined
      ? `${series.kind} records`
      : `${series.interval} ${series.kind === 'candle' ? 'candles' : series.kind}`
  const name = `${what} of ${series.symbol} (${series.market})`
  const isEmpty = coverage === undefined || (coverage.files.length === 0 && coverage.covered.length === 0)
  if (isEmpty) return `The lake has no ${name}. ${wayToGet(series, bounds)}`
  const from = bounds.from ?? Number.NEGATIVE_INFINITY
  const to = bounds.to ?? Number.POSITIVE_INFINITY
  const isKnown =
    coverage.files.some((file) => file.first < to && file.last >= from) ||
    [...coverage.covered, ...coverage.gaps].some((range) => range.from < to && range.to > from)
  if (isKnown) return undefined
  const held = heldRange(coverage)
  return `The lake has ${name} from ${formatTime(held.from)} to ${formatTime(held.to)}, and nothing of the range. ${wayToGet(series, bounds)}`
}

function wayToGet({ symbol, market, kind, interval }: SeriesId, { from, to }: OpenBounds): string {
  if (!isOfMarket(kind, market)) return `There is no ${kind} on ${market}: name another market, e.g. --market usdm.`
  const where = market === 'spot' ? '' : ` --market ${market}`
  if (isFileKind({ id: kind })) return 'Bring in files that you have: ticklake import.'
  if (!hasHistory(kind, market)) return `Collect it: ticklake collect ${symbol}${where} --kinds ${kind}.`
  const which = `${kind === 'candle' ? '' : ` --kind ${kind}`}${interval === undefined ? '' : ` --interval ${interval}`}`
  const range = `${from === undefined ? '' : ` --from ${formatTime(from)}`}${to === undefined ? '' : ` --to ${formatTime(to)}`}`
  return `Fetch it: ticklake download ${symbol}${where}${which}${range}.`
}

function holdingOf(coverage: SeriesCoverage, bounds: OpenBounds): ReplayHolding {
  const { series, covered } = coverage
  const held = heldRange(coverage)
  const range = wholeCandles(coverage, { from: bounds.from ?? held.from, to: bounds.to ?? held.to })
  // An end that is left open is where the lake's knowledge ends: nothing is missing beyond it.
  const settled = {
    from: bounds.from ?? covered[0]?.from ?? range.from,
    to: Math.min(range.to, bounds.to ?? covered.at(-1)?.to ?? range.to),
  }
  const { gaps: known, absent } = lacksOf(coverage, settled)
  const gaps = [...known, ...absent.map((part): Gap => ({ ...part, ...NOT_ASKED_FOR }))].sort((a, b) => a.from - b.from)
  return { series, ...range, complete: absent.length === 0 && known.every(isHarmless), gaps }
}

/** Candles that end in a range open before the last one does. */
function wholeCandles(coverage: SeriesCoverage, range: TimeRange): TimeRange {
  const grid = gridOf(coverage)
  return grid === undefined ? range : { from: range.from, to: Math.max(range.from, floorOpen(grid, range.to)) }
}

const NOT_ASKED_FOR = { cause: 'unknown', checked: [], note: 'it is not in the lake: nobody has asked for it' } as const

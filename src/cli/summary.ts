import { gridOf, holesOf, isHarmless, isWhole } from '../engine/holes.ts'
import type { Gap, GapCause } from '../model/coverage.ts'
import { countOpens, type IntervalGrid } from '../model/interval.ts'
import type { TimeRange } from '../model/time.ts'
import { coverageRows, type SeriesCoverage } from '../store/lake/coverage-file.ts'
import type { Style } from './render/style.ts'
import { plural, printable } from './render/text.ts'
import { formatInstant } from './render/time.ts'

export { gridOf, isHarmless } from '../engine/holes.ts'

/** What a coverage says, in numbers. */
export interface CoverageSummary {
  /** From the first instant asked for to the last, or of what is there all the same; undefined without either. */
  readonly range: TimeRange | undefined
  readonly rows: number
  /** Records that the range would hold without any gap: rows, missing and unpublished together. */
  readonly expected: number
  /** Candles missing that the exchange published, or may have; those never asked for are among them. */
  readonly missing: number
  /** Candles between covered ranges that nobody has asked for yet. */
  readonly notAskedFor: number
  /** Candles that the exchange never published. */
  readonly unpublished: number
  readonly gapsByCause: Readonly<Partial<Record<GapCause, { readonly gaps: number; readonly candles: number }>>>
  /** Stretches between covered ranges that were never asked for. */
  readonly holes: readonly TimeRange[]
  readonly checksByOutcome: Readonly<Record<string, number>>
  readonly complete: boolean
}

export function summarise(coverage: SeriesCoverage): CoverageSummary {
  const { covered, gaps } = coverage
  const range = rangeOf(coverage)
  const grid = gridOf(coverage)
  const rows = coverageRows(coverage)
  const gapsByCause: Partial<Record<GapCause, { gaps: number; candles: number }>> = {}
  let missing = 0
  let unpublished = 0
  for (const gap of gaps) {
    const candles = gap.count ?? 0
    const known = gapsByCause[gap.cause] ?? { gaps: 0, candles: 0 }
    gapsByCause[gap.cause] = { gaps: known.gaps + 1, candles: known.candles + candles }
    if (isHarmless(gap)) unpublished += candles
    else missing += candles
  }
  const checksByOutcome: Record<string, number> = {}
  for (const check of coverage.checks) checksByOutcome[check.outcome] = (checksByOutcome[check.outcome] ?? 0) + 1
  const holes = holesOf(covered)
  const count = (ranges: readonly TimeRange[]): number =>
    grid ? ranges.reduce((sum, part) => sum + countOpens(grid, part), 0) : 0
  const notAskedFor = count(holes)
  missing += notAskedFor
  return {
    range,
    rows,
    expected: grid ? count(covered) + notAskedFor : rows,
    missing,
    notAskedFor,
    unpublished,
    gapsByCause,
    holes,
    checksByOutcome,
    complete: isWhole(coverage),
  }
}

/** A single snapshot of a book covers no time, and yet it has one. */
function rangeOf({ covered, files }: SeriesCoverage): TimeRange | undefined {
  const first = covered[0]
  if (first !== undefined) return { from: first.from, to: covered.at(-1)!.to }
  if (files.length === 0) return undefined
  return { from: Math.min(...files.map((file) => file.first)), to: Math.max(...files.map((file) => file.last)) }
}

const CAUSES: Readonly<Record<GapCause, string>> = {
  'exchange-outage': 'the exchange stood still',
  maintenance: 'the exchange was under maintenance',
  'no-trades': 'nothing was traded',
  'archive-defect': 'damaged in the archive, and no other source has it',
  'not-listed': 'not traded on the exchange yet',
  delisted: 'no longer traded on the exchange',
  'not-published': 'the exchange does not publish it',
  'own-outage': 'not collected',
  unknown: 'no source could tell why',
}

/** The cause of a gap and what it means, e.g. `exchange-outage, the exchange stood still`. */
export function explainGap({ cause, checked, note }: Gap): string {
  if (note !== undefined) return `${cause}, ${printable(note)}`
  if (cause === 'unknown' && checked.length === 0) return `${cause}, nobody has been asked for it yet`
  return `${cause}, ${CAUSES[cause]}`
}

/** What records of a kind are called where they are counted. */
export function recordWord(kind: string): string {
  return kind === 'candle' ? 'candle' : 'record'
}

/** `2024-01-01 00:00 to 2024-01-02 00:00`. */
export function spanText(range: TimeRange): string {
  return `${formatInstant(range.from)} to ${formatInstant(range.to)}`
}

/** A line for each of the first holes, and one that counts the others. */
export function holeLines(
  style: Style,
  holes: readonly TimeRange[],
  grid: IntervalGrid | undefined,
  most: number,
): string[] {
  const lines = holes.slice(0, most).map((hole) => {
    const candles = grid === undefined ? '' : `, ${plural(countOpens(grid, hole), 'candle')}`
    return `${style.yellow('not asked for')}  ${spanText(hole)}${candles}`
  })
  if (holes.length > most)
    lines.push(`… and ${plural(holes.length - most, 'more stretch', 'more stretches')} not asked for`)
  return lines
}

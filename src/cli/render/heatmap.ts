import { COMPLETE_CAUSES, type Gap } from '../../model/coverage.ts'
import { countOpens, floorOpen, type IntervalGrid } from '../../model/interval.ts'
import { intersectRanges, subtractRanges } from '../../model/ranges.ts'
import { DAY, floorMonth, floorYear, formatMonth, nextMonth, nextYear, type TimeRange, WEEK } from '../../model/time.ts'
import type { Style } from './style.ts'

/** What one cell (a day or a week) of the calendar says. */
export interface HeatCell extends TimeRange {
  /** Candles that the cell would hold without any gap, inside what was asked for. */
  readonly expected: number
  /** Candles that are missing though the exchange published them, or may have. */
  readonly missing: number
  /** Candles that the exchange never published. */
  readonly unpublished: number
}

export interface HeatRow {
  readonly label: string
  readonly cells: readonly HeatCell[]
}

export interface HeatMap {
  readonly unit: 'day' | 'week'
  readonly rows: readonly HeatRow[]
}

/** More months than this, and a row is a year and a cell a week. */
const MAX_MONTH_ROWS = 24

/** Builds the calendar of a series from its coverage alone: no data file is read. */
export function buildHeatMap(grid: IntervalGrid, covered: readonly TimeRange[], gaps: readonly Gap[]): HeatMap {
  const from = covered[0]?.from
  const to = covered.at(-1)?.to
  if (from === undefined || to === undefined || from >= to) return { unit: 'day', rows: [] }
  const months = (to - floorMonth(from)) / (30 * DAY)
  const unit = months > MAX_MONTH_ROWS ? 'week' : 'day'
  const rows: HeatRow[] = []
  const step = unit === 'day' ? nextMonth : nextYear
  for (let start = unit === 'day' ? floorMonth(from) : floorYear(from); start < to; start = step(start)) {
    const end = step(start)
    const cells: HeatCell[] = []
    const length = unit === 'day' ? DAY : WEEK
    for (let at = start; at < end; at += length) {
      // The last week of a year has only a day or two of it.
      cells.push(heatCell(grid, { from: at, to: Math.min(at + length, end) }, covered, gaps))
    }
    rows.push({ label: unit === 'day' ? formatMonth(start) : String(new Date(start).getUTCFullYear()), cells })
  }
  return { unit, rows }
}

function heatCell(grid: IntervalGrid, range: TimeRange, covered: readonly TimeRange[], gaps: readonly Gap[]): HeatCell {
  // A candle longer than the cell opens before it and still is what the cell is about.
  const open = floorOpen(grid, range.from)
  const wanted = countOpens(grid, range) === 0 ? { from: open, to: open + 1 } : range
  const count = (ranges: readonly TimeRange[]): number => ranges.reduce((sum, part) => sum + countOpens(grid, part), 0)
  const inside = intersectRanges([wanted], covered)
  let missing = 0
  let unpublished = 0
  for (const gap of gaps) {
    if (gap.to <= wanted.from || gap.from >= wanted.to) continue
    const candles = count(intersectRanges(inside, [gap]))
    if (COMPLETE_CAUSES.includes(gap.cause)) unpublished += candles
    else missing += candles
  }
  // What lies between covered ranges was never asked for, but whoever reads across it misses it.
  const holes = subtractRanges([{ from: covered[0]!.from, to: covered.at(-1)!.to }], covered)
  const unasked = count(intersectRanges([wanted], holes))
  return { ...range, expected: count(inside) + unasked, missing: missing + unasked, unpublished }
}

const SHADES = ['·', '░', '▒', '▓', '█'] as const

/**
 * The letter of a cell: blank outside, `█` complete, `o` complete but for what the exchange never
 * published, `▓▒░` partly missing, `·` nothing there.
 */
export function cellGlyph(cell: HeatCell): string {
  if (cell.expected === 0) return ' '
  if (cell.missing === 0) return cell.unpublished > 0 ? 'o' : '█'
  const share = (cell.expected - cell.missing - cell.unpublished) / cell.expected
  if (share <= 0) return '·'
  return share < 0.5 ? '░' : share < 0.95 ? '▒' : '▓'
}

/** Lines of the calendar with its legend. */
export function renderHeatMap(map: HeatMap, style: Style): string[] {
  if (map.rows.length === 0) return []
  const label = map.rows[0]!.label.length
  const lines = [`${' '.repeat(label)}  ${style.dim(ruler(map.unit))}`]
  for (const row of map.rows) {
    const cells = row.cells.map((cell) => paint(cell, style)).join('')
    lines.push(`${row.label}  ${cells}`.trimEnd())
  }
  const seen = new Set(map.rows.flatMap((row) => row.cells.map(legendOf)))
  const legend = [
    ...(seen.has('full') ? [`${style.green('█')} complete`] : []),
    ...(seen.has('outage') ? [`${style.blue(style.colour ? '█' : 'o')} some never published by the exchange`] : []),
    ...(seen.has('part') ? [`${style.yellow('▓▒░')} some missing (▒ over 5 %, ░ over half)`] : []),
    ...(seen.has('none') ? [`${style.red(SHADES[0])} all missing`] : []),
  ]
  lines.push(`${' '.repeat(label)}  one cell is a ${map.unit}: ${legend.join(', ')}`)
  return lines
}

function legendOf(cell: HeatCell): 'outside' | 'full' | 'outage' | 'part' | 'none' {
  if (cell.expected === 0) return 'outside'
  const glyph = cellGlyph(cell)
  return glyph === 'o' ? 'outage' : glyph === '█' ? 'full' : glyph === SHADES[0] ? 'none' : 'part'
}

function paint(cell: HeatCell, style: Style): string {
  const glyph = cellGlyph(cell)
  switch (legendOf(cell)) {
    case 'outside':
      return ' '
    case 'full':
      return style.green(glyph)
    case 'outage':
      return style.blue(style.colour ? '█' : glyph)
    case 'part':
      return style.yellow(glyph)
    case 'none':
      return style.red(glyph)
  }
}

/** Numbers of days above every fifth cell, or names of months above their first week. */
function ruler(unit: 'day' | 'week'): string {
  const marks: readonly (readonly [column: number, text: string])[] =
    unit === 'day'
      ? [1, 5, 10, 15, 20, 25, 30].map((day) => [day - 1, String(day)])
      : MONTHS.map((name, month) => [Math.floor((Date.UTC(2023, month, 1) - Date.UTC(2023, 0, 1)) / WEEK), name])
  return marks.reduce((text, [column, mark]) => text.padEnd(column) + mark, '')
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

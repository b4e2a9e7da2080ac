import { DAY, floorMonth, formatMonth, nextMonth } from '../../model/time.ts'
import type { Style } from './style.ts'

/** A UTC day and its score, 0 to 100. */
export interface ScoredDay {
  readonly from: number
  readonly score: number
}

/** Steps of the map: the least score of each, and its letter. */
const STEPS: readonly (readonly [least: number, glyph: string, about: string])[] = [
  [99.95, '█', '100'],
  [95, '▓', '95 and more'],
  [80, '▒', '80 and more'],
  [50, '░', '50 and more'],
  [0, '·', 'below 50'],
]

/** The letter of a score. A score that is only rounded to 100 is not full. */
export function scoreGlyph(score: number): string {
  return STEPS.find(([least]) => score >= least)![1]
}

/** Lines of a calendar, a month a row and a day a cell, with its legend. Nothing for no days. */
export function renderScoreMap(days: readonly ScoredDay[], style: Style): string[] {
  const scores = new Map(days.map(({ from, score }) => [from, score]))
  const first = days[0]
  const last = days.at(-1)
  if (!first || !last) return []
  const ruler = [1, 5, 10, 15, 20, 25, 30].reduce((text, day) => text.padEnd(day - 1) + day, '')
  const lines = [`${' '.repeat(7)}  ${style.dim(ruler)}`]
  for (let month = floorMonth(first.from); month <= last.from; month = nextMonth(month)) {
    const cells: string[] = []
    for (let day = month; day < nextMonth(month); day += DAY) {
      const score = scores.get(day)
      cells.push(score === undefined ? ' ' : paint(score, style))
    }
    lines.push(`${formatMonth(month)}  ${cells.join('')}`.trimEnd())
  }
  const seen = new Set(days.map(({ score }) => scoreGlyph(score)))
  const legend = STEPS.filter(([, glyph]) => seen.has(glyph)).map(
    ([least, , about]) => `${paint(least === 99.95 ? 100 : least, style)} ${about}`,
  )
  lines.push(`${' '.repeat(7)}  score of each day: ${legend.join(', ')}`)
  return lines
}

function paint(score: number, style: Style): string {
  const glyph = scoreGlyph(score)
  if (score >= 99.95) return style.green(glyph)
  return score >= 80 ? style.yellow(glyph) : style.red(glyph)
}

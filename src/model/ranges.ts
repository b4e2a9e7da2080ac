import type { TimeRange } from './time.ts'

/** Sorted, disjoint, non-touching, non-empty ranges: the normal form that every function here returns. */
export type Ranges = readonly TimeRange[]

/** Sorts ranges, drops empty ones and joins those that overlap or touch. */
export function normaliseRanges(ranges: readonly TimeRange[]): TimeRange[] {
  const sorted = ranges.filter((range) => range.from < range.to).sort((a, b) => a.from - b.from)
  const joined: { from: number; to: number }[] = []
  for (const range of sorted) {
    const last = joined.at(-1)
    if (last && range.from <= last.to) last.to = Math.max(last.to, range.to)
    else joined.push({ from: range.from, to: range.to })
  }
  return joined
}

export function unionRanges(a: readonly TimeRange[], b: readonly TimeRange[]): TimeRange[] {
  return normaliseRanges([...a, ...b])
}

/** The part of `a` that is not in `b`. */
export function subtractRanges(a: readonly TimeRange[], b: readonly TimeRange[]): TimeRange[] {
  const holes = normaliseRanges(b)
  const left: TimeRange[] = []
  for (const range of normaliseRanges(a)) {
    let from = range.from
    for (const hole of holes) {
      if (hole.to <= from) continue
      if (hole.from >= range.to) break
      if (hole.from > from) left.push({ from, to: hole.from })
      from = Math.max(from, hole.to)
    }
    if (from < range.to) left.push({ from, to: range.to })
  }
  return left
}

export function intersectRanges(a: readonly TimeRange[], b: readonly TimeRange[]): TimeRange[] {
  const others = normaliseRanges(b)
  const shared: TimeRange[] = []
  for (const range of normaliseRanges(a)) {
    for (const other of others) {
      if (other.to <= range.from) continue
      if (other.from >= range.to) break
      shared.push({ from: Math.max(range.from, other.from), to: Math.min(range.to, other.to) })
    }
  }
  return shared
}

/** True when every instant of `range` lies in `ranges`. */
export function coversRange(ranges: readonly TimeRange[], range: TimeRange): boolean {
  return subtractRanges([range], ranges).length === 0
}

/** Total length of ranges in milliseconds. */
export function rangesLength(ranges: readonly TimeRange[]): number {
  return normaliseRanges(ranges).reduce((sum, range) => sum + range.to - range.from, 0)
}

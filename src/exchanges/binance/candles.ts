import { type Batch, clipBatch, columnOf, emptyBatch } from '../../model/batch.ts'
import { candle } from '../../model/candle.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import {
  addOpens,
  ceilOpen,
  floorOpen,
  INTERVALS,
  type Interval,
  intervalLength,
  nextOpen,
} from '../../model/interval.ts'
import type { Market } from '../../model/series.ts'
import { DAY, type TimeRange } from '../../model/time.ts'
import { type LinkedSignal, linkSignals } from '../../net/abort.ts'
import type { CandlePage } from '../exchange.ts'

/** Largest page that an endpoint gives. */
export const MAX_LIMIT: Readonly<Partial<Record<Market, number>>> = { spot: 1000, usdm: 1500, coinm: 1500 }
/** Page that costs the least weight per candle: futures charge 2 for 499 candles, 10 for 1500. */
const PAGE_LIMIT: Readonly<Partial<Record<Market, number>>> = { spot: 1000, usdm: 499, coinm: 499 }
/**
 * COIN-M takes spans of 200 days at most, and counts the newest rows of them: a page is asked for by both its ends, and
 * holds no more than that span (reference/binance-rest.md, section 6.3).
 */
export const INVERSE_SPAN = 200 * DAY

/** Intervals of a market's candles. Futures have no seconds. */
export function intervalsOf(market: Market): readonly Interval[] {
  return market === 'spot' ? INTERVALS : INTERVALS.filter((interval) => interval !== '1s')
}

/** Candles of a page. */
export function pageLimit(market: Market, interval: Interval): number {
  const limit = PAGE_LIMIT[market] ?? 500
  if (market !== 'coinm') return limit
  // Seven months can be longer than the span, six can not.
  return interval === '1M' ? 6 : Math.min(limit, Math.floor(INVERSE_SPAN / intervalLength(interval)))
}

/** Whether pages need both ends: then nothing is found by looking from a start on. */
export function needsBounds(market: Market): boolean {
  return market === 'coinm'
}

/**
 * Cuts a range into pieces that hold at most `limit` candles each, whatever the phase of the grid: so pages can be
 * fetched side by side, without waiting for the last row of the one before.
 */
export function* pageWindows(interval: Interval, range: TimeRange, limit: number): Generator<TimeRange, void, void> {
  let from = range.from
  while (from < range.to) {
    const end =
      interval === '1M'
        ? addOpens({ interval }, ceilOpen({ interval }, from), limit)
        : from + limit * intervalLength(interval)
    const to = Math.min(range.to, end)
    yield { from, to }
    from = to
  }
}

/** How many pages a range takes. */
export function countPages(interval: Interval, range: TimeRange, limit: number): number {
  if (range.to <= range.from) return 0
  if (interval !== '1M') return Math.ceil((range.to - range.from) / (limit * intervalLength(interval)))
  let count = 0
  for (const _ of pageWindows(interval, range, limit)) count++
  return count
}

export interface PageSource {
  readonly interval: Interval
  readonly limit: number
  /** The exchange's clock, epoch ms: nothing opens after it. */
  readonly now: number
  /** Pages that are fetched at the same time, at most. */
  readonly parallel: number
  readonly signal: AbortSignal | undefined
  /** Given where pages need both ends: the open time of the first candle in the range, if there is one. */
  readonly firstOpen?: (signal: AbortSignal) => Promise<number | undefined>
  /** Candles that open from `from` on, inclusive `endTime` when given, oldest first, at most `limit`. */
  fetch(startTime: number, endTime: number | undefined, signal: AbortSignal): Promise<Batch>
}

/** With so many pages or fewer nobody looks for the first candle before. */
const SEARCHED = 4

/** Pages of a range in order, fetched ahead. Together they cover the whole range. */
export async function* candlePages(range: TimeRange, source: PageSource): AsyncGenerator<CandlePage, void, void> {
  checkRange(range)
  if (range.to <= range.from) return
  const { interval, limit, now } = source
  // The exchange takes whole milliseconds, and no candle opens between two of them.
  const first = Math.max(0, Math.ceil(range.from))
  const last = Math.min(Math.ceil(range.to) - 1, Math.floor(now))
  if (first > last) return yield { ...range, batch: emptyBatch(candle) }
  const linked = linkSignals(source.signal)
  try {
    if (source.firstOpen) {
      let start = range.from
      if (countPages(interval, { from: first, to: last + 1 }, limit) > SEARCHED) {
        // What is before the listing would be page after page of nothing.
        start = Math.min((await source.firstOpen(linked.signal)) ?? range.to, range.to)
        if (start > range.from) yield { from: range.from, to: start, batch: emptyBatch(candle) }
      }
      yield* inOrder([...pageWindows(interval, { from: start, to: range.to }, limit)], source, last, linked)
      return
    }
    // Asked without an end, the first page starts at the first candle that exists: years before the listing cost one
    // request instead of one per page.
    const single = countPages(interval, range, limit) <= 1
    const head = await source.fetch(first, single ? last : undefined, linked.signal)
    const batch = clipBatch(candle, head, range.from, range.to)
    const end = nextAfter(head, interval)
    const bound = Math.min(last + 1, range.to)
    if (end === undefined || end >= bound) return yield { ...range, batch }
    let pages = limit
    if (head.length < limit) {
      // A short page ends the series, unless the server caps pages below what we asked: one more look tells.
      const more = await source.fetch(end, single ? last : undefined, linked.signal)
      if (more.length === 0) return yield { ...range, batch }
      pages = head.length
    }
    yield { from: range.from, to: end, batch }
    yield* inOrder([...pageWindows(interval, { from: end, to: range.to }, pages)], source, last, linked)
  } finally {
    linked.release()
  }
}

/** The open time after the last row; undefined when there is none. */
function nextAfter(batch: Batch, interval: Interval): number | undefined {
  if (batch.length === 0) return undefined
  const open = columnOf(batch, 'open_time')[batch.length - 1]!
  // A 3d grid starts anywhere, so the next open follows from this one and not from the calendar.
  return interval === '1M' ? nextOpen({ interval }, floorOpen({ interval }, open)) : open + intervalLength(interval)
}

async function* inOrder(
  windows: readonly TimeRange[],
  source: PageSource,
  last: number,
  linked: LinkedSignal,
): AsyncGenerator<CandlePage, void, void> {
  const pending: Promise<CandlePage>[] = []
  let next = 0
  try {
    while (next < windows.length || pending.length > 0) {
      while (next < windows.length && pending.length < source.parallel) {
        const page = fetchWindow(windows[next++]!, source, last, linked.signal)
        // A page that fails while an earlier one is being used must not count as unhandled.
        page.catch(() => {})
        pending.push(page)
      }
      yield await pending.shift()!
    }
  } finally {
    if (pending.length > 0) {
      // Nobody wants the pages ahead any more: wait until their requests are really over.
      linked.abort()
      await Promise.allSettled(pending)
    }
  }
}

async function fetchWindow(
  window: TimeRange,
  source: PageSource,
  last: number,
  signal: AbortSignal,
): Promise<CandlePage> {
  if (window.from > last) return { ...window, batch: emptyBatch(candle) }
  const batch = await source.fetch(window.from, Math.min(Math.ceil(window.to) - 1, last), signal)
  return { ...window, batch: clipBatch(candle, batch, window.from, window.to) }
}

function checkRange(range: TimeRange): void {
  if (!Number.isFinite(range.from) || !Number.isFinite(range.to)) {
    throw new InvalidRangeError(
      `The range ${range.from} to ${range.to} has no bounds. Give both as epoch milliseconds.`,
    )
  }
}

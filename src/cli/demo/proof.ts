import { candle } from '../../model/candle.ts'
import { HttpError } from '../../model/errors.ts'
import type { SeriesId } from '../../model/series.ts'
import { DAY, formatTime, type TimeRange } from '../../model/time.ts'
import type { Lake } from '../../store/lake/lake.ts'

/** How the lake compares with what really happened on the sandbox's exchange. */
export interface Proof {
  readonly series: SeriesId
  /** Candles that the exchange really had. */
  readonly truth: number
  /** Candles in the lake. */
  readonly stored: number
  /** What differs first; undefined when nothing does. */
  readonly difference: string | undefined
}

const STEP = 31 * DAY
const COLUMNS = candle.columns.map((spec) => spec.name).filter((name) => name !== 'flags')

/** Compares a series with the sandbox's truth, row for row and field for field. */
export async function proveSeries(
  lake: Lake,
  series: SeriesId,
  range: TimeRange,
  endpoint: string,
  signal: AbortSignal,
): Promise<Proof> {
  let truth = 0
  let stored = 0
  let difference: string | undefined
  for (let from = range.from; from < range.to; from += STEP) {
    const part = { from, to: Math.min(range.to, from + STEP) }
    // The truth is read in the plainest way there is: what proves the parsers must not be one of them.
    const rows = (await fetchTruth(series, part, endpoint, signal)).map((line) => line.split(',').map(Number))
    const batch = await lake.load(series, { ...part, columns: COLUMNS, signal })
    const columns = COLUMNS.map((name) => batch.columns[name]!)
    truth += rows.length
    stored += batch.length
    for (let i = 0; i < Math.max(rows.length, batch.length) && difference === undefined; i++) {
      const row = rows[i]
      if (row !== undefined && i < batch.length && columns.every((values, column) => values[i] === row[column]))
        continue
      const ours = i < batch.length ? columns.map((values) => values[i]).join(', ') : 'nothing'
      difference = `at ${formatTime(row?.[0] ?? columns[0]![i]!)} the lake has ${ours}; true is ${row?.join(', ') ?? 'nothing'}`
    }
  }
  return { series, truth, stored, difference }
}

async function fetchTruth(
  series: SeriesId,
  range: TimeRange,
  endpoint: string,
  signal: AbortSignal,
): Promise<string[]> {
  const url = new URL('/sandbox/truth', endpoint)
  const { market, kind, symbol, interval } = series
  for (const [name, value] of Object.entries({ market, kind, symbol, interval, ...range, format: 'csv' })) {
    url.searchParams.set(name, String(value))
  }
  const response = await fetch(url, { signal })
  if (!response.ok) throw new HttpError(url.href, response.status, await response.text())
  return (await response.text()).split('\n').filter((line) => /^\d/.test(line))
}

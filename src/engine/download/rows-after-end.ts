import type { Defect } from '../../model/coverage.ts'
import type { SeriesCoverage } from '../../store/lake/coverage-file.ts'
import type { Lake } from '../../store/lake/lake.ts'

/**
 * Files of futures go on after the contract was settled, to the end of their month: flat candles without a trade
 * (binance-public-data, issue 500). Nothing in a file tells where it was, so the rows stay, and what they look like is
 * put on record.
 * @returns undefined where the last candles of the series were traded, or when it is on record already.
 */
export async function rowsAfterEnd(
  lake: Lake,
  { series, files, defects }: SeriesCoverage,
  signal?: AbortSignal,
): Promise<Defect | undefined> {
  const newest = files.at(-1)
  if (newest === undefined) return undefined
  const query = { from: newest.first, columns: ['open_time', 'trades'], ...(signal ? { signal } : {}) }
  const { first, count } = await lastRun(lake.read(series, query), 'open_time', 'trades', 0)
  const what = `${count} candles without a trade`
  return first === undefined ? undefined : afterEnd(what, first, newest.name, defects)
}

/** Fundings of one rate are usual for some days, and those of contracts that are settled have the one below. */
const SETTLED_RATE = 0.0001
const USUAL = 9

/** The same for fundings (binance-public-data, issue 495): all of one rate, the one that is paid when nobody trades. */
export async function fundingsAfterEnd(
  lake: Lake,
  { series, files, defects }: SeriesCoverage,
  signal?: AbortSignal,
): Promise<Defect | undefined> {
  const newest = files.at(-1)
  if (newest === undefined) return undefined
  const query = { from: newest.first, columns: ['funding_time', 'funding_rate'], ...(signal ? { signal } : {}) }
  const { first, count } = await lastRun(lake.readEvents(series, query), 'funding_time', 'funding_rate', SETTLED_RATE)
  const what = `${count} fundings of one rate (${SETTLED_RATE})`
  return first === undefined || count <= USUAL ? undefined : afterEnd(what, first, newest.name, defects)
}

/** The rows at the end that all have one value: how many, and when the first was; undefined where the last row has another. */
async function lastRun(
  batches: AsyncIterable<{ readonly length: number; readonly columns: Readonly<Record<string, ArrayLike<unknown>>> }>,
  timeColumn: string,
  column: string,
  value: number,
): Promise<{ first: number | undefined; count: number }> {
  let first: number | undefined
  let count = 0
  for await (const { length, columns } of batches) {
    const times = columns[timeColumn]!
    const values = columns[column]!
    for (let i = 0; i < length; i++) {
      first = Number(values[i]) === value ? (first ?? Number(times[i])) : undefined
      count = first === undefined ? 0 : count + 1
    }
  }
  return { first, count }
}

function afterEnd(what: string, time: number, where: string, known: readonly Defect[]): Defect | undefined {
  const detail = `${what} at the end of a contract that REST no longer knows: rows after its settlement, as it seems`
  if (known.some((defect) => defect.time === time && defect.detail === detail)) return undefined
  return { time, type: 'suspect', where, detail, kept: 'archive' }
}

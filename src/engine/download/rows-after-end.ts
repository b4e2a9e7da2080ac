import { columnOf } from '../../model/batch.ts'
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
  let first: number | undefined
  let count = 0
  const columns = ['open_time', 'trades']
  for await (const batch of lake.read(series, { from: newest.first, columns, ...(signal ? { signal } : {}) })) {
    const [times, trades] = [columnOf(batch, 'open_time'), columnOf(batch, 'trades')]
    for (let i = 0; i < batch.length; i++) {
      if (trades[i] === 0) first ??= times[i]!
      else first = undefined
      count = first === undefined ? 0 : count + 1
    }
  }
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
  let first: number | undefined
  let count = 0
  const query = { from: newest.first, columns: ['funding_time', 'funding_rate'], ...(signal ? { signal } : {}) }
  for await (const batch of lake.readEvents(series, query)) {
    for (let i = 0; i < batch.length; i++) {
      if (Number(batch.columns.funding_rate![i]) === SETTLED_RATE) first ??= Number(batch.columns.funding_time![i])
      else first = undefined
      count = first === undefined ? 0 : count + 1
    }
  }
  const what = `${count} fundings of one rate (${SETTLED_RATE})`
  return first === undefined || count <= USUAL ? undefined : afterEnd(what, first, newest.name, defects)
}

function afterEnd(what: string, time: number, where: string, known: readonly Defect[]): Defect | undefined {
  const detail = `${what} at the end of a contract that REST no longer knows: rows after its settlement, as it seems`
  if (known.some((defect) => defect.time === time && defect.detail === detail)) return undefined
  return { time, type: 'suspect', where, detail, kept: 'archive' }
}

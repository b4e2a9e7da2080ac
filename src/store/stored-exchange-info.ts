import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { InvalidRangeError, StorageError } from '../model/errors.ts'
import { exchangeInfo, WHOLE_MARKET } from '../model/history/index.ts'
import { type Market, parseMarket } from '../model/series.ts'
import { parseInclusiveEnd, type TimeInput } from '../model/time.ts'
import { hashFile } from './lake/files.ts'
import type { Lake } from './lake/lake.ts'

const inflate = promisify(gunzip)

/** An exchangeInfo that was kept. */
export interface StoredExchangeInfo {
  /** Day (UTC) on which it was taken, `2026-01-31`. */
  readonly day: string
  /** The answer, as JSON text: what `DataValidator` takes. */
  readonly text: string
}

/**
 * The newest exchangeInfo of a market that the lake holds (`ticklake download --kind exchangeInfo`), or the newest one of
 * the days up to `at`.
 * @throws InvalidRangeError when there is none; StorageError when its file is missing or was changed.
 */
export async function storedExchangeInfo(
  lake: Lake,
  options: { readonly market?: string; readonly exchange?: string; readonly at?: TimeInput } = {},
): Promise<StoredExchangeInfo> {
  const market: Market = options.market === undefined ? 'spot' : parseMarket(options.market)
  const exchange = options.exchange ?? 'binance'
  const series = { exchange, market, kind: exchangeInfo.id, symbol: WHOLE_MARKET }
  const end = options.at === undefined ? Number.POSITIVE_INFINITY : parseInclusiveEnd(options.at, 'at')
  const kept = ((await lake.coverage(series))?.checks ?? [])
    .filter(({ path }) => Date.parse(path.slice(0, 10)) < end)
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .at(-1)
  if (!kept) {
    const until = options.at === undefined ? '' : ` up to ${String(options.at)}`
    throw new InvalidRangeError(
      `The lake holds no exchangeInfo of ${exchange} ${market}${until}. Run: ticklake download --kind exchangeInfo --market ${market}`,
    )
  }
  const path = join(lake.folder(series), kept.path)
  const hash = await hashFile(path).catch((cause: unknown) => {
    throw new StorageError(path, 'the stored exchangeInfo can not be read', { cause })
  })
  if (hash !== kept.sha256) throw new StorageError(path, 'was changed since it was stored; delete it and download anew')
  return { day: kept.path.slice(0, 10), text: (await inflate(await readFile(path))).toString('utf8') }
}

import { open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { isTicklakeError, ParseError } from '../../model/errors.ts'
import { arrowColumns } from './read-arrow.ts'
import { parquetColumns } from './read-parquet.ts'
import { csvFields, objectOf } from './read-text.ts'
import { isTable } from './table-columns.ts'
import type { ImportFormat } from './types.ts'

/** `binance_trades_2024-01-31_BTCUSDT` */
export const TARDIS_NAME = /^([a-z-]+)_([A-Za-z0-9_]+?)_(\d{4}-\d{2}-\d{2})_(.+)$/
/** How tardis.dev calls the markets of Binance. */
export const TARDIS_MARKETS = { binance: 'spot', 'binance-futures': 'usdm', 'binance-delivery': 'coinm' } as const
const TARDIS_HEADER = 'exchange,symbol,timestamp,local_timestamp'

/** Endings that are known, longest first. */
const ENDING = /\.(?:zip|csv|csv\.gz|json|(?:jsonl|ndjson)(?:\.gz)?|feather|arrow|parquet)$/i

/** A file's name without its ending, and the ending in lower case. */
export function splitName(path: string): { readonly stem: string; readonly ending: string } {
  const name = path.split(/[\\/]/).at(-1)!
  const stem = name.replace(ENDING, '')
  return { stem, ending: name.slice(stem.length).toLowerCase() }
}

/**
 * How a file is written, by its name, and where that leaves it open by how it begins.
 * @throws ParseError for one that is of no form that is known.
 */
export async function formatOf(path: string): Promise<ImportFormat> {
  const { stem, ending } = splitName(path)
  switch (ending) {
    case '.zip':
      return 'archive'
    case '.parquet':
      return 'parquet'
    case '.arrow':
    case '.feather':
      return (await isOfFreqtrade(path, ending)) ? 'freqtrade' : 'arrow'
    case '.jsonl':
    case '.jsonl.gz':
    case '.ndjson':
    case '.ndjson.gz':
      return 'jsonl'
    case '.json':
      return isTable(Object.keys(objectOf(await firstLine(path)) ?? {})) ? 'jsonl' : 'ccxt'
    case '.csv':
    case '.csv.gz': {
      if (Object.hasOwn(TARDIS_MARKETS, TARDIS_NAME.exec(stem)?.[1] ?? '')) return 'tardis'
      const line = await firstLine(path)
      if (line.startsWith(TARDIS_HEADER)) return 'tardis'
      if (isTable(csvFields(line))) return 'csv'
      if (ending === '.csv') return 'archive'
    }
  }
  throw new ParseError(path, 'is of no form that is known; name it with --layout')
}

/**
 * The columns that a table names.
 * @param given those of CSV without a line of names.
 * @throws ParseError for a file that is no such table.
 */
export async function namesOfTable(
  path: string,
  format: ImportFormat,
  given: readonly string[] | undefined,
): Promise<readonly string[]> {
  if (format === 'parquet') return [...(await parquetColumns(path)).keys()]
  if (format === 'arrow') return arrowColumns(path)
  const line = await firstLine(path)
  if (format === 'jsonl') return Object.keys(objectOf(line) ?? {})
  return given ?? csvFields(line)
}

/** Feather with the columns of freqtrade. What cannot be read is told of by whoever reads it whole. */
async function isOfFreqtrade(path: string, ending: string): Promise<boolean> {
  try {
    const names = await arrowColumns(path)
    return names.includes('date') && !names.includes('open_time')
  } catch (error) {
    if (!isTicklakeError(error)) throw error
    return ending === '.feather'
  }
}

/** The first line of a file, unpacked where its name ends so, as far as it lies in its first bytes. */
async function firstLine(path: string): Promise<string> {
  return (await firstLines(path))[0]!
}

/** The lines that a file begins with, as many as lie in its first bytes; the last of them may be cut. */
export async function firstLines(path: string): Promise<readonly string[]> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0)
  const start = await unpacked(buffer.subarray(0, bytesRead), /\.gz$/i.test(path))
  return start
    .replace(/^\u00ef\u00bb\u00bf/, '')
    .split('\n')
    .map((line) => line.trimEnd())
}

async function unpacked(bytes: Uint8Array, isPacked: boolean): Promise<string> {
  if (!isPacked) return Buffer.from(bytes).toString('latin1')
  const gunzip = createGunzip()
  // Only the beginning is there: that it ends too soon is no news.
  gunzip.on('error', () => {})
  return new Promise((done) => {
    gunzip.once('data', (data: Buffer) => done(data.toString('latin1')))
    gunzip.once('close', () => done(''))
    gunzip.end(bytes)
  })
}

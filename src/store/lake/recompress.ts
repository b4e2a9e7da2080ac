import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StorageError } from '../../model/errors.ts'
import type { Kind } from '../../model/kind.ts'
import { kindOf } from '../../model/kinds.ts'
import type { SeriesId } from '../../model/series.ts'
import type { LakeFile } from './coverage-file.ts'
import { connectDuck, copyToFile, quote, quoteName } from './duckdb.ts'
import { storageError } from './errors.ts'
import { copyOptions } from './event-parquet.ts'
import { hashFile, removeIfThere, syncFile } from './files.ts'
import { type Compression, candleCopyOptions } from './parquet.ts'
import { Refiler } from './refile.ts'

export interface RecompressOptions {
  readonly compression: Compression
  /** No file may grow past this, bytes. */
  readonly maxFileSize: number
  readonly waitMs?: number
  readonly signal?: AbortSignal
  readonly onFile?: (file: LakeFile, before: number) => void
}

export interface Recompressed {
  readonly files: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Files that would have passed `maxFileSize`, and were left as they are. */
  readonly tooLarge: number
  /** Files that lie in an archive, and were left as they are. */
  readonly away: number
}

const WAIT_MS = 5000
const CODECS: Readonly<Record<Compression, string>> = { zstd: 'ZSTD', snappy: 'SNAPPY', none: 'UNCOMPRESSED' }

/**
 * Packs the data files of a series anew where they are packed otherwise, and makes one file of those of a period of
 * candles that came in pieces. Each new file is read back and compared row by row before it takes the place of the old
 * one, and does so wholly or not at all.
 */
export async function recompress(folder: string, series: SeriesId, options: RecompressOptions): Promise<Recompressed> {
  const { signal } = options
  const kind = kindOf(series.kind)
  const opened = await Refiler.open(folder, { waitMs: options.waitMs ?? WAIT_MS, ...(signal ? { signal } : {}) })
  const sum = { files: 0, bytesBefore: 0, bytesAfter: 0, tooLarge: 0, away: 0 }
  if (!opened) return sum
  await using refiler = opened
  for (const group of groupsOf(kind, refiler.coverage.files, options.maxFileSize)) {
    signal?.throwIfAborted()
    if (group.some(({ depot }) => depot !== undefined)) {
      sum.away += group.length
      continue
    }
    const paths = group.map(({ name }) => join(folder, name))
    if (group.length === 1 && (await isPackedSo(paths[0]!, options.compression))) continue
    const temp = refiler.tempName(group[0]!.name)
    try {
      const file = await packAnew(folder, kind, group, temp, options)
      if (file.bytes > options.maxFileSize && group.every(({ bytes }) => bytes <= options.maxFileSize)) {
        sum.tooLarge += group.length
        continue
      }
      await refiler.commit({ gone: group, made: [{ file, temp }] })
      const before = group.reduce((bytes, one) => bytes + one.bytes, 0)
      sum.files += group.length
      sum.bytesBefore += before
      sum.bytesAfter += file.bytes
      options.onFile?.(file, before)
    } finally {
      await removeIfThere(join(folder, temp)).catch(() => {})
    }
  }
  return sum
}

/** Files that become one: each by itself, but for candles of one period that fit into one file. */
function groupsOf(kind: Kind, files: readonly LakeFile[], maxFileSize: number): LakeFile[][] {
  if (!kind.hasInterval) return files.map((file) => [file])
  const byPeriod = new Map<string, LakeFile[]>()
  for (const file of files) byPeriod.set(file.period, [...(byPeriod.get(file.period) ?? []), file])
  return [...byPeriod.values()].flatMap((group) =>
    group.reduce((bytes, file) => bytes + file.bytes, 0) <= maxFileSize ? [group] : group.map((file) => [file]),
  )
}

async function isPackedSo(path: string, compression: Compression): Promise<boolean> {
  using connection = await connectDuck()
  try {
    const result = await connection.runAndReadAll(`SELECT DISTINCT compression FROM parquet_metadata(${quote(path)})`)
    const found = result.getRows().map((row) => String(row[0]))
    return found.length === 1 && found[0] === CODECS[compression]
  } catch (cause) {
    throw storageError(path, 'the data could not be read. Run "ticklake verify --repair"', cause)
  }
}

async function packAnew(
  folder: string,
  kind: Kind,
  group: readonly LakeFile[],
  temp: string,
  { compression, signal }: RecompressOptions,
): Promise<LakeFile> {
  const first = group[0]!
  const last = group.at(-1)!
  const paths = group.map(({ name }) => join(folder, name))
  const target = join(folder, temp)
  const rows = group.reduce((sum, file) => sum + file.rows, 0)
  const packing = first.compacted ? 'day' : 'chunk'
  const how = kind.hasInterval ? candleCopyOptions(compression) : copyOptions(kind, compression, packing, rows)
  const names = kind.columns.map(({ name }) => quoteName(name)).join(', ')
  const sql = `SELECT ${names} FROM read_parquet([${paths.map(quote).join(', ')}])`
  try {
    await copyToFile(sql, target, how, signal)
  } catch (cause) {
    signal?.throwIfAborted()
    throw storageError(paths[0]!, 'the file could not be packed anew', cause)
  }
  const [before, after] = [await fingerprint(kind, paths), await fingerprint(kind, [target])]
  if (before !== after || !after.startsWith(`${rows} `))
    throw new StorageError(
      paths[0]!,
      `packed anew it holds other rows (${before}, then ${after}). Nothing was changed.`,
    )
  await syncFile(target)
  // A period that came in pieces has its plain name again.
  const name = group.length > 1 ? `${first.period}.parquet` : first.name
  const { size } = await stat(target)
  return { ...first, name, rows, bytes: size, sha256: await hashFile(target, signal), last: last.last }
}

/**
 * Count and hash of the rows of files: of each value with its place. Two tables with the same one are the same, but for
 * a chance of one in 2^64.
 */
async function fingerprint(kind: Kind, paths: readonly string[]): Promise<string> {
  // The place of a row in candles is its open time, which no other row has; in events its number in the file.
  const place = kind.hasInterval ? '' : ', file_row_number'
  const columns = kind.columns.map(({ name }) => quoteName(name)).join(', ')
  using connection = await connectDuck()
  const source = `read_parquet([${paths.map(quote).join(', ')}], file_row_number = true)`
  const result = await connection.runAndReadAll(
    `SELECT count(*)::VARCHAR, coalesce(bit_xor(hash(${columns}${place})), 0)::VARCHAR FROM ${source}`,
  )
  const [count, hash] = result.getRows()[0]!
  return `${count} ${hash}`
}

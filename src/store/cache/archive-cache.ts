import type { Batch } from '../../model/batch.ts'
import { StorageError } from '../../model/errors.ts'
import { kindOf } from '../../model/kinds.ts'
import type { SeriesId } from '../../model/series.ts'
import type { ArrowCache } from './arrow-cache.ts'
import { fromArrowValues } from './arrow-columns.ts'
import type { ArchiveSourceFile } from './metadata.ts'
import { monthOf } from './months.ts'

/** Months of the archive in the cache, for those who read it without a lake: `new VisionClient({ cache })`. */
export class ArchiveCache {
  readonly cache: ArrowCache

  constructor(cache: ArrowCache) {
    this.cache = cache
  }

  /**
   * The rows of a month, if they came from this very file of the archive; undefined when they are not there. Floats are
   * views on the cache's file, times are copied.
   */
  async load(series: SeriesId, from: number, file: { path: string; etag: string }): Promise<CachedMonth | undefined> {
    const entry = (await this.cache.months(series))[monthOf(from).name]
    const source = entry?.source.type === 'archive' ? entry.source.files[0] : undefined
    if (!entry || source?.path !== file.path || source.etag !== file.etag) return undefined
    const { columns } = kindOf(series.kind)
    const values = await this.cache.read(series, entry, (month) => month.columns(columns, 0, month.rows))
    if (!values) return undefined
    const arrays = columns.map((spec, index) => [spec.name, fromArrowValues(values[index]!, spec)])
    return { batch: { length: entry.rows, columns: Object.fromEntries(arrays) }, state: source.state }
  }

  /** Keeps the rows of a month and the file that they came from. A cache that can't be written keeps nothing. */
  async save(
    series: SeriesId,
    from: number,
    batch: Batch,
    file: ArchiveSourceFile,
    signal?: AbortSignal,
  ): Promise<void> {
    const { path, etag, state } = file
    const source = { type: 'archive', files: [{ path, etag, state }] } as const
    const content = async () => ({ rows: batch.length, batches: [batch], source })
    await this.cache.build(series, monthOf(from).name, content, signal).catch((error: unknown) => {
      if (!(error instanceof StorageError)) throw error
    })
  }
}

export interface CachedMonth {
  readonly batch: Batch
  /** What became of the file's checksum when it was fetched. */
  readonly state: string
}

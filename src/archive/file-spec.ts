import type { Batch } from '../model/batch.ts'
import { type CandleFileSpec, CandleZipReader } from './candle-zip.ts'
import { type RecordFileSpec, RecordZipReader } from './record-zip.ts'
import type { ReaderOptions, ZipReader } from './zip-reader.ts'

/** What one archive file is expected to hold: candles of an interval, or events with columns. */
export type FileSpec = CandleFileSpec | RecordFileSpec

/** The reader of a file. */
export function openReader(
  spec: FileSpec,
  onBatch: (batch: Batch) => void | Promise<void>,
  options: Omit<ReaderOptions, 'isPlain'> = {},
): ZipReader {
  const how = spec.isPlain ? { ...options, isPlain: true } : options
  return 'fields' in spec ? new RecordZipReader(spec, onBatch, how) : new CandleZipReader(spec, onBatch, how)
}

import { createHash, type Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Batch } from '../model/batch.ts'
import { CandleFlag, candle } from '../model/candle.ts'
import type { Defect } from '../model/coverage.ts'
import { ParseError } from '../model/errors.ts'
import { countOpens, floorOpen, type Interval, intervalLength, isOpenTime, nextOpen } from '../model/interval.ts'
import type { TimeRange } from '../model/time.ts'
import { type BadRow, CandleCsvParser, type CandleRows } from './candle-csv.ts'
import { makeUnpacker, type Unpacker } from './unpack.ts'
import { readCentralDirectory, readLocalHeader, ZIP_TAIL, type ZipEntry } from './zip.ts'

/** What one archive file is expected to hold. */
export interface CandleFileSpec extends TimeRange {
  /** Path in the archive, for messages. */
  readonly path: string
  readonly interval: Interval
}

/** What was read from an archive file. */
export interface CandleFileResult {
  /** Of the zip's bytes, lower-case hex. */
  readonly sha256: string
  readonly bytes: number
  readonly rows: number
  readonly inexactValues: number
  readonly timeUnit: 'ms' | 'us' | undefined
  readonly hasHeader: boolean
  /** At most `MAX_DEFECTS`, the first ones. */
  readonly defects: readonly Defect[]
  readonly defectCount: number
  /** Remarks on the zip itself, e.g. an entry name that is a path. */
  readonly notes: readonly string[]
}

/** No candle spans such a range of prices; a high beyond it is garbage, and other sources are asked. */
export const ABSURD_RATIO = 1e6
/** Defects kept per file; more are only counted. A file that is all defects would fill memory and coverage. */
export const MAX_DEFECTS = 200
/** Deflate can't pack digits better than this; a zip that claims so is a bomb. */
const MAX_RATIO = 250

/**
 * Reads one zipped candle CSV from its bytes as they arrive: hash, inflate, parse and check in one pass, with memory
 * bounded by the block size. Batches come in the file's order; each is rising and free of duplicates in itself.
 */
export class CandleZipReader {
  readonly #spec: CandleFileSpec
  readonly #hash: Hash | undefined
  readonly #csv: CandleCsvParser
  readonly #blocks: CandleRows[] = []
  readonly #onBatch: (batch: Batch) => void | Promise<void>
  readonly #defects: Defect[] = []
  readonly #notes: string[] = []
  #defectCount = 0
  #lastTime = Number.NEGATIVE_INFINITY
  #head: Uint8Array | undefined = new Uint8Array(0)
  #tail: Uint8Array[] = []
  #tailLength = 0
  #bytes = 0
  #unpacker: Unpacker | undefined
  #left = Number.POSITIVE_INFINITY
  #crc = 0
  #size = 0

  /** @param options `hashes: false` leaves `sha256` empty, for a caller that hashes the bytes elsewhere. */
  constructor(
    spec: CandleFileSpec,
    onBatch: (batch: Batch) => void | Promise<void>,
    options: { readonly blockRows?: number; readonly hashes?: boolean } = {},
  ) {
    this.#spec = spec
    this.#hash = options.hashes === false ? undefined : createHash('sha256')
    this.#onBatch = onBatch
    this.#csv = new CandleCsvParser({
      blockRows: options.blockRows ?? blockRowsOf(spec),
      onRows: (rows) => this.#blocks.push(rows),
      onBadRow: (row) => this.#badRow(row),
    })
  }

  /** Takes the next bytes of the zip; resolves when more may come. The chunk may be kept until `end`. */
  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0) return
    this.#hash?.update(chunk)
    this.#bytes += chunk.length
    this.#keepTail(chunk)
    let data = chunk
    if (this.#head !== undefined) {
      const head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk])
      const entry = readLocalHeader(head, this.#spec.path)
      if (!entry) {
        this.#head = head
        if (head.length > ZIP_TAIL) throw new ParseError(this.#spec.path, 'the zip has an endless header')
        return
      }
      this.#head = undefined
      this.#begin(entry)
      data = head.subarray(entry.dataStart)
    }
    if (this.#left < data.length) data = data.subarray(0, this.#left)
    this.#left -= data.length
    if (data.length > 0) await this.#unpacker?.write(data)
  }

  /**
   * Takes the end of the zip and gives what was read.
   * @throws ParseError when the zip is cut, damaged or no candle file at all.
   */
  async end(): Promise<CandleFileResult> {
    const { path } = this.#spec
    if (this.#head !== undefined) throw new ParseError(path, `not a zip: it has only ${this.#bytes} bytes`)
    await this.#unpacker?.end()
    this.#csv.finish()
    await this.#flush()
    const tail = Buffer.concat(this.#tail)
    const files = readCentralDirectory(tail, this.#bytes - tail.length, path).filter(
      (entry) => !entry.name.endsWith('/'),
    )
    const entry = files[0]
    if (!entry || files.length !== 1) throw new ParseError(path, `the zip holds ${files.length} files, not one`)
    if (entry.size !== this.#size)
      throw new ParseError(path, `the zip says ${entry.size} bytes but holds ${this.#size}`)
    if (entry.crc32 !== this.#crc >>> 0)
      throw new ParseError(path, 'the CRC-32 of the unpacked bytes is wrong: the zip is damaged')
    return {
      sha256: this.#hash?.digest('hex') ?? '',
      bytes: this.#bytes,
      rows: this.#csv.rowCount,
      inexactValues: this.#csv.inexactValues,
      timeUnit: this.#csv.timeUnit,
      hasHeader: this.#csv.hasHeader,
      defects: this.#defects,
      defectCount: this.#defectCount,
      notes: this.#notes,
    }
  }

  /** Frees the unpacker. Safe at any time, also twice. */
  destroy(): void {
    this.#unpacker?.destroy()
  }

  #begin(entry: ZipEntry): void {
    const stem = this.#spec.path.slice(this.#spec.path.lastIndexOf('/') + 1).replace(/\.zip$/, '')
    // The name is never used as a path here, but a stranger's unzip would: it belongs on record.
    if (entry.name !== `${stem}.csv`)
      this.#notes.push(`the zip's entry is named ${JSON.stringify(entry.name.slice(0, 200))}`)
    if (entry.compressedSize !== undefined) this.#left = entry.compressedSize
    this.#unpacker = makeUnpacker(entry, this.#spec.path, (bytes) => {
      this.#consume(bytes)
      return this.#flush()
    })
  }

  #consume(chunk: Uint8Array): void {
    this.#size += chunk.length
    if (this.#size > MAX_RATIO * this.#bytes + 1024 * 1024) {
      throw new ParseError(
        this.#spec.path,
        `a zip bomb: ${this.#bytes} bytes unpack to more than ${this.#size}; no candle file packs that well`,
      )
    }
    this.#crc = crc32(chunk, this.#crc)
    this.#csv.push(chunk)
  }

  async #flush(): Promise<void> {
    for (let rows = this.#blocks.shift(); rows; rows = this.#blocks.shift()) {
      const batch = this.#check(rows)
      if (batch.length > 0) await this.#onBatch(batch)
    }
  }

  /** Applies the rules of a candle file to a block of rows and makes a batch of those that stand. */
  #check(rows: CandleRows): Batch {
    const { interval, from, to, path } = this.#spec
    const fields = rows.fields as readonly Float64Array[]
    const openTime = fields[0]!
    const [, open, high, low, close, volume, closeTime, quoteVolume, trades, takerVolume, takerQuote] =
      fields as Float64Array[]
    const flags = new Float64Array(rows.length)
    const grid = { interval, ...(interval === '3d' && rows.length > 0 ? { origin: openTime[0]! } : {}) }
    // Months need the calendar; all other grids are one remainder, which millions of rows notice.
    const step = interval === '1M' ? 0 : intervalLength(interval)
    const anchor = floorOpen(grid, from)
    let rising = true
    let keep: Uint8Array | undefined
    let last = this.#lastTime
    for (let i = 0; i < rows.length; i++) {
      const time = openTime[i]!
      if (time <= last) rising = false
      else last = time
      let flag = rows.inexact[i] === 1 ? CandleFlag.inexact : 0
      if (time < from || time >= to) {
        keep ??= new Uint8Array(rows.length).fill(1)
        keep[i] = 0
        this.#defect({ time, type: 'bad-row', where: path, detail: 'the row lies outside its file', kept: 'none' })
      } else if (step === 0 ? !isOpenTime(grid, time) : (time - anchor) % step !== 0) {
        keep ??= new Uint8Array(rows.length).fill(1)
        keep[i] = 0
        this.#defect({
          time,
          type: 'off-grid',
          where: path,
          detail: `no ${interval} candle opens at ${time}`,
          kept: 'none',
        })
      }
      const end = step === 0 ? nextOpen(grid, time) : time + step
      if (closeTime![i]! < end - 1) flag |= CandleFlag.short
      const sane =
        low![i]! > 0 &&
        low![i]! <= open![i]! &&
        low![i]! <= close![i]! &&
        high![i]! >= open![i]! &&
        high![i]! >= close![i]! &&
        high![i]! <= low![i]! * ABSURD_RATIO &&
        volume![i]! >= 0 &&
        quoteVolume![i]! >= 0 &&
        trades![i]! >= 0 &&
        takerVolume![i]! >= 0 &&
        takerQuote![i]! >= 0 &&
        closeTime![i]! < end
      if (!sane) flag |= CandleFlag.suspect
      flags[i] = flag
    }
    this.#lastTime = last
    const columns: Record<string, Float64Array> = {}
    if (rising && keep === undefined) {
      candle.columns.forEach(({ name }, index) => {
        columns[name] = index >= fields.length ? flags : trimmed(fields[index]!, rows.length)
      })
      return { length: rows.length, columns }
    }
    const picks = this.#order(openTime, rows.length, keep)
    candle.columns.forEach(({ name }, index) => {
      const values = index < fields.length ? fields[index]! : flags
      columns[name] = Float64Array.from(picks, (pick) => values[pick]!)
    })
    return { length: picks.length, columns }
  }

  /** The rows to keep, rising and without duplicates. Of rows with the same open time the first stays. */
  #order(openTime: Float64Array, length: number, keep: Uint8Array | undefined): number[] {
    const { path } = this.#spec
    const picks: number[] = []
    for (let i = 0; i < length; i++) if (keep === undefined || keep[i] === 1) picks.push(i)
    const sorted = [...picks].sort((a, b) => openTime[a]! - openTime[b]! || a - b)
    if (sorted.some((pick, index) => pick !== picks[index])) {
      const first = picks.find((pick, index) => pick !== sorted[index])
      this.#defect({
        ...(first === undefined ? {} : { time: openTime[first]! }),
        type: 'out-of-order',
        where: path,
        detail: 'rows are not in the order of time; they were sorted',
        kept: 'archive',
      })
    }
    return sorted.filter((pick, index) => {
      const before = sorted[index - 1]
      if (before === undefined || openTime[before] !== openTime[pick]) return true
      this.#defect({
        time: openTime[pick]!,
        type: 'duplicate',
        where: path,
        detail: 'two rows have the same open time',
        kept: 'first',
      })
      return false
    })
  }

  #badRow(row: BadRow): void {
    const time = Number(/^(\d{13})(?:\d{3})?,/.exec(row.text)?.[1] ?? Number.NaN)
    this.#defect({
      ...(Number.isNaN(time) ? {} : { time }),
      type: 'bad-row',
      where: `${this.#spec.path}:${row.line}`,
      detail: `${row.reason}: ${row.text}`,
      kept: 'none',
    })
  }

  #defect(defect: Defect): void {
    this.#defectCount++
    if (this.#defects.length < MAX_DEFECTS) this.#defects.push(defect)
  }

  /** Remembers the last bytes, where the directory of a zip stands. */
  #keepTail(chunk: Uint8Array): void {
    this.#tail.push(chunk)
    this.#tailLength += chunk.length
    while (this.#tail.length > 1 && this.#tailLength - this.#tail[0]!.length >= ZIP_TAIL) {
      this.#tailLength -= this.#tail.shift()!.length
    }
  }
}

function trimmed(values: Float64Array, length: number): Float64Array {
  return values.length === length ? values : values.slice(0, length)
}

/** Rows per batch, at most. */
const MAX_BLOCK_ROWS = 65_536
const MIN_BLOCK_ROWS = 256

/** What the file holds if that is not much, so that its rows come in one block and are never copied. */
function blockRowsOf(spec: CandleFileSpec): number {
  return Math.min(MAX_BLOCK_ROWS, Math.max(MIN_BLOCK_ROWS, countOpens({ interval: spec.interval }, spec)))
}

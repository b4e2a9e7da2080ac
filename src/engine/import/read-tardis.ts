import { DefectList } from '../../archive/zip-reader.ts'
import { ParseError } from '../../model/errors.ts'
import { isFileKind } from '../../model/history/index.ts'
import type { TimeRange } from '../../model/time.ts'
import { reachOf } from './read-archive.ts'
import { TARDIS_MARKETS } from './sniff.ts'
import type { TakeRow, TardisDataset } from './tardis/dataset.ts'
import { tardisDatasetOf } from './tardis/datasets.ts'
import { RowBlock } from './tardis/row-block.ts'
import { TextFile } from './text-lines.ts'
import type { ImportTarget, OnBatch, ReadFacts } from './types.ts'

/** What every dataset begins with. */
const COMMON = ['exchange', 'symbol', 'timestamp', 'local_timestamp'] as const
/** The widest dataset has a hundred values. */
const LONGEST_ROW = 8192

/**
 * Reads CSV of tardis.dev: times in µs, `timestamp` by the exchange and `local_timestamp` by the clock of whoever recorded
 * it. What becomes of each dataset is in `tardis/datasets.ts`.
 * @throws ParseError for a file that is cut, is none, is of another symbol or market, or has no row.
 */
export async function readTardis(
  target: ImportTarget,
  onBatch: OnBatch,
  signal: AbortSignal | undefined,
): Promise<ReadFacts> {
  const { path } = target
  const file = new TextFile(path, LONGEST_ROW, signal)
  const rows = new TardisRows(target, tardisDatasetOf(target.series.kind)!)
  const { block } = rows
  for await (const { lines, rest = '' } of file.lines()) {
    for (const line of lines) {
      rows.add(line)
      if (block.isFull) await onBatch(block.take())
    }
    if (rest !== '') rows.addLast(rest)
  }
  const last = block.take()
  if (last.length > 0) await onBatch(last)
  const { defects, count: defectCount } = rows.defects
  if (block.count === 0 && defectCount === 0) {
    const why = 'tardis.dev gives that out where it has nothing, which says nothing of the day'
    throw new ParseError(path, `has no row of ${target.series.kind}: ${why}`)
  }
  return {
    sha256: file.sha256(),
    rows: block.count,
    inexactValues: block.inexact,
    defects,
    defectCount,
    notes: rows.others.length > 0 ? [`without its columns ${rows.others.join(', ')}`] : [],
  }
}

class TardisRows {
  readonly #target: ImportTarget
  readonly #dataset: TardisDataset
  readonly #exchange: string | undefined
  readonly #reach: TimeRange
  readonly block: RowBlock
  readonly defects = new DefectList()
  /** Columns of the file that are left out. */
  others: readonly string[] = []
  #order: readonly number[] | undefined
  #take: TakeRow = () => undefined
  #fields = 0
  #line = 0

  constructor(target: ImportTarget, dataset: TardisDataset) {
    this.#target = target
    this.#dataset = dataset
    this.#exchange = Object.entries(TARDIS_MARKETS).find(([, market]) => market === target.series.market)?.[0]
    this.#reach = reachOf(target)
    this.block = new RowBlock(dataset.kind, dataset.filled)
  }

  add(text: string): void {
    this.#line++
    const row = text.replace(/\r$/, '')
    if (row === '') return
    const fields = row.split(',')
    if (this.#order === undefined) {
      this.#header(fields)
      return
    }
    const reason = this.#put(fields)
    if (reason !== undefined) this.#bad(row, reason)
  }

  /** Takes the last line, which has no end. A packed file was unpacked to its end: that is where the text ends too. */
  addLast(text: string): void {
    if (/\.gz$/i.test(this.#target.path)) {
      this.add(text)
      return
    }
    this.#line++
    this.#bad(text, 'the last line has no end, so it may have been cut; put one there if it is whole')
  }

  #bad(row: string, reason: string): void {
    const where = `${this.#target.path}:${this.#line}`
    this.defects.add({ type: 'bad-row', where, detail: `${reason}: ${row.slice(0, 200)}`, kept: 'none' })
  }

  /** What is wrong with a row. @throws ParseError for one that is about something else than the file. */
  #put(fields: readonly string[]): string | undefined {
    if (fields.length !== this.#fields) return `${fields.length} of ${this.#fields} fields`
    const [exchange, symbol, timestamp, localTimestamp, ...values] = this.#order!.map((at) => fields[at]!)
    const { path, series } = this.#target
    if (symbol!.toUpperCase() !== series.symbol)
      throw new ParseError(`${path}:${this.#line}`, `is about ${symbol}, not ${series.symbol}`)
    if (exchange !== this.#exchange)
      throw new ParseError(`${path}:${this.#line}`, `is of ${exchange}, not of ${this.#exchange} (${series.market})`)
    const [micros, localMicros] = [microsIn(timestamp!), microsIn(localTimestamp!)]
    const [time, local] = [micros / 1000, localMicros / 1000]
    const { from, to } = this.#reach
    const [placed, text] = isFileKind(this.#dataset.kind) ? [local, localTimestamp] : [time, timestamp]
    if (!(placed >= from && placed < to)) return `${text} is no time in µs inside the file`
    if (Number.isNaN(time + local)) return `${Number.isNaN(time) ? timestamp : localTimestamp} is no time in µs`
    return this.#take({ values, time, local, localMicros }, this.block)
  }

  #header(words: readonly string[]): void {
    const own = this.#dataset.columns(words)
    const missing = [...COMMON, ...own].filter((name) => !words.includes(name))
    if (missing.length > 0) {
      const what = `lacks the columns ${missing.join(', ')} of tardis.dev's ${this.#dataset.name}`
      throw new ParseError(`${this.#target.path}:1`, what)
    }
    const used = [...COMMON, ...own]
    this.#order = used.map((name) => words.indexOf(name))
    this.#fields = words.length
    // An id that liquidations of other exchanges have is nothing that would be lost here.
    this.others = words.filter((name) => !used.includes(name) && name !== 'id')
    this.#take = this.#dataset.start(own)
  }
}

/** A time in µs; NaN for anything else. */
function microsIn(text: string): number {
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
}

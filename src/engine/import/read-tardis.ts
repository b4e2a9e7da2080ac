import { DefectList } from '../../archive/zip-reader.ts'
import type { Batch } from '../../model/batch.ts'
import { roundTrips } from '../../model/decimal.ts'
import { ParseError } from '../../model/errors.ts'
import { RecordFlag } from '../../model/live/index.ts'
import { trade } from '../../model/live/trade.ts'
import { ALL_TIME } from './read-archive.ts'
import { TextFile } from './text-lines.ts'
import type { ImportTarget, OnBatch, ReadFacts } from './types.ts'

const BLOCK = 32_768
const NEEDED = ['symbol', 'timestamp', 'local_timestamp', 'id', 'side', 'price', 'amount'] as const
const LONGEST_ROW = 4096

/**
 * Reads trades in the CSV of tardis.dev: times in µs, the taker's side, our clock in `local_timestamp` (the same as
 * `timestamp` where nobody's clock saw it).
 * @throws ParseError for a file that is cut, is none, or is of another symbol.
 */
export async function readTardis(
  target: ImportTarget,
  onBatch: OnBatch,
  signal: AbortSignal | undefined,
): Promise<ReadFacts> {
  const { path } = target
  const file = new TextFile(path, LONGEST_ROW, signal)
  const rows = new TradeRows(target)
  for await (const { lines, rest = '' } of file.lines()) {
    for (const line of lines) {
      rows.add(line)
      if (rows.isFull) await onBatch(rows.take())
    }
    if (rest !== '') rows.add(rest)
  }
  const last = rows.take()
  if (last.length > 0) await onBatch(last)
  const { defects, count } = rows.defects
  return {
    sha256: file.sha256(),
    rows: rows.count,
    inexactValues: rows.inexact,
    defects,
    defectCount: count,
    notes: [],
  }
}

class TradeRows {
  readonly #target: ImportTarget
  #columns = newColumns()
  #length = 0
  #order: readonly number[] | undefined
  #fields = 0
  line = 0
  count = 0
  inexact = 0
  readonly defects = new DefectList()

  constructor(target: ImportTarget) {
    this.#target = target
  }

  get isFull(): boolean {
    return this.#length === BLOCK
  }

  add(text: string): void {
    this.line++
    const row = text.replace(/\r$/, '')
    if (row === '') return
    const fields = row.split(',')
    if (this.#order === undefined) {
      this.#header(fields)
      return
    }
    if (fields.length !== this.#fields) {
      this.#bad(row, `${fields.length} of ${this.#fields} fields`)
      return
    }
    const [symbol, time, local, id, side, price, amount] = this.#order.map((at) => fields[at]!)
    const { path, series } = this.#target
    if (symbol!.toUpperCase() !== series.symbol)
      throw new ParseError(`${path}:${this.line}`, `is about ${symbol}, not ${series.symbol}`)
    const values = [Number(id), Number(time) / 1000, Number(price), Number(amount)] as const
    const { from, to } = this.#target.range ?? ALL_TIME
    if (!/^\d+$/.test(id!) || !Number.isSafeInteger(values[0])) this.#bad(row, `"${id}" is no id`)
    else if (!(values[1] >= from && values[1] < to)) this.#bad(row, `${time} is no time in µs inside the file`)
    else if (side !== 'buy' && side !== 'sell') this.#bad(row, `the side is "${side}", neither buy nor sell`)
    else if (!(values[2] >= 0 && values[3] >= 0 && Number.isFinite(values[2] + values[3])))
      this.#bad(row, 'price or amount is none')
    else this.#put(values, side === 'sell', local === time ? Number.NaN : Number(local) / 1000, [price!, amount!])
  }

  /** The rows that are there. */
  take(): Batch {
    const length = this.#length
    const columns: Record<string, Float64Array> = {}
    for (const [name, values] of Object.entries(this.#columns)) columns[name] = values.subarray(0, length)
    this.#columns = newColumns()
    this.#length = 0
    return { length, columns }
  }

  #put(values: readonly number[], sold: boolean, received: number, texts: readonly string[]): void {
    const row = this.#length++
    const columns = this.#columns
    const isInexact = !texts.every(roundTrips)
    if (isInexact) this.inexact++
    columns.id![row] = values[0]!
    columns.time![row] = values[1]!
    columns.price![row] = values[2]!
    columns.quantity![row] = values[3]!
    columns.buyer_is_maker![row] = sold ? 1 : 0
    columns.receive_time![row] = received
    const isOdd = values[2] === 0 || values[3] === 0
    columns.flags![row] = RecordFlag.user | (isInexact ? RecordFlag.inexact : 0) | (isOdd ? RecordFlag.suspect : 0)
    this.count++
  }

  #header(words: readonly string[]): void {
    const missing = NEEDED.filter((name) => !words.includes(name))
    if (missing.length > 0)
      throw new ParseError(`${this.#target.path}:1`, `lacks the columns ${missing.join(', ')} of tardis.dev's trades`)
    this.#order = NEEDED.map((name) => words.indexOf(name))
    this.#fields = words.length
  }

  #bad(row: string, reason: string): void {
    this.defects.add({
      type: 'bad-row',
      where: `${this.#target.path}:${this.line}`,
      detail: `${reason}: ${row.slice(0, 200)}`,
      kept: 'none',
    })
  }
}

const NAMES: readonly string[] = ['id', 'time', 'price', 'quantity', 'buyer_is_maker', 'receive_time', 'flags']

function newColumns(): Record<string, Float64Array> {
  const columns: Record<string, Float64Array> = {}
  for (const { name } of trade.columns) if (NAMES.includes(name)) columns[name] = new Float64Array(BLOCK)
  return columns
}

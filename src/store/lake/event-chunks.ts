import { join } from 'node:path'
import { InvalidRangeError } from '../../model/errors.ts'
import type { Kind } from '../../model/kind.ts'
import { narrowId } from '../../model/live/ids.ts'
import type { RecordId } from '../../model/live/index.ts'
import type { LakeFile } from './coverage-file.ts'
import { type EventBatch, type EventColumn, numbersOf, pickRows } from './event-columns.ts'
import { halvesOf } from './event-rows.ts'
import { syncAndHash } from './files.ts'
import { readId, storeId } from './ids.ts'
import { eventPeriod, periodOf } from './periods.ts'

/** Where the instant of a record may stand, best first: spot quotes know only when they arrived. */
export function timeColumnsOf(kind: Kind): readonly string[] {
  return [...new Set([kind.timeColumn, 'event_time', 'receive_time'])]
}

/** The instant of each row, epoch ms. @throws InvalidRangeError for a row without any. */
export function instantsOf(kind: Kind, batch: EventBatch): Float64Array {
  const [first, ...others] = timeColumnsOf(kind).map((name) => numbersOf(batch, name))
  const instants = first!.slice(0, batch.length)
  for (let i = 0; i < instants.length; i++) {
    if (!Number.isNaN(instants[i])) continue
    const other = others.find((values) => !Number.isNaN(values[i]))
    if (other === undefined) throw new InvalidRangeError(`A ${kind.id} without any time can not be stored.`)
    instants[i] = other[i]!
  }
  return instants
}

/** The sort key of a row. */
export function keyAt(kind: Kind, batch: EventBatch, row: number): RecordId {
  return narrowId(batch.columns[kind.sortKey]![row]!)
}

/**
 * The order in which rows rise by the sort key, without the rows of records that have the key of an earlier one.
 * Undefined when they are in order as they are. Rows of one record stay together and in their order.
 */
export function risingOrder(kind: Kind, batch: EventBatch, record: Uint32Array): Uint32Array | undefined {
  const keys = batch.columns[kind.sortKey]!
  let rises = true
  let before = batch.length > 0 ? keys[0]! : 0
  for (let i = 1; i < batch.length && rises; i++) {
    // The rows of a record have its key: to read it again would make a BigInt for each.
    if (record[i] === record[i - 1]) continue
    const key = keys[i]!
    rises = key > before
    before = key
  }
  if (rises) return undefined
  const order = Uint32Array.from({ length: batch.length }, (_, index) => index)
  order.sort((a, b) => (keys[a]! < keys[b]! ? -1 : keys[a]! > keys[b]! ? 1 : a - b))
  let kept = 0
  for (let i = 0; i < order.length; i++) {
    const row = order[i]!
    const before = kept > 0 ? order[kept - 1]! : -1
    if (before >= 0 && keys[before] === keys[row] && record[before] !== record[row]) continue
    order[kept++] = row
  }
  return order.subarray(0, kept)
}

/** Rows of one day that will be one file. */
export interface Chunk {
  readonly day: string
  readonly batch: EventBatch
  readonly first: number
  readonly last: number
  readonly records: number
}

/**
 * Cuts rising rows into the files that they become: by day (or what the kind says), and what belongs before or between stored files apart from
 * what follows them, so that few files overlap.
 */
export function splitChunks(kind: Kind, batch: EventBatch, files: readonly LakeFile[]): Chunk[] {
  const instants = instantsOf(kind, batch)
  const keys = batch.columns[kind.sortKey]!
  const starts = files.map((file) => readId(file.firstKey ?? file.first)).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const highest = highestKey(files)
  const whole = highest === undefined || batch.length === 0 || keys[0]! > highest
  const only = whole ? onlyChunk(kind, batch, instants) : undefined
  if (only) return [only]
  let place = 0
  const rowsOf = new Map<string, { day: string; rows: number[] }>()
  // Rows in a row mostly belong together: their file is looked for when the day or the place changes.
  let group: { day: string; rows: number[] } | undefined
  let period = eventPeriod(kind, batch.length > 0 ? instants[0]! : 0)
  let groupPlace = Number.NaN
  for (let row = 0; row < batch.length; row++) {
    const key = keys[row]!
    while (place < starts.length && starts[place]! <= key) place++
    const ownPlace = highest !== undefined && key <= highest ? place : -1
    const instant = instants[row]!
    const isInside = instant >= period.from && instant < period.to
    if (group === undefined || !isInside || ownPlace !== groupPlace) {
      if (!isInside) period = eventPeriod(kind, instant)
      const day = period.name
      const name = `${ownPlace < 0 ? 'new' : ownPlace} ${day}`
      group = rowsOf.get(name) ?? { day, rows: [] }
      rowsOf.set(name, group)
      groupPlace = ownPlace
    }
    group.rows.push(row)
  }
  return [...rowsOf.values()].map(({ day, rows }) => {
    const part = rowsOf.size === 1 ? batch : pickRows(batch, Uint32Array.from(rows))
    let first = Number.POSITIVE_INFINITY
    let last = Number.NEGATIVE_INFINITY
    let records = 0
    for (const row of rows) {
      first = Math.min(first, instants[row]!)
      last = Math.max(last, instants[row]!)
    }
    for (let i = 0; i < rows.length; i++) if (i === 0 || keys[rows[i]!] !== keys[rows[i - 1]!]) records++
    return { day, batch: part, first, last, records }
  })
}

/** The chunk of rows that follow all that is stored and are of one day, which is what nearly all flushes write. */
function onlyChunk(kind: Kind, batch: EventBatch, instants: Float64Array): Chunk | undefined {
  if (batch.length === 0) return undefined
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  for (let row = 0; row < batch.length; row++) {
    const instant = instants[row]!
    if (instant < first) first = instant
    if (instant > last) last = instant
  }
  const period = eventPeriod(kind, first)
  if (last >= period.to) return undefined
  return { day: period.name, batch, first, last, records: countRuns(batch.columns[kind.sortKey]!) }
}

/** How often a value differs from the one before it, the first one included. */
function countRuns(keys: EventColumn): number {
  // As halves, because to read a BigInt for each row would take most of the time.
  const halves = keys instanceof BigInt64Array ? halvesOf(keys) : undefined
  let runs = 1
  for (let row = 1; row < keys.length; row++) {
    const differs =
      halves === undefined
        ? keys[row] !== keys[row - 1]
        : halves[2 * row] !== halves[2 * row - 2] || halves[2 * row + 1] !== halves[2 * row - 1]
    if (differs) runs++
  }
  return runs
}

/** Number of a chunk's file, from its name. */
export function chunkNumber(name: string): number {
  const match = /^[\d-]+\.(\d+)\.parquet$/.exec(name)
  return match ? Number(match[1]) : 0
}

/** Name of the next chunk of a day, unlike any that is there. */
export function nextChunkName(day: string, names: Iterable<string>): string {
  let highest = 0
  for (const name of names) if (name.startsWith(`${day}.`)) highest = Math.max(highest, chunkNumber(name))
  return `${day}.${String(highest + 1).padStart(4, '0')}.parquet`
}

/** Files that wait for their commit, under the names that they will have beside those that are stored. */
export function nameStaged<Staged extends { readonly file: LakeFile; readonly temp: string }>(
  staged: readonly Staged[],
  before: readonly LakeFile[],
): { file: LakeFile; temp: string }[] {
  const taken = new Set(before.map((file) => file.period))
  const made: { file: LakeFile; temp: string }[] = []
  for (const { file, temp } of staged) {
    const parts = staged.filter((other) => other.file.period === file.period)
    const names = [...before, ...made.map((one) => one.file)].map((one) => one.name)
    const name = taken.has(file.period)
      ? nextChunkName(file.period, names)
      : wholeDayName(file.period, parts.length, parts.findIndex((part) => part.temp === temp) + 1)
    made.push({ file: { ...file, name, ...(taken.has(file.period) ? {} : { compacted: true }) }, temp })
  }
  return made
}

/** Name of a file that holds a whole day, or a part of one. */
function wholeDayName(day: string, parts: number, part: number): string {
  return parts === 1 ? `${day}.parquet` : `${day}.p${String(part).padStart(3, '0')}.parquet`
}

/** What is known of the rows of a file. */
export interface FileFacts {
  readonly day: string
  readonly rows: number
  readonly records: number
  readonly first: number
  readonly last: number
  readonly firstKey: RecordId
  readonly lastKey: RecordId
  readonly compacted?: boolean
}

/** Describes a file that was written under a temporary name, after making it durable. */
export async function describeFile(folder: string, temp: string, name: string, facts: FileFacts): Promise<LakeFile> {
  return lakeFile(name, facts, await syncAndHash(join(folder, temp)))
}

/** A file as the coverage knows it. */
export function lakeFile(
  name: string,
  facts: FileFacts,
  { size, sha256 }: { readonly size: number; readonly sha256: string },
): LakeFile {
  return {
    name,
    period: facts.day,
    rows: facts.rows,
    bytes: size,
    sha256,
    first: facts.first,
    last: facts.last,
    firstKey: storeId(facts.firstKey),
    lastKey: storeId(facts.lastKey),
    records: facts.records,
    ...(facts.compacted ? { compacted: true } : {}),
  }
}

/** The highest sort key of any file; undefined when there is none. */
export function highestKey(files: readonly LakeFile[]): RecordId | undefined {
  let highest: RecordId | undefined
  for (const { lastKey } of files) {
    if (lastKey === undefined) continue
    const key = readId(lastKey)
    if (highest === undefined || key > highest) highest = key
  }
  return highest
}

/** First instant after a period named `2024-01-31`, `2024-01` or `2024`. */
export function dayEnd(name: string): number {
  const length = name.length === 4 ? 'year' : name.length === 7 ? 'month' : 'day'
  return periodOf(length, Date.parse(name)).to
}

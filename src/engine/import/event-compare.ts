import type { Defect } from '../../model/coverage.ts'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { narrowId } from '../../model/live/ids.ts'
import type { TimeRange } from '../../model/time.ts'
import { timeColumnsOf } from '../../store/lake/event-chunks.ts'
import { type EventBatch, isBookKind } from '../../store/lake/event-columns.ts'
import type { EventWriter } from '../../store/lake/event-writer.ts'
import type { Lake } from '../../store/lake/lake.ts'

/** Differences put on record per file; more are only counted. */
const MAX_DIFFERENCES = 200

/** Holds the records of a file against those that a lake has of the same key. The lake's stand. */
export class EventCompare {
  readonly #path: string
  readonly #writer: EventWriter
  readonly #lake: Lake
  /** Columns that tell rows apart: more than the sort key where rows share it. */
  readonly #keys: readonly string[]
  readonly defects: Defect[] = []
  same = 0
  differing = 0

  constructor(path: string, writer: EventWriter, lake: Lake) {
    this.#path = path
    this.#writer = writer
    this.#lake = lake
    const { kind } = writer
    this.#keys = [kind.sortKey, ...(isBookKind(kind) ? ['side', 'price'] : (kind.rowKey ?? []))]
  }

  /** Compares rows, where files of the lake may hold some of the same time. */
  async add(batch: EventBatch, times: Float64Array): Promise<void> {
    const range = spanOf(times)
    const { files, series } = this.#writer.coverage
    if (!files.some((file) => file.first < range.to && file.last >= range.from)) return
    const { kind } = this.#writer
    const compared = comparedColumns(kind, batch, this.#keys)
    const rows = new Map<string | number | bigint, number>()
    for (let i = 0; i < batch.length; i++) {
      const key = this.#keyOf(batch, i)
      if (!rows.has(key)) rows.set(key, i)
    }
    const columns = [...new Set([...this.#keys, ...compared.map(({ name }) => name)])]
    for await (const stored of this.#lake.readEvents(series, { ...range, columns })) {
      for (let j = 0; j < stored.length; j++) {
        const i = rows.get(this.#keyOf(stored, j))
        if (i === undefined) continue
        const differing = compared.flatMap(({ name }) => {
          const [left, right] = [batch.columns[name]![i]!, stored.columns[name]![j]!]
          return isSame(left, right) ? [] : [`${name}: file ${left}, lake ${right}`]
        })
        if (differing.length === 0) this.same++
        else this.#differ(times[i]!, `${kind.sortKey} ${stored.columns[kind.sortKey]![j]}: ${differing.join('; ')}`)
      }
    }
  }

  #keyOf({ columns }: EventBatch, row: number): string | number | bigint {
    // One column tells nearly all kinds apart: a text for each row would cost several times as much.
    if (this.#keys.length === 1) return keyOf(columns[this.#keys[0]!]![row]!)
    return this.#keys.map((name) => String(columns[name]![row])).join(' ')
  }

  #differ(time: number, detail: string): void {
    this.differing++
    if (this.defects.length < MAX_DIFFERENCES)
      this.defects.push({ time, type: 'difference', where: this.#path, detail, kept: 'lake' })
  }
}

/** The instant of each row, by the first of the columns that tell it: archives may lack the kind's own. */
export function instantsIn(kind: Kind, { length, columns }: EventBatch): Float64Array {
  const sources = timeColumnsOf(kind).flatMap((name) => columns[name] ?? []) as Float64Array[]
  const times = new Float64Array(length)
  for (let row = 0; row < length; row++)
    times[row] = sources.find((values) => !Number.isNaN(values[row]))?.[row] ?? Number.NaN
  return times
}

/** The stretch that instants lie in. */
export function spanOf(times: Float64Array): TimeRange {
  let from = Number.POSITIVE_INFINITY
  let to = Number.NEGATIVE_INFINITY
  for (const time of times) {
    if (time < from) from = time
    if (time > to) to = time
  }
  return { from, to: to + 1 }
}

/** What the exchange says of a record, and the file has. When it reached someone is another matter. */
function comparedColumns(kind: Kind, batch: EventBatch, keys: readonly string[]): ColumnSpec[] {
  const others = [...keys, 'receive_time', 'event_time']
  return kind.columns.filter(
    ({ name, type }) => type !== 'flags' && !others.includes(name) && batch.columns[name] !== undefined,
  )
}

function keyOf(value: number | bigint): number | bigint {
  return typeof value === 'bigint' ? narrowId(value) : value
}

/** Files hold microseconds: a time with more digits stands in them up to half of one away. */
function isSame(left: number | bigint, right: number | bigint): boolean {
  const [a, b] = [keyOf(left), keyOf(right)]
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true
  return typeof a === 'number' && typeof b === 'number' && a > 1e11 && Math.abs(a - b) < 0.001
}

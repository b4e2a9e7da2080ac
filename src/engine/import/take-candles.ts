import { type Batch, clipBatch, columnOf, concatBatches } from '../../model/batch.ts'
import { CandleFlag, candle } from '../../model/candle.ts'
import type { Defect } from '../../model/coverage.ts'
import { nextOpen } from '../../model/interval.ts'
import type { Kind } from '../../model/kind.ts'
import { intersectRanges, subtractRanges } from '../../model/ranges.ts'
import type { TimeRange } from '../../model/time.ts'
import type { SeriesChange } from '../../store/lake/change.ts'
import type { EventBatch } from '../../store/lake/event-columns.ts'
import type { Lake } from '../../store/lake/lake.ts'
import type { SeriesWriter } from '../../store/lake/series-writer.ts'
import { compareBatches, differences } from '../download/compare.ts'
import { FileRows, withFlag } from '../download/file-rows.ts'
import type { Permits } from '../limiter.ts'
import { heldRange } from './held-range.ts'
import { ALL_TIME } from './read-archive.ts'
import type { FileFacts, ImportTarget, Taken } from './types.ts'

/** Differences put on record per file; more are only counted. */
const MAX_DIFFERENCES = 200

/**
 * The rows of one file on their way into a series of candles. What the lake does not have goes in; what it has is
 * compared, and stands.
 */
export class CandleImport {
  readonly #target: ImportTarget
  readonly #writer: SeriesWriter
  readonly #lake: Lake
  readonly #kind: Kind
  /** What the lake holds rows of. */
  readonly #held: readonly TimeRange[]
  readonly #rows: FileRows
  /** Rows that say more than those of the lake, which are otherwise the same. */
  readonly #fuller: Batch[] = []
  /** Of differences. */
  readonly #defects: Defect[] = []
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY
  #flag = 0
  #same = 0
  #differing = 0

  constructor(target: ImportTarget, writer: SeriesWriter, lake: Lake, permits: Permits) {
    this.#target = target
    this.#writer = writer
    this.#lake = lake
    this.#kind = writer.kind
    const { covered, gaps } = writer.coverage
    this.#held = subtractRanges(covered, gaps)
    const file = target.range ?? ALL_TIME
    this.#rows = new FileRows(writer, file, subtractRanges([file], this.#held), permits)
  }

  /** Sets bits on every row that comes. */
  mark(flag: number): void {
    this.#flag = flag
  }

  async add(given: EventBatch): Promise<void> {
    if (given.length === 0) return
    // Candles have no ids: all their columns are numbers.
    const numbers = given as Batch
    const batch = this.#flag === 0 ? numbers : withFlag(numbers, this.#flag)
    const times = columnOf(batch, this.#kind.sortKey)
    this.#first = Math.min(this.#first, times[0]!)
    this.#last = Math.max(this.#last, times[batch.length - 1]!)
    const span = { from: times[0]!, to: times[batch.length - 1]! + 1 }
    for (const range of intersectRanges(this.#held, [span])) await this.#compare(clip(batch, range), range)
    await this.#rows.rows(batch)
  }

  /** What the file comes to, as a change to be committed. Nothing else may be, in the file's range, before it. */
  async finish(facts: FileFacts): Promise<{ readonly change: SeriesChange; readonly taken: Taken }> {
    await this.#rows.finish()
    const range = this.#range()
    const compared = range ? intersectRanges(this.#held, [range]) : []
    const lacking = await this.#lacking(compared)
    const staged = this.#rows.staged
    const batch = this.#rows.batch()
    const change: SeriesChange = {
      batches: [...(staged.length === 0 && batch.length > 0 ? [batch] : []), ...this.#fuller],
      staged,
      covered: range ? subtractRanges([range], this.#held).map((part) => ({ ...part, source: 'import' as const })) : [],
      checks: facts.checks,
      inexactValues: facts.inexactValues,
      defects: [...facts.defects, ...this.#defects],
      moreDefects: facts.moreDefects + Math.max(0, this.#differing - this.#defects.length),
    }
    return { change, taken: { added: this.#rows.count, same: this.#same, differing: this.#differing, lacking } }
  }

  /** Frees the rows: they are committed. */
  release(): void {
    this.#rows.release()
  }

  /** Forgets everything. */
  async discard(): Promise<void> {
    await this.#rows.reset()
    this.#rows.release()
  }

  #range(): TimeRange | undefined {
    const { interval = '1m' } = this.#writer.coverage.series
    const [from, last] = [this.#first, this.#last]
    const seen = last < from ? undefined : { from, to: nextOpen({ interval, origin: from }, last) }
    return heldRange(this.#target.range, seen)
  }

  async #compare(batch: Batch, range: TimeRange): Promise<void> {
    if (batch.length === 0) return
    const stored = await this.#stored(range)
    const [poor, rich] = [isPartial(batch), isPartial(stored)]
    const kind = poor || rich ? plainOf(this.#kind) : this.#kind
    const found = compareBatches(kind, batch, stored)
    const differing = found.differing.length + found.onlyFirst.length
    const limit = MAX_DIFFERENCES - this.#defects.length
    if (differing > 0 && limit > 0) {
      const { path } = this.#target
      const inFile = { source: 'import' as const, batch }
      // The rows of the lake may be of any source.
      const inLake = { source: 'user' as const, batch: stored }
      for (const defect of differences(kind, inFile, inLake, 'rest', path, limit)) {
        const detail = defect.detail.replaceAll(/: import (\S+), user /g, ': file $1, lake ')
        this.#defects.push({ ...defect, detail, kept: 'lake' })
      }
      for (const time of found.onlyFirst.slice(0, limit))
        this.#defects.push({ time, type: 'difference', where: path, detail: 'the lake has no such row', kept: 'lake' })
    }
    this.#differing += differing
    this.#same += found.shared - found.differing.length
    if (rich && !poor) this.#takeFuller(batch, stored, new Set(found.differing))
  }

  /** Rows of which the lake knows only the prices, where those are the same. */
  #takeFuller(batch: Batch, stored: Batch, differing: ReadonlySet<number>): void {
    const flags = columnOf(stored, 'flags')
    const times = columnOf(stored, this.#kind.sortKey)
    const poor = new Set<number>()
    for (let i = 0; i < stored.length; i++)
      if ((flags[i]! & CandleFlag.partial) !== 0 && !differing.has(times[i]!)) poor.add(times[i]!)
    const opens = columnOf(batch, this.#kind.sortKey)
    const picks: number[] = []
    for (let i = 0; i < batch.length; i++) if (poor.has(opens[i]!)) picks.push(i)
    const columns: Record<string, Float64Array> = {}
    for (const [name, values] of Object.entries(batch.columns))
      columns[name] = Float64Array.from(picks, (pick) => values[pick]!)
    if (picks.length > 0) this.#fuller.push({ length: picks.length, columns })
  }

  /** Rows of the lake inside the file's range that the file has not. */
  async #lacking(compared: readonly TimeRange[]): Promise<number> {
    let stored = 0
    for (const range of compared) {
      for await (const batch of this.#lake.read(this.#writer.coverage.series, {
        ...range,
        columns: [this.#kind.sortKey],
      }))
        stored += batch.length
    }
    return Math.max(0, stored - this.#same - this.#differing)
  }

  async #stored(range: TimeRange): Promise<Batch> {
    const batches: Batch[] = []
    const columns = this.#kind.columns.map(({ name }) => name)
    for await (const batch of this.#lake.read(this.#writer.coverage.series, { ...range, columns })) batches.push(batch)
    return concatBatches(this.#kind, batches)
  }
}

const PLAIN_COLUMNS: readonly string[] = ['open_time', 'open', 'high', 'low', 'close', 'volume', 'flags']

/** A kind of candles as far as every file has them. */
function plainOf(kind: Kind): Kind {
  return { ...kind, columns: kind.columns.filter(({ name }) => PLAIN_COLUMNS.includes(name)) }
}

function clip(batch: Batch, range: TimeRange): Batch {
  return clipBatch(candle, batch, range.from, range.to)
}

function isPartial(batch: Batch): boolean {
  return columnOf(batch, 'flags').some((flags) => (flags & CandleFlag.partial) !== 0)
}

import type { BookDelta, LiveRecord } from '../../model/live/index.ts'
import type { SeriesId } from '../../model/series.ts'
import type { Truth } from './truth.ts'

/** Ids or times of a stretch, both inside. */
export interface KeyRange {
  readonly from: number
  readonly to: number
}

/** What really happened, as it was told at the paces at which a series was collected. */
export interface PacedTruth {
  /** Rows that ought to be in a stretch, rising; `records` are those that the lake has there. Asked from old to new. */
  rows(records: readonly LiveRecord[], range: KeyRange): Promise<readonly unknown[][]>
}

/** The truth of a kind that is told at several paces, which a lake does not keep; undefined for any other kind. */
export function pacedTruth(id: SeriesId, truth: Truth): PacedTruth | undefined {
  if (id.kind === 'bookDelta') return new PacedDeltas(id, truth)
  return id.kind === 'markPrice' ? new PacedMarks(id, truth) : undefined
}

/** Times between updates at which books are told, ms. */
const DELTA_PACES = [100, 250, 500, 1000] as const
type DeltaPace = (typeof DELTA_PACES)[number]

/** Updates of a book told at one pace, in order. */
class ToldDeltas {
  readonly #rows: readonly unknown[][]
  readonly #firstIds: ReadonlyMap<number, number>
  #next = 0

  constructor(rows: readonly unknown[][]) {
    this.#rows = rows
    this.#firstIds = new Map(rows.map(([firstId, lastId]) => [Number(lastId), Number(firstId)]))
  }

  has({ firstUpdateId, lastUpdateId }: BookDelta): boolean {
    return this.#firstIds.get(Number(lastUpdateId)) === Number(firstUpdateId)
  }

  /** Those behind `from`, up to `to`; neither may be less than the last time. */
  *between(from: number, to: number): Generator<unknown[]> {
    for (; this.#next < this.#rows.length; this.#next++) {
      const row = this.#rows[this.#next]!
      if (Number(row[1]) > to) return
      if (Number(row[1]) > from) yield row
    }
  }
}

/**
 * An update tells its pace by the ids of the changes that it joins. One that fits several (of a quiet book) goes on at
 * the pace of those before it: so no other pace explains updates away that are missing.
 */
class PacedDeltas implements PacedTruth {
  readonly #id: SeriesId
  readonly #truth: Truth
  #pace: DeltaPace = DELTA_PACES[0]

  constructor(id: SeriesId, truth: Truth) {
    this.#id = id
    this.#truth = truth
  }

  async rows(records: readonly LiveRecord[], { from, to }: KeyRange): Promise<unknown[][]> {
    const told = new Map<DeltaPace, ToldDeltas>()
    // Paces that nothing was collected at are not asked for.
    const toldAt = async (pace: DeltaPace): Promise<ToldDeltas> => {
      const known = told.get(pace)
      if (known) return known
      const rows = new ToldDeltas(await this.#truth.ask(this.#id, { fromId: from, toId: to, speed: pace }))
      told.set(pace, rows)
      return rows
    }
    const paceOf = async (delta: BookDelta): Promise<DeltaPace> => {
      for (const pace of [this.#pace, ...DELTA_PACES]) if ((await toldAt(pace)).has(delta)) return pace
      return this.#pace
    }
    const expected: unknown[][] = []
    let before = from - 1
    for (const record of records as readonly BookDelta[]) {
      const key = Number(record.lastUpdateId)
      if (key <= before) continue
      // What lies between two updates was to be told at the pace of the later one.
      this.#pace = await paceOf(record)
      expected.push(...(await toldAt(this.#pace)).between(before, key))
      before = key
    }
    return expected
  }
}

/** Time between mark prices at the slower pace, ms; they are among those of the faster one, at a second each. */
const SLOW_MARKS = 3000
/** So many in a row are not what happens to be left of one each second. */
const LEAST_SLOW = 5

/** Mark prices are the same at both paces: only where they lie tells how often they were told. */
class PacedMarks implements PacedTruth {
  readonly #id: SeriesId
  readonly #truth: Truth
  /** Whether the last stretch was of the slower pace; undefined before the first one. */
  #isSlow: boolean | undefined

  constructor(id: SeriesId, truth: Truth) {
    this.#id = id
    this.#truth = truth
  }

  async rows(records: readonly LiveRecord[], { from, to }: KeyRange): Promise<unknown[][]> {
    const rows = await this.#truth.ask<unknown[]>(this.#id, { from, to: to + 1 })
    const slow = this.#slowStretches(records.map((record) => record.eventTime))
    return rows.filter(([time]) => {
      const at = Number(time)
      return at % SLOW_MARKS === 0 || !slow.some((stretch) => stretch.from < at && at < stretch.to)
    })
  }

  /** Where the slower pace held: between the neighbours on both sides, which are not of it, and belong to themselves. */
  #slowStretches(times: readonly number[]): KeyRange[] {
    const found: KeyRange[] = []
    let start = 0
    for (let end = 0; end <= times.length; end++) {
      if (end < times.length && times[end]! % SLOW_MARKS === 0) continue
      const isWhole = start === 0 && end === times.length && this.#isSlow !== false
      const goesOn = start === 0 && end > 0 && this.#isSlow === true
      const isSlow = isWhole || goesOn || end - start >= LEAST_SLOW
      if (isSlow) {
        found.push({ from: times[start - 1] ?? Number.NEGATIVE_INFINITY, to: times[end] ?? Number.POSITIVE_INFINITY })
      }
      if (end === times.length) this.#isSlow = isSlow
      start = end + 1
    }
    return found
  }
}

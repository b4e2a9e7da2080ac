import type { Gap } from '../../model/coverage.ts'
import { kindOf } from '../../model/kinds.ts'
import type { LiveRecord, RecordId } from '../../model/live/index.ts'
import type { SeriesId } from '../../model/series.ts'
import { toRecords } from '../../store/lake/event-records.ts'
import type { Lake } from '../../store/lake/lake.ts'

/** How a series of the lake compares with what really happened on the sandbox's exchange. */
export interface SeriesProof {
  readonly series: SeriesId
  /** Records in the lake, and how many there really were from the first to the last of them. */
  readonly stored: number
  readonly truth: number
  /** Not in the lake, and nothing says so. */
  readonly missing: number
  /** Not in the lake, and on record as a gap. */
  readonly lost: number
  /** In the lake more than once. */
  readonly duplicates: number
  /** In the lake with other values. */
  readonly different: number
  /** In the lake, and never happened. */
  readonly extra: number
  /** Books compared level by level: stored snapshots, and books rebuilt from snapshots and deltas. */
  readonly books: number
  /** The first problems, in words. */
  readonly problems: readonly string[]
  /** Why nothing could be compared. */
  readonly unproved?: string
  /** Why the lake's files could not be read to their end: what was found until then stands beside it. */
  readonly unread?: string
}

/** True when a proof found nothing wrong; what is on record as lost is not wrong. */
export function isRight(proof: SeriesProof): boolean {
  return proof.unread === undefined && proof.missing + proof.duplicates + proof.different + proof.extra === 0
}

const MAX_PROBLEMS = 5

/** Counts what is wrong with one series. */
export class Tally {
  readonly id: SeriesId
  readonly gaps: readonly Gap[]
  stored = 0
  truth = 0
  books = 0
  readonly #counts = { missing: 0, lost: 0, duplicates: 0, different: 0, extra: 0 }
  readonly #problems: string[] = []

  constructor(id: SeriesId, gaps: readonly Gap[]) {
    this.id = id
    this.gaps = gaps
  }

  add(what: 'missing' | 'lost' | 'duplicates' | 'different' | 'extra', text: string): void {
    this.#counts[what]++
    if (what !== 'lost' && this.#problems.length < MAX_PROBLEMS) this.#problems.push(text)
  }

  /** Whether a gap on record speaks of an id. */
  isLostId(id: RecordId): boolean {
    return this.gaps.some(
      ({ firstId, lastId }) =>
        firstId !== undefined && lastId !== undefined && BigInt(firstId) <= BigInt(id) && BigInt(id) <= BigInt(lastId),
    )
  }

  /** Whether a gap on record touches a stretch of time. */
  isLostTime(from: number, to: number): boolean {
    return this.gaps.some((gap) => gap.from <= to && gap.to >= from)
  }

  proof(): SeriesProof {
    const { id, stored, truth, books } = this
    return { series: id, stored, truth, ...this.#counts, books, problems: this.#problems }
  }
}

/** Records of a series in order, every column. */
export function recordsOf(
  lake: Lake,
  id: SeriesId,
  range: { readonly from?: number; readonly to?: number } = {},
  signal?: AbortSignal,
): AsyncGenerator<LiveRecord, void, void> {
  const kind = kindOf(id.kind)
  const columns = kind.columns.map((spec) => spec.name)
  return toRecords(kind, id, lake.readEvents(id, { columns, ...range, ...(signal ? { signal } : {}) }))
}

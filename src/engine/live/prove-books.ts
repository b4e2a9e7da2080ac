import { rebuildBook } from '../../book/index.ts'
import type { BookDelta, BookSnapshot, LiveRecord, RecordId } from '../../model/live/index.ts'
import type { SeriesId } from '../../model/series.ts'
import { MINUTE } from '../../model/time.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { recordsOf, type Tally } from './proof.ts'
import type { Truth, TruthLevels } from './truth.ts'

/** Snapshots that are compared at most, and books that are rebuilt: spread evenly over the series. */
const MAX_SNAPSHOTS = 200
const MAX_REBUILT = 16
/** How far back a book is rebuilt from: further than the snapshots of a collector are apart. */
const BACK_MS = 15 * MINUTE

interface Instant {
  readonly updateId: RecordId
  readonly time: number
}

/**
 * Compares stored snapshots with the truth, and then rebuilds books: at each snapshot from the ones before it and the
 * deltas between, and at updates in between.
 */
export async function proveBooks(
  lake: Lake,
  id: SeriesId,
  truth: Truth,
  tally: Tally,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deltas: SeriesId = { ...id, kind: 'bookDelta' }
  const deltaGaps = (await lake.coverage(deltas))?.gaps ?? []
  const snapshots = new Sample<Instant>(MAX_SNAPSHOTS)
  let last: RecordId | undefined
  for await (const record of recordsOf(lake, id, {}, signal)) {
    const { lastUpdateId, time } = record as BookSnapshot
    tally.stored++
    if (last !== undefined && last === lastUpdateId) tally.add('duplicates', `snapshot ${lastUpdateId} is there twice`)
    last = lastUpdateId
    snapshots.add({ updateId: lastUpdateId, time })
  }
  for (const { updateId, time } of snapshots.items) {
    for await (const record of recordsOf(lake, id, { from: time, to: time + 1 }, signal)) {
      const snapshot = record as BookSnapshot
      if (snapshot.lastUpdateId !== updateId) continue
      const { bids, asks, depth } = snapshot
      const known = {
        // A side with fewer levels than were asked for is known whole.
        bid: bids.length / 2 < depth ? undefined : bids.at(-2),
        ask: asks.length / 2 < depth ? undefined : asks.at(-2),
      }
      await compareBook(truth, id, updateId, { bids, asks }, known, tally)
    }
  }
  tally.truth = tally.stored
  const updates = new Sample<Instant>(MAX_REBUILT)
  for await (const record of recordsOf(lake, deltas, {}, signal)) {
    const { lastUpdateId, eventTime } = record as BookDelta
    updates.add({ updateId: lastUpdateId, time: eventTime })
  }
  const between = new Sample<Instant>(MAX_REBUILT)
  for (const instant of snapshots.items) between.add(instant)
  for (const { updateId, time } of [...between.items, ...updates.items]) {
    // Times of spot snapshots are of the collector's clock: one that is a little ahead still belongs here.
    const range = { from: time - BACK_MS, to: time + MINUTE }
    const older = (await all<BookSnapshot>(recordsOf(lake, id, range, signal))).filter(
      (snapshot) => snapshot.lastUpdateId < updateId,
    )
    const changes = await all<BookDelta>(recordsOf(lake, deltas, range, signal))
    const rebuilt = rebuildBook(older, changes, { updateId })
    // No snapshot before it, or updates are missing on the way and on record as missing.
    if (!rebuilt) continue
    if (rebuilt.stale !== undefined) {
      const known = deltaGaps.some((gap) => gap.from <= time && gap.to >= rebuilt.time - 1)
      // A snapshot may be newer than every update that was stored.
      const isLast = changes.every((delta) => delta.lastUpdateId < updateId)
      if (!known && !isLast) tally.add('different', `the book at ${updateId} can not be rebuilt: ${rebuilt.stale}`)
      continue
    }
    const { bids, asks } = rebuilt.book.levels(Number.POSITIVE_INFINITY)
    const known = { bid: rebuilt.book.knownTo('bid'), ask: rebuilt.book.knownTo('ask') }
    await compareBook(truth, id, updateId, { bids, asks }, known, tally)
  }
}

/** Every level inside of what is known must be there, and be right. */
async function compareBook(
  truth: Truth,
  id: SeriesId,
  updateId: RecordId,
  book: { readonly bids: readonly number[]; readonly asks: readonly number[] },
  known: { readonly bid: number | undefined; readonly ask: number | undefined },
  tally: Tally,
): Promise<void> {
  const [row] = await truth.ask<[number, number, TruthLevels, TruthLevels]>(
    { market: id.market, symbol: id.symbol, kind: 'book' },
    { updateId: String(updateId) },
  )
  tally.books++
  if (!row) return tally.add('extra', `there was no book at ${updateId}`)
  const sides = [
    ['bid', book.bids, row[2], (price: number) => known.bid === undefined || price >= known.bid],
    ['ask', book.asks, row[3], (price: number) => known.ask === undefined || price <= known.ask],
  ] as const
  for (const [side, mine, levels, isKnown] of sides) {
    const expected = levels.flatMap(([price, quantity]) =>
      isKnown(Number(price)) ? [Number(price), Number(quantity)] : [],
    )
    const own: number[] = []
    for (let i = 0; i < mine.length; i += 2) if (isKnown(mine[i]!)) own.push(mine[i]!, mine[i + 1]!)
    const length = Math.max(own.length, expected.length)
    for (let i = 0; i < length; i++) {
      if (own[i] === expected[i]) continue
      const at = i - (i % 2)
      return tally.add(
        'different',
        `the book at ${updateId}, ${side} ${at / 2 + 1}: ${level(own, at)}; true is ${level(expected, at)}`,
      )
    }
  }
}

function level(pairs: readonly number[], at: number): string {
  return at < pairs.length ? `${pairs[at + 1]} at ${pairs[at]}` : 'nothing'
}

async function all<One extends LiveRecord>(records: AsyncIterable<LiveRecord>): Promise<One[]> {
  const found: One[] = []
  for await (const record of records) found.push(record as One)
  return found
}

/** At most so many of what is added, spread evenly, the last among them. */
class Sample<T> {
  readonly #most: number
  #kept: T[] = []
  #stride = 1
  #seen = 0
  #last: T | undefined

  constructor(most: number) {
    this.#most = most
  }

  add(item: T): void {
    this.#last = item
    if (this.#seen++ % this.#stride !== 0) return
    if (this.#kept.length >= this.#most) {
      this.#kept = this.#kept.filter((_, index) => index % 2 === 0)
      this.#stride *= 2
      if ((this.#seen - 1) % this.#stride !== 0) return
    }
    this.#kept.push(item)
  }

  get items(): readonly T[] {
    const last = this.#last
    return last === undefined || this.#kept.at(-1) === last ? this.#kept : [...this.#kept, last]
  }
}

import type { SeriesId } from '../../../model/series.ts'
import type { TimeRange } from '../../../model/time.ts'
import type { Lake } from '../../../store/lake/lake.ts'
import { type Rows, sliceRows } from '../rows.ts'

const SNAPSHOT_COLUMNS = ['last_update_id', 'time', 'side', 'price', 'quantity', 'event_time', 'receive_time']

/**
 * The changes of a book with its snapshots between them, each before the first change that it does not contain: what
 * someone who rebuilds the book reads. The rows of a snapshot have 1 in `is_snapshot`.
 */
export async function* bookRows(
  lake: Lake,
  series: SeriesId,
  range: TimeRange & { readonly signal: AbortSignal },
  columns: readonly string[],
): AsyncGenerator<Rows, void, void> {
  const books = { ...series, kind: 'bookSnapshot' }
  const snapshots = lake.readEvents(books, { ...range, columns: SNAPSHOT_COLUMNS })[Symbol.asyncIterator]()
  let waiting = await snapshots.next()
  try {
    for await (const deltas of lake.readEvents(series, { ...range, columns })) {
      const ids = deltas.columns.last_update_id!
      let at = 0
      while (!waiting.done && at < deltas.length) {
        const book = waiting.value
        const first = book.columns.last_update_id![0]!
        let end = at
        while (end < deltas.length && ids[end]! <= first) end++
        if (end > at) yield mark(sliceRows(deltas, at, end), 0)
        at = end
        if (end === deltas.length) break
        // A batch of snapshots may hold several: each has its place.
        const own = lengthOfFirst(book)
        yield mark(sliceRows(book, 0, own), 1)
        waiting = own < book.length ? { done: false, value: sliceRows(book, own, book.length) } : await snapshots.next()
      }
      if (at < deltas.length) yield mark(sliceRows(deltas, at, deltas.length), 0)
    }
    for (; !waiting.done; waiting = await snapshots.next()) yield mark(waiting.value, 1)
  } finally {
    await snapshots.return?.(undefined)
  }
}

function lengthOfFirst(rows: Rows): number {
  const ids = rows.columns.last_update_id!
  let end = 1
  while (end < rows.length && ids[end] === ids[0]) end++
  return end
}

function mark(rows: Rows, isSnapshot: 0 | 1): Rows {
  return {
    length: rows.length,
    columns: { ...rows.columns, is_snapshot: new Float64Array(rows.length).fill(isSnapshot) },
  }
}

import type { Table } from 'apache-arrow'
import { InvalidRangeError } from '../model/errors.ts'
import { type Interval, intervalLength } from '../model/interval.ts'
import { nextMonth, type TimeRange } from '../model/time.ts'

/** What is read piece by piece. */
export interface BatchesOf {
  readonly interval: Interval
  readonly range: TimeRange
  /** Rows per piece at most. */
  readonly batchRows: number
  readonly signal: AbortSignal
}

export interface BatchSource {
  /** Makes sure that the rows of a range are there, and says whether they are complete. */
  settle(range: TimeRange, signal: AbortSignal): Promise<boolean>
  read(range: TimeRange, complete: boolean, isLast: boolean): Promise<Table>
}

/**
 * Tables of bounded size, one after another. What is fetched goes by larger steps than what is read, one step ahead of
 * the reader.
 */
export async function* dataBatches(of: BatchesOf, source: BatchSource): AsyncGenerator<Table, void, void> {
  const { batchRows, range } = of
  if (!Number.isInteger(batchRows) || batchRows < 1)
    throw new InvalidRangeError(`batchRows is ${batchRows}; use a whole number from 1.`)
  const piece = batchRows * intervalLength(of.interval)
  const steps = cutAtMonths(range, piece)
  const left = new AbortController()
  const signal = AbortSignal.any([of.signal, left.signal])
  const settle = (step: TimeRange): Promise<boolean> => {
    const settled = source.settle(step, signal)
    // It is awaited later, perhaps never: a failure must not end the process meanwhile.
    settled.catch(() => {})
    return settled
  }
  let next: Promise<boolean> | undefined
  try {
    for (let step = steps.next(); !step.done; ) {
      const complete = await (next ?? settle(step.value))
      const following = steps.next()
      next = following.done ? undefined : settle(following.value)
      for (const part of cut(step.value, piece)) {
        of.signal.throwIfAborted()
        const table = await source.read(part, complete, part.to === range.to)
        if (table.numRows > 0) yield table
      }
      step = following
    }
  } finally {
    left.abort()
    await next?.catch(() => {})
  }
}

/** Pieces of at least the length that end with a month: the archive and the lake have files of months. */
function* cutAtMonths(range: TimeRange, length: number): Generator<TimeRange, void, void> {
  for (let { from } = range, to: number; from < range.to; from = to) {
    to = Math.min(range.to, nextMonth(from + length - 1))
    yield { from, to }
  }
}

function* cut(range: TimeRange, length: number): Generator<TimeRange, void, void> {
  for (let from = range.from; from < range.to; from += length) yield { from, to: Math.min(range.to, from + length) }
}

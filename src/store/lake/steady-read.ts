import { setTimeout as sleep } from 'node:timers/promises'
import { type Batch, columnOf } from '../../model/batch.ts'
import { StorageError } from '../../model/errors.ts'

/** A change has happened when its files are in place, and is told of a little later, ms. */
const CHANGE_TAKES = 50
/** A series that is written again and again while it is read is given up after so many tries. */
const TRIES = 6

/** A read that may have to be begun again. */
export interface SteadySource {
  /** Number of the series' newest change. */
  revision(): Promise<number | undefined>
  /** Rows from an instant on; says which change it has seen before it opens any file. */
  read(from: number, seen: (revision: number | undefined) => void): AsyncIterable<Batch>
  readonly from: number
  /** Column of the instants. */
  readonly key: string
  /** Whether the key is only there so that the read can go on where it broke, and is not handed on. */
  readonly hidesKey: boolean
  /** Whether all rows come in one batch: then the read begins anew, and the key need not be among the columns. */
  readonly isWhole: boolean
  readonly signal?: AbortSignal
}

/**
 * Reads on where it was when a writer puts other files in the place of those that are being read: DuckDB opens them when
 * it comes to them, and by then they may be gone. What breaks though nobody has written is an error like any other.
 */
export async function* steadyRead(source: SteadySource): AsyncGenerator<Batch, void, void> {
  let { from } = source
  for (let attempt = 1; ; attempt++) {
    let before: number | undefined
    const seen = (revision: number | undefined): void => {
      before = revision
    }
    try {
      for await (const batch of source.read(from, seen)) {
        if (!source.isWhole && batch.length > 0) from = columnOf(batch, source.key)[batch.length - 1]! + 1
        yield source.hidesKey ? without(batch, source.key) : batch
      }
      return
    } catch (error) {
      source.signal?.throwIfAborted()
      if (!(error instanceof StorageError) || attempt === TRIES) throw error
      await sleep(CHANGE_TAKES)
      if ((await source.revision()) === before) throw error
    }
  }
}

function without({ length, columns }: Batch, key: string): Batch {
  const { [key]: _, ...rest } = columns
  return { length, columns: rest }
}

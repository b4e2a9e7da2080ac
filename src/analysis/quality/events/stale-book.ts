import { nextId, previousId } from '../../../model/live/ids.ts'
import type { RecordId } from '../../../model/live/record.ts'
import type { CountedRecord } from './scoring.ts'

/**
 * After a break in the chain of updates a book is stale until a snapshot that was taken behind the break: updates before
 * that can be applied to nothing.
 */
export class StaleBook {
  readonly #snapshots: readonly RecordId[]
  #at = 0
  /** Updates that end before this id have no book under them; undefined while there is one. */
  #until: RecordId | undefined
  #isOpen = false

  /** @param snapshots `lastUpdateId` of each, rising */
  constructor(snapshots: readonly RecordId[]) {
    this.#snapshots = snapshots
  }

  /** @returns whether the update has no book to stand on */
  take(record: CountedRecord, isBroken: boolean): boolean {
    const { firstUpdateId, lastUpdateId, previousUpdateId } = record as Readonly<Record<string, RecordId | undefined>>
    if (lastUpdateId === undefined) return false
    // Futures name the id that they follow, spot begins behind it.
    const names = previousUpdateId !== undefined && previousUpdateId >= 0
    if (isBroken) this.#break(names ? previousUpdateId : previousId(firstUpdateId ?? lastUpdateId))
    if (!this.#isOpen) return false
    // A snapshot at the end of an update holds it already; one before its end is bridged by it.
    if (this.#until !== undefined && nextId(lastUpdateId) > this.#until) this.#isOpen = false
    return this.#isOpen
  }

  /** @param least what a snapshot must hold to stand behind the break */
  #break(least: RecordId): void {
    this.#isOpen = true
    const snapshots = this.#snapshots
    while (this.#at < snapshots.length && snapshots[this.#at]! < least) this.#at++
    this.#until = snapshots[this.#at]
  }
}

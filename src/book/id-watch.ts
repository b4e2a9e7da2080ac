import type { RecordId } from '../model/live/record.ts'

/** So many updates in a row that are all older than what was seen: the exchange began to count anew. */
const OLD_RUN = 200

/** Watches the ids of a stream: after an exchange began to count anew, everything would look like a duplicate for ever. */
export class IdWatch {
  /** Highest id since the count began. */
  seen: RecordId | undefined
  #oldRun = 0

  /** @returns why the ids can not be compared with the earlier ones any more, or undefined. */
  saw(id: RecordId): string | undefined {
    const { seen } = this
    if (seen === undefined || id > seen) {
      this.seen = id
      this.#oldRun = 0
      return undefined
    }
    if (++this.#oldRun < OLD_RUN) return undefined
    this.seen = id
    this.#oldRun = 0
    return `${OLD_RUN} updates in a row are not above ${seen}, the last is ${id}: the exchange counts anew`
  }
}

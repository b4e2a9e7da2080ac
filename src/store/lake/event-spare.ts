import type { EventColumns } from './event-columns.ts'

/** Memory of emptied columns that all series together keep for their next records, bytes. */
const MOST = 32 * 1024 * 1024
let kept = 0

/**
 * Columns whose records are stored, to be filled again. They are made by doubling: a busy series that made them anew for
 * every flush would keep the collector of garbage busy.
 */
export class SpareColumns {
  #columns: EventColumns | undefined

  /** Empties columns and keeps them, where there is room. No view of them may be in use any more. */
  keep(columns: EventColumns): void {
    if (this.#columns !== undefined || kept + columns.capacityBytes > MOST) return
    columns.clear()
    this.#columns = columns
    kept += columns.capacityBytes
  }

  take(): EventColumns | undefined {
    const columns = this.#columns
    this.#columns = undefined
    if (columns) kept -= columns.capacityBytes
    return columns
  }
}

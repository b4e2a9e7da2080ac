import type { SeriesChange } from '../../store/lake/change.ts'
import type { SeriesWriter } from '../../store/lake/series-writer.ts'

/**
 * Carries changes to a series' writer, those that arrive while it is busy together in one commit. Downloads that end at
 * the same moment then cost one rewrite of their period, not one each.
 */
export class CommitQueue {
  readonly #writer: SeriesWriter
  #waiting: { change: SeriesChange; resolve: () => void; reject: (error: unknown) => void }[] = []
  #running: Promise<void> | undefined

  constructor(writer: SeriesWriter) {
    this.#writer = writer
  }

  /** Resolves when the change is safely on disk. */
  add(change: SeriesChange): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing waits or runs any more, whatever became of it. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running
  }

  async #run(): Promise<void> {
    // Changes that are added in the same turn of the event loop belong together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const taken = this.#waiting
      this.#waiting = []
      try {
        await this.#writer.commit(joinChanges(taken.map(({ change }) => change)))
        for (const { resolve } of taken) resolve()
      } catch (error) {
        for (const { reject } of taken) reject(error)
      }
    }
    this.#running = undefined
  }
}

/** Several changes as one. */
export function joinChanges(changes: readonly SeriesChange[]): SeriesChange {
  const only = changes[0]
  if (only && changes.length === 1) return only
  const listedAt = changes.map((change) => change.listedAt).filter((time) => time !== undefined)
  return {
    batches: changes.flatMap((change) => change.batches ?? []),
    staged: changes.flatMap((change) => change.staged ?? []),
    covered: changes.flatMap((change) => change.covered ?? []),
    findings: changes.flatMap((change) => change.findings ?? []),
    clear: changes.flatMap((change) => change.clear ?? []),
    checks: changes.flatMap((change) => change.checks ?? []),
    defects: changes.flatMap((change) => change.defects ?? []),
    moreDefects: changes.reduce((sum, change) => sum + (change.moreDefects ?? 0), 0),
    inexactValues: changes.reduce((sum, change) => sum + (change.inexactValues ?? 0), 0),
    ...(listedAt.length > 0 ? { listedAt: Math.min(...listedAt) } : {}),
  }
}

/** Rows that a change brings. */
export function changeRows(change: SeriesChange): number {
  const inMemory = (change.batches ?? []).reduce((sum, batch) => sum + batch.length, 0)
  return inMemory + (change.staged ?? []).reduce((sum, part) => sum + part.file.rows, 0)
}

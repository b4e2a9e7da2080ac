import { dirname, join } from 'node:path'
import { StorageError } from '../../model/errors.ts'
import { type Commit, commitChange, recoverCommit } from './commit.ts'
import { type LakeFile, readCoverage, type SeriesCoverage } from './coverage-file.ts'
import { sortFiles } from './event-coverage.ts'
import { removeIfThere, sweepTemps, TEMP_PREFIX } from './files.ts'
import { LOCK_FILE } from './lake.ts'
import { lockFile } from './lock.ts'
import { lockReadersOut } from './reader-lock.ts'

/** Files that take the place of others; what they hold is the same. */
export interface Refiling {
  readonly gone: readonly LakeFile[]
  readonly made: readonly {
    readonly file: LakeFile
    /** Name in the series' folder that it waits under; undefined where nothing lies in the folder. */
    readonly temp?: string
  }[]
}

/** Puts the content of a series into other files, while it holds the series' lock. */
export class Refiler implements AsyncDisposable {
  readonly folder: string
  readonly #lock: AsyncDisposable
  #coverage: SeriesCoverage
  #temps = 0

  private constructor(folder: string, lock: AsyncDisposable, coverage: SeriesCoverage) {
    this.folder = folder
    this.#lock = lock
    this.#coverage = coverage
  }

  /**
   * Undefined for a series that holds nothing.
   * @throws LakeLockedError when another process keeps it for longer than `waitMs`: a collector writes it.
   */
  static async open(
    folder: string,
    options: { readonly waitMs: number; readonly signal?: AbortSignal },
  ): Promise<Refiler | undefined> {
    const lock = await lockFile(join(folder, LOCK_FILE), options)
    try {
      await recoverCommit(folder)
      await sweepTemps(folder)
      const coverage = await readCoverage(folder)
      if (coverage && coverage.files.length > 0) return new Refiler(folder, lock, coverage)
      await lock.release()
      return undefined
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  get coverage(): SeriesCoverage {
    return this.#coverage
  }

  /** A name for a file in the making; what is left of it after a crash is swept by the next writer. */
  tempName(name: string): string {
    return `${TEMP_PREFIX}${process.pid}-refile-${++this.#temps}-${name}.part`
  }

  /** Carries one out: wholly or not at all, also when the process is killed. */
  async commit({ gone, made }: Refiling): Promise<void> {
    const names = new Set(gone.map(({ name }) => name))
    const stays = new Set(made.map(({ file }) => file.name))
    const files = [...this.#coverage.files.filter(({ name }) => !names.has(name)), ...made.map(({ file }) => file)]
    const coverage: SeriesCoverage = {
      ...this.#coverage,
      revision: this.#coverage.revision + 1,
      updatedAt: new Date().toISOString(),
      files: sortFiles(files),
    }
    const renames = made.flatMap(({ file, temp }) => (temp === undefined ? [] : [[temp, file.name] as const]))
    const commit: Commit = { renames, removes: [...names].filter((name) => !stays.has(name)), coverage }
    // Who reads one series holds its folder, who asks in SQL holds the lake: <lake>/<market>/<kind>/<symbol>[/<interval>].
    const { folder } = this
    await using readers = await lockReadersOut(folder)
    await using questions = readers && (await lockReadersOut(lakeOf(folder, this.#coverage)))
    if (!readers || !questions)
      throw new StorageError(folder, 'its files are being read, and stay as they are. Try again later.', {
        code: 'BUSY',
        retryable: true,
      })
    let decided = false
    try {
      await commitChange(folder, commit, () => {
        decided = true
      })
      this.#coverage = coverage
    } finally {
      // Those of a decided change are still needed by whoever finishes it.
      if (!decided) for (const [temp] of renames) await removeIfThere(join(folder, temp)).catch(() => {})
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock[Symbol.asyncDispose]()
  }
}

function lakeOf(folder: string, { series }: SeriesCoverage): string {
  const symbols = series.interval === undefined ? dirname(folder) : dirname(dirname(folder))
  return dirname(dirname(symbols))
}

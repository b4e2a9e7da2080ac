import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { SeriesId } from '../../model/series.ts'
import type { LakeFile } from './coverage-file.ts'
import { holdLocal } from './depot/local-copies.ts'
import { quote } from './duckdb.ts'

/** Archived files of a series. */
interface AwayFiles {
  readonly series: SeriesId
  readonly folder: string
  readonly files: readonly LakeFile[]
}

/**
 * Archived files in the views of a connection: a view can only name files that are there, so those that are not are left
 * out until a question may be about them, and are brought back then.
 */
export class AwayViews {
  #all: AwayFiles[] = []
  /** Those that the views name. */
  readonly #shown = new Set<string>()

  /** Begins anew, before the views are made. */
  clear(): void {
    this.#all = []
    this.#shown.clear()
  }

  /** Takes note of the files of a series and gives those that its view can name. */
  async show(series: SeriesId, folder: string, files: readonly LakeFile[]): Promise<readonly LakeFile[]> {
    const away = files.filter(({ depot }) => depot !== undefined)
    if (away.length === 0) return files
    this.#all.push({ series, folder, files: away })
    const absent = new Set<LakeFile>()
    for (const file of away) {
      const path = join(folder, file.name)
      if (await isThere(path)) this.#shown.add(path)
      else absent.add(file)
    }
    return files.filter((file) => !absent.has(file))
  }

  /**
   * Brings back what a question may be about, and keeps it until all of `held` is disposed of. True when the
   * views have to be made anew.
   */
  async bring(sql: string, held: Disposable[], signal: AbortSignal | undefined): Promise<boolean> {
    let isStale = false
    for (const { folder, files } of askedFor(sql, this.#all)) {
      held.push(await holdLocal(folder, files, signal))
      isStale ||= files.some(({ name }) => !this.#shown.has(join(folder, name)))
    }
    for (const path of this.#shown) isStale ||= !(await isThere(path))
    return isStale
  }
}

/**
 * Those of the kinds that a question names; of one symbol where it is plain that no other counts. What is brought back in
 * vain costs time, but what is not would be missing in the answer.
 */
function askedFor(sql: string, all: readonly AwayFiles[]): readonly AwayFiles[] {
  const ofKind = all.filter(({ series }) => new RegExp(`\\b${series.kind}\\b`, 'i').test(sql))
  const isPlain =
    (sql.match(/\b(?:from|select)\b/gi)?.length ?? 0) === 2 &&
    !/\b(?:join|union|or|not|case)\b|<>|!=|--|\/\*/i.test(sql)
  const symbol = isPlain ? /\bwhere\s+(?:[^()]*\band\s+)?symbol\s*=\s*('[^']*')/i.exec(sql)?.[1] : undefined
  return symbol === undefined ? ofKind : ofKind.filter(({ series }) => quote(series.symbol) === symbol)
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

import { fetchChecksum } from '../archive/checksum.ts'
import type { FileCheck } from '../model/coverage.ts'
import { isTicklakeError, type TicklakeError } from '../model/errors.ts'
import type { TimeRange } from '../model/time.ts'
import type { HttpClient } from '../net/http.ts'
import type { ArchiveAccess, Limiter } from './download/context.ts'

/** An archive file that was published anew since it was taken in. */
export interface Replaced extends TimeRange {
  readonly path: string
  readonly detail: string
}

/** An archive file of which the archive did not say what it publishes now. */
export interface Unchecked {
  readonly path: string
  readonly detail: string
}

export interface PublishedParts {
  readonly archive: ArchiveAccess
  readonly http: HttpClient
  /** Bounds the requests under way. */
  readonly limit: Limiter
  readonly signal: AbortSignal | undefined
}

const ATTEMPTS = 3
/** So many files in a row that can't be asked about, and the archive is taken to be out of reach. */
const PATIENCE = 5

/** The hashes that the archive publishes now, against those that were checked when its files were taken in. */
export class PublishedHashes {
  readonly #parts: PublishedParts
  /** Failures since the last answer. */
  #failures = 0
  #lastFailure: TicklakeError | undefined

  constructor(parts: PublishedParts) {
    this.#parts = parts
  }

  /** A file that can't be asked about stops none of the others. `compared` are those that the archive has a hash of. */
  async compare(
    checks: readonly FileCheck[],
  ): Promise<{ compared: number; replaced: Replaced[]; unchecked: Unchecked[] }> {
    const { limit, signal } = this.#parts
    let compared = 0
    const replaced: Replaced[] = []
    const unchecked: Unchecked[] = []
    await Promise.all(
      checks.map((check) =>
        limit(async () => {
          try {
            const published = await this.#published(check)
            if (published === undefined) return
            compared++
            if (published.hash === check.sha256 || published.hash === check.published) return
            replaced.push({
              ...published.range,
              path: check.path,
              detail: `the archive now publishes ${published.hash}; ${check.sha256} was taken in`,
            })
          } catch (error) {
            signal?.throwIfAborted()
            if (!isTicklakeError(error)) throw error
            this.#failures++
            this.#lastFailure = error
            unchecked.push({
              path: check.path,
              detail: `the archive's checksum could not be asked for: ${error.message}`,
            })
          }
        }, signal),
      ),
    )
    const byPath = (a: Unchecked, b: Unchecked): number => (a.path < b.path ? -1 : 1)
    return { compared, replaced: replaced.sort(byPath), unchecked: unchecked.sort(byPath) }
  }

  /** What the archive publishes of a file now; undefined where it has no hash of it, or none was taken in. */
  async #published(check: FileCheck): Promise<{ readonly hash: string; readonly range: TimeRange } | undefined> {
    const { archive, http, signal } = this.#parts
    const range = archive.layout.parseFile(check.path)
    if (!range || check.sha256 === undefined) return undefined
    const url = `${archive.url}/${archive.layout.checksumPath(check.path).split('/').map(encodeURIComponent).join('/')}`
    if (this.#lastFailure && this.#failures >= PATIENCE) throw this.#lastFailure
    const hash = await fetchChecksum(http, url, {
      retry: { attempts: ATTEMPTS },
      ...(signal ? { signal } : {}),
    })
    this.#failures = 0
    return hash === undefined ? undefined : { hash, range }
  }
}

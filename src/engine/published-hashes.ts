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

  /** A file that can't be asked about stops none of the others. */
  async compare(checks: readonly FileCheck[]): Promise<{ replaced: Replaced[]; unchecked: Unchecked[] }> {
    const { limit, signal } = this.#parts
    const replaced: Replaced[] = []
    const unchecked: Unchecked[] = []
    await Promise.all(
      checks.map((check) =>
        limit(async () => {
          try {
            const found = await this.#compare(check)
            if (found) replaced.push(found)
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
    return { replaced: replaced.sort(byPath), unchecked: unchecked.sort(byPath) }
  }

  async #compare(check: FileCheck): Promise<Replaced | undefined> {
    const { archive, http, signal } = this.#parts
    const about = archive.layout.parseFile(check.path)
    if (!about || check.sha256 === undefined) return undefined
    const url = `${archive.url}/${archive.layout.checksumPath(check.path).split('/').map(encodeURIComponent).join('/')}`
    if (this.#lastFailure && this.#failures >= PATIENCE) throw this.#lastFailure
    const published = await fetchChecksum(http, url, {
      retry: { attempts: ATTEMPTS },
      ...(signal ? { signal } : {}),
    })
    this.#failures = 0
    if (published === undefined || published === check.sha256 || published === check.published) return undefined
    return {
      ...about,
      path: check.path,
      detail: `the archive now publishes ${published}; ${check.sha256} was taken in`,
    }
  }
}

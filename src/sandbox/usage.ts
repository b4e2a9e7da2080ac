import type { WeightUsage } from './manners.ts'

/** What the archive part has served. */
export interface ArchiveUsage {
  readonly requests: number
  /** Zips sent, whole or in part. */
  readonly files: number
  readonly checksums: number
  readonly listings: number
  /** Bytes of bodies handed to the network. */
  readonly bytes: number
  readonly notFound: number
}

/** `GET /sandbox/usage`: what clients have used since the start or the last reset. */
export interface SandboxUsage {
  readonly spot: WeightUsage
  /** Of both futures markets, which share one count. */
  readonly usdm: WeightUsage
  readonly archive: ArchiveUsage
  /** Requests per decoded path, without the query; `/sandbox/…` is left out. */
  readonly paths: Readonly<Record<string, number>>
}

/** Paths counted one by one; beyond that they are only summed up under `…`. */
const MOST_PATHS = 200_000

export class UsageMeter {
  #paths = new Map<string, number>()
  #archive = emptyArchive()

  path(path: string): void {
    const name = this.#paths.size < MOST_PATHS || this.#paths.has(path) ? path : '…'
    this.#paths.set(name, (this.#paths.get(name) ?? 0) + 1)
  }

  archive(what: keyof ArchiveUsage, amount = 1): void {
    this.#archive[what] += amount
  }

  reset(): void {
    this.#paths = new Map()
    this.#archive = emptyArchive()
  }

  read(): Pick<SandboxUsage, 'archive' | 'paths'> {
    return { archive: { ...this.#archive }, paths: Object.fromEntries(this.#paths) }
  }
}

function emptyArchive(): { -readonly [Name in keyof ArchiveUsage]: number } {
  return { requests: 0, files: 0, checksums: 0, listings: 0, bytes: 0, notFound: 0 }
}

import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { StorageError } from '../../model/errors.ts'

/** What a file must look like to be tried where a whole folder is imported. */
const DATA_FILE = /\.(?:zip|csv|csv\.gz|json|(?:jsonl|ndjson)(?:\.gz)?|feather|arrow|parquet)$/i
/** A tree that is deeper is none of an archive's. */
const MAX_DEPTH = 32

/** A file that was named, or found in a folder that was. */
export interface FoundFile {
  /** Absolute. */
  readonly path: string
  readonly isNamed: boolean
}

/**
 * The files that paths stand for, in order: a folder stands for all files of data in it and below, sorted by name.
 * @throws StorageError for a path that does not exist or cannot be read.
 */
export async function findFiles(paths: readonly string[], cwd: string): Promise<FoundFile[]> {
  const found = new Map<string, FoundFile>()
  for (const given of paths) {
    const path = resolve(cwd, given)
    const info = await stat(path).catch((cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'ENOENT' ? 'does not exist.' : `cannot be read (${cause.message}).`
      throw new StorageError(path, why, { cause })
    })
    if (!info.isDirectory()) found.set(path, { path, isNamed: true })
    else for await (const file of walk(path, 0)) found.set(file, found.get(file) ?? { path: file, isNamed: false })
  }
  return [...found.values()]
}

async function* walk(folder: string, depth: number): AsyncGenerator<string, void, void> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true }).catch((cause: Error) => {
    throw new StorageError(folder, `cannot be read (${cause.message}).`, { cause })
  })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (depth < MAX_DEPTH) yield* walk(path, depth + 1)
    } else if (DATA_FILE.test(entry.name)) yield path
  }
}

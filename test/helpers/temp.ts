import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of its own, removed with everything in it when it is disposed of. */
export interface TempFolder extends AsyncDisposable {
  readonly path: string
  /** A path inside the folder. */
  join(...parts: string[]): string
}

/** Makes an empty folder: `await using folder = await tempFolder()`. */
export async function tempFolder(name = 'test'): Promise<TempFolder> {
  // The real path: where the system's folder is a link (macOS), paths that tools report would differ from ours.
  const path = await realpath(await mkdtemp(join(tmpdir(), `ticklake-${name}-`)))
  return {
    path,
    join: (...parts) => join(path, ...parts),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  }
}

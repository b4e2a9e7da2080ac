import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rmdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StorageError } from '../../model/errors.ts'
import { storageError } from './errors.ts'

/** Files being made, and files set aside, start so; no reader takes them for data. */
export const TEMP_PREFIX = '.tmp-'

async function withHandle<T>(path: string, flags: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, flags)
  try {
    return await work(handle)
  } finally {
    await handle.close()
  }
}

/**
 * Whether a path is a folder, or nothing yet: where one may be made. Synchronous: the answer is in the kernel's memory,
 * where a turn of the thread pool would take twenty times as long.
 * @param what what is opened there, for the message
 */
export function mayBeFolder(path: string, what: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() !== false
  } catch (error) {
    throw storageError(path, `${what} could not be opened`, error)
  }
}

/** Makes a file's content survive a power cut. */
export async function syncFile(path: string): Promise<void> {
  await withHandle(path, 'r+', (handle) => handle.sync())
}

/** Files up to this size are read at once to be hashed. */
const SMALL_FILE = 1 << 20
const HASHED_PIECE = 1 << 19

/** Makes a file's content survive a power cut, and tells its size and its SHA-256, lower-case hex. */
export async function syncAndHash(path: string): Promise<{ readonly size: number; readonly sha256: string }> {
  return withHandle(path, 'r+', async (handle) => {
    await handle.sync()
    const { size } = await handle.stat()
    if (size > SMALL_FILE) return { size, sha256: await hashFile(path) }
    const content = await handle.readFile()
    return { size, sha256: createHash('sha256').update(content).digest('hex') }
  })
}

/** Makes the names in a folder (renames, deletions) survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  // Windows can't open a folder; its renames are journalled by the file system.
  if (process.platform === 'win32') return
  await withHandle(path, 'r', (handle) => handle.sync())
}

/** Writes a file whose content survives a power cut. */
export async function writeFileSynced(path: string, content: string | Uint8Array): Promise<void> {
  await withHandle(path, 'w', async (handle) => {
    await handle.writeFile(content)
    await handle.sync()
  })
}

/**
 * Makes a folder and what it lies in, or throws what really stands in the way. Folder by folder: Node's `recursive` says
 * that the parent is missing where the file system is read-only, and goes round for ever where folders can't be made
 * (`/proc`).
 */
export async function makeFolder(path: string): Promise<void> {
  const failure = await tryMakeFolder(path)
  if (failure === undefined) return
  const parent = dirname(path)
  if (failure.code !== 'ENOENT' || parent === path) throw failure
  await makeFolder(parent)
  const again = await tryMakeFolder(path)
  if (again === undefined) return
  if (again.code !== 'ENOENT' || !(await isFolder(parent))) throw again
  throw new StorageError(path, `no folder can be made in ${parent}: its file system takes none. Choose another place`, {
    ...{ cause: again, code: again.code },
  })
}

/** What stands in the way of a folder; undefined when it is there. */
async function tryMakeFolder(path: string): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await mkdir(path)
    return undefined
  } catch (error) {
    // Systems differ in what they say of one that exists, more so where nothing may be written.
    return (await isFolder(path)) ? undefined : (error as NodeJS.ErrnoException)
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  )
}

/** Writes a file so that a reader, or a crash, sees the old content or the new, never a mixture. */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const temp = join(dirname(path), `${TEMP_PREFIX}${process.pid}-${path.slice(dirname(path).length + 1)}`)
  try {
    await writeFileSynced(temp, content)
    await rename(temp, path)
  } catch (error) {
    await removeIfThere(temp)
    throw error
  }
  await syncFolder(dirname(path))
}

/** Deletes a file; one that does not exist is fine. */
export async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

/** Deletes folders in turn as far as they are empty. */
export async function removeEmpty(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    try {
      await rmdir(folder)
    } catch {
      return
    }
  }
}

/** SHA-256 of a file's content, lower-case hex. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  // One buffer for all: a new one per piece makes as much garbage as there are bytes, and collecting it costs more than
  // hashing.
  const buffer = Buffer.allocUnsafeSlow(HASHED_PIECE)
  await withHandle(path, 'r', async (handle) => {
    for (;;) {
      signal?.throwIfAborted()
      const { bytesRead } = await handle.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return
      hash.update(buffer.subarray(0, bytesRead))
    }
  })
  return hash.digest('hex')
}

/** Names in a folder; none when the folder does not exist. */
export async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Deletes the temporary files of a folder: what a killed process left. */
export async function sweepTemps(folder: string): Promise<void> {
  for (const name of await listFolder(folder)) {
    if (name.startsWith(TEMP_PREFIX)) await removeIfThere(join(folder, name))
  }
}

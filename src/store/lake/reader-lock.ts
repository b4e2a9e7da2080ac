import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { flockFile } from './lock.ts'

/**
 * Readers hold this file shared while they read several files of a series, and a merge holds it alone for the moment
 * in which it puts one file in the place of many. So a reader never finds half of each. Flushes need not wait: they only
 * add files. Where flock can't be called (Windows) a reader may have to read again.
 */
export const READERS_FILE = '.readers'

/** How long a merge waits for readers before it leaves the files as they are, ms. */
const WAIT_MS = 2000
const POLL_MS = 20

/** Keeps merges out of a folder until it is disposed of. Undefined where no lock can be had: a read-only disk. */
export async function lockForReading(folder: string): Promise<AsyncDisposable | undefined> {
  return lock(folder, 'shared', Number.POSITIVE_INFINITY)
}

/** Waits for the readers of a folder and keeps new ones out. Undefined when they take too long. */
export async function lockReadersOut(folder: string, waitMs = WAIT_MS): Promise<AsyncDisposable | undefined> {
  return lock(folder, 'exclusive', performance.now() + waitMs)
}

async function lock(
  folder: string,
  mode: 'shared' | 'exclusive',
  deadline: number,
): Promise<AsyncDisposable | undefined> {
  const handle = await openReaders(join(folder, READERS_FILE))
  if (!handle) return undefined
  const held = { [Symbol.asyncDispose]: () => handle.close() }
  for (;;) {
    const outcome = await flockFile(handle.fd, mode)
    if (outcome === 'held' || outcome === 'unsupported') return held
    if (performance.now() >= deadline) {
      await handle.close()
      return undefined
    }
    await sleep(POLL_MS)
  }
}

async function openReaders(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDWR | constants.O_CREAT, 0o666)
  } catch {
    // Not ours to write: a file that is there can be locked all the same.
    return open(path, 'r').catch(() => undefined)
  }
}

import { constants } from 'node:fs'
import { type FileHandle, open, readFile, rename, stat, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LakeLockedError, StorageError } from '../../model/errors.ts'
import { storageError } from './errors.ts'
import { makeFolder } from './files.ts'

/** Held until `release`, or until the process dies, however it dies. */
export interface FileLock extends AsyncDisposable {
  readonly path: string
  release(): Promise<void>
}

export interface LockOptions {
  /** How long to wait for another holder, ms; 0 gives up at once. */
  readonly waitMs: number
  readonly signal?: AbortSignal
  /** Called once when another process holds the lock and we begin to wait. */
  readonly onWait?: (holder: string) => void
}

const POLL_MS = 50

/**
 * Takes an exclusive lock on a file. The kernel holds it (flock), so a killed process leaves no lock behind and the
 * file's text, which says who holds it, is only for people. Where flock can't be called (Windows) the file's existence
 * is the lock, and one of a dead process is taken over.
 * @throws LakeLockedError naming the holder when the wait is over.
 */
export async function lockFile(path: string, options: LockOptions): Promise<FileLock> {
  const deadline = performance.now() + options.waitMs
  const flock = await loadFlock()
  let told = false
  for (;;) {
    options.signal?.throwIfAborted()
    const lock = await (flock ? tryFlock(path, flock) : tryExclusiveFile(path)).catch((cause: unknown) => {
      throw storageError(path, 'the lock could not be taken', cause)
    })
    if (lock) return lock
    const holder = await describeHolder(path)
    if (performance.now() >= deadline) throw new LakeLockedError(dirname(path), holder)
    if (!told) options.onWait?.(holder)
    told = true
    await sleep(POLL_MS, undefined, options.signal ? { signal: options.signal } : {})
  }
}

/** Whether this platform's locks are the kernel's own. */
export async function hasKernelLocks(): Promise<boolean> {
  return (await loadFlock()) !== undefined
}

interface Holder {
  readonly pid: number
  readonly host: string
  readonly since: string
  readonly command: string
}

function ourselves(): string {
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    command: ['ticklake', ...process.argv.slice(2)].join(' ').slice(0, 200),
  }
  return JSON.stringify(holder)
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder>
    if (typeof holder.pid === 'number' && typeof holder.host === 'string') return holder as Holder
  } catch {
    // Just being written, or just gone: nobody to name.
  }
  return undefined
}

async function describeHolder(path: string): Promise<string> {
  const holder = await readHolder(path)
  if (!holder) return 'another process'
  return `process ${holder.pid} on ${holder.host} (${holder.command}, since ${holder.since})`
}

/** 0 when the lock was taken, else the errno. */
type Flock = (fd: number, mode?: 'shared' | 'exclusive') => number

let flockLoaded: Promise<Flock | undefined> | undefined

function loadFlock(): Promise<Flock | undefined> {
  flockLoaded ??= (async () => {
    if (process.platform === 'win32') return undefined
    try {
      const { default: koffi } = await import('koffi')
      // The process itself is linked against libc, on glibc, musl and macOS alike.
      const flock = koffi.load(null).func('int flock(int fd, int operation)') as (
        fd: number,
        operation: number,
      ) => number
      const LOCK_SH = 1
      const LOCK_EX = 2
      const LOCK_NB = 4
      return (fd, mode) => (flock(fd, (mode === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0 ? 0 : koffi.errno())
    } catch {
      return undefined
    }
  })()
  return flockLoaded
}

const WOULD_BLOCK = process.platform === 'linux' ? 11 : 35

/** Locks an open file until it is closed, if nobody holds it in a way that stands against it. */
export async function flockFile(fd: number, mode: 'shared' | 'exclusive'): Promise<'held' | 'busy' | 'unsupported'> {
  const flock = await loadFlock()
  const errno = flock?.(fd, mode)
  if (errno === 0) return 'held'
  return errno === WOULD_BLOCK ? 'busy' : 'unsupported'
}

async function tryFlock(path: string, flock: Flock): Promise<FileLock | undefined> {
  const handle = await openWithFolder(path, constants.O_RDWR | constants.O_CREAT)
  try {
    const errno = flock(handle.fd)
    if (errno === WOULD_BLOCK) {
      await handle.close()
      return undefined
    }
    if (errno !== 0)
      throw new StorageError(path, `flock failed with errno ${errno}; the file system may not support locks`)
    // The former holder unlinks the file as it goes: a lock on an unlinked file locks nobody out.
    const ours = await handle.stat()
    const there = await stat(path).catch(() => undefined)
    if (!there || there.ino !== ours.ino || there.dev !== ours.dev) {
      await handle.close()
      return undefined
    }
    await handle.truncate(0)
    await handle.write(ourselves(), 0)
  } catch (error) {
    await handle.close().catch(() => {})
    throw error
  }
  return held(path, async () => {
    await unlink(path).catch(() => {})
    await handle.close()
  })
}

async function tryExclusiveFile(path: string): Promise<FileLock | undefined> {
  let handle: FileHandle
  try {
    handle = await openWithFolder(path, 'wx')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const holder = await readHolder(path)
    if (holder && holder.host === hostname() && !isAlive(holder.pid)) {
      // Renamed, not unlinked: of two processes that both see the dead one, only one can win the rename.
      const aside = `${path}.dead-${process.pid}`
      await rename(path, aside)
        .then(() => unlink(aside))
        .catch(() => {})
    }
    return undefined
  }
  await handle.writeFile(ourselves())
  return held(path, async () => {
    await handle.close()
    await unlink(path).catch(() => {})
  })
}

/** Opens a file in a folder that is made where it is missing, also when someone removes it, being empty, in between. */
async function openWithFolder(path: string, flags: string | number): Promise<FileHandle> {
  for (let attempt = 1; ; attempt++) {
    try {
      await makeFolder(dirname(path))
      return await open(path, flags, 0o644)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 5) throw error
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function held(path: string, free: () => Promise<void>): FileLock {
  let released: Promise<void> | undefined
  const release = (): Promise<void> => (released ??= free())
  return { path, release, [Symbol.asyncDispose]: release }
}

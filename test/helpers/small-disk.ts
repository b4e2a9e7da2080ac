import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { tempFolder } from './temp.ts'

const run = promisify(execFile)

/** Whether file systems of a chosen size can be made here: by root only, and not in every container. */
export async function canMakeDisks(): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  await using folder = await tempFolder('disk')
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder.path])
    await run('umount', [folder.path])
    return true
  } catch {
    return false
  }
}

/** A file system of its own, as long as the test lasts. */
export async function smallDisk(
  path: string,
  size: string,
): Promise<AsyncDisposable & { resize(size: string): Promise<void> }> {
  await mkdir(path, { recursive: true })
  await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path])
  return {
    async resize(wanted) {
      await run('mount', ['-o', `remount,size=${wanted}`, path])
    },
    async [Symbol.asyncDispose]() {
      await run('umount', ['-l', path])
    },
  }
}

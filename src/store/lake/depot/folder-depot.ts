import { copyFile, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { storageError } from '../errors.ts'
import { hashFile, makeFolder, removeIfThere, syncFile, syncFolder, TEMP_PREFIX } from '../files.ts'
import { type Depot, folderUrl } from './depot.ts'

/** A folder, on another disk as a rule. Its files are read where they are. */
export class FolderDepot implements Depot {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  url(key: string): string {
    return folderUrl(this.folder, key)
  }

  path(key: string): string {
    return join(this.folder, ...key.split('/'))
  }

  async put(key: string, path: string, signal?: AbortSignal): Promise<void> {
    const target = this.path(key)
    const temp = join(dirname(target), `${TEMP_PREFIX}${process.pid}-${key.split('/').at(-1)}`)
    try {
      await makeFolder(dirname(target))
      await copyFile(path, temp)
      signal?.throwIfAborted()
      await syncFile(temp)
      await rename(temp, target)
      await syncFolder(dirname(target))
    } catch (error) {
      await removeIfThere(temp).catch(() => {})
      throw storageError(target, 'the file could not be archived', error)
    }
  }

  async hash(key: string, signal?: AbortSignal): Promise<string | undefined> {
    const path = this.path(key)
    if (!(await stat(path).catch(() => undefined))) return undefined
    return hashFile(path, signal).catch((error: unknown) => {
      throw storageError(path, 'the archived file could not be read back', error)
    })
  }

  async fetch(key: string, target: string): Promise<void> {
    await copyFile(this.path(key), target).catch((error: unknown) => {
      throw storageError(this.path(key), 'the archived file could not be read', error)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { findRealData, REAL_DATA_SKIP, repositoryRoot } from './real-data.ts'

const run = promisify(execFile)
const PREFIX = 'ticklake-archive-tree-'

/** A tree in the layout of the Binance archive, built of recorded data; or why there is none. */
export type ArchiveTree =
  | { readonly path: string; readonly skip?: undefined }
  | { readonly path?: undefined; readonly skip: string }

let tree: Promise<ArchiveTree> | undefined

/**
 * Builds the tree once per test run, in a temporary folder that all workers share: never write into it, copy what a
 * test wants to change. Use as `const tree = await archiveTree()` at the top of a file, then
 * `describe.skipIf(tree.skip)(...)`.
 */
export function archiveTree(): Promise<ArchiveTree> {
  tree ??= build()
  return tree
}

async function build(): Promise<ArchiveTree> {
  const source = findRealData()
  if (source === undefined) return { skip: REAL_DATA_SKIP }
  const tool = resolve(source, '..', 'tools', 'make_archive.py')
  if (!existsSync(tool)) return { skip: 'skipped: tools/make_archive.py is not beside the recorded data' }
  try {
    await run('python3', ['--version'])
  } catch {
    return { skip: 'skipped: python3, which builds the archive tree, is not installed' }
  }
  await removeTreesOfFinishedRuns()
  // Workers are children of the one vitest process, so its id is what they have in common.
  const content = createHash('sha256')
    .update(repositoryRoot)
    .update(await readFile(tool))
    .digest('hex')
    .slice(0, 8)
  const path = join(tmpdir(), `${PREFIX}${process.ppid}-${content}`)
  if (existsSync(path)) return { path }
  const draft = await mkdtemp(join(tmpdir(), `${PREFIX}${process.ppid}-draft-`))
  await run('python3', [tool, source, draft])
  try {
    await rename(draft, path)
  } catch (error) {
    // Another worker was faster; its tree is the same.
    await rm(draft, { recursive: true, force: true })
    if (!existsSync(path)) throw error
  }
  return { path }
}

async function removeTreesOfFinishedRuns(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]
    if (owner !== undefined && !isAlive(Number(owner))) {
      await rm(join(tmpdir(), name), { recursive: true, force: true })
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

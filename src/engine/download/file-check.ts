import type { FetchedFile } from '../../archive/fetch-file.ts'
import type { ListedFile } from '../../archive/listing.ts'
import type { Defect, FileCheck } from '../../model/coverage.ts'

/** An archive file whose rows could be read, whatever its hash. */
export type ReadFile = Extract<FetchedFile, { state: 'verified' | 'mismatch' | 'no-checksum' }>

type LostFile = Extract<FetchedFile, { state: 'missing' | 'unreadable' }>

/** What goes on record of a file that was fetched. */
export function checkOf(file: ListedFile, fetched: FetchedFile, outcome: FileCheck['outcome']): FileCheck {
  const at = new Date().toISOString()
  if (fetched.state === 'missing') return { path: file.path, outcome, at }
  const published = fetched.published === undefined ? {} : { published: fetched.published }
  if (fetched.state === 'unreadable')
    return { path: file.path, outcome, at, ...published, note: fetched.error.message.replace(`${file.path}: `, '') }
  const { sha256, rows, notes } = fetched.result
  const note = notes.length > 0 ? { note: notes.join('; ') } : {}
  return { path: file.path, outcome, sha256, rows, at, ...published, ...note }
}

/** The defect of a file that gave nothing. */
export function lostFile(file: ListedFile, fetched: LostFile): Defect {
  const detail =
    fetched.state === 'missing' ? 'listed, but the archive answers that it does not exist' : fetched.error.message
  return { type: 'lost-file', where: file.path, detail, kept: 'none' }
}

/** Why the hash of a file says nothing. */
export function hashProblem(fetched: ReadFile): string {
  return fetched.state === 'mismatch' ? 'the hash differs from the published one' : 'no checksum is published'
}

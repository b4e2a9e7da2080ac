import { isAbortError, isTicklakeError, StorageError } from '../../model/errors.ts'

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full. Free some space, or choose another --data-dir; the next run goes on from here',
  EDQUOT: 'your disk quota is used up. Free some space; the next run goes on from here',
  EROFS: 'the file system is read-only. Choose another --data-dir',
  EACCES: 'permission denied. Check the owner and mode of the folder, or choose another --data-dir',
  EPERM: 'operation not permitted. Check the owner and mode of the folder, or choose another --data-dir',
  EMFILE: 'too many open files. Lower --parallel or raise the limit (ulimit -n)',
  ENOTDIR: 'a part of the path is a file, not a folder. Choose another --data-dir',
  ENOENT: 'no such file or folder',
  EIO: 'the disk reports an input/output error. Check the disk',
}

/** What DuckDB says of a Parquet file that was cut short or changed. */
const DAMAGED = /magic bytes|too small to be a Parquet|TProtocolException|footer length|decompress|corrupt/i

/** The system's code behind an error, where there is one. DuckDB has none: the system's words stand in its message. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  if (typeof code === 'string') return code
  const text = error instanceof Error ? error.message : String(error)
  if (/No space left/i.test(text)) return 'ENOSPC'
  if (/Read-only file system/i.test(text)) return 'EROFS'
  return /Permission denied/i.test(text) ? 'EACCES' : undefined
}

/** Turns what a file system or DuckDB threw into an error that says what, where and what to do. */
export function storageError(path: string, doing: string, cause: unknown): Error {
  if (isTicklakeError(cause) || isAbortError(cause)) return cause as Error
  const known = systemCode(cause)
  // Behind a blank line DuckDB shows a statement of ours, which tells nobody anything.
  const words = (cause instanceof Error ? cause.message : String(cause)).split('\n\n')[0]!
  const damage = DAMAGED.test(words) ? `${words}. Mend it with: ticklake verify --repair` : undefined
  const advice = known === undefined ? damage : ADVICE[known]
  return new StorageError(path, `${doing}: ${advice ?? words}`, {
    cause,
    code: known ?? 'STORAGE',
  })
}

import { ConfigError, InvalidRangeError, InvalidSymbolError, isTicklakeError, StorageError } from '../model/errors.ts'
import type { Context } from './context.ts'
import { ExitCode } from './verb.ts'

/** An error as the CLI tells it. */
export interface Failure {
  readonly exitCode: ExitCode
  readonly code: string
  readonly message: string
}

const SYSTEM: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full. Free some space, or use another folder; what was stored before is safe.',
  EDQUOT: 'Your disk quota is used up. Free some space, or use another folder; what was stored before is safe.',
  EACCES: 'Permission denied. Change the permissions, or use another folder.',
  EPERM: 'The system does not permit it. Change the permissions, or use another folder.',
  EROFS: 'The file system is read-only. Use another folder.',
  EMFILE: 'Too many open files. Raise the limit (ulimit -n), or use a smaller --parallel.',
}

/** Sorts an error: wrong usage or a failure, and the words for it. */
export function describeError(thrown: unknown): Failure {
  const error = firstOf(thrown)
  if (isTicklakeError(error)) {
    const usage =
      error instanceof ConfigError ||
      error instanceof InvalidRangeError ||
      error instanceof InvalidSymbolError ||
      // SQL that can't be read, or names what is not there.
      (error.code === 'QUERY' && /\b(Parser|Binder|Catalog|Syntax) Error:/.test(error.message))
    return { exitCode: usage ? ExitCode.usage : ExitCode.failed, code: error.code, message: withSystemHint(error) }
  }
  const system = error as NodeJS.ErrnoException
  if (error instanceof Error && typeof system.code === 'string' && system.syscall !== undefined) {
    return { exitCode: ExitCode.failed, code: system.code, message: withSystemHint(error) }
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return {
    exitCode: ExitCode.failed,
    code: 'UNEXPECTED',
    message: `${text}\nThis should not happen. Please report it with what --log-level debug adds.`,
  }
}

/** Of errors that followed one another while things were closed, the one that began it. */
function firstOf(error: unknown): unknown {
  let first = error
  while (first instanceof Error && first.name === 'SuppressedError' && 'suppressed' in first) first = first.suppressed
  return first
}

function withSystemHint(error: Error): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code
    const hint = code === undefined ? undefined : SYSTEM[code]
    // The lake's own errors say what to do already.
    if (hint) return isAdvised(error.message, hint) ? error.message : `${error.message}\n${hint}`
  }
  return error.message
}

/** Whether a message begins to say what a hint says: `the disk is full`. */
function isAdvised(message: string, hint: string): boolean {
  return message.toLowerCase().includes(hint.slice(0, hint.indexOf('.')).toLowerCase())
}

/** Whether an error that came after the user asked to stop tells something that the user must know. */
export function isNewsAfterAbort(error: unknown): boolean {
  return error instanceof StorageError && !/interrupt|abort/i.test(error.message)
}

/**
 * Writes an error to stderr, `--quiet` or not: a line for people, or with `--json` a JSON line
 * (`{"error":{"code","message"}}`). The stack comes with `--log-level debug`.
 */
export function tellError(context: Pick<Context, 'always' | 'json' | 'common' | 'errStyle'>, error: unknown): Failure {
  const failure = describeError(error)
  const stack = context.common.logLevel === 'debug' && error instanceof Error ? error.stack : undefined
  if (context.json) {
    const { code, message } = failure
    context.always(JSON.stringify({ error: { code, message, ...(stack === undefined ? {} : { stack }) } }))
  } else {
    context.always(`${context.errStyle.red('error:')} ${failure.message}`)
    if (stack !== undefined) context.always(stack)
  }
  return failure
}

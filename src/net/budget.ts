import { accessSync, constants, lstatSync, readdirSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StorageError } from '../model/errors.ts'
import type { Log } from '../model/log.ts'
import { BudgetLog, fileNameOf } from './budget-log.ts'
import { isAlive } from './budget-share.ts'

export interface SharedBudgetOptions {
  /** Whether to share, or the folder to share in; when left out the environment says, else it is shared. */
  readonly shared: boolean | string | undefined
  readonly isLive: boolean
  readonly log: Log
}

/** Set to `false`, to `true`, or to a folder. */
export const BUDGET_VARIABLE = 'TICKLAKE_SHARED_BUDGET'

/**
 * Opens the budget that all programs of this user on this machine share; undefined when it is not to be shared, and,
 * with a warning, when it cannot be: then everybody counts alone and learns of the others by the answers' headers.
 */
export function openBudget(name: string, options: SharedBudgetOptions): BudgetLog | undefined {
  const shared = options.shared ?? wordOf(process.env[BUDGET_VARIABLE])
  if (shared === false) return undefined
  try {
    return new BudgetLog({ folder: typeof shared === 'string' ? shared : budgetFolder(), name, isLive: options.isLive })
  } catch (error) {
    // Whatever the system refuses: nothing of it is worth a request that is not sent.
    if (!(error instanceof StorageError) && (error as NodeJS.ErrnoException).syscall === undefined) throw error
    options.log.warn(
      { budget: name, error: (error as Error).message },
      'the rate budget is not shared with other programs',
    )
    return undefined
  }
}

/**
 * Forgets what was told of a host: it is another server now, though it has the same address. Programs that run begin
 * anew within a second.
 */
export function forgetBudget(host: string, shared = wordOf(process.env[BUDGET_VARIABLE])): void {
  if (shared === false) return
  try {
    const folder = typeof shared === 'string' ? shared : budgetFolder()
    const prefix = `${fileNameOf(host)}-`
    for (const file of readdirSync(folder)) if (file.startsWith(prefix)) unlinkSync(join(folder, file))
  } catch {
    // Nobody has told anything, or it is not ours to forget.
  }
}

/** Ids of the programs that have told of requests in a folder in the last minutes and still run. @throws StorageError */
export function budgetPrograms(folder: string): number[] {
  const pids = new Set<number>()
  const names = new Set(readdirSync(folder).flatMap((file) => /^(.+)\.\d+\.budget1$/.exec(file)?.[1] ?? []))
  for (const name of names) {
    using log = new BudgetLog({ folder, name })
    log.read((event) => pids.add(event.pid))
  }
  return [...pids].filter(isAlive)
}

/** What a setting says: `true`, `false`, or a folder. */
export function wordOf(text: string | undefined): boolean | string {
  const word = text?.trim() ?? ''
  if (word === '' || /^(true|yes|on|1)$/i.test(word)) return true
  return /^(false|no|off|0)$/i.test(word) ? false : word
}

/**
 * The folder in which the programs of this user share their budgets: in memory where the system has such a place, and the
 * same for every program whatever its environment.
 * @throws StorageError when somebody else has taken the name.
 */
export function budgetFolder(): string {
  // Where there are no user ids (Windows) the temporary folder is the user's own.
  const uid = process.getuid?.()
  const folder = join(memoryFolder() ?? tmpdir(), uid === undefined ? 'ticklake' : `ticklake-${uid}`)
  const found = lstatSync(folder, { throwIfNoEntry: false })
  if (found && (!found.isDirectory() || (uid !== undefined && found.uid !== uid))) {
    throw new StorageError(folder, 'it belongs to somebody else, so the rate budget is not shared there')
  }
  return folder
}

/** On Linux: a write there waits for no disk. */
function memoryFolder(): string | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    accessSync('/dev/shm', constants.W_OK)
    return '/dev/shm'
  } catch {
    return undefined
  }
}

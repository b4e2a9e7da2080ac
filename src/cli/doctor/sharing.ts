import { setTimeout as sleep } from 'node:timers/promises'
import { isTicklakeError } from '../../model/errors.ts'
import type { Context } from '../context.ts'
import { plural } from '../render/text.ts'
import type { Check } from './checks.ts'

const GROUP = 'Sharing'
/** How long the machine is looked at, ms. */
const LOOK = 300

/** How many archive files at a time a download would take here and now, and why. */
export async function parallelCheck(context: Context): Promise<Check> {
  const name = 'files at a time'
  const { settings, origins } = await context.load()
  const { parallel } = settings.download
  if (parallel !== undefined) {
    const from = origins.get('download.parallel')?.from ?? 'settings'
    return { group: GROUP, name, state: 'info', detail: `${parallel} (${from})` }
  }
  const { decide, firstChoice, firstState } = await import('../../engine/tuning/decide.ts')
  const { MachineSampler, machineFacts } = await import('../../engine/tuning/sampler.ts')
  const first = firstChoice(machineFacts())
  using sampler = new MachineSampler()
  await sleep(LOOK, undefined, { signal: context.signal })
  const machine = sampler.read()
  const sample = { ...machine, bytesPerSecond: 0, running: 0, waiting: 0, diskQueue: 0 }
  let [state, decision] = decide(firstState(first.parallel), sample)
  // What presses only once is let pass; here the one look stands for two.
  if (!decision) [state, decision] = decide(state, sample)
  const now = `other programs use ${Math.round(machine.otherCpu * 100)} % of the cores`
  return {
    group: GROUP,
    name,
    state: decision ? 'info' : 'ok',
    detail: `${first.parallel} at first (${first.detail}); ${decision ? `${decision.parallel} while ${decision.detail}` : now}`,
  }
}

/** Whether the programs of this machine know of each other's requests. */
export async function budgetCheck(context: Context): Promise<Check> {
  const name = 'rate budget'
  const { budgetFolder, budgetPrograms, wordOf, BUDGET_VARIABLE } = await import('../../net/budget.ts')
  const { BudgetLog } = await import('../../net/budget-log.ts')
  const settings = await context.settings()
  const shared = settings.exchange.sharedBudget ?? wordOf(process.env[BUDGET_VARIABLE])
  if (shared === false) {
    return { group: GROUP, name, state: 'info', detail: 'each program on its own (exchange.sharedBudget is false)' }
  }
  try {
    const folder = typeof shared === 'string' ? shared : budgetFolder()
    // Opened as a program would: what it finds out is what they would.
    using _probe = new BudgetLog({ folder, name: 'doctor' })
    const others = budgetPrograms(folder).filter((pid) => pid !== process.pid).length
    const now =
      others === 0 ? 'no program uses it now' : `${plural(others, 'program')} ${others === 1 ? 'uses' : 'use'} it now`
    return { group: GROUP, name, state: 'ok', detail: `shared by all programs of this user, in ${folder}; ${now}` }
  } catch (error) {
    if (!isTicklakeError(error)) throw error
    const todo =
      'Programs that run at the same time may be refused for a while (429). Set TICKLAKE_SHARED_BUDGET to a folder that can be written.'
    return { group: GROUP, name, state: 'warn', detail: error.message, todo }
  }
}

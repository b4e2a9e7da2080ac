import { availableParallelism, cpus } from 'node:os'
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { MachineFacts, TuningSample } from './decide.ts'

/** What a sample holds of the machine, not of the download. */
export type MachineSample = Pick<TuningSample, 'availableMemory' | 'lagMs' | 'ownCpu' | 'otherCpu'>

/** Timers of the event-loop monitor come every so many ms; their lateness is what is beyond. */
const RESOLUTION = 20

/** Bytes that can be had without swapping, within what a container allows. */
export function availableMemory(): number {
  return process.availableMemory()
}

export function machineFacts(): MachineFacts {
  return { cores: availableParallelism(), availableMemory: availableMemory() }
}

interface Times {
  readonly total: number
  readonly idle: number
  /** CPU time of this process, ms. */
  readonly own: number
}

function times(): Times {
  let total = 0
  let idle = 0
  for (const { times: one } of cpus()) {
    total += one.user + one.nice + one.sys + one.irq + one.idle
    idle += one.idle
  }
  const { user, system } = process.cpuUsage()
  return { total, idle, own: (user + system) / 1000 }
}

/** Measures how busy the machine and this process are, from one call of `read` to the next. */
export class MachineSampler implements Disposable {
  readonly #lag: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION })
  #last = times()

  constructor() {
    this.#lag.enable()
  }

  read(): MachineSample {
    const now = times()
    const { total, idle, own } = this.#last
    this.#last = now
    const lagMs = Math.max(0, this.#lag.percentile(90) / 1e6 - RESOLUTION)
    this.#lag.reset()
    const all = now.total - total
    // Where the system tells nothing of its cores (some containers), nothing is held against others.
    const ownCpu = all > 0 ? Math.min(1, (now.own - own) / all) : 0
    const busy = all > 0 ? 1 - (now.idle - idle) / all : 0
    return {
      availableMemory: availableMemory(),
      lagMs: Number.isFinite(lagMs) ? lagMs : 0,
      ownCpu,
      otherCpu: Math.max(0, busy - ownCpu),
    }
  }

  [Symbol.dispose](): void {
    this.#lag.disable()
  }
}

import { backoffMs } from '../../net/backoff.ts'

/** What waits in a line. */
export interface Waiting {
  /** Its own failures while others succeeded. */
  failures: number
}

export interface RepairLineOptions<Job extends Waiting> {
  /** Jobs that run at the same time. */
  readonly parallel: number
  /** First and longest wait after a failure, ms. */
  readonly retryMs: number
  readonly maxRetryMs: number
  /** Does a job once. Resolves with the time until it wants to be done again, ms, or undefined when it is over. */
  readonly run: (job: Job) => Promise<number | undefined>
  /** Whether the exchange forgets what the job is about: the newest of those goes first, the oldest of the others. */
  readonly isForgotten: (job: Job) => boolean
  /** `over`: need not be done any more; `taken`: another job that runs does it along; else `ready`. */
  readonly look: (job: Job) => 'ready' | 'taken' | 'over'
  /** What to make of a failure: of the `host`, so that all wait; of this `job`, so that the others go on; or for good. */
  readonly judge: (error: unknown, job: Job) => 'host' | 'job' | 'end'
  /** A job is over, however it went. */
  readonly done: (job: Job) => void
  /** Called before the one job that tries whether the host is back. */
  readonly probing?: () => void
}

interface Placed<Job> {
  readonly job: Job
  /** Its place among all, by when it came. */
  readonly order: number
}

/**
 * Whose turn it is to ask one market's REST side. When the host fails, one goes on trying, with a backoff, and all the
 * others wait for it, without a backoff of their own: its first success, or `wake`, lets them go on. A job that fails
 * while others succeed waits by itself.
 */
export class RepairLine<Job extends Waiting> {
  readonly #options: RepairLineOptions<Job>
  /** By order. */
  readonly #forgotten: Placed<Job>[] = []
  readonly #kept: Placed<Job>[] = []
  readonly #later = new Set<NodeJS.Timeout>()
  readonly #running = new Set<Promise<void>>()
  #arrived = 0
  #turn = 0
  #isClosed = false
  /** The host's failures in a row; 0 while it works. */
  #failures = 0
  /** Monotonic; since when it fails. */
  #failingSince = 0
  #pause: NodeJS.Timeout | undefined

  constructor(options: RepairLineOptions<Job>) {
    this.#options = options
  }

  /** Puts a job in line after a while. */
  add(job: Job, afterMs: number): void {
    this.#place({ job, order: this.#arrived++ }, afterMs)
  }

  /** There is reason to think that the host is back: one job tries it now. */
  wake(): void {
    if (this.#failures === 0) return
    this.#probe()
  }

  /** Begins nothing any more, and resolves when nothing runs. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#pause)
    for (const timer of this.#later) clearTimeout(timer)
    await Promise.allSettled(this.#running)
  }

  #place(placed: Placed<Job>, afterMs: number): void {
    if (this.#isClosed) return
    const timer = setTimeout(() => {
      this.#later.delete(timer)
      this.#queue(placed)
      this.#pump()
    }, afterMs)
    this.#later.add(timer)
  }

  #queue(placed: Placed<Job>): void {
    const queue = this.#options.isForgotten(placed.job) ? this.#forgotten : this.#kept
    let index = queue.length
    while (index > 0 && (queue[index - 1] as Placed<Job>).order > placed.order) index--
    queue.splice(index, 0, placed)
  }

  #pump(): void {
    if (this.#failures > 0) {
      // Where the one that tried was the only one, there is no pause that would try again.
      if (this.#pause === undefined && this.#running.size === 0) this.#probe()
      return
    }
    while (this.#running.size < this.#options.parallel && this.#start());
  }

  #probe(): void {
    clearTimeout(this.#pause)
    this.#pause = undefined
    if (this.#running.size >= this.#options.parallel) return
    this.#options.probing?.()
    this.#start()
  }

  /** Begins the next job. False when there is none that could. */
  #start(): boolean {
    if (this.#isClosed) return false
    const placed = this.#next()
    if (!placed) return false
    const running: Promise<void> = this.#run(placed).finally(() => {
      this.#running.delete(running)
      this.#pump()
    })
    this.#running.add(running)
    return true
  }

  #next(): Placed<Job> | undefined {
    // Both have their turns: neither may keep the other from going on.
    const newest = this.#turn++ % 2 === 0
    return newest
      ? (this.#take(this.#forgotten, true) ?? this.#take(this.#kept, false))
      : (this.#take(this.#kept, false) ?? this.#take(this.#forgotten, true))
  }

  #take(queue: Placed<Job>[], newest: boolean): Placed<Job> | undefined {
    for (let index = newest ? queue.length - 1 : 0; index >= 0 && index < queue.length; ) {
      const placed = queue[index] as Placed<Job>
      const state = this.#options.look(placed.job)
      if (state !== 'taken') queue.splice(index, 1)
      if (state === 'ready') return placed
      if (state === 'over') this.#options.done(placed.job)
      if (newest) index--
      else if (state === 'taken') index++
    }
    return undefined
  }

  async #run(placed: Placed<Job>): Promise<void> {
    const { job } = placed
    try {
      const again = await this.#options.run(job)
      this.#worked()
      job.failures = 0
      if (again === undefined) this.#options.done(job)
      else this.#place(placed, again)
    } catch (error) {
      const blame = this.#isClosed ? 'end' : this.#options.judge(error, job)
      if (blame === 'end') this.#options.done(job)
      else this.#failed(placed, blame, (error as { retryAfterMs?: number }).retryAfterMs ?? 0)
    }
  }

  #worked(): void {
    clearTimeout(this.#pause)
    this.#pause = undefined
    this.#failures = 0
  }

  #failed(placed: Placed<Job>, blame: 'host' | 'job', askedMs: number): void {
    const { retryMs, maxRetryMs } = this.#options
    const { job } = placed
    // Who is the first to fail may be the reason itself: the second time it waits by itself, and the others go before.
    const isSuspect = blame === 'job' || this.#failures === 0
    if (isSuspect) job.failures++
    if (blame === 'job' || (isSuspect && job.failures > 1)) {
      this.#place(placed, askedMs + backoffMs({ attempt: job.failures, baseMs: retryMs, maxMs: maxRetryMs }))
    } else this.#queue({ job, order: this.#options.isForgotten(job) ? this.#behind() : this.#arrived++ })
    if (blame === 'job') {
      // Its answer came: the host is there.
      this.#worked()
      return
    }
    const now = performance.now()
    if (this.#failures++ === 0) this.#failingSince = now
    const downMs = now - this.#failingSince
    const delay = backoffMs({ attempt: this.#failures, baseMs: retryMs, maxMs: maxRetryMs, downMs })
    clearTimeout(this.#pause)
    this.#pause = setTimeout(() => this.#probe(), askedMs + delay)
  }

  /** A place that comes after all others where the newest goes first. */
  #behind(): number {
    return (this.#forgotten[0]?.order ?? 0) - 1
  }
}

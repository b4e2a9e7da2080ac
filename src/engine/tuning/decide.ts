/** As many archive files at a time may be asked for; more than this no line and no archive is the better for. */
export const PARALLEL_LIMIT = 100

/** What is known of the machine and of a download at one moment. Rates and shares are of the time since the last one. */
export interface TuningSample {
  /** Bytes of archive files that arrived per second. */
  readonly bytesPerSecond: number
  /** Files under way. */
  readonly running: number
  /** Files that wait for their turn. */
  readonly waiting: number
  /** Files whose rows wait for the disk. */
  readonly diskQueue: number
  /** Memory that can be had without swapping, bytes. */
  readonly availableMemory: number
  /** How late timers of this process come: the 90th percentile, ms. */
  readonly lagMs: number
  /** Share of all cores that this process uses, 0 to 1. */
  readonly ownCpu: number
  /** Share of all cores that other programs use, 0 to 1. */
  readonly otherCpu: number
}

export interface MachineFacts {
  readonly cores: number
  readonly availableMemory: number
}

/** Why a number of files was chosen. */
export type TuningReason =
  | 'given'
  | 'start'
  | 'memory'
  | 'other programs'
  | 'event loop'
  | 'disk'
  | 'more may be faster'
  | 'no faster'
  | 'fewer may do'
  | 'slower'

/** One choice: how many files at a time from now on. */
export interface TuningDecision {
  readonly parallel: number
  readonly reason: TuningReason
  /** The figures behind it, for people. */
  readonly detail: string
}

/** A decision and when it was made, ms since the download began. */
export interface TimedDecision extends TuningDecision {
  readonly atMs: number
}

/** How many files at a time a download took, and why. */
export interface ParallelReport {
  /** False where the number was given. */
  readonly auto: boolean
  readonly first: number
  readonly last: number
  /** The first decision, and the newest ones. */
  readonly decisions: readonly TimedDecision[]
}

/** What the rules remember between samples. */
export interface TuningState {
  readonly parallel: number
  readonly most: number
  /** An attempt whose outcome is awaited: where it came from and how fast that was. */
  readonly attempt?: { readonly from: number; readonly bytesPerSecond: number; readonly settled: boolean }
  /** Samples until the next attempt. */
  readonly rest: number
  /** Samples in a row under the same pressure. */
  readonly pressed: number
  /** Fewer files were slower when that was last tried. */
  readonly needsMany: boolean
}

export const MOST_FILES = 13
/** Below this only memory may go: one file is read while the next one's connection is made. */
const LEAST = 2
/** Buffers, columns and Parquet writer of one file, bytes. */
const MEMORY_PER_FILE = 24 * 2 ** 20
/** Left to the system and to what the process itself will still need, bytes. */
const MEMORY_KEPT = 256 * 2 ** 20
/** A timer that comes so late means that the process cannot keep up, ms. */
const LATE = 150
/** The machine is busy, and so much of it with others. */
const BUSY = 0.9
const OTHERS = 0.25
/** How many samples in a row a pressure must last: one alone may be an accident. */
const PATIENCE = 2
/** A line that gives less to each file may be shared by too many, bytes per second. */
const THIN = 64 * 1024
const FASTER = 1.08
const SLOWER = 0.92
const REST_AFTER_PRESSURE = 5
const REST_AFTER_FAILURE = 20

/** The number to begin with: by the cores, as far as the memory goes. Short downloads see no other. */
export function firstChoice(facts: MachineFacts, most: number = MOST_FILES): TuningDecision {
  const byCores = Math.min(most, 4 + 4 * facts.cores)
  const byMemory = memoryBound(facts.availableMemory)
  const parallel = Math.max(1, Math.min(byCores, byMemory))
  const detail = `${facts.cores} ${facts.cores === 1 ? 'core' : 'cores'}, ${sizeOf(facts.availableMemory)} of memory free, at most ${most}`
  return { parallel, reason: byMemory < byCores ? 'memory' : 'start', detail }
}

export function firstState(parallel: number, most: number = MOST_FILES): TuningState {
  return { parallel, most, rest: 1, pressed: 0, needsMany: false }
}

/**
 * The next step: what presses (memory, other programs, our own lateness, the disk) brings the number down at once or
 * after a second look; with nothing pressing, more or fewer files are tried, and kept where that pays.
 * @returns the new state, and the decision where the number changes.
 */
export function decide(state: TuningState, sample: TuningSample): [TuningState, TuningDecision?] {
  const bound = memoryBound(sample.availableMemory)
  if (bound < state.parallel) {
    return change(state, bound, 'memory', `${sizeOf(sample.availableMemory)} of memory free`, REST_AFTER_PRESSURE)
  }
  const pressure = pressureOf(state, sample)
  if (pressure) {
    const pressed = state.pressed + 1
    if (pressed < PATIENCE) return [{ ...calm(state), pressed }]
    return change(state, Math.max(LEAST, pressure.parallel), pressure.reason, pressure.detail, REST_AFTER_PRESSURE)
  }
  // Where nothing waits, another number would change nothing, and the rate says nothing about it.
  if (sample.waiting === 0) return [calm(state)]
  return climb({ ...state, pressed: 0 }, sample, Math.min(state.most, bound))
}

function pressureOf(state: TuningState, sample: TuningSample): TuningDecision | undefined {
  const fewer = Math.min(state.parallel - 1, Math.floor(state.parallel * 0.7))
  const { otherCpu, ownCpu, lagMs, diskQueue } = sample
  if (otherCpu >= OTHERS && otherCpu + ownCpu >= BUSY) {
    const detail = `other programs use ${percent(otherCpu)} of the cores, this one ${percent(ownCpu)}`
    return { parallel: fewer, reason: 'other programs', detail }
  }
  if (lagMs >= LATE) {
    return { parallel: fewer, reason: 'event loop', detail: `timers come ${Math.round(lagMs)} ms late` }
  }
  if (diskQueue >= Math.max(2, state.parallel / 2)) {
    return { parallel: state.parallel - 1, reason: 'disk', detail: `${diskQueue} files wait for the disk` }
  }
  return undefined
}

function climb(state: TuningState, sample: TuningSample, bound: number): [TuningState, TuningDecision?] {
  const { attempt, parallel } = state
  const rate = sample.bytesPerSecond
  if (attempt) {
    // The first sample after a change is half of the time before it.
    if (!attempt.settled) return [{ ...state, attempt: { ...attempt, settled: true } }]
    const { attempt: _, ...rest } = state
    const detail = `${sizeOf(rate)}/s with ${parallel}, ${sizeOf(attempt.bytesPerSecond)}/s with ${attempt.from}`
    if (parallel > attempt.from) {
      if (rate >= attempt.bytesPerSecond * FASTER) return [{ ...rest, rest: 0 }]
      return change(rest, attempt.from, 'no faster', detail, REST_AFTER_FAILURE)
    }
    if (rate >= attempt.bytesPerSecond * SLOWER) return [{ ...rest, rest: REST_AFTER_PRESSURE }]
    return change({ ...rest, needsMany: true }, attempt.from, 'slower', detail, REST_AFTER_FAILURE)
  }
  if (state.rest > 0) return [{ ...state, rest: state.rest - 1 }]
  const perFile = rate / Math.max(1, sample.running)
  if (perFile < THIN && rate > 0 && parallel > LEAST && !state.needsMany) {
    const detail = `${sizeOf(rate)}/s for ${sample.running} files`
    return attemptAt(state, Math.max(LEAST, Math.floor(parallel / 2)), rate, 'fewer may do', detail)
  }
  if (parallel >= bound) return [state]
  const more = Math.min(bound, parallel + Math.max(1, Math.round(parallel / 4)))
  return attemptAt(state, more, rate, 'more may be faster', `${sample.waiting} files wait, ${sizeOf(rate)}/s`)
}

function attemptAt(
  state: TuningState,
  parallel: number,
  bytesPerSecond: number,
  reason: TuningReason,
  detail: string,
): [TuningState, TuningDecision] {
  const attempt = { from: state.parallel, bytesPerSecond, settled: false }
  return [
    { ...state, parallel, attempt },
    { parallel, reason, detail },
  ]
}

function change(
  state: TuningState,
  parallel: number,
  reason: TuningReason,
  detail: string,
  rest: number,
): [TuningState, TuningDecision?] {
  const next = { ...calm(state), rest, parallel }
  return parallel === state.parallel ? [next] : [next, { parallel, reason, detail }]
}

/** Without an attempt: what was measured for it does not count any more. */
function calm({ attempt: _, ...state }: TuningState): TuningState {
  return { ...state, pressed: 0 }
}

function memoryBound(availableMemory: number): number {
  return Math.max(1, Math.floor((availableMemory - MEMORY_KEPT) / MEMORY_PER_FILE))
}

function sizeOf(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`
  return `${bytes >= 1e8 ? Math.round(bytes / 1e6) : (bytes / 1e6).toFixed(1)} MB`
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

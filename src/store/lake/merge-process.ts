// The process that merges files for a long-lived one (merge-elsewhere.ts). Sorting a day takes memory that a C library
// does not give back; here it goes with the process.
import { setPriority } from 'node:os'
import { kindOf } from '../../model/kinds.ts'
import { mergeFiles } from './event-compact.ts'
import type { MergeAnswer, MergeJob } from './merge-elsewhere.ts'

/** Nobody has asked for so long, ms: the next one starts another process. */
const IDLE_MS = 5000
/** Collecting comes first. */
const NICENESS = 10

try {
  setPriority(NICENESS)
} catch {
  // Some systems do not allow it.
}

let idle = setTimeout(() => process.exit(0), IDLE_MS)

process.on('message', (job: MergeJob) => {
  clearTimeout(idle)
  const done = (answer: MergeAnswer): void => {
    process.send?.(answer)
    idle = setTimeout(() => process.exit(0), IDLE_MS)
  }
  mergeFiles(job.folder, kindOf(job.kind), job.merge, job.temp, job.compression).then(
    (file) => done({ file }),
    (error: unknown) => done({ error: error instanceof Error ? error.message : String(error) }),
  )
})
// Whoever asked is gone: nobody will commit what is made.
process.on('disconnect', () => process.exit(0))

import type { LiveExchange } from '../../exchanges/stream.ts'
import type { Log } from '../../model/log.ts'
import type { SeriesId } from '../../model/series.ts'
import { RUN_GAP, type Spool } from '../../store/spool/index.ts'
import type { Backfill } from './backfill.ts'
import { FLUSH_BYTES, type Flusher, memoryOf } from './flusher.ts'
import type { Intake, IntakeSeries } from './intake.ts'
import { recoverSpool } from './recovery.ts'

export interface RunRecoveryParts {
  readonly spool: Spool | undefined
  readonly live: LiveExchange
  readonly intake: Intake
  readonly backfill: Backfill
  readonly flusher: Flusher
  /** Opens a series behind what the lake has of it. */
  readonly open: (id: SeriesId) => Promise<IntakeSeries>
  /** Records after which what was read is moved to the lake; their memory is bounded besides. */
  readonly flushRecords: number
  readonly log: Log
}

/** Brings what an earlier run left in the spool to the lake, before anything new arrives. */
export class RunRecovery {
  /** While it runs nothing is asked for, and nothing is written to the spool. */
  isRunning = false
  /** Entry of the spool up to which it was read. */
  at = -1

  async run(parts: RunRecoveryParts, signal: AbortSignal | undefined): Promise<void> {
    const { spool, live, intake, backfill, flusher, open, flushRecords, log } = parts
    if (!spool) return
    this.isRunning = true
    let waiting = 0
    let bytes = 0
    /** Sequence of each series' last record. */
    const before = new Map<IntakeSeries, number>()
    const report = await recoverSpool(spool, (market) => live.createParser(market), {
      take: async (record, sequence) => {
        if (record.kind === 'candle' && !record.closed) return
        const entry = await open(intake.idOf(record))
        const { series, sink } = entry
        const last = before.get(entry) ?? sink?.resume.sequence
        // Another run, and nobody collected in between.
        if (last === undefined || sequence - last >= RUN_GAP / 2) series.away()
        before.set(entry, sequence)
        if (!series.take(record, Date.now()) || series.renewal || !sink?.append(record, sequence)) return
        waiting++
        bytes += memoryOf(record)
      },
      gap: async (id, gap) => (await open(id)).sink?.gap(gap),
      pause: async (sequence) => {
        this.at = sequence
        if (waiting < flushRecords && bytes < FLUSH_BYTES) return
        waiting = bytes = 0
        await flusher.flush()
      },
      log,
      ...(signal ? { signal } : {}),
    })
    this.isRunning = false
    for (const { series } of intake.all) series.away()
    if (report.entries === 0) return
    await flusher.flush()
    log.info({ ...report }, 'what an earlier run left in the spool is in the lake')
    for (const { series } of intake.all) for (const hole of series.ledger?.holes ?? []) backfill.add(series, hole)
  }
}

import type { FrameParser, FrameSink } from '../../exchanges/stream.ts'
import type { Gap } from '../../model/coverage.ts'
import type { LiveRecord } from '../../model/live/index.ts'
import { type Log, silentLog } from '../../model/log.ts'
import type { Market, SeriesId } from '../../model/series.ts'
import { eachMessage } from '../../net/websocket/index.ts'
import { decodeRecords, type Spool } from '../../store/spool/index.ts'

export interface RecoveryReport {
  readonly entries: number
  readonly records: number
  readonly badEntries: number
}

/** A gap as it stands in the spool, so that it is not forgotten when the process dies before the lake knows of it. */
export function gapNote(series: SeriesId, gap: Gap): Uint8Array {
  return Buffer.from(JSON.stringify({ series, gap }))
}

function readGap(bytes: Uint8Array, start: number, end: number): { series: SeriesId; gap: Gap } | undefined {
  try {
    const note = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()) as {
      series?: SeriesId
      gap?: Gap
    }
    return note.series && note.gap ? { series: note.series, gap: note.gap } : undefined
  } catch {
    return undefined
  }
}

/** Records taken in between two looks at how much memory they use, and bytes of the spool. */
const STEP = 10_000
const STEP_BYTES = 4 * 1024 * 1024

/**
 * Reads what an earlier run left in the spool, record by record and in order. `take` says where they go; `pause` is
 * awaited now and then, so that they can be moved to the lake while more are read.
 */
export async function recoverSpool(
  spool: Spool,
  createParser: (market: Market) => FrameParser,
  options: {
    readonly take: (record: LiveRecord, sequence: number) => void | Promise<void>
    /** A note of a gap that was found. */
    readonly gap: (series: SeriesId, gap: Gap) => void | Promise<void>
    /** Every entry up to this sequence was handed out. */
    readonly pause: (sequence: number) => Promise<void>
    readonly log?: Log
    readonly signal?: AbortSignal
  },
): Promise<RecoveryReport> {
  const log = options.log ?? silentLog
  const parsers = new Map<Market, FrameParser>()
  const found: LiveRecord[] = []
  let entries = 0
  let records = 0
  let step = 0
  let stepBytes = 0
  let badEntries = 0
  const sink: FrameSink = {
    record: (record) => void found.push(record),
    reply: () => {},
    shutdown: () => {},
    unknown: () => {},
    bad: (problem) => {
      badEntries++
      log.warn({ problem }, 'a frame of the spool could not be read')
    },
  }
  const parserOf = (market: Market): FrameParser => {
    const parser = parsers.get(market) ?? createParser(market)
    parsers.set(market, parser)
    return parser
  }
  for await (const entry of spool.replay(options.signal)) {
    entries++
    found.length = 0
    if (entry.type === 'note') {
      const note = readGap(entry.bytes, entry.start, entry.end)
      if (note) await options.gap(note.series, note.gap)
    } else if (entry.type === 'frame' || entry.type === 'frames') {
      const { bytes, start, end, receiveTime } = entry
      const parser = parserOf(entry.market)
      if (entry.type === 'frame') parser.parse(bytes, start, end, receiveTime, sink)
      else eachMessage(bytes, start, end, (from, to) => parser.parse(bytes, from, to, receiveTime, sink))
    } else {
      try {
        found.push(...decodeRecords(entry.bytes, entry.start, entry.end))
      } catch (error) {
        badEntries++
        log.warn({ err: error }, 'an entry of the spool could not be read')
      }
    }
    for (const record of found) await options.take(record, entry.sequence)
    records += found.length
    step += found.length
    stepBytes += entry.end - entry.start
    if (step < STEP && stepBytes < STEP_BYTES) continue
    step = stepBytes = 0
    await options.pause(entry.sequence)
  }
  return { entries, records, badEntries }
}

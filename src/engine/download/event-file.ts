import { fetchFile } from '../../archive/fetch-file.ts'
import type { ListedFile } from '../../archive/listing.ts'
import type { Defect, FileCheck } from '../../model/coverage.ts'
import { isTicklakeError } from '../../model/errors.ts'
import { RecordFlag } from '../../model/live/index.ts'
import type { TimeRange } from '../../model/time.ts'
import { timeColumnsOf } from '../../store/lake/event-chunks.ts'
import type { EventDownload } from './event-download.ts'
import { explainSilence } from './event-lack.ts'
import { checkOf, hashProblem, lostFile, type ReadFile } from './file-check.ts'

/**
 * Fetches one archive file of events, checks it, and commits what is good of it for the given ranges.
 * @returns whether the ranges are settled; if not, another source has to serve them.
 */
export async function takeEventFile(
  download: EventDownload,
  file: ListedFile,
  ranges: readonly TimeRange[],
  isRenewed = false,
): Promise<boolean> {
  const { context, writer, series } = download
  const { archive } = context
  const fields = archive?.layout.fields(series.market, series.kind)
  if (!archive || !fields) return false
  const { slackMs = 0, labels } = download.traits ?? {}
  const timeColumn = timeColumnsOf(writer.kind).find((name) => fields.some(({ column }) => column === name))
  // What the file's end cuts off by another time than the stored one belongs to it all the same.
  const taken = slackMs === 0 ? ranges : ranges.map((range) => withSlack(range, file, slackMs))
  let release: (() => void) | undefined
  const open = () => (isRenewed ? writer.stageAnew(taken) : writer.stage(taken))
  let stage = open()
  let adopted = false
  try {
    const fetched = await fetchFile(
      { path: file.path, bytes: file.bytes, etag: file.etag },
      {
        ...{ path: file.path, fields, timeColumn: timeColumn ?? writer.kind.timeColumn },
        ...withSlack(file, file, slackMs),
        ...(labels === undefined ? {} : { labels }),
      },
      {
        givesBack: true,
        rows: async (batch) => {
          // While this waits the file's transfer waits too: memory is bounded by the permits, not by the disk's speed.
          release ??= await context.permits.take()
          await stage.add(batch)
        },
        reset: async () => {
          await stage.discard()
          stage = open()
          release?.()
          release = undefined
        },
      },
      {
        http: context.http,
        pool: context.pool,
        baseUrl: archive.url,
        partsFolder: download.partsFolder,
        retry: { attempts: context.attempts, onRetry: (retry) => download.onRetry({ ...retry, what: file.path }) },
        stallMs: context.stallMs,
        onBytes: (bytes) => download.received(file.path, bytes),
        ...(context.signal ? { signal: context.signal } : {}),
      },
    )
    // The former rows are better than none, and than doubtful ones.
    if (isRenewed && fetched.state !== 'verified') return false
    if (fetched.state === 'missing' || fetched.state === 'unreadable') {
      await download.note({ checks: [checkOf(file, fetched, fetched.state)], defects: [lostFile(file, fetched)] })
      return false
    }
    await stage.finish()
    if (fetched.state !== 'verified') await stage.mark(RecordFlag.unverified)
    const { defects, defectCount, inexactValues } = fetched.result
    if (isRenewed) {
      const told = fields.flatMap(({ column }) =>
        column === undefined || column === writer.kind.sortKey ? [] : [column],
      )
      const facts = {
        checks: [verdict(file, fetched)],
        defects: [...defects, ...orderDefects(file, stage.tally)],
        moreDefects: defectCount - defects.length,
        // What was missing in the former file may be there now, and the other way round.
        ...(writer.held
          ? {}
          : {
              covered: ranges.map((range) => ({ ...range, source: 'archive' as const })),
              gaps: stage.silences(ranges).map((silence) => explainSilence(download, silence)),
            }),
      }
      // Rows near an end may be those of the file before or after.
      const whole = ranges.map((range) => withSlack(range, file, -slackMs)).filter(({ from, to }) => from < to)
      await download.revise(stage, taken, { columns: told, where: file.path, whole }, facts)
      return true
    }
    adopted = await download.adopt(stage, {
      covered: ranges.map((range) => ({ ...range, source: 'archive' as const })),
      gaps: stage.silences(ranges).map((silence) => explainSilence(download, silence)),
      checks: [verdict(file, fetched)],
      defects: [...defects, ...orderDefects(file, stage.tally)],
      moreDefects: defectCount - defects.length,
      inexactValues,
    })
    if (!adopted) context.log.warn({ file: file.path }, 'another source gave records of this file meanwhile')
    return adopted
  } catch (error) {
    if (context.signal?.aborted || !isTicklakeError(error) || !error.retryable) throw error
    // The archive does not give this file out now. The run goes on; REST may have it.
    context.log.warn({ symbol: series.symbol, file: file.path, error: error.message }, 'the file could not be fetched')
    await download.note({ defects: [{ type: 'lost-file', where: file.path, detail: error.message, kept: 'none' }] })
    return false
  } finally {
    if (!adopted) await stage.discard()
    release?.()
  }
}

/** A file whose hash is wrong twice is kept, with a flag on each row: nothing else has its rows, as a rule. */
function verdict(file: ListedFile, fetched: ReadFile): FileCheck {
  if (fetched.state === 'verified') return checkOf(file, fetched, 'verified')
  const check = checkOf(file, fetched, 'unverified')
  const notes = [`${hashProblem(fetched)}; every row is flagged as unverified`, ...(check.note ? [check.note] : [])]
  return { ...check, note: notes.join('; ') }
}

/** A range that reaches further where it reaches an end of the file. */
function withSlack({ from, to }: TimeRange, file: TimeRange, slackMs: number): TimeRange {
  return { from: from === file.from ? from - slackMs : from, to: to === file.to ? to + slackMs : to }
}

function orderDefects(file: ListedFile, { falls, repeated }: { falls: number; repeated: number }): Defect[] {
  const defects: Defect[] = []
  if (falls > 0) {
    const detail = `rows are not in order at ${falls} places; they were sorted`
    defects.push({ type: 'out-of-order', where: file.path, detail, kept: 'archive' })
  }
  if (repeated > 0) {
    const detail = `${repeated} rows repeat others of the file`
    defects.push({ type: 'duplicate', where: file.path, detail, kept: 'first' })
  }
  return defects
}

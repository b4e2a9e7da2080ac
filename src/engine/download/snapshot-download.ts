import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { InvalidRangeError, isTicklakeError } from '../../model/errors.ts'
import type { ExchangeInfoRecord } from '../../model/history/index.ts'
import { type LiveRecord, RecordFlag } from '../../model/live/index.ts'
import { DAY, floorDay, formatDay, type TimeRange } from '../../model/time.ts'
import { numbersOf } from '../../store/lake/event-columns.ts'
import { readEventFiles } from '../../store/lake/event-read.ts'
import type { EventWriter } from '../../store/lake/event-writer.ts'
import { hashFile, writeFileAtomic } from '../../store/lake/files.ts'
import type { DownloadRequest, SeriesReport } from '../types.ts'
import type { DownloadContext } from './context.ts'
import { eventReport } from './event-report.ts'

const deflate = promisify(gzip)

/** A snapshot on its way into the lake. */
interface Taken {
  /** When it was so, epoch ms. */
  readonly time: number
  readonly record: LiveRecord
  /** The answer itself, kept beside the records. */
  readonly document?: { readonly name: string; readonly text: string; readonly rows: number }
}

/** Name of the answer that was kept of a day. */
export function documentName(time: number): string {
  return `${formatDay(time)}.json.gz`
}

/** Takes what the exchange tells of the present, once a day (UTC): its past is not to be had from anyone. */
export class SnapshotDownload {
  readonly #request: DownloadRequest
  readonly #context: DownloadContext
  readonly #writer: EventWriter
  readonly #started = performance.now()
  #requests = 0
  #bytes = 0

  constructor(request: DownloadRequest, context: DownloadContext, writer: EventWriter) {
    this.#request = request
    this.#context = context
    this.#writer = writer
  }

  async run(): Promise<SeriesReport> {
    const { series, source, to } = this.#request
    const { health, signal } = this.#context
    let today: TimeRange = { from: floorDay(to), to }
    try {
      if (source === 'archive') throw new InvalidRangeError(`The archive has no ${series.kind}. Leave --source out.`)
      const now = await health.now(series.market, source, signal)
      today = { from: floorDay(now), to: floorDay(now) + DAY }
      if (to <= today.from) {
        const day = formatDay(today.from)
        throw new InvalidRangeError(
          `The exchange tells the present ${series.kind} only, that of ${day}, and the range ends before: give no end.`,
        )
      }
      const added = (await this.#isTaken(today)) ? 0 : await this.#store(await this.#take())
      return await this.#report(today, added)
    } catch (error) {
      if (signal?.aborted || !isTicklakeError(error)) throw error
      return await this.#report(today, 0, error.message)
    }
  }

  async #isTaken(today: TimeRange): Promise<boolean> {
    const { folder, kind, coverage } = this.#writer
    const columns = kind.columns.filter(({ name }) => name === 'flags')
    for await (const batch of readEventFiles(folder, kind, coverage.files, { columns, ...today }))
      if (
        numbersOf(batch, 'flags')
          .subarray(0, batch.length)
          .some((flags) => (flags & RecordFlag.rest) !== 0)
      )
        return true
    return false
  }

  async #take(): Promise<Taken> {
    const { series } = this.#request
    const { client, signal } = this.#context
    const { market, symbol, kind } = series
    const unknown = new InvalidRangeError(`${series.exchange} gives no ${kind} of ${market}.`)
    this.#requests++
    if (kind === 'ticker') {
      const record = await client.tickerNow?.(market, symbol, signal)
      if (!record) throw unknown
      return { time: record.eventTime, record }
    }
    const info = await client.exchangeInfoNow?.(market, signal)
    if (!info) throw unknown
    const text = JSON.stringify(info.answer)
    const record: ExchangeInfoRecord = {
      ...{ kind: 'exchangeInfo', market, symbol, time: info.time, symbols: info.symbols, trading: info.trading },
      ...{ bytes: Buffer.byteLength(text), eventTime: Number.NaN, receiveTime: Number.NaN, flags: RecordFlag.rest },
    }
    const document = { name: documentName(info.time), text, rows: info.symbols }
    return { time: info.time, record: record as unknown as LiveRecord, document }
  }

  /** The document comes first: a record says that it is there. */
  async #store({ time, record, document }: Taken): Promise<number> {
    const { writer, request } = { writer: this.#writer, request: this.#request }
    const covered = [{ from: time, to: time + 1, source: 'rest' as const }]
    const checks = []
    if (document) {
      const packed = await deflate(document.text)
      const path = join(writer.folder, document.name)
      await writeFileAtomic(path, packed)
      this.#bytes = packed.length
      const facts = { sha256: await hashFile(path), rows: document.rows, at: new Date().toISOString() }
      checks.push({ path: document.name, outcome: 'verified' as const, ...facts })
    }
    writer.append(record)
    const { records } = await writer.flush({ covered, checks })
    await writer.tidy(time, this.#context.signal)
    this.#context.onEvent({ type: 'commit', series: request.series, rows: records })
    return records
  }

  async #report(today: TimeRange, added: number, error?: string): Promise<SeriesReport> {
    const { series } = this.#request
    const tally = {
      ...{ added, files: [], bytes: this.#bytes, restRequests: this.#requests },
      durationMs: Math.round(performance.now() - this.#started),
      ...(error === undefined ? {} : { error }),
    }
    // Of a day the one instant counts that was asked for.
    const whole = { ...(await eventReport(this.#writer, today, tally)), unsettled: [] }
    const report = { ...whole, complete: error === undefined && whole.rows > 0 }
    this.#context.onEvent({ type: 'done', series, report })
    return report
  }
}

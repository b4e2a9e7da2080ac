import { join } from 'node:path'
import type { BookSync } from '../../book/index.ts'
import { EventBus } from '../../bus/event-bus.ts'
import type { BaseDataClient, Exchange } from '../../exchanges/exchange.ts'
import {
  type ArrivedFrame,
  type Channel,
  channelKey,
  EVERY_SYMBOL,
  type LiveExchange,
  type LiveStream,
} from '../../exchanges/stream.ts'
import type { Gap } from '../../model/coverage.ts'
import type { LiveRecord } from '../../model/live/index.ts'
import { type Log, silentLog } from '../../model/log.ts'
import { type Market, type SeriesId, seriesKey } from '../../model/series.ts'
import type { Lake } from '../../store/lake/lake.ts'
import { encodeRecords, type Spool } from '../../store/spool/index.ts'
import { proveResumed } from './anchor.ts'
import { Backfill } from './backfill.ts'
import { Backpressure } from './backpressure.ts'
import { BadFrameFile } from './bad-frames.ts'
import { BookKeeper } from './book-keeper.ts'
import { type CollectorParts, withParts } from './collector-parts.ts'
import { type CollectorReport, type CollectorStatus, reportOf } from './collector-report.ts'
import { Compaction } from './compaction.ts'
import { ConnectionLog } from './connection-log.ts'
import { Flusher } from './flusher.ts'
import { assertOneForm } from './forms.ts'
import { FrameSpool } from './frame-spool.ts'
import { FundingPoll } from './funding-poll.ts'
import { Handover } from './handover.ts'
import { carriesAll, Intake, type IntakeSeries, isStorable, seriesOf } from './intake.ts'
import { LiveSeries } from './live-series.ts'
import { Latecomers, Openings } from './openings.ts'
import type { CollectorOptions } from './options.ts'
import type { FrameRecorder } from './recorder.ts'
import { gapNote } from './recovery.ts'
import type { Renewal } from './renewal.ts'
import { RunRecovery } from './run-recovery.ts'
import { openSink, plainGrid } from './sinks.ts'
import { StreamEvents } from './stream-events.ts'

/** Records after which what waits is moved to the lake, when nothing else is said. */
const FLUSH_RECORDS = 100_000

/** Folder of a lake for what a collector reports. */
export const REPORTS_FOLDER = '.reports'

/**
 * Collects live data: from the streams through the ledgers to the spool, the lake and the bus; fills what is missed from
 * REST, keeps books right, and can prove at any time what it has. One collector per lake.
 */
export class Collector implements AsyncDisposable {
  /** Every new record, in the order of arrival. */
  readonly bus: EventBus
  readonly startedAt = Date.now()
  readonly #options: CollectorOptions
  readonly #log: Log
  readonly #exchange: Exchange
  readonly #live: LiveExchange
  readonly #client: BaseDataClient
  readonly #intake: Intake
  readonly #handover: Handover
  readonly #lake: Lake | undefined
  readonly #spool: Spool | undefined
  readonly #backfill: Backfill
  readonly #flusher: Flusher
  readonly #books: BookKeeper
  readonly #fundings: FundingPoll
  readonly #connections = new ConnectionLog()
  readonly #events: StreamEvents
  readonly #badFrames: BadFrameFile | undefined
  readonly #stream: LiveStream
  readonly #recorder: FrameRecorder | undefined
  readonly #channels = new Map<string, Channel>()
  readonly #gapHandlers = new Set<(series: SeriesId, gap: Gap) => void>()
  readonly #stop = new AbortController()
  readonly #openings = new Openings<IntakeSeries>()
  readonly #compaction: Compaction
  readonly #recovery = new RunRecovery()
  #closed: Promise<CollectorReport> | undefined
  /** Frames for which the spool or the lake had no room: they count as never received. */
  #refused = 0
  readonly #latecomers: Latecomers
  readonly #pressure: Backpressure
  readonly #frames: FrameSpool | undefined

  private constructor(parts: CollectorParts) {
    const { options, exchange, live, client, repair, lake, spool, recorder } = parts
    this.#options = options
    this.#log = options.log ?? silentLog
    this.#exchange = exchange
    this.#live = live
    this.#client = client
    this.#lake = lake
    this.#spool = spool
    this.#recorder = recorder
    this.#badFrames = lake && new BadFrameFile(join(lake.dataDir, REPORTS_FOLDER, 'bad-frames.jsonl'), this.#log)
    this.bus = new EventBus({ log: this.#log })
    // First, because it may refuse its options: what comes next has timers.
    const endpoint = options.client?.endpoint
    this.#stream = live.createStream(
      {
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(options.client?.testnet === undefined ? {} : { testnet: options.client.testnet }),
        log: this.#log,
        ...options.stream,
      },
      { frame: (frame) => this.#frame(frame), event: (event) => this.#events.take(event) },
    )
    this.#handover = new Handover(
      (sink, records, count) => this.#flusher.added(sink, records, count),
      (error) => this.#log.error({ err: error }, 'records could not be kept for the lake'),
    )
    this.#intake = new Intake(exchange.id, this.bus, this.#handover)
    this.#compaction = new Compaction(() => this.#intake.all, this.#log, options.compactMs)
    this.#backfill = new Backfill({
      client,
      deliver: (series, records) => this.#deliver(series.id.market, records),
      room: (signal) => this.#pressure.room(signal),
      log: this.#log,
      ...options.backfill,
      ...(options.maxBackfill === undefined ? {} : { maxPositions: options.maxBackfill }),
    })
    this.#flusher = new Flusher({
      series: () => this.#intake.all,
      spool,
      taken: () => (this.#recovery.isRunning ? this.#recovery.at : (spool?.last ?? 0)),
      flushMs: options.flushMs ?? 30_000,
      flushRecords: options.flushRecords ?? FLUSH_RECORDS,
      log: this.#log,
    })
    this.#books = new BookKeeper({
      live,
      repair,
      markets: exchange.markets,
      depth: options.bookDepth ?? 1000,
      snapshotMs: options.snapshotMs ?? 600_000,
      onSnapshot: (snapshot) => this.#deliver(snapshot.market, [snapshot]),
      ...(options.onBook ? { onState: options.onBook } : {}),
      log: this.#log,
    })
    this.#fundings = new FundingPoll({
      repair,
      now: (market, signal) => client.now(market, signal),
      deliver: (market, records) => this.#deliver(market, records),
      log: this.#log,
    })
    this.#latecomers = new Latecomers(
      (id) => this.#open(id, true),
      (record, sequence) => {
        this.#take(record, sequence, Date.now())
        this.#handover.settle()
      },
      this.#log,
    )
    this.#events = new StreamEvents({
      series: () => this.#intake.all,
      books: this.#books,
      backfill: this.#backfill,
      connections: this.#connections,
      badFrames: this.#badFrames,
      onEvent: options.onEvent,
      log: this.#log,
    })
    this.#pressure = new Backpressure({
      stream: this.#stream,
      spool,
      flusher: this.#flusher,
      holdMs: options.spool?.whenFull === 'drop' ? 0 : (options.holdMs ?? 5000),
      log: this.#log,
    })
    this.#frames = spool && new FrameSpool({ spool, flusher: this.#flusher, pressure: this.#pressure })
  }

  /**
   * Opens the lake and the spool, and brings home what an earlier run left. Subscribes to nothing yet: `start` does.
   * @throws LakeLockedError when another collector has the lake, ConfigError for an exchange without streams and for an
   * option that makes no sense.
   */
  static async open(options: CollectorOptions, signal?: AbortSignal): Promise<Collector> {
    const collector = await withParts(options, signal, (parts) => new Collector(parts))
    try {
      await collector.#recover(signal)
      return collector
    } catch (error) {
      await collector.stop({ repairMs: 0 }).catch(() => {})
      throw error
    }
  }

  get options(): CollectorOptions {
    return this.#options
  }

  /** REST access, within the budget that repairs share. */
  get client(): BaseDataClient {
    return this.#client
  }

  /** Undefined when nothing is stored. */
  get lake(): Lake | undefined {
    return this.#lake
  }

  /** What is known of a series in this run; undefined before its first channel is subscribed. */
  series(id: SeriesId): LiveSeries | undefined {
    return this.#intake.find(id)?.series
  }

  /** Calls `handler` with each gap as soon as it is certain, before the record that follows it is published. */
  onGap(handler: (series: SeriesId, gap: Gap) => void): () => void {
    this.#gapHandlers.add(handler)
    return () => void this.#gapHandlers.delete(handler)
  }

  /** Subscribes to the channels of the options. */
  async start(signal?: AbortSignal): Promise<void> {
    await this.subscribe(this.#options.channels ?? [], signal)
    this.#compaction.start()
  }

  /** Adds channels; records flow as soon as the exchange sends them. */
  async subscribe(channels: readonly Channel[], signal?: AbortSignal): Promise<void> {
    for (const channel of channels) this.#live.checkChannel(channel)
    assertOneForm([...this.#channels.values(), ...channels])
    const fresh = channels.filter((channel) => !this.#channels.has(channelKey(channel)))
    if (fresh.length === 0) return
    for (const channel of fresh) this.#channels.set(channelKey(channel), channel)
    try {
      for (const channel of fresh) await this.#openSeriesOf(channel)
      await proveResumed(this.#intake.all, this.#client, signal)
      await this.#stream.subscribe(fresh, signal ? { signal } : {})
    } catch (error) {
      // Not there, as far as anyone may rely on: whoever wants it asks again.
      void this.unsubscribe(fresh).catch(() => {})
      throw error
    }
  }

  /** The series that a channel brings records to, and what is kept beside them. */
  async #openSeriesOf(channel: Channel): Promise<void> {
    const { market, kind, symbol } = channel
    const exchange = this.#exchange.id
    if (symbol !== EVERY_SYMBOL) await this.#open(seriesOf(exchange, channel), true)
    if (kind === 'bookDelta') {
      // Its snapshots are kept beside it: together they rebuild any past book.
      await this.#open({ exchange, market, kind: 'bookSnapshot', symbol }, false)
      this.#books.add(market, symbol)
    }
    if (kind === 'markPrice' && symbol !== EVERY_SYMBOL) {
      if (this.#exchange.hasKind?.(market, 'fundingRate', symbol) === false) return
      await this.#open({ exchange, market, kind: 'fundingRate', symbol }, false)
      this.#fundings.add(market, symbol)
    }
  }

  /** Ends channels. What was collected is flushed; a book that nobody feeds any more is forgotten. */
  async unsubscribe(channels: readonly Channel[], signal?: AbortSignal): Promise<void> {
    const known = channels.filter((channel) => this.#channels.delete(channelKey(channel)))
    await this.#stream.unsubscribe(known, signal ? { signal } : {})
    const left = new Set(this.channels().map((channel) => seriesKey(seriesOf(this.#exchange.id, channel))))
    for (const channel of known) {
      // Another speed or depth of the same may go on.
      if (left.has(seriesKey(seriesOf(this.#exchange.id, channel)))) continue
      // Should it be wanted again, what came meanwhile is missing.
      this.#events.down(channel, 'unsubscribed', Date.now(), 'it was not subscribed')
      if (channel.kind === 'bookDelta') this.#books.remove(channel.market, channel.symbol)
      if (channel.kind === 'markPrice') this.#fundings.remove(channel.market, channel.symbol)
    }
    await this.#flusher.flush()
  }

  /** Replaces every connection, new ones first. */
  async reconnect(): Promise<void> {
    await this.#stream.reconnect()
  }

  /** The book of a symbol whose deltas are collected. */
  book(market: Market, symbol: string): BookSync | undefined {
    return this.#books.book(market, symbol)
  }

  channels(): readonly Channel[] {
    return [...this.#channels.values()]
  }

  /** Makes everything received until now durable and moves it to the lake. */
  async flush(): Promise<void> {
    await this.#spool?.flush()
    await this.#flusher.flush()
  }

  /** Resolves when no hole is open. */
  async repaired(signal?: AbortSignal): Promise<void> {
    await this.#backfill.settled(signal)
  }

  status(): CollectorStatus {
    const streams = this.#stream.channels()
    return {
      at: Date.now(),
      startedAt: this.startedAt,
      exchange: this.#exchange.id,
      dataDir: this.#lake?.dataDir,
      channels: streams.map(({ channel, ...status }) => ({ key: channelKey(channel), ...status })),
      connections: this.#stream.connections(),
      counters: {
        ...this.#connections.counters,
        refusedFrames: this.#refused,
        unrouted: this.#intake.unrouted,
        holds: this.#pressure.holds,
        unrecorded: this.#recorder?.dropped ?? 0,
      },
      series: [...this.#intake.all].map(({ series }) => series.status()),
      books: this.#books.status(),
      backfill: this.#backfill.status,
      flusher: this.#flusher.status,
      spool: this.#spool?.status,
      published: this.bus.published,
    }
  }

  /** The proof: what there is of each series, what was missed, and how it was made good. */
  report(): CollectorReport {
    return reportOf(this.status(), this.#connections.events, this.#books.changes)
  }

  /** Ends the streams, gives holes a last chance, moves everything to the lake and closes. Gives the last report. */
  stop(options: { repairMs?: number } = {}): Promise<CollectorReport> {
    this.#closed ??= this.#close(options.repairMs ?? 5000)
    return this.#closed
  }

  /** `stop`, without its report. */
  async close(): Promise<void> {
    await this.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(repairMs: number): Promise<CollectorReport> {
    this.#compaction.stop()
    this.#events.end()
    await this.#openings.close()
    await this.#stream.close()
    if (repairMs > 0) await this.#backfill.settled(AbortSignal.timeout(repairMs))
    this.#stop.abort()
    await this.#fundings[Symbol.asyncDispose]()
    await this.#backfill[Symbol.asyncDispose]()
    this.#pressure.close()
    await this.#books[Symbol.asyncDispose]()
    await this.#flusher[Symbol.asyncDispose]()
    const report = this.report()
    const errors: unknown[] = []
    const close = async (what: AsyncDisposable | undefined): Promise<void> => {
      try {
        await what?.[Symbol.asyncDispose]()
      } catch (error) {
        errors.push(error)
        this.#log.error({ err: error }, 'a part of the collector could not be closed')
      }
    }
    for (const { sink } of this.#intake.all) await close(sink)
    if (errors.length === 0) await this.#spool?.release(this.#spool.last).catch((error: unknown) => errors.push(error))
    await close(this.#spool)
    await close(this.#recorder)
    await close(this.#badFrames)
    await close(this.#client)
    this.bus.close()
    if (errors.length > 0) throw errors[0]
    return report
  }

  async #open(id: SeriesId, resume: boolean): Promise<IntakeSeries> {
    return this.#intake.find(id) ?? (await this.#openings.once(seriesKey(id), () => this.#openNew(id, resume)))
  }

  async #openNew(id: SeriesId, resume: boolean): Promise<IntakeSeries> {
    const opened = this.#lake ? await openSink(this.#lake, id, this.#spool?.id) : undefined
    const sink = opened?.sink
    const series = new LiveSeries(id, opened?.grid ?? plainGrid(id), sink?.resume)
    const entry: IntakeSeries = { series, sink }
    series.onRenewal = (renewal, withheld) => this.#renewed(entry, renewal, withheld)
    series.onGap = (gap) => {
      if (!series.renewal) sink?.gap(gap)
      if (!series.renewal && !this.#recovery.isRunning)
        this.#spool?.append('note', id.market, Date.now(), gapNote(id, gap))
      for (const handler of this.#gapHandlers) handler(id, gap)
    }
    series.onHole = (hole, anchor) => {
      if (!this.#recovery.isRunning) this.#backfill.add(series, hole, anchor)
    }
    if (sink && resume && (this.#options.resume ?? true)) {
      series.takeUp(sink.resume, Date.now())
      if (!this.#recovery.isRunning) series.away()
    }
    this.#intake.add(entry)
    return entry
  }

  /** The exchange counts anew: what comes from now on is passed on, and what is stored stays as it is. */
  #renewed({ series }: IntakeSeries, renewal: Renewal, withheld: readonly LiveRecord[]): void {
    this.#log.error({ series: series.key }, renewal.detail)
    for (const record of withheld) this.#intake.take(record, 0, renewal.at)
    if (series.kind !== 'bookDelta') return
    this.#intake.find({ ...series.id, kind: 'bookSnapshot' })?.series.renew(renewal)
    this.#books.renewed(series.id, 'the ids begin anew', renewal.at)
  }

  #recover(signal: AbortSignal | undefined): Promise<void> {
    return this.#recovery.run(
      {
        spool: this.#spool,
        live: this.#live,
        intake: this.#intake,
        backfill: this.#backfill,
        flusher: this.#flusher,
        open: (id) => this.#open(id, true),
        flushRecords: this.#options.flushRecords ?? FLUSH_RECORDS,
        log: this.#log,
      },
      signal,
    )
  }

  /** The hot path: one call per frame, whatever it holds. */
  #frame(frame: ArrivedFrame): void {
    const { records } = frame
    this.#recorder?.frame(frame)
    if (records.length === 0) return
    let sequence = 0
    const frames = this.#frames
    if (frames !== undefined) {
      // All but one frame of a read are there already: that is asked first.
      sequence = frames.held(frame)
      if (sequence < 0 && isStorable(records)) {
        sequence = frames.take(frame)
        if (sequence < 0) {
          this.#refuse(records)
          return
        }
      }
    }
    // The clock was read when the bytes arrived.
    const now = Math.floor(frame.receiveTime)
    for (let index = 0; index < records.length; index++) this.#take(records[index] as LiveRecord, sequence, now)
  }

  /** Not in the spool, so not received: ledgers will see the hole, books the break; the others are told. */
  #refuse(records: readonly LiveRecord[]): void {
    this.#refused++
    const now = Date.now()
    for (const record of records) this.#intake.route(record)?.series.down(now, 'frames were refused for want of memory')
  }

  #take(record: LiveRecord, sequence: number, now: number): void {
    const entry = this.#intake.take(record, sequence, now)
    if (entry === undefined) {
      if (record.kind === 'candle' || this.#intake.route(record) !== undefined) return
      if (this.channels().some((channel) => carriesAll(channel, record)))
        this.#latecomers.add(this.#intake.idOf(record), record, sequence)
      return
    }
    if (record.kind === 'bookDelta') this.#books.delta(record, now)
    else if (record.kind === 'quote') this.#books.quote(record, now)
  }

  /** Takes in records that did not come over a stream. False when they could not be kept. */
  #deliver(market: Market, records: readonly LiveRecord[]): boolean {
    if (records.length === 0) return true
    let sequence = 0
    if (this.#spool !== undefined) {
      sequence = this.#flusher.isBlocked
        ? -1
        : this.#spool.append('records', market, Date.now(), encodeRecords(records))
      if (sequence < 0) {
        this.#refused++
        return false
      }
    }
    const now = Date.now()
    for (const record of records) this.#take(record, sequence, now)
    this.#handover.settle()
    return true
  }
}

import { cpSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { Collector } from '../../../src/engine/live/collector.ts'
import type { CollectorReport } from '../../../src/engine/live/collector-report.ts'
import type { CollectorOptions } from '../../../src/engine/live/options.ts'
import type { Channel, StreamEvent } from '../../../src/exchanges/stream.ts'
import type { RecordId } from '../../../src/model/live/index.ts'
import type { Market } from '../../../src/model/series.ts'
import { type FaultSpec, type Sandbox, type SandboxOptions, startSandbox } from '../../../src/sandbox/index.ts'
import { type TempFolder, tempFolder } from '../../helpers/temp.ts'
import { bookProblem, type CompareOptions, compareLake, Truth, type Verdict } from './truth.ts'

export const SYMBOL = 'BTCUSDT'

/** A channel of every kind that can be compared with the truth. */
export function everyKind(symbol = SYMBOL): Channel[] {
  const spot = (kind: Channel['kind']): Channel => ({ market: 'spot', kind, symbol })
  const usdm = (kind: Channel['kind']): Channel => ({ market: 'usdm', kind, symbol })
  return [
    ...[spot('trade'), spot('aggTrade'), spot('bookDelta'), spot('quote'), spot('ticker')],
    { ...spot('candle'), interval: '1s' },
    ...[usdm('trade'), usdm('aggTrade'), usdm('bookDelta'), usdm('quote'), usdm('markPrice')],
  ]
}

/** Waits that fit a test. */
export const QUICK: Partial<CollectorOptions> = {
  stream: {
    reconnectDelayMs: 30,
    maxReconnectDelayMs: 300,
    // A busy machine must not look like a dead one.
    pingIntervalMs: 400,
    pingTimeoutMs: 1500,
    connectTimeoutMs: 1500,
    closeTimeoutMs: 200,
    rotateOverlapMs: 150,
  },
  backfill: { graceMs: 50, retryMs: 50, maxRetryMs: 400 },
  spool: { commitMs: 20 },
  flushMs: 250,
  bookDepth: 100,
}

interface Sample {
  readonly market: Market
  readonly symbol: string
  readonly id: RecordId
  readonly bids: readonly number[]
  readonly asks: readonly number[]
  readonly known: { readonly bids: number; readonly asks: number }
}

export interface RigOptions {
  readonly sandbox?: SandboxOptions
  readonly collector?: Partial<CollectorOptions>
  readonly channels?: readonly Channel[]
}

/**
 * A hundred times the exchange's. USD-M gives 6,000 of its older trades a minute for its whole weight: what takes it
 * minutes to give again must not take a test minutes. That limits are kept is tested where nothing else is.
 */
const WEIGHTS = { spot: 600_000, usdm: 240_000 }

/** A sandbox, a lake and a collector between them. */
export class Rig implements AsyncDisposable {
  readonly sandbox: Sandbox
  readonly folder: TempFolder
  readonly channels: readonly Channel[]
  readonly events: StreamEvent[] = []
  readonly #options: RigOptions
  readonly #samples: Sample[] = []
  #sampler: NodeJS.Timeout | undefined
  #collector: Collector | undefined
  #lake = 'lake'

  private constructor(options: RigOptions, sandbox: Sandbox, folder: TempFolder) {
    this.#options = options
    this.sandbox = sandbox
    this.folder = folder
    this.channels = options.channels ?? everyKind()
  }

  /** Starts a sandbox; `start` starts the collector. */
  static async open(options: RigOptions = {}): Promise<Rig> {
    const folder = await tempFolder('live')
    const sandbox = await startSandbox({
      symbols: [SYMBOL, 'ETHUSDT'],
      tradesPerSecond: 30,
      weightLimits: WEIGHTS,
      ...options.sandbox,
    })
    return new Rig(options, sandbox, folder)
  }

  get dataDir(): string {
    return this.folder.join(this.#lake)
  }

  /** Whether there is a collector, which may still be starting. */
  get started(): boolean {
    return this.#collector !== undefined
  }

  get collector(): Collector {
    return this.#collector!
  }

  get truth(): Truth {
    return new Truth(this.sandbox.endpoint)
  }

  options(more: Partial<CollectorOptions> = {}): CollectorOptions {
    const { collector } = this.#options
    return {
      dataDir: this.dataDir,
      channels: this.channels,
      ...QUICK,
      ...collector,
      ...more,
      stream: { ...QUICK.stream, ...collector?.stream, ...more.stream },
      // With a key: without one USD-M gives single trades only while they are among the newest 1000.
      client: {
        endpoint: this.sandbox.endpoint,
        apiKey: 'sandbox',
        timeoutMs: 2000,
        attempts: 3,
        ...collector?.client,
        ...more.client,
      },
      onEvent: (event) => void this.events.push(event),
    }
  }

  async start(more: Partial<CollectorOptions> = {}): Promise<Collector> {
    this.#collector = await Collector.open(this.options(more))
    clearInterval(this.#sampler)
    this.#sampler = setInterval(() => this.#sample(), 150)
    await this.#collector.start()
    return this.#collector
  }

  faults(...faults: FaultSpec[]): void {
    this.sandbox.addFaults(faults)
  }

  /** So many ms of collecting. */
  async run(ms: number): Promise<void> {
    await sleep(ms)
  }

  /** Collects until something is seen, or for so long. Says whether it was. */
  async until(holds: () => boolean, ms = 20_000): Promise<boolean> {
    for (const end = performance.now() + ms; !holds() && performance.now() < end; ) await sleep(50)
    return holds()
  }

  /** Ends all faults and waits until everything flows again, no hole is open and every book is right. */
  async settle(kept: readonly FaultSpec[] = [], deadlineMs = 60_000): Promise<void> {
    this.sandbox.clearFaults()
    if (kept.length > 0) this.sandbox.addFaults(kept)
    const skew = kept.find((fault) => fault.type === 'clock-skew')?.ms ?? 0
    const now = this.sandbox.now()
    // Only the times of sending are skewed; those of trades and candles are not.
    const wanted = (kind: string): number => now + (/bookDelta|ticker|markPrice/.test(kind) ? skew : 0)
    const open = (): string[] => {
      const { series, books, backfill } = this.collector.status()
      const behind = series.filter(
        ({ kind, lastTime }) => kind !== 'fundingRate' && kind !== 'bookSnapshot' && !(lastTime > wanted(kind)),
      )
      return [
        ...behind.map((one) => `${one.series} is at ${one.lastTime}, ${wanted(one.kind)} wanted`),
        ...series
          .filter(({ holesOpen }) => holesOpen > 0)
          .map((one) => `${one.series} has ${one.holesOpen} open holes`),
        ...books.filter(({ state }) => state !== 'synced').map((one) => `${one.market} book is ${one.state}`),
        ...(backfill.open > 0 ? [`${backfill.open} holes are being filled: ${backfill.lastError}`] : []),
      ]
    }
    const deadline = Date.now() + deadlineMs
    while (open().length > 0) {
      if (Date.now() > deadline) {
        const { bookChanges } = this.collector.report()
        const changes = bookChanges
          .slice(-6)
          .map(({ market, to, reason, detail }) => `${market} ${to}: ${reason} ${detail}`)
        throw new Error(`it did not settle: ${open().join('; ')}. The last changes of books: ${changes.join('; ')}`)
      }
      await sleep(50)
    }
  }

  async stop(): Promise<CollectorReport> {
    clearInterval(this.#sampler)
    return this.collector.stop({ repairMs: 60_000 })
  }

  /**
   * Goes on with the lake as it would be had the collector been killed now: what it does from here on is not seen. Real
   * kills, in the middle of changes too, are those of `kills.ts`.
   */
  async abandon(): Promise<void> {
    await this.#betweenFlushes()
    const copy = `${this.#lake}-again`
    cpSync(this.dataDir, this.folder.join(copy), { recursive: true })
    clearInterval(this.#sampler)
    await this.collector.stop({ repairMs: 0 })
    this.#lake = copy
  }

  /** No copy is made of a change that is under way: unlike a kill, it would see its parts at different times. */
  async #betweenFlushes(): Promise<void> {
    const { flushMs = 0 } = this.collector.options
    const giveUp = Date.now() + 1500
    if (flushMs > 1000) return
    for (;;) {
      const { flushes } = this.collector.status().flusher
      while (this.collector.status().flusher.flushes === flushes && Date.now() < giveUp) await sleep(5)
      await sleep(Math.random() * 150)
      // The next flush begins so long after the last one, at the soonest.
      if (Date.now() - this.collector.status().flusher.lastFlushAt < flushMs - 10 || Date.now() >= giveUp) return
    }
  }

  /** Reads the lake and says what is not true in it. */
  verdicts(options: CompareOptions = {}): Promise<Verdict[]> {
    return compareLake(this.dataDir, this.sandbox.endpoint, options)
  }

  /** Nothing missing, nothing twice, nothing wrong, and books that were right whenever they said so. */
  async check(options: CompareOptions = {}): Promise<Verdict[]> {
    const verdicts = await this.verdicts(options)
    expect(verdicts.filter(({ problems }) => problems.length > 0)).toEqual([])
    for (const channel of this.channels) {
      const there = verdicts.find(({ series }) =>
        series.includes(`${channel.market}/${channel.kind}/${channel.symbol}`),
      )
      expect(there?.records, `${channel.market} ${channel.kind}`).toBeGreaterThan(0)
    }
    expect(await this.wrongBooks(options.offset)).toEqual([])
    return verdicts
  }

  /** Books that said `synced` and were not. */
  async wrongBooks(offset?: bigint): Promise<string[]> {
    const truth = new Truth(this.sandbox.endpoint, offset)
    const wrong: string[] = []
    for (const { market, symbol, id, bids, asks, known } of this.#samples) {
      const problem = await bookProblem(truth, { market, symbol }, id, bids, asks, known)
      if (problem !== undefined) wrong.push(problem)
    }
    return wrong
  }

  get samples(): number {
    return this.#samples.length
  }

  #sample(): void {
    if (this.#samples.length >= 60) return
    for (const { market, kind, symbol } of this.channels) {
      if (kind !== 'bookDelta') continue
      const sync = this.#collector?.book(market, symbol)
      if (sync?.state !== 'synced' || sync.lastUpdateId === undefined) continue
      const { book } = sync
      const { bids, asks } = book.levels()
      const known = { bids: book.knownTo('bid') ?? 0, asks: book.knownTo('ask') ?? Number.POSITIVE_INFINITY }
      this.#samples.push({ market, symbol, id: sync.lastUpdateId, bids: [...bids], asks: [...asks], known })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sampler)
    await this.#collector?.stop({ repairMs: 0 }).catch(() => {})
    await this.sandbox.close()
    await this.folder[Symbol.asyncDispose]()
  }
}

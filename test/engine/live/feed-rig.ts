import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { FeedStream } from '../../../src/engine/live/feed-stream.ts'
import { MarketDataService } from '../../../src/engine/live/service.ts'
import type { MarketDataServiceOptions } from '../../../src/engine/live/service-types.ts'
import type { LiveCandle, LiveRecord, TradeRecord } from '../../../src/model/live/index.ts'
import { type FaultSpec, type Sandbox, type SandboxOptions, startSandbox } from '../../../src/sandbox/index.ts'
import { type TempFolder, tempFolder } from '../../helpers/temp.ts'
import { QUICK, SYMBOL } from './rig.ts'
import { Truth } from './truth.ts'

/** A sandbox and a service that is started on it. */
export class FeedRig implements AsyncDisposable {
  readonly sandbox: Sandbox
  readonly folder: TempFolder
  readonly service: MarketDataService

  private constructor(sandbox: Sandbox, folder: TempFolder, service: MarketDataService) {
    this.sandbox = sandbox
    this.folder = folder
    this.service = service
  }

  static async open(
    options: { sandbox?: SandboxOptions; service?: MarketDataServiceOptions; stored?: boolean } = {},
  ): Promise<FeedRig> {
    const folder = await tempFolder('feed')
    const sandbox = await startSandbox({ symbols: [SYMBOL, 'ETHUSDT'], tradesPerSecond: 40, ...options.sandbox })
    const service = new MarketDataService({
      ...QUICK,
      client: { endpoint: sandbox.endpoint, timeoutMs: 2000, attempts: 3 },
      ...(options.stored ? { dataDir: folder.join('lake') } : {}),
      ...options.service,
    })
    await service.start()
    return new FeedRig(sandbox, folder, service)
  }

  get feed() {
    return this.service.feed
  }

  faults(...faults: FaultSpec[]): void {
    this.sandbox.addFaults(faults)
  }

  /** Reads until a record of the exchange's present, or later, and leaves. */
  async readToNow<Item extends LiveRecord>(stream: FeedStream<Item>, stop?: number): Promise<Item[]> {
    const until = stop ?? this.sandbox.now()
    const got: Item[] = []
    for await (const record of stream) {
      got.push(record)
      if (instantOf(record) >= until) break
    }
    return got
  }

  /** What was read is, from an instant on, exactly what happened: nothing missing, nothing twice, in order. */
  async expectTruth(told: readonly LiveRecord[], from: number): Promise<void> {
    // More may be told while the truth is asked for.
    const records = [...told]
    const { market, symbol, kind } = records[0]!
    const last = records.at(-1)!
    const truth = new Truth(this.sandbox.endpoint)
    if (last.kind === 'candle') {
      const query = { interval: last.interval, from, to: last.openTime + 1 }
      const rows = await truth.ask<unknown[]>({ market, symbol, kind }, query)
      const read = (records as LiveCandle[]).map((one) => [one.openTime, one.open, one.close, one.volume, one.trades])
      expect(read).toEqual(rows.map((row) => [row[0], row[1], row[4], row[5], row[8]].map(Number)))
      return
    }
    // The truth of a millisecond is known when it is over.
    await this.until('the next millisecond', () => this.sandbox.now() > (last as TradeRecord).time + 1)
    const rows = await truth.ask<unknown[]>({ market, symbol, kind }, { from })
    const id = (last as TradeRecord).id
    const read = (records as TradeRecord[]).map((one) => [one.id, Math.floor(one.time), one.price, one.quantity])
    const real = rows.map((row) => [Number(row[0]), Math.floor(Number(row[1])), Number(row[2]), Number(row[3])])
    expect(read).toEqual(real.filter((row) => row[0]! <= id))
  }

  /** Waits until something holds. */
  async until(what: string, holds: () => boolean | undefined): Promise<void> {
    for (let tries = 0; !holds(); tries++) {
      if (tries > 3000) throw new Error(`${what} did not come about`)
      await sleep(20)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.stop({ repairMs: 0 }).catch(() => {})
    await this.sandbox.close()
    await this.folder[Symbol.asyncDispose]()
  }
}

function instantOf(record: LiveRecord): number {
  return record.kind === 'candle' ? record.openTime : (record as TradeRecord).time
}

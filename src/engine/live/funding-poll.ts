import type { RepairClient } from '../../exchanges/stream.ts'
import { isAbortError } from '../../model/errors.ts'
import type { LiveRecord } from '../../model/live/index.ts'
import { type Log, silentLog } from '../../model/log.ts'
import type { Market } from '../../model/series.ts'
import { DAY, HOUR } from '../../model/time.ts'
import { sleep } from '../../net/abort.ts'

export interface FundingPollOptions {
  readonly repair: RepairClient
  readonly now: (market: Market, signal: AbortSignal) => Promise<number>
  readonly deliver: (market: Market, records: readonly LiveRecord[]) => boolean
  readonly log?: Log
}

/** Fundings are paid on full hours; the list has them some seconds later. */
const AFTER_THE_HOUR = 30_000
/** How far back the first question reaches. */
const LOOK_BACK = 7 * DAY
const RETRY_MS = 60_000

/** Reads which fundings were paid: at the start, then after every full hour, for no stream tells them. */
export class FundingPoll implements AsyncDisposable {
  readonly #options: FundingPollOptions
  readonly #log: Log
  readonly #running = new Map<string, { readonly stop: AbortController; readonly done: Promise<void> }>()

  constructor(options: FundingPollOptions) {
    this.#options = options
    this.#log = options.log ?? silentLog
  }

  add(market: Market, symbol: string): void {
    const key = `${market}/${symbol}`
    if (this.#running.has(key)) return
    const stop = new AbortController()
    this.#running.set(key, { stop, done: this.#poll(market, symbol, stop.signal) })
  }

  remove(market: Market, symbol: string): void {
    const key = `${market}/${symbol}`
    this.#running.get(key)?.stop.abort()
    this.#running.delete(key)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#running.values()]
    for (const { stop } of running) stop.abort()
    await Promise.allSettled(running.map(({ done }) => done))
  }

  async #poll(market: Market, symbol: string, signal: AbortSignal): Promise<void> {
    let from: number | undefined
    while (!signal.aborted) {
      try {
        const now = await this.#options.now(market, signal)
        const records = await this.#options.repair.fundingRates({
          market,
          symbol,
          from: from ?? now - LOOK_BACK,
          to: now + 1,
          signal,
        })
        const last = records.at(-1)
        if (this.#options.deliver(market, records) && last) from = last.fundingTime + 1
        await sleep(HOUR - (now % HOUR) + AFTER_THE_HOUR * (1 + Math.random()), signal)
      } catch (error) {
        if (isAbortError(error) || signal.aborted) return
        this.#log.warn({ market, symbol, err: error }, 'fundings could not be read; they are asked for again')
        await sleep(RETRY_MS, signal).catch(() => {})
      }
    }
  }
}

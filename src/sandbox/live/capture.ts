import { setTimeout as delay } from 'node:timers/promises'
import type { SandboxClock } from '../clock.ts'
import { type Reply, textReply } from '../deliver.ts'
import type { SandboxMarket } from '../market/listing.ts'
import { frameBatch } from './frames.ts'
import { recordedRest } from './recorded-rest.ts'
import { keyOf, type RecordedStream, type Recording, symbolOf } from './recording.ts'
import type { SteadySource } from './sources/source.ts'

/** Playing begins when no stream was subscribed for so long, real ms: time for a client to name all it wants. */
const PATIENCE = 250

/** How playing stands. Times are the exchange's, epoch ms. */
export interface CaptureStatus {
  readonly files: readonly string[]
  readonly from: number
  readonly to: number
  readonly state: 'waiting' | 'playing' | 'done'
  /** Frames that name no stream: they cannot be played. */
  readonly nameless: number
  readonly streams: readonly { readonly market: SandboxMarket; readonly name: string; readonly frames: number }[]
}

/** Plays a recording over WebSocket, with the exchange's clock. The clock stands until the first subscription. */
export class CapturePlayer {
  readonly #recording: Recording
  readonly #clock: SandboxClock
  readonly #symbols: ReadonlySet<string>
  #timer: NodeJS.Timeout | undefined

  constructor(recording: Recording, clock: SandboxClock) {
    this.#recording = recording
    this.#clock = clock
    this.#symbols = new Set([
      ...recording.answers.keys(),
      ...[...recording.streams.values()].map(({ market, name }) => keyOf(market, symbolOf(market, name) ?? '')),
    ])
    clock.hold()
  }

  has(market: SandboxMarket, name: string): boolean {
    return this.#find(market, name) !== undefined
  }

  /** Symbols with recorded streams or books, as `market|symbol`. */
  get symbols(): ReadonlySet<string> {
    return this.#symbols
  }

  source(market: SandboxMarket, name: string): SteadySource | undefined {
    const stream = this.#find(market, name)
    return stream && sourceOf(stream, stream.name === name)
  }

  /** A stream of books that was recorded at another speed only is played at that: it tells the same book. */
  #find(market: SandboxMarket, name: string): RecordedStream | undefined {
    const { streams } = this.#recording
    const exact = streams.get(keyOf(market, name))
    const base = baseOfBook(name)
    if (exact || base === undefined) return exact
    return [...streams.values()].find((one) => one.market === market && baseOfBook(one.name) === base)
  }

  /** Somebody subscribed: playing begins soon, if it has not. */
  touch(started: () => void): void {
    if (!this.#clock.isHeld) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#clock.release()
      started()
    }, PATIENCE)
    this.#timer.unref()
  }

  /** What REST answers of a recorded symbol; undefined for what a recording tells nothing of. */
  async answer(market: SandboxMarket, path: string, query: URLSearchParams): Promise<Reply | undefined> {
    const symbol = query.get('symbol') ?? ''
    if (path.endsWith('/depth')) return this.#depth(market, symbol)
    return recordedRest(this.#recording, { market, path, query, symbol, now: this.#clock.now() })
  }

  /** The last recorded answer by now, or else the first one, at its time. */
  async #depth(market: SandboxMarket, symbol: string): Promise<Reply | undefined> {
    const list = this.#recording.answers.get(keyOf(market, symbol))
    if (!list) return undefined
    const [first] = list
    while (first && this.#timer !== undefined && this.#clock.now() < first.time) {
      await delay(Math.min(20, Math.max(1, this.#clock.realMs(first.time - this.#clock.now()))))
    }
    const now = this.#clock.now()
    const answer = list.findLast((one) => one.time <= now) ?? first
    return answer && textReply(answer.status, answer.body, 'application/json;charset=UTF-8')
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#clock.release()
  }

  status(): CaptureStatus {
    const { files, from, to, nameless, streams } = this.#recording
    const state = this.#clock.isHeld ? 'waiting' : this.#clock.now() > to ? 'done' : 'playing'
    const list = [...streams.values()].map(({ market, name, times }) => ({ market, name, frames: times.length }))
    return { files, from, to, state, nameless, streams: list }
  }
}

/** The name of a stream of books without its speed: `btcusdt@depth` of `btcusdt@depth@0ms`. */
function baseOfBook(name: string): string | undefined {
  return /^(.+@depth\d*)(?:@\d+ms)?$/.exec(name)?.[1]
}

/** @param asItIs whether combined frames name the stream as it was asked for, so that they can go out byte for byte. */
function sourceOf(stream: RecordedStream, asItIs: boolean): SteadySource {
  const { times, orders, frames, starts, ends } = stream
  return {
    mode: 'steady',
    produce(from, to) {
      const begin = firstAfter(times, from)
      const end = firstAfter(times, to)
      if (begin === end) return { bytes: Buffer.alloc(0), ends: [], times: [] }
      const payloads = frames.slice(begin, end).map((frame, i) => frame.subarray(starts[begin + i]!, ends[begin + i]!))
      const own = frames.slice(begin, end)
      return {
        ...joined(payloads),
        times: times.slice(begin, end),
        orders: orders.slice(begin, end),
        ...(asItIs ? { wrapped: frameBatch({ ...joined(own), times: [] }, undefined) } : {}),
      }
    },
  }
}

function joined(parts: readonly Buffer[]): { bytes: Buffer; ends: number[] } {
  const ends: number[] = []
  let end = 0
  for (const part of parts) {
    end += part.length
    ends.push(end)
  }
  return { bytes: Buffer.concat(parts, end), ends }
}

/** Index of the first time after one. */
function firstAfter(times: readonly number[], time: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle]! <= time) low = middle + 1
    else high = middle
  }
  return low
}

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import { ConfigError } from '../../model/errors.ts'
import type { SandboxClock } from '../clock.ts'
import { type Reply, textReply } from '../deliver.ts'
import { SANDBOX_MARKETS, type SandboxMarket } from '../market/listing.ts'
import { frameBatch } from './frames.ts'
import { parseStream } from './names.ts'
import type { SteadySource } from './sources/source.ts'

/** Playing begins when no stream was subscribed for so long, real ms: time for a client to name all it wants. */
const PATIENCE = 250

interface RecordedStream {
  readonly market: SandboxMarket
  readonly name: string
  /** Epoch ms with a fraction, rising. */
  readonly times: number[]
  /** Place in the whole recording. */
  readonly orders: number[]
  readonly frames: Buffer[]
  /** Where the payload lies in each frame. */
  readonly starts: number[]
  readonly ends: number[]
}

interface RecordedAnswer {
  readonly time: number
  readonly status: number
  readonly body: string
}

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

/** What a recording holds, ready to be played. */
export interface Recording {
  readonly files: readonly string[]
  readonly from: number
  readonly to: number
  readonly nameless: number
  readonly streams: ReadonlyMap<string, RecordedStream>
  /** Answers of REST by market and symbol, oldest first. */
  readonly answers: ReadonlyMap<string, readonly RecordedAnswer[]>
}

const keyOf = (market: SandboxMarket, name: string): string => `${market}|${name}`

/**
 * Reads captures: a JSON object a line, plain or gzipped, `{"t":µs,"frame":"…"}` or
 * `{"t":µs,"rest":"/api/v3/depth?symbol=…","status":200,"body":"…"}`. The market is told by what a file holds, or by
 * `usdm:FILE`.
 * @throws ConfigError naming the file and the line.
 */
export async function readCaptures(files: readonly string[]): Promise<Recording> {
  const streams = new Map<string, RecordedStream>()
  const answers = new Map<string, RecordedAnswer[]>()
  let order = 0
  let nameless = 0
  let from = Number.POSITIVE_INFINITY
  let to = Number.NEGATIVE_INFINITY
  for (const file of files) {
    const { path, market: said } = marketPrefix(file)
    const lines: CaptureLine[] = []
    for await (const line of linesOf(path)) lines.push(line)
    const market = said ?? marketOf(lines)
    for (const line of lines) {
      const time = line.t / 1000
      from = Math.min(from, time)
      to = Math.max(to, time)
      if ('rest' in line) {
        const key = keyOf(market, /[?&]symbol=([^&]+)/.exec(line.rest)?.[1] ?? '')
        const list = answers.get(key) ?? []
        list.push({ time, status: line.status, body: line.body })
        answers.set(key, list)
        continue
      }
      const head = /^\s*\{\s*"stream"\s*:\s*"([^"]+)"\s*,\s*"data"\s*:\s*/.exec(line.frame)
      if (!head) {
        nameless++
        continue
      }
      const name = head[1]!
      let stream = streams.get(keyOf(market, name))
      if (!stream) {
        stream = { market, name, times: [], orders: [], frames: [], starts: [], ends: [] }
        streams.set(keyOf(market, name), stream)
      }
      // Frames go out in the order of the file, whatever the recorder's clock did.
      stream.times.push(Math.max(time, stream.times.at(-1) ?? time))
      stream.orders.push(order++)
      stream.frames.push(Buffer.from(line.frame))
      stream.starts.push(Buffer.byteLength(head[0]))
      stream.ends.push(Buffer.byteLength(line.frame.slice(0, line.frame.lastIndexOf('}')).trimEnd()))
    }
  }
  if (to < from) throw new ConfigError(`capture: there is nothing in ${files.join(', ')}.`)
  for (const list of answers.values()) list.sort((a, b) => a.time - b.time)
  return { files, from, to, nameless, streams, answers }
}

type CaptureLine = { readonly t: number } & (
  | { readonly frame: string }
  | { readonly rest: string; readonly status: number; readonly body: string }
)

function marketPrefix(file: string): { path: string; market: SandboxMarket | undefined } {
  const market = SANDBOX_MARKETS.find((name) => file.startsWith(`${name}:`))
  return { path: market === undefined ? file : file.slice(market.length + 1), market }
}

/** Told by a REST path, else by fields that only one of the markets has. */
function marketOf(lines: readonly CaptureLine[]): SandboxMarket {
  const rest = lines.find((line) => 'rest' in line)
  if (rest && 'rest' in rest) return rest.rest.startsWith('/api/') ? 'spot' : 'usdm'
  const futures = /"pu":|"nq":|"st":1|"X":|"markPrice|"e":"bookTicker"|"forceOrder"|"k":\{"t":\d+, /
  return lines.slice(0, 1000).some((line) => 'frame' in line && futures.test(line.frame)) ? 'usdm' : 'spot'
}

async function* linesOf(path: string): AsyncGenerator<CaptureLine> {
  const file = createReadStream(path)
  const input = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
  file.on('error', (error) => input.destroy(error))
  let number = 0
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++
      if (line !== '') yield checkedLine(JSON.parse(line), path, number)
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const where = number === 0 ? '' : ` after line ${number}`
    throw new ConfigError(`capture: "${path}" cannot be read${where}: ${(error as Error).message}`, { cause: error })
  }
}

function checkedLine(line: unknown, path: string, number: number): CaptureLine {
  const { t, frame, rest, status, body } = (line ?? {}) as Record<string, unknown>
  const isAnswer = typeof rest === 'string' && typeof status === 'number' && typeof body === 'string'
  if (typeof t !== 'number' || (typeof frame !== 'string' && !isAnswer)) {
    throw new ConfigError(
      `capture: line ${number} of "${path}" is not {"t":µs,"frame":…} or {"t":µs,"rest":…,"status":…,"body":…}.`,
    )
  }
  return typeof frame === 'string' ? { t, frame } : (line as CaptureLine)
}

/** Plays a recording over WebSocket, with the exchange's clock. The clock stands until the first subscription. */
export class CapturePlayer {
  readonly #recording: Recording
  readonly #clock: SandboxClock
  #timer: NodeJS.Timeout | undefined

  constructor(recording: Recording, clock: SandboxClock) {
    this.#recording = recording
    this.#clock = clock
    clock.hold()
  }

  has(market: SandboxMarket, name: string): boolean {
    return this.#recording.streams.has(keyOf(market, name))
  }

  source(market: SandboxMarket, name: string): SteadySource | undefined {
    const stream = this.#recording.streams.get(keyOf(market, name))
    return stream && sourceOf(stream)
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

  /** The recorded answer to a request for the depth of a symbol: the last one by now, or else the first, at its time. */
  async depth(market: SandboxMarket, symbol: string): Promise<Reply | undefined> {
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

/** Symbols that a recording has streams of. */
export function symbolsOf(recording: Recording): string[] {
  const found = new Set<string>()
  for (const { market, name } of recording.streams.values()) {
    const symbol = parseStream(market, name)?.symbol ?? /^([^@!]+)@/.exec(name)?.[1]?.toUpperCase()
    if (symbol !== undefined) found.add(symbol)
  }
  return [...found]
}

function sourceOf(stream: RecordedStream): SteadySource {
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
        wrapped: frameBatch({ ...joined(own), times: [] }, undefined),
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

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import { ConfigError } from '../../model/errors.ts'
import { isSymbolName, type RecordedRules, SANDBOX_MARKETS, type SandboxMarket } from '../market/listing.ts'
import { parseStream } from './names.ts'

/** Frames of one stream, in the order of the recording. */
export interface RecordedStream {
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

/** An answer of REST's depth. */
export interface RecordedAnswer {
  readonly time: number
  readonly status: number
  readonly body: string
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

export const keyOf = (market: SandboxMarket, name: string): string => `${market}|${name}`

/**
 * Reads captures: a JSON object a line, plain or gzipped, `{"t":µs,"frame":"…"}` or
 * `{"t":µs,"rest":"/api/v3/depth?symbol=…","status":200,"body":"…"}`. The market is told by
 * `usdm:FILE`, by the line's `market`, or else by what the file holds.
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
    const guessed = said ?? marketOf(lines)
    for (const line of lines) {
      const market = said ?? line.market ?? guessed
      const time = line.t / 1000
      from = Math.min(from, time)
      to = Math.max(to, time)
      if ('rest' in line) {
        const symbol = new URLSearchParams(line.rest.slice(line.rest.indexOf('?') + 1)).get('symbol')
        const key = keyOf(market, symbol ?? '')
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

type CaptureLine = { readonly t: number; readonly market?: SandboxMarket } & (
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
  if (rest && 'rest' in rest) {
    return rest.rest.startsWith('/api/') ? 'spot' : rest.rest.startsWith('/dapi/') ? 'coinm' : 'usdm'
  }
  const inverse = /"stream"\s*:\s*"[^"@]+usd_(?:perp|\d{6})@/
  if (lines.slice(0, 1000).some((line) => 'frame' in line && inverse.test(line.frame))) return 'coinm'
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
  const { t, market, frame, rest, status, body } = (line ?? {}) as Record<string, unknown>
  const isAnswer = typeof rest === 'string' && typeof status === 'number' && typeof body === 'string'
  if (typeof t !== 'number' || (typeof frame !== 'string' && !isAnswer)) {
    throw new ConfigError(
      `capture: line ${number} of "${path}" is not {"t":µs,"frame":…} or {"t":µs,"rest":…,"status":…,"body":…}.`,
    )
  }
  if (market !== undefined && !SANDBOX_MARKETS.some((name) => name === market)) {
    throw new ConfigError(
      `capture: line ${number} of "${path}" is of market "${market}"; the sandbox has ${SANDBOX_MARKETS.join(', ')}.`,
    )
  }
  return line as CaptureLine
}

/** Symbols that a recording has streams of; undefined where it names none. */
export function symbolsOf(recording: Recording): string[] | undefined {
  const found = new Set<string>()
  for (const { market, name } of recording.streams.values()) {
    const symbol = symbolOf(market, name)
    if (symbol !== undefined && isSymbolName(symbol)) found.add(symbol)
  }
  return found.size === 0 ? undefined : [...found]
}

/** The symbol of a recorded stream, as the exchange writes it. */
export function symbolOf(market: SandboxMarket, name: string): string | undefined {
  return parseStream(market, name)?.symbol ?? /^([^@!]+)@/.exec(name)?.[1]?.toUpperCase()
}

/** Frames looked at for the rules of a symbol, per stream. */
const MOST_LOOKED_AT = 2000

/** The digits that prices and quantities of a recording have, and its last prices. */
export function rulesOf(recording: Recording): RecordedRules {
  const rules = new Map<string, { price: number; written: number; quantity: number; anchor: number }>()
  const learn = (key: string, text: string): void => {
    const rule = rules.get(key) ?? { price: 0, written: 0, quantity: 0, anchor: 0 }
    rules.set(key, rule)
    for (const [, price, quantity] of text.matchAll(PAIR)) {
      rule.price = Math.max(rule.price, digits(price!.replace(/\.?0+$/, '')))
      rule.written = Math.max(rule.written, digits(price!))
      rule.quantity = Math.max(rule.quantity, digits(quantity!.replace(/\.?0+$/, '')))
      rule.anchor = rule.anchor === 0 ? Number(price) : rule.anchor
    }
  }
  for (const { market, name, frames } of recording.streams.values()) {
    const symbol = symbolOf(market, name)
    if (symbol === undefined) continue
    for (const frame of frames.slice(0, MOST_LOOKED_AT)) learn(`${market}:${symbol}`, frame.toString())
  }
  for (const [key, answers] of recording.answers) for (const { body } of answers) learn(key.replace('|', ':'), body)
  return rules
}

/** A price with its quantity: a level, a trade, a side of bookTicker. */
const PAIR = /(?:\[|"[pab]"\s*:\s*)"(\d+\.?\d*)"\s*,\s*(?:"[qAB]"\s*:\s*)?"(\d+\.?\d*)"/g

function digits(text: string): number {
  const point = text.indexOf('.')
  return point < 0 ? 0 : text.length - point - 1
}

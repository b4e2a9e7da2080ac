import { distance } from 'fastest-levenshtein'
import { ConfigError } from '../../model/errors.ts'
import { isInterval } from '../../model/interval.ts'
import { isDateOnly, parseTime } from '../../model/time.ts'
import { SANDBOX_MARKETS, type SandboxMarket } from '../market/listing.ts'

/** What a fault applies to; everything given must fit. */
export interface FaultMatch {
  /** Regular expression on the decoded path and query, e.g. `1m-2024-0[1-3]` or `/klines\\?`. */
  readonly path?: string
  readonly market?: SandboxMarket
  readonly symbol?: string
  readonly interval?: string
  readonly method?: string
  /** Regular expression on the name of a stream, e.g. `@depth` or `^btcusdt@trade$`. Only streams fit it. */
  readonly stream?: string
  /** Number of a WebSocket connection, as `GET /sandbox/live` lists them. */
  readonly connection?: number
}

interface Common {
  readonly match?: FaultMatch
  /** How often it shows; without it, always. Files that it changes are counted one by one, each as often as this. */
  readonly times?: number
  /** Share of the matching requests that it hits, drawn from the sandbox's seed. */
  readonly probability?: number
  /** Let so many matching requests pass first. */
  readonly after?: number
}

type Of<Type extends string, Params = unknown> = Common & { readonly type: Type } & Params

/** When a fault of the live part shows; without it, from the moment it is added. Everything on the exchange's clock. */
interface Timing {
  /** From this instant on … */
  readonly at?: string | number
  /** … or from so many ms after it was added. */
  readonly inMs?: number
}

interface Lasting extends Timing {
  /** For so long; without it, until it is cleared. */
  readonly forMs?: number
}

/** A fault of single events, per stream and connection. */
interface OfEvents extends Lasting {
  /** Hits every so-manieth event of a stream. */
  readonly every?: number
}

/**
 * A fault of whole connections: shows once at its time and then each `everyMs` (at most `times`), or, with `every`,
 * `after` or `probability`, at the event of a stream that these choose.
 */
interface OfConnections extends Timing {
  readonly everyMs?: number
  readonly every?: number
}

/** Something that goes wrong, on purpose. Times are those of the exchange's clock: ISO text or epoch ms. */
export type FaultSpec =
  /** Answers with a status; `body` is text or a value written as JSON. */
  | Of<'http-error', { readonly status: number; readonly body?: unknown; readonly retryAfterS?: number }>
  /** 429 with Retry-After (default 1 s) though nothing is used up. */
  | Of<'rate-limit', { readonly retryAfterS?: number }>
  /** 418 with Retry-After (default 2 s). */
  | Of<'ban', { readonly retryAfterS?: number }>
  /** Never answers. */
  | Of<'timeout'>
  /** Sends the body at this pace. */
  | Of<'slow', { readonly bytesPerSecond: number }>
  /** Stops after so many bytes of the body (default: the half) and keeps the connection open. */
  | Of<'stall', { readonly afterBytes?: number }>
  /** Destroys the connection after so many bytes of the body (default: the half). */
  | Of<'cut', { readonly afterBytes?: number }>
  /** A body that is not JSON: the real one cut in half, plain text, or a firewall's HTML page (status 403 or 503). */
  | Of<'garbage-json', { readonly body?: 'cut' | 'text' | 'html'; readonly status?: number }>
  /** The zip ends early, in a complete answer; the checksum is that of the whole. */
  | Of<'truncated-zip', { readonly keep?: number }>
  /** Some bytes of the zip are flipped; the checksum is that of the good one. */
  | Of<'corrupt-zip', { readonly bytes?: number }>
  | Of<'wrong-checksum'>
  | Of<'missing-checksum'>
  /** Not in the listing, and 404. `day` names daily files, `month` monthly ones; neither means every matching file. */
  | Of<'missing-file', { readonly day?: string; readonly month?: string }>
  /** The archive lacks what happened (candles: opened) in [from, to); the checksum fits. REST has it. */
  | Of<'missing-rows', { readonly from: string | number; readonly to: string | number }>
  /** Garbled rows in the archive; the checksum fits. */
  | Of<'bad-rows', { readonly kind: 'cut' | 'nan' | 'negative' | 'absurd'; readonly rows?: number }>
  /** Rows of a file stand up to `rows` places (default 20) from where they belong; the checksum fits. */
  | Of<'shuffled-rows', { readonly rows?: number }>
  /** One of `every` rows (default 50) stands twice; the checksum fits. */
  | Of<'repeated-rows', { readonly every?: number }>
  /** One of `every` rows (default 10) lacks cells; the checksum fits. */
  | Of<'blank-cells', { readonly every?: number }>
  /** The last file of a contract goes on to the end of its period: candles without a trade, fundings of 0.0001. */
  | Of<'rows-after-end'>
  /** Files of metrics label their periods by the other end than others of their date; the checksum fits. */
  | Of<'other-labels'>
  /** The archive holds an older version with less volume in some rows, until `at` or until fetched `times` times. */
  | Of<'republished', { readonly at?: string | number; readonly share?: number }>
  /** The exchange tells a time that is off by so much, in REST and in the Date header. */
  | Of<'clock-skew', { readonly ms: number }>
  /** A zip that inflates to `bytes` (default 512 MiB). */
  | Of<'zip-bomb', { readonly bytes?: number }>
  /** A zip whose entry names a path. */
  | Of<'zip-path-entry', { readonly name?: string }>
  /** The exchange stands still: no trade and, in every source, no candle that lies wholly inside. */
  | Of<
      'outage',
      {
        readonly market?: SandboxMarket
        readonly symbol?: string
        readonly from: string | number
        readonly to: string | number
      }
    >
  /** Cuts connections without a word, and refuses new ones for `refuseMs`; with `rest`, REST and archive too. */
  | Of<'disconnect', OfConnections & { readonly refuseMs?: number; readonly rest?: boolean }>
  /** Connections stay open, but the exchange neither sends nor reads any more. */
  | Of<'half-open', OfConnections>
  /** Closes connections with a close frame (default: 1001, as after 24 hours). */
  | Of<'close', OfConnections & { readonly code?: number; readonly reason?: string }>
  /** The `serverShutdown` event, and the end of the connection `noticeMs` later (default 10 s). */
  | Of<'server-shutdown', OfConnections & { readonly noticeMs?: number }>
  /** Answers the upgrade to WebSocket with an HTTP status (default 503). */
  | Of<'refuse-upgrade', Lasting & { readonly status?: number; readonly body?: string }>
  /** Streams are acknowledged and send nothing. `times` counts streams of connections, not events. */
  | Of<'silent-stream', Lasting>
  | Of<'drop', OfEvents>
  /** Sends an event `copies` times (default 2). */
  | Of<'duplicate', OfEvents & { readonly copies?: number }>
  /** Sends an event behind the `by` next ones of its stream (default 1). */
  | Of<'reorder', OfEvents & { readonly by?: number }>
  /** Keeps an event back for `ms`; those behind it wait too. */
  | Of<'delay', OfEvents & { readonly ms: number }>
  /** A frame that is no JSON: the event cut in half, plain text, or binary. In front of the event, or `instead` of it. */
  | Of<'garbage-frame', OfEvents & { readonly body?: 'cut' | 'text' | 'binary'; readonly instead?: boolean }>
  /** A well-formed event that nobody has heard of, in front of the real one. */
  | Of<'unknown-event', OfEvents>
  /** An event with a field that nobody has heard of. */
  | Of<'unknown-field', OfEvents>
  /** An event with blanks between its parts. */
  | Of<'blanks', OfEvents>
  /** Ids of trades and updates are higher by `offset` (default 2^53), in streams and in REST. */
  | Of<'large-ids', { readonly offset?: string | number }>
  /** REST's depth shows the book as it was `ms` ago (negative: as it will be), and answers `delayMs` late. */
  | Of<'late-snapshot', Lasting & { readonly ms?: number; readonly delayMs?: number }>

export type FaultType = FaultSpec['type']

type Check = (value: unknown) => string | undefined

const check =
  (allowed: string, fits: (value: unknown) => boolean): Check =>
  (value) =>
    fits(value) ? undefined : allowed

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const atLeast = (least: number): Check => check(`a number from ${least}`, (value) => isNumber(value) && value >= least)
const whole = (least: number): Check =>
  check(`a whole number from ${least}`, (value) => Number.isInteger(value) && (value as number) >= least)
const share = check('a number from 0 to 1', (value) => isNumber(value) && value >= 0 && value <= 1)
const anyNumber = check('a number', isNumber)
const anything = check('', () => true)
const text = check('a text', (value) => typeof value === 'string' && value !== '')
const oneOf = (...names: readonly string[]): Check =>
  check(`one of ${names.join(', ')}`, (value) => typeof value === 'string' && names.includes(value))
const market = oneOf(...SANDBOX_MARKETS)
const time = check('a time, e.g. 2024-01-31T12:00:00Z or epoch milliseconds', (value) => {
  if (typeof value !== 'string' && typeof value !== 'number') return false
  try {
    parseTime(value)
    return true
  } catch {
    return false
  }
})
const date = (form: RegExp, example: string): Check =>
  check(`a date like ${example}`, (value) => typeof value === 'string' && form.test(value) && isDateOnly(value))
const pattern = check('a regular expression', (value) => {
  if (typeof value !== 'string') return false
  try {
    new RegExp(value)
    return true
  } catch {
    return false
  }
})

const flag = check('true or false', (value) => typeof value === 'boolean')
const offset = check(
  'a whole number up to 2^62, as a number or as text',
  (value) =>
    (typeof value === 'string' && /^\d{1,19}$/.test(value) && BigInt(value) <= 2n ** 62n) ||
    (Number.isSafeInteger(value) && (value as number) >= 0),
)
const TIMING: Readonly<Record<string, Check>> = { at: time, inMs: atLeast(0) }
const LASTING = { ...TIMING, forMs: atLeast(1) }
const OF_EVENTS = { ...LASTING, every: whole(1) }
const OF_CONNECTIONS = { ...TIMING, everyMs: atLeast(1), every: whole(1) }

/** Own parameters per type; a name with `!` is needed. */
const TYPES: Readonly<Record<FaultType, Readonly<Record<string, Check>>>> = {
  'http-error': {
    'status!': check(
      'a status from 300 to 599',
      (value) => Number.isInteger(value) && Number(value) >= 300 && Number(value) < 600,
    ),
    body: anything,
    retryAfterS: atLeast(0),
  },
  'rate-limit': { retryAfterS: atLeast(0) },
  ban: { retryAfterS: atLeast(0) },
  timeout: {},
  slow: { 'bytesPerSecond!': atLeast(1) },
  stall: { afterBytes: whole(0) },
  cut: { afterBytes: whole(0) },
  'garbage-json': { body: oneOf('cut', 'text', 'html'), status: whole(200) },
  'truncated-zip': { keep: share },
  'corrupt-zip': { bytes: whole(1) },
  'wrong-checksum': {},
  'missing-checksum': {},
  'missing-file': {
    day: date(/^\d{4}-\d{2}-\d{2}$/, '2024-01-31'),
    month: date(/^\d{4}-\d{2}$/, '2024-01'),
  },
  'missing-rows': { 'from!': time, 'to!': time },
  'bad-rows': { 'kind!': oneOf('cut', 'nan', 'negative', 'absurd'), rows: whole(1) },
  'shuffled-rows': { rows: whole(1) },
  'repeated-rows': { every: whole(1) },
  'blank-cells': { every: whole(1) },
  'rows-after-end': {},
  'other-labels': {},
  republished: { at: time, share },
  'clock-skew': { 'ms!': anyNumber },
  'zip-bomb': { bytes: whole(1) },
  'zip-path-entry': { name: text },
  outage: { market, symbol: text, 'from!': time, 'to!': time },
  disconnect: { ...OF_CONNECTIONS, refuseMs: atLeast(0), rest: flag },
  'half-open': OF_CONNECTIONS,
  close: {
    ...OF_CONNECTIONS,
    code: check(
      'a close code that may be sent: 1000 to 1014 without 1004, 1005 and 1006, or 3000 to 4999',
      (value) => Number.isInteger(value) && isCloseCode(value as number),
    ),
    reason: check(
      'a text of at most 123 bytes',
      (value) => typeof value === 'string' && Buffer.byteLength(value) <= 123,
    ),
  },
  'server-shutdown': { ...OF_CONNECTIONS, noticeMs: atLeast(0) },
  'refuse-upgrade': {
    ...LASTING,
    status: check(
      'a status from 300 to 599',
      (value) => Number.isInteger(value) && Number(value) >= 300 && Number(value) < 600,
    ),
    body: text,
  },
  'silent-stream': LASTING,
  drop: OF_EVENTS,
  duplicate: { ...OF_EVENTS, copies: whole(2) },
  reorder: { ...OF_EVENTS, by: whole(1) },
  delay: { ...OF_EVENTS, 'ms!': atLeast(0) },
  'garbage-frame': { ...OF_EVENTS, body: oneOf('cut', 'text', 'binary'), instead: flag },
  'unknown-event': OF_EVENTS,
  'unknown-field': OF_EVENTS,
  blanks: OF_EVENTS,
  'large-ids': { offset },
  'late-snapshot': { ...LASTING, ms: anyNumber, delayMs: atLeast(0) },
}

function isCloseCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code < 5000)
  )
}

const COMMON: Readonly<Record<string, Check>> = { times: whole(1), probability: share, after: whole(0) }
const MATCH: Readonly<Record<string, Check>> = {
  path: pattern,
  market,
  symbol: text,
  interval: check(
    'an interval, e.g. 1m',
    (value) => typeof value === 'string' && (isInterval(value) || value === '1mo'),
  ),
  method: text,
  stream: pattern,
  connection: whole(1),
}

/** Every type of fault, in the order of the documentation. */
export const FAULT_TYPES = Object.keys(TYPES) as FaultType[]

/**
 * Reads a list of faults, or an object that holds it as `faults`.
 * @throws ConfigError naming the fault, the key and what is allowed.
 */
export function parseFaults(input: unknown): FaultSpec[] {
  const list = isRecord(input) && Array.isArray(input.faults) ? input.faults : input
  if (!Array.isArray(list)) throw new ConfigError('faults: expected a list of faults, each with a type.')
  return list.map((entry: unknown, index) => parseFault(entry, `faults[${index}]`))
}

function parseFault(entry: unknown, where: string): FaultSpec {
  if (!isRecord(entry)) throw new ConfigError(`${where}: expected an object with a type, e.g. {"type":"cut"}.`)
  const { type, match, ...rest } = entry
  if (typeof type !== 'string' || !Object.hasOwn(TYPES, type)) {
    const near = typeof type === 'string' ? nearest(type, FAULT_TYPES) : undefined
    const hint = near === undefined ? '' : ` Did you mean "${near}"?`
    throw new ConfigError(`${where}: unknown type ${JSON.stringify(type)}.${hint} Types: ${FAULT_TYPES.join(', ')}.`)
  }
  const own = TYPES[type as FaultType]
  const allowed: Record<string, Check> = { ...COMMON }
  for (const [name, test] of Object.entries(own)) {
    const bare = name.replace('!', '')
    allowed[bare] = test
    if (name.endsWith('!') && rest[bare] === undefined) throw new ConfigError(`${where} (${type}): needs ${bare}.`)
  }
  checkFields(rest, allowed, `${where} (${type})`)
  if (match !== undefined) {
    if (!isRecord(match)) throw new ConfigError(`${where} (${type}): match is not an object like {"symbol":"BTCUSDT"}.`)
    checkFields(match, MATCH, `${where} (${type}).match`)
  }
  const spec = entry as unknown as FaultSpec
  if ((spec.type === 'missing-rows' || spec.type === 'outage') && parseTime(spec.from) >= parseTime(spec.to)) {
    throw new ConfigError(`${where} (${type}): from is not before to.`)
  }
  if (rest.at !== undefined && rest.inMs !== undefined) {
    throw new ConfigError(`${where} (${type}): at and inMs are two ways to say when; give one of them.`)
  }
  return spec
}

function checkFields(
  fields: Readonly<Record<string, unknown>>,
  allowed: Readonly<Record<string, Check>>,
  where: string,
): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue
    const test = Object.hasOwn(allowed, name) ? allowed[name] : undefined
    if (!test) {
      const near = nearest(name, Object.keys(allowed))
      const hint = near === undefined ? '' : ` Did you mean "${near}"?`
      throw new ConfigError(`${where}: unknown key "${name}".${hint} Keys: ${Object.keys(allowed).join(', ')}.`)
    }
    const wrong = test(value)
    if (wrong !== undefined) throw new ConfigError(`${where}: ${name} is ${JSON.stringify(value)}; allowed: ${wrong}.`)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The known word with the fewest edits, where it is near enough to be meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const name of known) {
    const edits = distance(word, name)
    if (edits < least) {
      least = edits
      best = name
    }
  }
  return best
}

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
  /** The archive lacks the candles that open in [from, to); the checksum fits. REST has them. */
  | Of<'missing-rows', { readonly from: string | number; readonly to: string | number }>
  /** Garbled rows in the archive; the checksum fits. */
  | Of<'bad-rows', { readonly kind: 'cut' | 'nan' | 'negative' | 'absurd'; readonly rows?: number }>
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
  republished: { at: time, share },
  'clock-skew': { 'ms!': anyNumber },
  'zip-bomb': { bytes: whole(1) },
  'zip-path-entry': { name: text },
  outage: { market, symbol: text, 'from!': time, 'to!': time },
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

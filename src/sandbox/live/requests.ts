import type { SandboxMarket } from '../market/listing.ts'

/** What a control message may read and change. */
export interface RequestTarget {
  readonly market: SandboxMarket
  combined: boolean
  /** Undefined when done, else why not. */
  subscribe(names: readonly string[]): string | undefined
  unsubscribe(names: readonly string[]): void
  streams(): readonly string[]
}

const METHODS = ['SUBSCRIBE', 'UNSUBSCRIBE', 'LIST_SUBSCRIPTIONS', 'SET_PROPERTY', 'GET_PROPERTY']

interface Failure {
  readonly code: number
  readonly msg: string
}

const failure = (code: number, msg: string): Failure => ({ code, msg })
const wrong = (msg: string): Failure => failure(2, `Invalid request: ${msg}`)

/** Answers a control message; the answer is the JSON text of a frame. */
export function answerRequest(text: string, target: RequestTarget): string {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch (error) {
    const [line, column] = placeOf(text, error)
    return refused(
      target.market,
      failure(3, `Invalid JSON: expected value at line ${line} column ${column}`),
      undefined,
    )
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    const kind = Array.isArray(message) ? 'sequence' : message === null ? 'null' : typeof message
    return refused(
      target.market,
      wrong(`invalid type: ${kind}, expected a request at line 1 column ${text.length}`),
      undefined,
    )
  }
  const request = message as { method?: unknown; params?: unknown; id?: unknown }
  const id = idText(request.id, text)
  const answer = handle(request, text, id, target)
  return typeof answer === 'string' ? `{"result":${answer},"id":${id}}` : refused(target.market, answer, id)
}

/** Spot answers errors as documented, USD-M wraps them: both forms are about on the real exchange. */
function refused(market: SandboxMarket, { code, msg }: Failure, id: string | undefined): string {
  const told = `"code":${code},"msg":${JSON.stringify(msg)}`
  const tail = id === undefined ? '' : `,"id":${id}`
  return market === 'spot' ? `{${told}${tail}}` : `{"error":{${told}}${tail}}`
}

function handle(
  request: { method?: unknown; params?: unknown },
  text: string,
  id: string | undefined,
  target: RequestTarget,
): string | Failure {
  const { method, params } = request
  if (method === undefined) return wrong(`missing field \`method\` at line 1 column ${text.length}`)
  if (typeof method !== 'string' || !METHODS.includes(method)) {
    const shown = typeof method === 'string' ? method : JSON.stringify(method)
    const column = text.indexOf(JSON.stringify(method)) + JSON.stringify(method).length
    const known = METHODS.map((name) => `\`${name}\``).join(', ')
    return wrong(`unknown variant \`${shown}\`, expected one of ${known} at line 1 column ${column}`)
  }
  if (id === undefined) return wrong('request ID must be an unsigned integer')
  const list: unknown = params ?? []
  if (!Array.isArray(list)) return wrong('params must be an array')
  switch (method) {
    case 'SUBSCRIBE':
    case 'UNSUBSCRIBE': {
      if (!list.every((name) => typeof name === 'string')) return wrong('stream name must be a string')
      if (method === 'UNSUBSCRIBE') target.unsubscribe(list)
      const problem = method === 'SUBSCRIBE' ? target.subscribe(list) : undefined
      return problem === undefined ? 'null' : wrong(problem)
    }
    case 'LIST_SUBSCRIPTIONS':
      return list.length > 0 ? wrong('too many parameters') : JSON.stringify(target.streams())
    default:
      return property(method === 'SET_PROPERTY', list, target)
  }
}

function property(set: boolean, params: readonly unknown[], target: RequestTarget): string | Failure {
  const [name, value] = params
  if (typeof name !== 'string') return wrong('property name must be a string')
  if (params.length > (set ? 2 : 1)) return wrong('too many parameters')
  if (name !== 'combined') return failure(0, 'Unknown property')
  if (!set) return String(target.combined)
  if (typeof value !== 'boolean') return failure(1, 'Invalid value type: expected Boolean')
  target.combined = value
  return 'null'
}

/**
 * The id as it has to be repeated; undefined for one that is not allowed: an int64, a text of up to 36 letters and
 * digits, or null.
 */
function idText(id: unknown, text: string): string | undefined {
  if (id === null) return 'null'
  if (typeof id === 'string') return /^[A-Za-z0-9_-]{1,36}$/.test(id) ? JSON.stringify(id) : undefined
  if (typeof id !== 'number' || !Number.isInteger(id)) return undefined
  if (Number.isSafeInteger(id)) return String(id)
  // Beyond 2^53 the parsed number is not the one that was sent.
  const exact = /"id"\s*:\s*(-?\d+)\s*[,}]/.exec(text)?.[1]
  if (exact === undefined) return undefined
  return BigInt.asIntN(64, BigInt(exact)) === BigInt(exact) ? exact : undefined
}

/** Line and column at which JSON.parse gave up. */
function placeOf(text: string, error: unknown): [line: number, column: number] {
  const position = /position (\d+)/.exec((error as Error).message)?.[1]
  const before = text.slice(0, position === undefined ? text.length : Number(position))
  const lines = before.split('\n')
  return [lines.length, lines.at(-1)!.length + 1]
}

import { ParseError } from '../../model/errors.ts'

/**
 * Checks a value and gives it back typed. Values are neither copied nor changed, unknown members stay and are allowed.
 * `path` is the JSON path for the message.
 */
export type Schema<T> = (value: unknown, path: string, source: string) => T

/** The type that a schema checks for. */
export type Infer<S> = S extends Schema<infer T> ? T : never

function fail(value: unknown, path: string, source: string, expected: string): never {
  throw new ParseError(source, `${path}: expected ${expected}, got ${describe(value)}`)
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object') return 'an object'
  return typeof value === 'string' ? `the text "${value.slice(0, 60)}"` : `${String(value)} (${typeof value})`
}

export const text: Schema<string> = (value, path, source) =>
  typeof value === 'string' ? value : fail(value, path, source, 'a text')

export const flag: Schema<boolean> = (value, path, source) =>
  typeof value === 'boolean' ? value : fail(value, path, source, 'true or false')

export const number: Schema<number> = (value, path, source) =>
  typeof value === 'number' ? value : fail(value, path, source, 'a number')

/** A whole number that a JS number holds exactly: an id above 2^53 is refused loudly rather than rounded silently. */
export const integer: Schema<number> = (value, path, source) =>
  typeof value === 'number' && Number.isSafeInteger(value)
    ? value
    : fail(value, path, source, 'a whole number within 2^53')

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/** A decimal number as text. */
export const decimal: Schema<string> = (value, path, source) =>
  typeof value === 'string' && DECIMAL.test(value) ? value : fail(value, path, source, 'a decimal number as text')

/** A decimal number as text, or the empty text that Binance sends where there is none. */
export const decimalOrEmpty: Schema<string> = (value, path, source) =>
  value === '' ? '' : decimal(value, path, source)

export const unknown: Schema<unknown> = (value) => value

/** The member may be missing. */
export function optional<T>(schema: Schema<T>): Schema<T | undefined> {
  return (value, path, source) => (value === undefined ? undefined : schema(value, path, source))
}

export function nullable<T>(schema: Schema<T>): Schema<T | null> {
  return (value, path, source) => (value === null ? null : schema(value, path, source))
}

export function array<T>(schema: Schema<T>): Schema<readonly T[]> {
  return (value, path, source) => {
    if (!Array.isArray(value)) return fail(value, path, source, 'an array')
    for (let index = 0; index < value.length; index++) schema(value[index], `${path}[${index}]`, source)
    return value as readonly T[]
  }
}

/** An array of exactly these members; more are allowed. */
export function tuple<T extends readonly unknown[]>(...schemas: { [K in keyof T]: Schema<T[K]> }): Schema<T> {
  return (value, path, source) => {
    if (!Array.isArray(value) || value.length < schemas.length) {
      return fail(value, path, source, `an array of ${schemas.length}`)
    }
    for (const [index, schema] of schemas.entries()) schema(value[index], `${path}[${index}]`, source)
    return value as unknown as T
  }
}

type Members<S> = { readonly [K in keyof S as undefined extends Infer<S[K]> ? never : K]: Infer<S[K]> } & {
  readonly [K in keyof S as undefined extends Infer<S[K]> ? K : never]?: Exclude<Infer<S[K]>, undefined>
}

/** An object with at least these members. */
export function object<S extends Readonly<Record<string, Schema<unknown>>>>(members: S): Schema<Members<S>> {
  const entries = Object.entries(members)
  return (value, path, source) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return fail(value, path, source, 'an object')
    for (const [name, schema] of entries) schema((value as Record<string, unknown>)[name], `${path}.${name}`, source)
    return value as Members<S>
  }
}

/** What `schema` checks, with at least one of some members. */
export function withOne<T extends object>(schema: Schema<T>, ...names: readonly (keyof T & string)[]): Schema<T> {
  return (value, path, source) => {
    const checked = schema(value, path, source)
    if (names.some((name) => checked[name] !== undefined)) return checked
    return fail(value, path, source, `an object with ${names.join(' or ')}`)
  }
}

/** Binance answers an object for one symbol and an array for many: this gives an array for both. */
export function oneOrMany<T>(schema: Schema<T>): Schema<readonly T[]> {
  const many = array(schema)
  return (value, path, source) => (Array.isArray(value) ? many(value, path, source) : [schema(value, path, source)])
}

/** Reads JSON bytes and checks them. @throws ParseError with the JSON path of what is wrong. */
export function parseJson<T>(bytes: Uint8Array, schema: Schema<T>, source: string): T {
  const body = new TextDecoder().decode(bytes)
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch (error) {
    const shown = body.length === 0 ? 'it is empty' : JSON.stringify(body.slice(0, 80))
    throw new ParseError(source, `the answer is not JSON: ${shown}`, { cause: error })
  }
  return schema(value, '$', source)
}

import { isAbsolute } from 'node:path'
import { INTERVALS, type Interval, isInterval } from '../../model/interval.ts'
import { intervalHint } from '../interval-hint.ts'

/** How a setting's value is read from text (flags, environment) or from YAML, and what is allowed. */
export interface ValueType<T> {
  /** Completes the sentence `allowed: …`. */
  readonly allowed: string
  /** The value, or undefined when the input is not allowed. */
  read(input: unknown): T | undefined
  /** Words to suggest from, for types that have a fixed list. */
  readonly words?: readonly string[]
  /** What a wrong input most likely means, as ` Did you mean x?`; for types whose values are more than one word. */
  readonly suggest?: (input: unknown) => string
  /** How a default is written in YAML. */
  show(value: T): string
}

const quoted = (text: string): string => (/^[\w./-]+$/.test(text) ? text : JSON.stringify(text))

export const text: ValueType<string> = {
  allowed: 'text',
  read: (input) => {
    if (typeof input === 'number') return String(input)
    return typeof input === 'string' && input.trim() !== '' ? input.trim() : undefined
  },
  show: quoted,
}

export const path: ValueType<string> = { ...text, allowed: 'a path' }

export const flag: ValueType<boolean> = {
  allowed: 'true or false',
  read: (input) => {
    if (typeof input === 'boolean') return input
    const word = String(input).trim().toLowerCase()
    if (['true', '1', 'yes', 'on'].includes(word)) return true
    if (['false', '0', 'no', 'off'].includes(word)) return false
    return undefined
  },
  words: ['true', 'false'],
  show: String,
}

/** A switch, or the folder in which something is shared. */
export const sharing: ValueType<boolean | string> = {
  allowed: 'true, false or a folder with its whole path',
  read: (input) =>
    flag.read(input) ?? (typeof input === 'string' && isAbsolute(input.trim()) ? input.trim() : undefined),
  show: (value) => (typeof value === 'string' ? quoted(value) : String(value)),
}

/** A base URL, kept without a trailing slash. */
export function url(...protocols: string[]): ValueType<string> {
  return {
    allowed: `a URL that starts with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`,
    read: (input) => {
      if (typeof input !== 'string' || !URL.canParse(input.trim())) return undefined
      const parsed = new URL(input.trim())
      return protocols.includes(parsed.protocol.slice(0, -1)) ? input.trim().replace(/\/+$/, '') : undefined
    },
    show: quoted,
  }
}

export function choice<const T extends string>(...words: T[]): ValueType<T> {
  return {
    allowed: words.join(', '),
    read: (input) => words.find((word) => word === String(input).trim().toLowerCase()),
    words,
    show: quoted,
  }
}

/** A whole number in [min, max]. */
export function count(min: number, max: number): ValueType<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    read: (input) => {
      const value =
        typeof input === 'number'
          ? input
          : typeof input === 'string' && input.trim() !== ''
            ? Number(input)
            : Number.NaN
      return Number.isInteger(value) && value >= min && value <= max ? value : undefined
    },
    show: String,
  }
}

const SIZE = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb|kib|mib|gib)?$/i
const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}

/** A number of bytes: `100MB`, `1.5 GiB`, `1048576`. */
export function size(min: number, minText: string): ValueType<number> {
  return {
    allowed: `a size such as 100MB or 1GiB, at least ${minText}`,
    read: (input) => {
      const form = SIZE.exec(String(input).trim())
      if (!form) return undefined
      const bytes = Math.round(Number(form[1]) * SIZE_UNITS[(form[2] ?? 'b').toLowerCase()]!)
      return bytes >= min && bytes <= Number.MAX_SAFE_INTEGER ? bytes : undefined
    },
    show: (value) => (value % 1e6 === 0 ? `${value / 1e6}MB` : String(value)),
  }
}

const SPAN = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/
const SPAN_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3 }

/** A length of time in milliseconds: `500ms`, `30s`, `3m`; a bare number counts as milliseconds. */
export function span(min: number, max: number): ValueType<number> {
  const show = (value: number): string => {
    if (value === 0) return '0s'
    for (const unit of ['d', 'h', 'm', 's'])
      if (value % SPAN_UNITS[unit]! === 0) return `${value / SPAN_UNITS[unit]!}${unit}`
    return `${value}ms`
  }
  return {
    allowed: `a time such as 500ms, 30s or 3m, from ${show(min)} to ${show(max)}`,
    read: (input) => {
      const form = SPAN.exec(String(input).trim())
      if (!form) return undefined
      const ms = Number(form[1]) * SPAN_UNITS[form[2] ?? 'ms']!
      return ms >= min && ms <= max ? ms : undefined
    },
    show,
  }
}

function readInterval(input: unknown): Interval | undefined {
  const word = String(input).trim()
  if (word === '1mo') return '1M'
  return isInterval(word) ? word : undefined
}

export const interval: ValueType<Interval> = {
  allowed: `one of ${INTERVALS.join(', ')} (1m is a minute, 1M a month)`,
  read: readInterval,
  suggest: (input) => intervalHint(String(input)),
  show: quoted,
}

/** Splits `a,b c` and lists into words. */
export function words(input: unknown): string[] {
  const parts = Array.isArray(input) ? input : [input]
  return parts.flatMap((part) => String(part).split(/[\s,]+/)).filter((word) => word !== '')
}

export const intervals: ValueType<readonly Interval[]> = {
  allowed: `a list of ${INTERVALS.join(', ')} (1m is a minute, 1M a month)`,
  read: (input) => {
    const list = words(input).map(readInterval)
    if (list.length === 0 || list.some((item) => item === undefined)) return undefined
    return [...new Set(list as Interval[])]
  },
  suggest: (input) => {
    const wrong = words(input).find((word) => readInterval(word) === undefined)
    return wrong === undefined ? '' : intervalHint(wrong)
  },
  show: (value) => `[${value.join(', ')}]`,
}

/** A file of pairs, or the symbols themselves. */
export type PairsSource = { readonly file: string } | { readonly symbols: readonly string[] }

export const pairs: ValueType<PairsSource> = {
  allowed: 'the path of a pairs file, or a list of symbols',
  read: (input) => {
    if (Array.isArray(input)) {
      const symbols = input.every((item) => typeof item === 'string') ? words(input) : []
      return symbols.length > 0 ? { symbols } : undefined
    }
    return typeof input === 'string' && input.trim() !== '' ? { file: input.trim() } : undefined
  },
  show: (value) => ('file' in value ? quoted(value.file) : `[${value.symbols.join(', ')}]`),
}

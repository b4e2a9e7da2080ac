import { formatDecimal, parseDecimal } from '../../model/decimal.ts'

/** The shortest text that reads back as the same float64, never with an exponent: `0.0000001`, not `1e-7`. */
export function formatNumber(value: number): string {
  const text = String(value)
  return text.includes('e') ? formatDecimal(parseDecimal(text)) : text
}

/** `1,234,567`: the same in every locale. */
export function formatCount(value: number): string {
  const whole = String(Math.round(value))
  return whole.replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 file`, `2 files`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** `12.3 MB` (powers of 1000). */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

/** `850 ms`, `4.2 s`, `3m 20s`, `2h 05m`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return '?'
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`
  const hours = Math.round(minutes / 60)
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`
}

/** What is left of a work, in whole seconds: anything finer would only flicker. */
export function formatLeft(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return `${seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000)} left`
}

/** `99.98 %`; 100 only when nothing at all is missing, 0 only when nothing is there. */
export function formatPercent(part: number, whole: number): string {
  if (whole <= 0) return '-'
  const percent = (part / whole) * 100
  if (part === whole) return '100 %'
  if (part === 0) return '0 %'
  return `${Math.min(99.99, Math.max(0.01, percent)).toFixed(2)} %`
}

/** Columns that a text takes on a terminal: wide (CJK, emoji) letters take two, combining marks none. */
export function displayWidth(text: string): number {
  let width = 0
  for (const letter of text) {
    const code = letter.codePointAt(0)!
    if (code < 0x300) width += 1
    else if (/\p{Mark}/u.test(letter) || code === 0x200d || (code >= 0xfe00 && code <= 0xfe0f)) width += 0
    else width += isWide(code) ? 2 : 1
  }
  return width
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  )
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text
}

/** Cuts a text to a display width; an ellipsis shows that something is gone. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  let out = ''
  let used = 0
  for (const letter of text) {
    const next = displayWidth(letter)
    if (used + next > width - 1) break
    out += letter
    used += next
  }
  return `${out}…`
}

const CONTROL = /(?![\n\t])\p{Cc}/gu

/** Text from files or servers, made harmless for a terminal: control characters could move the cursor or worse. */
export function printable(text: string): string {
  return text.replace(CONTROL, '\ufffd')
}

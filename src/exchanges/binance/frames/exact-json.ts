/** A JSON number that a JS number does not hold. */
export class WideNumber {
  /** As it stands in the JSON. */
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Texts and numbers: so that digits within texts are left alone. */
const TOKENS = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"|-?\d[\d.eE+-]*/g
const LONG_NUMBER = /[\d.eE+-]{16}/
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
/** Marks a text that stands for a number. As an escape it can not come from a plain text. */
const MARK = '\u0000#'

/**
 * `JSON.parse`, but numbers that a JS number would round come as `WideNumber`.
 * @throws SyntaxError as `JSON.parse` does.
 */
export function parseExact(text: string): unknown {
  // A text that holds the mark's own escape could pass for a number: no exchange sends one, and then none is looked for.
  if (!LONG_NUMBER.test(text) || text.includes('\\u0000')) return JSON.parse(text)
  let isWide = false
  const marked = text.replace(TOKENS, (token) => {
    if (token.length < 16 || token.startsWith('"') || !NUMBER.test(token)) return token
    if (/^-?\d+$/.test(token) && Number.isSafeInteger(Number(token))) return token
    isWide = true
    return `"\\u0000#${token}"`
  })
  if (!isWide) return JSON.parse(text)
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? new WideNumber(value.slice(MARK.length)) : value,
  )
}

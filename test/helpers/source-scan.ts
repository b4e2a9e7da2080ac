import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative, sep } from 'node:path'

/**
 * A small scanner of TypeScript: enough to tell code from comments, strings, templates and regular expressions, and to
 * find imports. TypeScript 7 ships no parser for programs, and a search by pattern alone would take text for code.
 */
export interface Token {
  readonly type: 'word' | 'string' | 'template' | 'regex' | 'mark'
  /** The text; of a string its content. */
  readonly text: string
  readonly line: number
}

export interface Import {
  /** `static` runs when the importing file is loaded, `dynamic` when the code is reached, `type` never. */
  readonly type: 'static' | 'dynamic' | 'type'
  /** As written; undefined for `import(expression)`. */
  readonly specifier: string | undefined
  readonly line: number
}

/** Paths from the root of the scan, with `/`, and their text. */
export type Sources = ReadonlyMap<string, string>

/** After one of these words a `/` starts a regular expression; after any other word it divides. */
const BEFORE_REGEX = new Set(
  'return typeof case in of do else void delete throw new instanceof await yield extends default'.split(' '),
)

export function tokenize(code: string): Token[] {
  const tokens: Token[] = []
  /** For each open template substitution, how many braces are open inside it. */
  const substitutions: number[] = []
  let line = 1
  let at = 0

  const push = (type: Token['type'], text: string, from = line) => tokens.push({ type, text, line: from })
  const take = (end: number): string => {
    const text = code.slice(at, end)
    line += text.split('\n').length - 1
    at = end
    return text
  }
  /** Reads template text up to its end or the next substitution. `at` stands behind the opening mark. */
  const template = () => {
    const from = line
    let end = at
    while (end < code.length && code[end] !== '`' && !code.startsWith('${', end)) end += code[end] === '\\' ? 2 : 1
    push('template', take(end), from)
    if (code.startsWith('${', at)) {
      substitutions.push(0)
      take(at + 2)
      push('mark', '${')
    } else take(at + 1)
  }

  while (at < code.length) {
    const char = code[at]!
    const pair = code.slice(at, at + 2)
    if (/\s/.test(char)) take(at + 1)
    else if (pair === '//' || (at === 0 && pair === '#!')) take(indexOr(code, '\n', at))
    else if (pair === '/*') take(indexOr(code, '*/', at + 2) + 2)
    else if (char === "'" || char === '"') {
      let end = at + 1
      while (end < code.length && code[end] !== char && code[end] !== '\n') end += code[end] === '\\' ? 2 : 1
      const from = line
      push('string', take(end + 1).slice(1, -1), from)
    } else if (char === '`') {
      take(at + 1)
      template()
    } else if (char === '}' && substitutions.at(-1) === 0) {
      substitutions.pop()
      push('mark', '}')
      take(at + 1)
      template()
    } else if (char === '/' && startsRegex(tokens.at(-1))) {
      let end = at + 1
      let inClass = false
      while (end < code.length && (inClass || code[end] !== '/') && code[end] !== '\n') {
        if (code[end] === '[') inClass = true
        else if (code[end] === ']') inClass = false
        end += code[end] === '\\' ? 2 : 1
      }
      push('regex', take(end + 1))
    } else if (/[\p{ID_Start}$_#\d]/u.test(char)) {
      push('word', take(at + (/^[\p{ID_Continue}$#]+/u.exec(code.slice(at, at + 200))?.[0].length ?? 1)))
    } else {
      if (char === '{' && substitutions.length > 0) substitutions[substitutions.length - 1]!++
      if (char === '}' && substitutions.length > 0) substitutions[substitutions.length - 1]!--
      push('mark', char)
      take(at + 1)
    }
  }
  return tokens
}

function indexOr(code: string, text: string, from: number): number {
  const at = code.indexOf(text, from)
  return at < 0 ? code.length : at
}

function startsRegex(before: Token | undefined): boolean {
  if (before === undefined) return true
  if (before.type === 'word') return BEFORE_REGEX.has(before.text)
  return before.type === 'mark' && !')]'.includes(before.text)
}

/** Every import of a file: `import`, `export … from`, `import()` and `import('…').Type`. */
export function importsOf(code: string): Import[] {
  const tokens = tokenize(code)
  const imports: Import[] = []
  for (let i = 0; i < tokens.length; i++) {
    const { type, text, line } = tokens[i]!
    if (type !== 'word' || (text !== 'import' && text !== 'export') || tokens[i - 1]?.text === '.') continue
    const next = tokens[i + 1]
    if (text === 'import' && next?.type === 'mark' && next.text === '(') {
      const argument = tokens[i + 2]
      const literal = argument?.type === 'string' && [')', ','].includes(tokens[i + 3]?.text ?? '')
      imports.push({ type: 'dynamic', specifier: literal ? argument.text : undefined, line })
    } else if (text === 'import' && next?.type === 'string') {
      imports.push({ type: 'static', specifier: next.text, line })
    } else if (next?.type === 'word' || next?.text === '{' || next?.text === '*') {
      const specifier = fromClause(tokens, i + 1)
      // `import { type A }` is `static`: the compiler keeps the import of the module (verbatimModuleSyntax).
      const isType = next.text === 'type' && tokens[i + 2]?.text !== 'from' && tokens[i + 2]?.text !== ','
      if (specifier !== undefined) imports.push({ type: isType ? 'type' : 'static', specifier, line })
    }
  }
  return imports
}

/** The module of `… from 'module'`, where a clause starts at `start`; undefined when it is something else. */
function fromClause(tokens: readonly Token[], start: number): string | undefined {
  let depth = 0
  for (let i = start; i < tokens.length; i++) {
    const token = tokens[i]!
    if (token.type === 'mark' && token.text === '{') depth++
    else if (token.type === 'mark' && token.text === '}') depth--
    else if (token.type === 'mark' && !',*'.includes(token.text)) return undefined
    else if (token.type === 'string' && depth === 0) return tokens[i - 1]?.text === 'from' ? token.text : undefined
    else if (token.type === 'template' || token.type === 'regex') return undefined
    // Two names side by side (`export const x`, `export async function`) are a declaration.
    else if (depth === 0 && token.type === 'word' && DECLARATIONS.has(token.text)) return undefined
  }
  return undefined
}

const DECLARATIONS = new Set('const let var function async class abstract interface enum namespace declare'.split(' '))

/** Path of the file that a relative import names; undefined for a package. */
export function resolveImport(file: string, specifier: string): string | undefined {
  return /^\.\.?\//.test(specifier) ? posix.join(posix.dirname(file), specifier) : undefined
}

/** `undici` of `undici/types/x.d.ts`, `@duckdb/node-api` of itself; undefined for Node's own modules and files. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('node:') || /^\.\.?\//.test(specifier)) return undefined
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Reads every TypeScript file under `folder`; paths start with `src/`. */
export function readSources(folder: string): Map<string, string> {
  const sources = new Map<string, string>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue
    const file = join(entry.parentPath, entry.name)
    sources.set(`src/${relative(folder, file).split(sep).join('/')}`, readFileSync(file, 'utf8'))
  }
  return new Map([...sources].sort(([a], [b]) => (a < b ? -1 : 1)))
}

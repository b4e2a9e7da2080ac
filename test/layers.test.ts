import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { repositoryRoot } from './helpers/real-data.ts'
import {
  type Import,
  importsOf,
  packageOf,
  readSources,
  resolveImport,
  type Sources,
  tokenize,
} from './helpers/source-scan.ts'

const BASE = ['net', 'model'] as const
const MIDDLE = ['archive', 'exchanges', 'store', 'bus', 'book', 'analysis', ...BASE] as const

/** Which layers (folders of src) a layer may import, besides itself. Nothing else is allowed. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  /** The package root (src/index.ts) names what is public. */
  root: ['server', 'sandbox', 'engine', ...MIDDLE],
  /** Starts the others: `ticklake serve`, `ticklake sandbox`. */
  cli: ['server', 'sandbox', 'engine', ...MIDDLE],
  server: ['engine', ...MIDDLE],
  sandbox: ['engine', ...MIDDLE],
  engine: MIDDLE,
  archive: ['exchanges', ...BASE],
  exchanges: BASE,
  store: BASE,
  bus: BASE,
  book: BASE,
  analysis: BASE,
  net: ['model'],
  model: [],
}

/** Files that load code of the user's by its path, once each: what they name is no part of the sources. */
const LOADERS: readonly string[] = ['src/cli/transform-file.ts']

const MAX_LINES = 500

function layerOf(file: string): string {
  const parts = file.split('/')
  return parts.length === 2 ? 'root' : parts[1]!
}

/** `binance` of src/exchanges/binance/… and src/exchanges/binance.ts; undefined for what all exchanges share. */
function exchangeOf(file: string): string | undefined {
  const name = /^src\/exchanges\/([^/.]+)/.exec(file)?.[1]
  return name === 'index' || name === 'exchange' || name === 'stream' ? undefined : name
}

/** Every import that breaks a rule, as `file:line imports X: why`. */
function brokenArrows(sources: Sources, packages: readonly string[]): string[] {
  const broken: string[] = []
  for (const [file, code] of sources) {
    const layer = layerOf(file)
    const allowed = Object.hasOwn(ARROWS, layer) ? ARROWS[layer] : undefined
    if (!allowed) {
      broken.push(`${file}: the layer "${layer}" is not in the table of this test`)
      continue
    }
    let foreign = LOADERS.includes(file) ? 1 : 0
    for (const { specifier, line, type } of importsOf(code)) {
      if (specifier === undefined && foreign-- > 0) continue
      const why = whyBroken(file, layer, allowed, specifier, sources, packages)
      if (why) broken.push(`${file}:${line} imports ${specifier ?? 'an expression'} (${type}): ${why}`)
    }
  }
  return broken
}

function whyBroken(
  file: string,
  layer: string,
  allowed: readonly string[],
  specifier: string | undefined,
  sources: Sources,
  packages: readonly string[],
): string | undefined {
  if (specifier === undefined) return 'only literal imports can be checked'
  if (specifier.startsWith('node:')) return undefined
  const packageName = packageOf(specifier)
  if (packageName !== undefined) {
    if (layer === 'model') return 'model imports nothing'
    return packages.includes(packageName) ? undefined : `"${packageName}" is not in the dependencies of package.json`
  }
  const target = resolveImport(file, specifier)!
  if (!sources.has(target)) return `${target} does not exist in src`
  const to = layerOf(target)
  if (to !== layer) return allowed.includes(to) ? undefined : `${layer} may not import ${to}`
  const from = exchangeOf(file)
  const other = exchangeOf(target)
  if (from !== undefined && other !== undefined && from !== other) return 'exchanges may not import one another'
  return undefined
}

/**
 * Circles of imports that run when a file is loaded, each as `a → b → a`: one of them would see another half made.
 * Types and `await import()` can close a circle without harm.
 */
function cycles(sources: Sources): string[] {
  const found: string[] = []
  const state = new Map<string, 'open' | 'done'>()
  const path: string[] = []
  const visit = (file: string) => {
    if (state.get(file) === 'done') return
    if (state.get(file) === 'open') {
      found.push([...path.slice(path.indexOf(file)), file].join(' → '))
      return
    }
    state.set(file, 'open')
    path.push(file)
    for (const { specifier, type } of importsOf(sources.get(file) ?? '')) {
      const target = type !== 'static' || specifier === undefined ? undefined : resolveImport(file, specifier)
      if (target !== undefined && sources.has(target)) visit(target)
    }
    path.pop()
    state.set(file, 'done')
  }
  for (const file of sources.keys()) visit(file)
  return found
}

/** Words that have no place in src: `any`, plain errors, the console. */
function badWords(sources: Sources): string[] {
  const bad: string[] = []
  for (const [file, code] of sources) {
    const tokens = tokenize(code)
    for (const [i, { type, text, line }] of tokens.entries()) {
      const before = tokens[i - 1]?.text
      const after = tokens[i + 1]?.text
      if (type !== 'word' || before === '.') continue
      if (text === 'any' && after !== ':') bad.push(`${file}:${line} any`)
      if (text === 'console' && after === '.') bad.push(`${file}:${line} console.${tokens[i + 2]?.text}`)
      if (/^(|Type|Range|Syntax|Aggregate)Error$/.test(text) && after === '(') {
        bad.push(`${file}:${line} ${before === 'new' ? 'new ' : ''}${text}(`)
      }
    }
  }
  return bad
}

function longFiles(sources: Sources): string[] {
  return [...sources].flatMap(([file, code]) => {
    const lines = code.trimEnd().split('\n').length
    return lines >= MAX_LINES ? [`${file} has ${lines} lines`] : []
  })
}

const sources = readSources(join(repositoryRoot, 'src'))
const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>
  peerDependencies?: Record<string, string>
}
const packages = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })

describe('the sources', () => {
  it('are found', () => {
    expect(sources.size).toBeGreaterThan(20)
    expect([...sources.keys()]).toContain('src/model/time.ts')
  })

  it('import along the arrows of the architecture, and only packages that users get', () => {
    expect(brokenArrows(sources, packages)).toEqual([])
  })

  it('import each other in no circle', () => {
    expect(cycles(sources)).toEqual([])
  })

  it('hold no any, no plain Error and no console', () => {
    expect(badWords(sources)).toEqual([])
  })

  it(`are files of fewer than ${MAX_LINES} lines`, () => {
    expect(longFiles(sources)).toEqual([])
  })
})

describe('the table of arrows', () => {
  it('is free of circles itself and names layers that it knows', () => {
    const asFiles = new Map(
      Object.entries(ARROWS).map(([layer, targets]) => [
        `src/${layer}`,
        targets.map((target) => `import './${target}'`).join('\n'),
      ]),
    )
    expect(cycles(asFiles)).toEqual([])
    expect(
      Object.values(ARROWS)
        .flat()
        .filter((layer) => !Object.hasOwn(ARROWS, layer)),
    ).toEqual([])
  })

  const tree = (files: Record<string, string>) => new Map(Object.entries(files))

  it.each([
    [
      'a lower layer that reaches up',
      "import { x } from '../engine/x.ts'",
      'src/store/a.ts',
      'store may not import engine',
    ],
    ['a type that reaches up', "import type { X } from '../engine/x.ts'", 'src/net/a.ts', 'net may not import engine'],
    [
      'a dynamic import that reaches up',
      "await import('../engine/x.ts')",
      'src/book/a.ts',
      'book may not import engine',
    ],
    ['a type query that reaches up', "let x: import('../engine/x.ts').X", 'src/bus/a.ts', 'bus may not import engine'],
    ['a re-export that reaches up', "export * from '../engine/x.ts'", 'src/model/a.ts', 'model may not import engine'],
    [
      'an exchange that stores',
      "import '../../store/x.ts'",
      'src/exchanges/okx/a.ts',
      'exchanges may not import store',
    ],
    [
      'an exchange that uses another',
      "import '../binance/x.ts'",
      'src/exchanges/okx/a.ts',
      'may not import one another',
    ],
    [
      'one exchange file that uses another',
      "import './binance/x.ts'",
      'src/exchanges/okx.ts',
      'may not import one another',
    ],
    ['a package in the model', "import { z } from 'zod'", 'src/model/a.ts', 'model imports nothing'],
    ['a development package', "import fc from 'fast-check'", 'src/net/a.ts', '"fast-check" is not in the dependencies'],
    ['a built-in module without node:', "import fs from 'fs'", 'src/net/a.ts', '"fs" is not in the dependencies'],
    ['a file that is not there', "import './gone.ts'", 'src/net/a.ts', 'src/net/gone.ts does not exist'],
    ['a folder nobody planned', '', 'src/utils/a.ts', 'the layer "utils" is not in the table'],
    ['an import of an expression', 'await import(name)', 'src/net/a.ts', 'only literal imports can be checked'],
    [
      'a second import of an expression where one is allowed',
      'await import(name)\nawait import(other)',
      'src/cli/transform-file.ts',
      'only literal imports can be checked',
    ],
  ])('refuses %s', (_, code, file, why) => {
    const files = tree({ 'src/engine/x.ts': '', 'src/store/x.ts': '', 'src/exchanges/binance/x.ts': '', [file]: code })
    const broken = brokenArrows(files, ['zod'])
    expect(broken).toHaveLength(1)
    expect(broken[0]).toContain(file)
    expect(broken[0]).toContain(why)
  })

  it('lets the registry of exchanges import them all, and each the common interface', () => {
    const files = tree({
      'src/exchanges/index.ts': "import './okx.ts'\nimport './binance/index.ts'",
      'src/exchanges/okx.ts': "import type { Exchange } from './exchange.ts'",
      'src/exchanges/binance/index.ts': "import type { Exchange } from '../exchange.ts'\nimport './rest.ts'",
      'src/exchanges/binance/rest.ts': "import { z } from 'zod/mini'",
      'src/exchanges/exchange.ts': '',
    })
    expect(brokenArrows(files, ['zod'])).toEqual([])
  })

  it('shows the way of a circle', () => {
    const files = tree({
      'src/net/a.ts': "import './b.ts'",
      'src/net/b.ts': "export * from './c.ts'",
      'src/net/c.ts': "import './b.ts'\nimport type { A } from './a.ts'\nawait import('./a.ts')",
    })
    expect(cycles(files)).toEqual(['src/net/b.ts → src/net/c.ts → src/net/b.ts'])
  })

  it('finds bad words in code only', () => {
    const code = [
      "// any, new Error('x') and console.log are fine in a comment",
      "const text = 'any console.log new Error()'",
      'const pattern = /any|console\\.log|new Error(["\'`]/',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: this is the code under test
      'const template = `any ${text} console.log ${`new Error(${text})`} any`',
      'AbortSignal.any([])',
      'const half = a / b, other = new MyError() / 2',
      'class TicklakeError extends Error {}',
      'let a: any',
      "throw new Error('x')",
      "throw Error('x')",
      'console.warn(1)',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: this is the code under test
      '`${{ a: console.log(`}`) }} console.log`',
    ].join('\n')
    expect(badWords(tree({ 'src/net/a.ts': code }))).toEqual([
      'src/net/a.ts:8 any',
      'src/net/a.ts:9 new Error(',
      'src/net/a.ts:10 Error(',
      'src/net/a.ts:11 console.warn',
      'src/net/a.ts:12 console.log',
    ])
  })
})

describe('the scanner of imports', () => {
  it.each<[code: string, expected: (readonly [Import['type'], string | undefined])[]]>([
    ["import 'a'", [['static', 'a']]],
    ['import x from "a"', [['static', 'a']]],
    ["import * as x from 'a'", [['static', 'a']]],
    ["import x, { y as z } from 'a'", [['static', 'a']]],
    ["import {\n  x, // from 'b'\n  type Y,\n} from 'a'", [['static', 'a']]],
    ["import { type X } from 'a'", [['static', 'a']]],
    ["import type { X } from 'a'", [['type', 'a']]],
    ["import type X from 'a'", [['type', 'a']]],
    ["import type * as X from 'a'", [['type', 'a']]],
    ["import type from 'a'", [['static', 'a']]],
    ["import type, { x } from 'a'", [['static', 'a']]],
    ["import x from 'a' with { type: 'json' }", [['static', 'a']]],
    ["export * from 'a'", [['static', 'a']]],
    ["export * as x from 'a'", [['static', 'a']]],
    ["export { x, type Y } from 'a'", [['static', 'a']]],
    ["export type { X } from 'a'", [['type', 'a']]],
    ["export type * from 'a'", [['type', 'a']]],
    ["const x = await import('a')", [['dynamic', 'a']]],
    ["const x = await import('a', { with: { type: 'json' } })", [['dynamic', 'a']]],
    ["type X = typeof import('a')", [['dynamic', 'a']]],
    ["let x: import('a').X", [['dynamic', 'a']]],
    ['import(`a`)', [['dynamic', undefined]]],
    ["import('a' + b)", [['dynamic', undefined]]],
    [
      "import x from 'a'\nimport y from 'b'\nexport { z }\nimport 'c'",
      [
        ['static', 'a'],
        ['static', 'b'],
        ['static', 'c'],
      ],
    ],
    ["export { z }\nconst from = 'a'", []],
    ["export type X = 'a'\nexport const y = 'b'", []],
    ["export default function from() { return 'a' }", []],
    ['import.meta.url', []],
    ["// import 'a'\n/* import 'b' */ const s = \"import 'c'\"", []],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is the code under test
    ["const t = `import 'a' ${await import('b')} import 'c'`", [['dynamic', 'b']]],
    ["const r = /import 'a'/; x.import('b')", []],
    ["const q = 6 / 2; import('a'); const s = 1 / 2", [['dynamic', 'a']]],
    ["const it = 'it\\'s'; import('a')", [['dynamic', 'a']]],
  ])('reads %j', (code, expected) => {
    expect(importsOf(code).map(({ type, specifier }) => [type, specifier])).toEqual(expected)
  })

  it('tells packages from files and from Node', () => {
    const names = ['undici', 'undici/types/x.js', '@duckdb/node-api', '@a/b/c', 'node:fs', './a.ts', '../a.ts']
    expect(names.map(packageOf)).toEqual([
      'undici',
      'undici',
      '@duckdb/node-api',
      '@a/b',
      undefined,
      undefined,
      undefined,
    ])
    expect(resolveImport('src/a/b.ts', '../c/d.ts')).toBe('src/c/d.ts')
    expect(resolveImport('src/a/b.ts', './d.ts')).toBe('src/a/d.ts')
    expect(resolveImport('src/a/b.ts', 'undici')).toBeUndefined()
  })

  it('counts lines across comments, strings and templates', () => {
    const code = "/* a\n b */\nconst x = `1\n2`\nimport 'a'"
    expect(importsOf(code)).toEqual([{ type: 'static', specifier: 'a', line: 5 }])
  })
})

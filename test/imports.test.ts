import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { repositoryRoot } from './helpers/real-data.ts'
import { importsOf, packageOf, readSources, resolveImport, type Sources } from './helpers/source-scan.ts'

/**
 * Small packages that may be loaded at the start. Everything else (undici, DuckDB, Arrow, pino, …) costs between
 * 20 and 170 ms and is loaded with `await import()` when it is first used. That keeps the import of the package root
 * under 100 ms and `--help` under 150 ms, without a clock in a test.
 */
const LIGHT: Readonly<Record<string, readonly string[]>> = {
  'src/index.ts': ['fastest-levenshtein', 'lru-cache'],
  'src/cli/main.ts': ['commander', 'fastest-levenshtein'],
}

interface Reached {
  readonly files: number
  /** Each package with the way to it, e.g. `src/index.ts → src/net/http.ts → undici`. */
  readonly packages: ReadonlyMap<string, string>
}

/** Walks the imports that run when `entry` is loaded. */
function reach(entry: string, sources: Sources): Reached {
  const ways = new Map([[entry, entry]])
  const packages = new Map<string, string>()
  for (const [file, way] of ways) {
    for (const { type, specifier } of importsOf(sources.get(file) ?? '')) {
      if (type !== 'static' || specifier === undefined) continue
      const target = resolveImport(file, specifier)
      if (target !== undefined && !ways.has(target)) ways.set(target, `${way} → ${target}`)
      const name = packageOf(specifier)
      if (name !== undefined && !packages.has(name)) packages.set(name, `${way} → ${name}`)
    }
  }
  return { files: ways.size, packages }
}

const sources = readSources(join(repositoryRoot, 'src'))

describe.each(Object.entries(LIGHT))('loading %s', (entry, light) => {
  it('reaches no heavy package', () => {
    expect(existsSync(join(repositoryRoot, entry)), `${entry} is missing`).toBe(true)
    const { files, packages } = reach(entry, sources)
    expect(files).toBeGreaterThan(1)
    expect([...packages].filter(([name]) => !light.includes(name)).map(([, way]) => way)).toEqual([])
  })
})

it('the walk follows re-exports and ignores types and dynamic imports', () => {
  const tree = new Map([
    ['src/index.ts', "export * from './net/a.ts'\nexport type { T } from './types.ts'"],
    ['src/net/a.ts', "import './b.ts'\nimport type { D } from 'undici'\nconst load = () => import('./lazy.ts')"],
    ['src/net/b.ts', "import '../index.ts'\nimport { z } from 'zod/mini'\nawait import('pino')"],
    ['src/lazy.ts', "import 'koffi'"],
    ['src/types.ts', "import 'yaml'"],
  ])
  const { files, packages } = reach('src/index.ts', tree)
  expect(files).toBe(3)
  expect([...packages]).toEqual([['zod', 'src/index.ts → src/net/a.ts → src/net/b.ts → zod']])
})

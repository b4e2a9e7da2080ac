import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { VERBS } from '../src/cli/commands/index.ts'
import { settingEntries } from '../src/cli/config/settings.ts'
import * as library from '../src/index.ts'
import * as sandbox from '../src/sandbox/index.ts'
import { cleanEnv, ended } from './cli/bin.ts'
import { repositoryRoot } from './helpers/real-data.ts'
import { readSources } from './helpers/source-scan.ts'
import { tempFolder } from './helpers/temp.ts'

const PAGES = [
  ...['README.md', 'ARCHITECTURE.md', 'ADDING.md', 'CHANGELOG.md'],
  ...readdirSync(join(repositoryRoot, 'docs')).map((name) => join('docs', name)),
]
const pages = new Map(PAGES.map((name) => [name, readFileSync(join(repositoryRoot, name), 'utf8')]))
const page = (name: string): string => pages.get(name)!
const sources = readSources(join(repositoryRoot, 'src'))
const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
  version: string
  scripts: Record<string, string>
}

/** The text without fenced blocks, and the blocks by language. */
function split(markdown: string): { prose: string; blocks: { language: string; code: string }[] } {
  const blocks: { language: string; code: string }[] = []
  const prose = markdown.replace(/^```(\w*)\n([\s\S]*?)^```$/gm, (_, language: string, code: string) => {
    blocks.push({ language, code })
    return ''
  })
  return { prose, blocks }
}

/** First cells of the rows of the table under a heading, without their backquotes. */
function firstCells(markdown: string, heading: string): string[] {
  const start = markdown.indexOf(`\n${heading}\n`)
  expect(start, `the heading "${heading}"`).toBeGreaterThan(-1)
  const table = /\n\|[^\n]*\n\|[ :|-]+\n((?:\|[^\n]*\n)+)/.exec(markdown.slice(start))
  return (table?.[1] ?? '')
    .trim()
    .split('\n')
    .flatMap((row) => [...row.split('|')[1]!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!))
}

/** GitHub's name of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
}

/** Files that ADDING.md uses as examples of what one might add. */
const NOT_YET = [
  'src/exchanges/okx.ts',
  'src/model/open-interest.ts',
  'src/analysis/indicators/my-average.ts',
  'src/cli/export/layouts/my-form.ts',
  'src/engine/import/read-my-form.ts',
  'src/cli/commands/prune.ts',
  'examples/my-example.js',
]

describe('the pages', () => {
  it.each(PAGES)('%s links to nothing that does not exist', (name) => {
    const broken: string[] = []
    for (const [, target] of split(page(name)).prose.matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target!)) continue
      const [path, anchor] = target!.split('#') as [string, string?]
      const file = path === '' ? name : relative('.', join(dirname(name), path))
      if (!existsSync(join(repositoryRoot, file))) broken.push(target!)
      else if (anchor !== undefined) {
        const anchors = [...page(file).matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1]!))
        if (!anchors.includes(anchor)) broken.push(target!)
      }
    }
    expect(broken).toEqual([])
  })

  it.each(PAGES)('%s names only files of the repository that exist', (name) => {
    const named = page(name).matchAll(/`((?:src|test|bench|scripts|examples|docs)\/[\w./-]+)`/g)
    const gone = [...named].map((match) => match[1]!).filter((path) => !existsSync(join(repositoryRoot, path)))
    expect(gone).toEqual(name === 'ADDING.md' ? NOT_YET : [])
  })

  it.each(PAGES)('%s names only npm scripts that exist', (name) => {
    const named = [...page(name).matchAll(/npm run ([\w:]+)/g)].map((match) => match[1]!)
    expect(named.filter((script) => manifest.scripts[script] === undefined)).toEqual([])
  })

  it('that the program writes are up to date', async () => {
    const script = join(repositoryRoot, 'scripts', 'docs.js')
    const child = spawn(process.execPath, [script, '--check'], { cwd: repositoryRoot, env: cleanEnv() })
    expect(await ended(child)).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})

describe('the commands in the pages', () => {
  const lines = [...pages].flatMap(([name, text]) => {
    const { prose, blocks } = split(text)
    const shell = blocks.filter(({ language }) => language === 'sh').flatMap(({ code }) => code.split('\n'))
    const inline = [...prose.matchAll(/`((?:npx )?ticklake [^`]+)`/g)].map((match) => match[1]!)
    return [...shell, ...inline]
      .map((line) => /^(?:npx )?ticklake (.*)$/.exec(line.replace(/^.*&& /, ''))?.[1])
      .filter((line) => line !== undefined && !/^(<|--)/.test(line))
      .map((line) => [name, line!] as const)
  })

  it('are found', () => {
    expect(lines.length).toBeGreaterThan(40)
  })

  it('have verbs and options that exist', async () => {
    const common = [
      '--data-dir',
      '--cache-dir',
      '--config',
      '--exchange',
      '--market',
      '--endpoint',
      '--json',
      '--quiet',
    ]
    const always = [...common, '--log-level', '--log-format', '--log-file', '--help', '--version']
    const options = new Map<string, string[]>()
    for (const { name, load } of VERBS) {
      const command = new Command(name)
      ;(await load()).verb.configure(command)
      options.set(
        name,
        command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long])),
      )
    }
    const wrong: string[] = []
    for (const [where, line] of lines) {
      const unquoted = line.replace(/"[^"]*"?|'[^']*'/g, '')
      const [verb, ...words] = unquoted.split(/\s+/)
      const known = options.get(verb!)
      if (!known) wrong.push(`${where}: ${line}: no verb ${verb}`)
      else
        for (const word of words)
          if (word.startsWith('--') && ![...known, ...always].includes(word))
            wrong.push(`${where}: ${line}: no ${word}`)
    }
    expect(wrong).toEqual([])
  })
})

describe('the programs in the pages', () => {
  it('import names that exist', () => {
    const known: Record<string, readonly string[]> = {
      ticklake: Object.keys(library),
      'ticklake/sandbox': Object.keys(sandbox),
    }
    let seen = 0
    const wrong: string[] = []
    for (const [name, text] of pages) {
      for (const [, names, module] of text.matchAll(/^import \{ ([^}]+) \} from '(ticklake[^']*)'$/gm)) {
        seen++
        for (const imported of names!.split(', '))
          if (!known[module!]?.includes(imported)) wrong.push(`${name}: ${imported} of ${module}`)
      }
    }
    expect(seen).toBeGreaterThan(8)
    expect(wrong).toEqual([])
  })

  it('compile under strict rules', async () => {
    await using folder = await tempFolder('docs')
    await mkdir(folder.join('node_modules'))
    await symlink(repositoryRoot, folder.join('node_modules', 'ticklake'), 'dir')
    await writeFile(folder.join('package.json'), '{ "type": "module" }')
    const names: string[] = []
    for (const [name, text] of pages) {
      for (const { language, code } of split(text).blocks) {
        if (language !== 'ts') continue
        names.push(`${names.length}-${basename(name)}.ts`)
        await writeFile(folder.join(names.at(-1)!), code)
      }
    }
    expect(names.length).toBeGreaterThan(8)
    const tsc = join(repositoryRoot, 'node_modules', 'typescript', 'bin', 'tsc')
    const options = '--noEmit --ignoreConfig --strict --skipLibCheck --module nodenext --target es2022 --types node'
    const libraries = ['--lib', 'es2023,esnext.disposable,dom']
    const types = ['--typeRoots', join(repositoryRoot, 'node_modules', '@types')]
    const args = [tsc, ...options.split(' '), ...libraries, ...types, ...names]
    const { code, stdout } = await ended(spawn(process.execPath, args, { cwd: folder.path, env: cleanEnv() }))
    expect(stdout).toBe('')
    expect(code).toBe(0)
  })

  it('and the tables of library.md name members that exist', () => {
    const classes: Readonly<Record<string, object>> = {
      DataSourceManager: library.DataSourceManager.prototype,
      CandleStorage: library.CandleStorage.prototype,
      Lake: library.Lake.prototype,
      VisionClient: library.VisionClient.prototype,
    }
    const text = page('docs/library.md')
    for (const [name, prototype] of Object.entries(classes)) {
      const documented = firstCells(text, `## ${name}`).map((cell) => cell.replace(/\(.*/, ''))
      expect(documented.toSorted(), name).toEqual(membersOf(prototype).toSorted())
    }
    const parts = firstCells(text, '## Parts')
    expect(parts.filter((part) => !Object.hasOwn(library, part))).toEqual([])
  })

  it('and library.md has every method of BinanceClient, and no other', () => {
    const section = /## BinanceClient\n([\s\S]*?)\n## /.exec(page('docs/library.md'))![1]!
    const rows = section.split('\n').filter((line) => line.startsWith('| `'))
    const documented = rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`(\w+)`/g)].map((match) => match[1]!))
    const inner = ['marketOf', 'futuresOf', 'native', 'path', 'get', 'many', 'single', 'explained', 'readLimits']
    const members = membersOf(library.BinanceClient.prototype).filter((member) => !inner.includes(member))
    expect(documented.toSorted()).toEqual(members.toSorted())
  })
})

/** Public names of a class, those of its bases included. */
function membersOf(prototype: object): string[] {
  const names = new Set<string>()
  for (let at: object = prototype; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const name of Object.getOwnPropertyNames(at)) if (name !== 'constructor') names.add(name)
  }
  return [...names]
}

describe('the reference tables', () => {
  it('have every error code, and no other', () => {
    const code = /(?:code: |super\(\s*|options\.code \?\? |new TicklakeError\(\s*)'([A-Z_]+)'/g
    const used = [...sources]
      // An answer of the sandbox never leaves it as an error.
      .filter(([file]) => !file.startsWith('src/sandbox/'))
      .flatMap(([, text]) => [...text.matchAll(code)].map((match) => match[1]!))
    const documented = firstCells(page('docs/troubleshooting.md'), '## Error codes')
    expect(documented.toSorted()).toEqual([...new Set(used)].toSorted())
  })

  it('have classes of errors that are exported', () => {
    const named = [...page('docs/troubleshooting.md').matchAll(/\| `(\w+(?:Error|Exceeded))` \|/g)].map(
      (match) => match[1]!,
    )
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !Object.hasOwn(library, name))).toEqual([])
  })

  it('have every flag with its value', () => {
    const rows = [...page('docs/lake.md').matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, name, value]) => [
      name,
      Number(value),
    ])
    expect(rows).toEqual(Object.entries(library.CandleFlag))
  })

  it.each([
    ['### Causes of a gap', /export type GapCause =([\s\S]*?)\n\n/],
    ['### Outcomes of an archive file', /readonly outcome:([\s\S]*?)readonly sha256/],
    ['### Types of a defect', /readonly type:( '[\s\S]*?)\n/],
  ])('have every word of "%s"', (heading, pattern) => {
    const text = pattern.exec(sources.get('src/model/coverage.ts')!)![1]!.replace(/\/\*\*[\s\S]*?\*\//g, '')
    const words = [...text.matchAll(/'([\w-]+)'/g)].map((match) => match[1]!)
    expect(words.length).toBeGreaterThan(4)
    expect(firstCells(page('docs/lake.md'), heading).toSorted()).toEqual(words.toSorted())
  })

  it('have every field of series.json', () => {
    const text = /export interface SeriesCoverage \{([\s\S]*?)\n\}/.exec(
      sources.get('src/store/lake/coverage-file.ts')!,
    )![1]!
    const fields = [...text.matchAll(/readonly (\w+)\??:/g)].map((match) => match[1]!)
    const documented = firstCells(page('docs/lake.md'), '## series.json').filter((name) => fields.includes(name))
    expect([...new Set(documented)]).toEqual(fields)
  })

  it('have every fault and every option of the sandbox', () => {
    const text = page('docs/sandbox.md')
    const faults = /\n## Faults\n([\s\S]*)$/.exec(text)![1]!
    const rows = [...faults.matchAll(/^\| `([\w-]+)` \|/gm)].map((match) => match[1]!)
    expect(rows).toEqual(sandbox.FAULT_TYPES)
    const options = /export interface SandboxOptions \{([\s\S]*?)\n\}/.exec(sources.get('src/sandbox/options.ts')!)![1]!
    const names = [...options.matchAll(/^ {2}readonly (\w+)\?:/gm)].map((match) => match[1]!)
    const documented = [...text.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]!)
    expect(names.filter((name) => !documented.includes(name))).toEqual([])
  })

  it('have no environment variable that nothing reads', () => {
    const settings = settingEntries().flatMap(({ setting }) => setting.env ?? [])
    const others = firstCells(page('docs/configuration.md'), '## Other environment variables')
    const helpers = readFileSync(join(repositoryRoot, 'test', 'helpers', 'real-data.ts'), 'utf8')
    const example = readFileSync(join(repositoryRoot, 'examples', 'get-data.js'), 'utf8')
    const readers = [
      ...sources.values(),
      ...[helpers, example, readFileSync(join(repositoryRoot, '.ci', 'run'), 'utf8')],
    ].join('\n')
    expect(others.filter((name) => !readers.includes(name))).toEqual([])
    const named = [...pages.values()].flatMap((text) =>
      [...text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map((match) => match[1]!).filter((name) => !name.endsWith('_PERP')),
    )
    const codes = firstCells(page('docs/troubleshooting.md'), '## Error codes')
    const known = [...settings, ...others, ...codes, 'HTTP_PROXY']
    const isConstant = (name: string) => [...sources.values()].some((text) => text.includes(`const ${name}`))
    expect(named.filter((name) => !known.includes(name) && !isConstant(name))).toEqual([])
  })

  it('name only settings that exist', () => {
    const keys: string[] = settingEntries().map(({ key }) => key)
    const groups = [...new Set(settingEntries().map(({ group }) => group))]
    const named = [...pages.values()].flatMap((text) =>
      [...text.matchAll(/`(\w+\.\w+)`/g)]
        .map((match) => match[1]!)
        .filter((key) => groups.includes(key.split('.')[0]!)),
    )
    expect(named.length).toBeGreaterThan(1)
    expect(named.filter((key) => !keys.includes(key))).toEqual([])
  })
})

describe('the changelog', () => {
  it('has an entry for the version of the package', () => {
    expect(page('CHANGELOG.md')).toMatch(new RegExp(`^## ${manifest.version.replaceAll('.', '\\.')} `, 'm'))
  })
})

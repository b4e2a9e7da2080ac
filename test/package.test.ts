import { type ExecFileOptions, execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repositoryRoot } from './helpers/real-data.ts'
import { importsOf, packageOf, readSources, tokenize } from './helpers/source-scan.ts'
import { type TempFolder, tempFolder } from './helpers/temp.ts'

const execFileAsync = promisify(execFile)

/** Runs a program; a failure shows all that it printed, for tsc and npm tell the cause on stdout. */
async function exec(file: string, args: readonly string[], options: ExecFileOptions = {}) {
  try {
    return await execFileAsync(file, args, { ...options, encoding: 'utf8' })
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${file} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error })
  }
}

interface Manifest {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, unknown>>
}

const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as Manifest

/** Every package that users get with ticklake, and why it is worth its weight. */
const REASONS: Readonly<Record<string, string>> = {
  '@duckdb/node-api': 'writes and reads Parquet, runs SQL',
  '@duckdb/node-bindings': 'the part of @duckdb/node-api whose column buffers are filled without a row object',
  'apache-arrow': 'the tables that getData gives',
  'cli-progress': 'progress bars',
  cockatiel: 'circuit breakers',
  commander: 'the command line',
  dotenv: '.env files',
  'fast-xml-parser': 'the listing of the archive',
  'fastest-levenshtein': 'suggestions for typing mistakes',
  koffi: 'memory maps of the cache',
  'lru-cache': 'the bounded cache of hot results in memory',
  'p-queue': 'bounded parallel downloads',
  pino: 'structured logs',
  'pino-pretty': 'readable logs',
  undici: 'HTTP with keep-alive pools',
  ws: 'the WebSocket server of the sandbox',
  yaml: 'configuration files',
}

/** Names that programs rely on (design, "Library"); more may be exported. */
const NAMES = [
  'BinanceClient',
  'VisionClient',
  'VisionDataClient',
  'DataSourceManager',
  'CandleStorage',
  'TicklakeError',
  'RateLimitExceeded',
  'WebSocketConnectionError',
  'InvalidSymbolError',
  'InvalidRangeError',
  'ChecksumError',
  'SequenceGapError',
  'StorageError',
  'ConfigError',
]

/** What child processes get: nothing that vitest or npm set for this run, and no way to the network for npm. */
const env: NodeJS.ProcessEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|vitest|vite|node_options|node_env|test$)/i.test(name)),
)
env.npm_config_update_notifier = 'false'

describe('the dependencies', () => {
  it('are each there for a reason that is written down', () => {
    expect(Object.keys(manifest.dependencies).filter((name) => !Object.hasOwn(REASONS, name))).toEqual([])
  })

  it('are each used by the sources', () => {
    const used = new Set<string>()
    for (const code of readSources(join(repositoryRoot, 'src')).values()) {
      for (const { specifier } of importsOf(code)) if (specifier !== undefined) used.add(packageOf(specifier) ?? '')
      // Some are named in a string only, e.g. a transport of pino.
      for (const { type, text } of tokenize(code)) if (type === 'string') used.add(text)
    }
    expect(Object.keys(manifest.dependencies).filter((name) => !used.has(name))).toEqual([])
  })

  it('are locked without the address of a registry, so that any mirror serves', async () => {
    const lock = await readFile(join(repositoryRoot, 'package-lock.json'), 'utf8')
    const { packages } = JSON.parse(lock) as { packages: Record<string, { integrity?: string; link?: boolean }> }
    expect(lock).not.toContain('"resolved"')
    expect(lock).not.toMatch(/"https?:\/\/[^"]*registry/)
    const installed = Object.entries(packages).filter(([path]) => path !== '')
    expect(installed.length).toBeGreaterThan(50)
    expect(installed.filter(([, { integrity }]) => integrity === undefined).map(([path]) => path)).toEqual([])
  })

  it('are locked for every platform, for npm ci refuses a lock that lacks an optional package', async () => {
    const lock = JSON.parse(await readFile(join(repositoryRoot, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>
    }
    const wanted = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).map(
        (name) => [`${path}/node_modules/${name}`, `node_modules/${name}`] as const,
      ),
    )
    expect(wanted.length).toBeGreaterThan(20)
    const missing = wanted.filter(([nested, hoisted]) => !(nested in lock.packages) && !(hoisted in lock.packages))
    expect(missing.map(([, hoisted]) => hoisted)).toEqual([])
  })

  it('run no script when they are installed, but for koffi, which looks for its prebuilt library', async () => {
    const lock = JSON.parse(await readFile(join(repositoryRoot, 'package-lock.json'), 'utf8')) as {
      packages: Record<
        string,
        {
          hasInstallScript?: boolean
          dev?: boolean
          dependencies?: Record<string, string>
          optionalDependencies?: Record<string, string>
        }
      >
    }
    const shipped = Object.entries(lock.packages).filter(([, { dev }]) => !dev)
    // An optional peer (bufferutil of ws) is here because a dev dependency wants it; users do not get it.
    const wanted = new Set(
      shipped.flatMap(([, { dependencies, optionalDependencies }]) =>
        Object.keys({ ...dependencies, ...optionalDependencies }),
      ),
    )
    const running = shipped.filter(
      ([path, { hasInstallScript }]) => path && hasInstallScript && wanted.has(path.replace(/^.*node_modules\//, '')),
    )
    expect(running.map(([path]) => path)).toEqual(['node_modules/koffi'])
  })
})

describe('the published package', () => {
  let folder: TempFolder
  /** A clean build, so that files of an older one in dist/ can't hide or add anything. */
  let stage: string
  let tarball: string
  let files: string[]
  let consumer: string

  beforeAll(async () => {
    folder = await tempFolder('package')
    stage = folder.join('stage')
    await mkdir(stage)
    for (const name of [
      'package.json',
      'bin',
      'scripts',
      'README.md',
      'CHANGELOG.md',
      'LICENSE',
      '.gitignore',
      'src',
      'test',
      'tsconfig.json',
      'tsconfig.build.json',
    ]) {
      const from = join(repositoryRoot, name)
      if (existsSync(from)) await cp(from, join(stage, name), { recursive: true })
    }
    await symlink(join(repositoryRoot, 'node_modules'), join(stage, 'node_modules'), 'dir')
    await exec(process.execPath, [join('scripts', 'build.js')], { cwd: stage })
    const packed = await exec('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder.path], {
      cwd: stage,
      env,
    })
    const [pack] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }]
    tarball = folder.join(pack.filename)
    files = pack.files.map(({ path }) => path)
    consumer = folder.join('consumer')
    if ((await install(tarball, consumer)) === 'linked') {
      console.warn('npm has no cache of the dependencies: they were linked to the copies here, not installed.')
    }
  }, 180_000)

  afterAll(async () => {
    await folder?.[Symbol.asyncDispose]()
  })

  it('holds what users need and nothing else', () => {
    const allowed = /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|bin\/ticklake\.js|dist\/.+\.(js|d\.ts|js\.map))$/
    expect(files.filter((path) => !allowed.test(path))).toEqual([])
    for (const path of [
      'README.md',
      'CHANGELOG.md',
      'LICENSE',
      'bin/ticklake.js',
      'dist/index.js',
      'dist/index.d.ts',
    ]) {
      expect(files).toContain(path)
    }
  })

  it('has every file that its sources stand for', () => {
    const expected = [...readSources(join(repositoryRoot, 'src')).keys()].map((path) =>
      path.replace(/^src\/(.*)\.ts$/, 'dist/$1.js'),
    )
    expect(expected.filter((path) => !files.includes(path))).toEqual([])
  })

  it('pleases publint', async () => {
    const { messages } = await publint({ strict: true, pack: { tarball: await arrayBufferOf(tarball) } })
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([])
  })

  it('is imported by a program, with the names that programs rely on', async () => {
    const code = `
      import * as ticklake from 'ticklake'
      const sub = await Promise.all(${JSON.stringify(subpaths())}.map((path) => import(path)))
      console.log(JSON.stringify({ names: Object.keys(ticklake), sub: sub.map((module) => Object.keys(module).length) }))
    `
    await writeFile(join(consumer, 'program.mjs'), code)
    const { stdout } = await exec(process.execPath, ['program.mjs'], { cwd: consumer, env })
    const { names, sub } = JSON.parse(stdout) as { names: string[]; sub: number[] }
    expect(NAMES.filter((name) => !names.includes(name))).toEqual([])
    expect(sub.every((count) => count > 0)).toBe(true)
  })

  // Asks Node itself what it loads: the scan in imports.test.ts can't see what dependencies do.
  it.each([
    ['it is imported', ['root.mjs'], ['fastest-levenshtein', 'lru-cache']],
    ['--help is shown', ['node_modules/ticklake/bin/ticklake.js', '--help'], ['commander', 'fastest-levenshtein']],
  ])('loads no heavy package when %s', async (_, args, light) => {
    const hooks = `export async function resolve(specifier, context, next) {
      const found = await next(specifier, context)
      process._rawDebug(found.url)
      return found
    }`
    const register = `import { register } from 'node:module'
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}))`
    await writeFile(join(consumer, 'register.mjs'), register)
    await writeFile(join(consumer, 'root.mjs'), "import 'ticklake'")
    const { stderr } = await exec(process.execPath, ['--import', './register.mjs', ...args], { cwd: consumer, env })
    expect(stderr).toMatch(/ticklake\/dist\/(index|cli\/main)\.js/)
    const urls = stderr.split('\n').filter((url) => url.includes('/node_modules/'))
    const packages = new Set(urls.map((url) => packageOf(url.slice(url.lastIndexOf('/node_modules/') + 14))))
    expect([...packages].filter((name) => name !== 'ticklake' && !light.includes(name ?? ''))).toEqual([])
  })

  it('has types that a strict program resolves', async () => {
    const code = [
      "import { BinanceClient, InvalidRangeError, type TicklakeError } from 'ticklake'",
      'const error: TicklakeError = new InvalidRangeError("from lies after to")',
      'export const retryable: boolean = error.retryable',
      'export type Client = InstanceType<typeof BinanceClient>',
      '// @ts-expect-error a code is text: with unresolved types this line would be no error',
      'export const code: number = error.code',
    ]
    await writeFile(join(consumer, 'program.ts'), code.join('\n'))
    const tsc = join(repositoryRoot, 'node_modules', 'typescript', 'bin', 'tsc')
    const types = join(repositoryRoot, 'node_modules', '@types')
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--typeRoots',
      types,
      '--types',
      'node',
    ]
    const { stdout } = await exec(process.execPath, [tsc, ...options, '--skipLibCheck', 'program.ts'], {
      cwd: consumer,
      env,
    })
    expect(stdout).toBe('')
  })

  it('puts a ticklake command into the path that shows its version and help', async () => {
    const bin = join(consumer, 'node_modules', '.bin', 'ticklake')
    const version = await exec(bin, ['--version'], { cwd: consumer, env })
    expect(version.stdout.trim()).toBe(manifest.version)
    const help = await exec(bin, ['--help'], { cwd: consumer, env })
    for (const verb of ['download', 'export', 'query', 'coverage', 'verify', 'sandbox', 'demo']) {
      expect(help.stdout).toContain(verb)
    }
    expect(help.stderr).toBe('')
  })

  function subpaths(): string[] {
    return Object.keys(manifest.exports)
      .filter((path) => path !== '.' && !path.endsWith('.json'))
      .map((path) => path.replace('.', 'ticklake'))
  }
})

async function arrayBufferOf(path: string): Promise<ArrayBuffer> {
  // A copy of its own: small files share one buffer in Node's pool.
  return Uint8Array.from(await readFile(path)).buffer
}

/**
 * Installs the tarball with npm from npm's own cache, never from the network. Where the cache lacks something, the
 * tarball is unpacked and each dependency linked to the repository's copy, which gives programs the same view.
 */
async function install(tarball: string, consumer: string): Promise<'installed' | 'linked'> {
  await mkdir(consumer)
  await writeFile(join(consumer, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }')
  try {
    const options = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund']
    await exec('npm', ['install', tarball, ...options], { cwd: consumer, env, timeout: 90_000 })
    return 'installed'
  } catch {
    const modules = join(consumer, 'node_modules')
    const home = join(modules, 'ticklake')
    await mkdir(join(modules, '.bin'), { recursive: true })
    await mkdir(home, { recursive: true })
    await exec('tar', ['-xzf', tarball, '--strip-components=1', '-C', home])
    for (const name of Object.keys(manifest.dependencies)) {
      const target = join(repositoryRoot, 'node_modules', name)
      await mkdir(dirname(join(modules, name)), { recursive: true })
      if (!existsSync(join(modules, name))) await symlink(target, join(modules, name), 'dir')
    }
    await exec('chmod', ['+x', join(home, 'bin', 'ticklake.js')])
    await symlink(join('..', 'ticklake', 'bin', 'ticklake.js'), join(modules, '.bin', 'ticklake'))
    return 'linked'
  }
}

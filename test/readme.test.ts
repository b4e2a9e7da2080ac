import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Sandbox, startSandbox } from '../src/sandbox/index.ts'
import { cleanEnv, ended, type Ran } from './cli/bin.ts'
import { repositoryRoot } from './helpers/real-data.ts'
import { type TempFolder, tempFolder } from './helpers/temp.ts'

/** A fenced block of the README. */
interface Block {
  readonly language: string
  readonly code: string
  /** Number of its first line in the file. */
  readonly line: number
}

function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? '',
    code: match[2] ?? '',
    line: markdown.slice(0, match.index).split('\n').length + 1,
  }))
}

/** These two would build and test the checkout that is being tested now; that they exist is checked instead. */
const ABOUT_THE_CHECKOUT = ['npm ci && npx ticklake demo\n', 'npm ci && npm test\n']

const blocks = blocksOf(readFileSync(join(repositoryRoot, 'README.md'), 'utf8'))
const shell = blocks.filter(({ language, code }) => language === 'sh' && !ABOUT_THE_CHECKOUT.includes(code))
const programs = blocks.filter(({ language }) => language === 'ts')

let folder: TempFolder
let sandbox: Sandbox
/** Port that the README's own sandbox gets: 9000 as written, another one where that is taken. */
let port: number
let readmeSandbox: ChildProcess | undefined

beforeAll(async () => {
  folder = await tempFolder('readme')
  sandbox = await startSandbox({ now: '2025-03-10T12:00Z' })
  port = (await isFree(9000)) ? 9000 : await freePort()
  // A project that has ticklake installed: npx finds it there and asks no registry.
  await mkdir(folder.join('node_modules', '.bin'), { recursive: true })
  await symlink(repositoryRoot, folder.join('node_modules', 'ticklake'), 'dir')
  await symlink(join(repositoryRoot, 'bin', 'ticklake.js'), folder.join('node_modules', '.bin', 'ticklake'))
  await writeFile(folder.join('package.json'), '{ "name": "readme", "private": true, "type": "module" }')
  // The programs name no URL, as a user's would not: the hosts of the exchange are changed for the sandbox while the
  // one file that knows them is loaded.
  await writeFile(
    folder.join('hooks.mjs'),
    `export async function load(url, context, next) {
      const loaded = await next(url, context)
      if (!/\\/dist\\/core\\.js$/.test(url)) return loaded
      const source = String(loaded.source)
        .replace(/"https:[^"]*binance[^"]*"/g, '"${sandbox.endpoint}"')
        .replace(/"wss:[^"]*binance[^"]*"/g, '"${sandbox.ws}"')
      return { ...loaded, source }
    }`,
  )
  await writeFile(
    folder.join('register.mjs'),
    "import { register } from 'node:module'\nregister('./hooks.mjs', import.meta.url)",
  )
})

afterAll(async () => {
  if (readmeSandbox && readmeSandbox.exitCode === null) {
    const end = ended(readmeSandbox)
    // The whole group, as Ctrl-C does: npx does not hand a SIGTERM on.
    process.kill(-readmeSandbox.pid!, 'SIGTERM')
    await end
  }
  await sandbox?.[Symbol.asyncDispose]()
  await folder?.[Symbol.asyncDispose]()
})

function environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const path = [join(process.execPath, '..'), process.env.PATH].join(delimiter)
  return cleanEnv({ PATH: path, npm_config_update_notifier: 'false', npm_config_offline: 'true', ...extra })
}

/** Runs a block as typed. The three variables are all that points the commands to the sandbox. */
function runShell(code: string): Promise<Ran> {
  const env = environment({ REST_URL: sandbox.endpoint, ARCHIVE_URL: sandbox.endpoint, WS_URL: sandbox.ws })
  return ended(spawn('sh', ['-eu', '-c', code.replaceAll('9000', String(port))], { cwd: folder.path, env }))
}

function runNode(args: readonly string[]): Promise<Ran> {
  return ended(spawn(process.execPath, args, { cwd: folder.path, env: environment() }))
}

describe('the README', () => {
  it('has its two commands, and both exist', async () => {
    const codes = blocks.map(({ code }) => code)
    for (const command of ABOUT_THE_CHECKOUT) expect(codes).toContain(command)
    const { scripts } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    expect(scripts.test).toBeDefined()
    const help = await runShell('npx ticklake demo --help')
    expect(help.stdout).toContain('Usage: ticklake demo')
  })

  it('has examples in shell and TypeScript', () => {
    expect(shell.length).toBeGreaterThan(4)
    expect(programs.length).toBeGreaterThan(2)
  })

  it('has commands that work as they are typed', async () => {
    const outputs: string[] = []
    for (const { code, line } of shell) {
      if (code.startsWith('npx ticklake sandbox')) {
        readmeSandbox = await startReadmeSandbox(code)
        continue
      }
      const { code: status, stdout, stderr } = await runShell(code)
      expect(status, `README line ${line}:\n${code}\n${stdout}\n${stderr}`).toBe(0)
      outputs.push(stdout)
    }
    const all = outputs.join('\n')
    // What the page shows of its own output is what comes.
    const shown = blocks.filter(({ language }) => language === 'text')
    expect(shown.length).toBeGreaterThan(0)
    for (const { code } of shown) expect(all).toContain(code)
    expect(all).toMatch(/^month +high +volume$/m)
    const january = (await readFile(folder.join('january.csv'), 'utf8')).trimEnd().split('\n')
    expect(january).toHaveLength(1 + 31 * 24 * 60)
    expect((await stat(folder.join('closes.parquet'))).size).toBeGreaterThan(100_000)
    expect((await stat(folder.join('sandbox-data/binance-spot/candle/BTCUSDT/1m/series.json'))).isFile()).toBe(true)
  }, 120_000)

  it('has programs that compile under strict rules and run', async () => {
    const names = programs.map(({ line }) => `line-${line}.ts`)
    for (const [index, { code }] of programs.entries()) await writeFile(folder.join(names[index]!), code)
    const tsc = join(repositoryRoot, 'node_modules', 'typescript', 'bin', 'tsc')
    const options = '--ignoreConfig --strict --skipLibCheck --module nodenext --target es2022'
    const libraries = ['--lib', 'es2023,esnext.disposable,dom', '--types', 'node']
    const types = ['--typeRoots', join(repositoryRoot, 'node_modules', '@types')]
    const compiled = await runNode([tsc, ...options.split(' '), ...libraries, ...types, ...names])
    expect(compiled.stdout).toBe('')
    expect(compiled.code).toBe(0)

    const register = pathToFileURL(folder.join('register.mjs')).href
    const outputs: string[] = []
    for (const name of names) {
      const ran = await runNode(['--import', register, name.replace('.ts', '.js')])
      expect(ran.stderr, name).toBe('')
      expect(ran.code, name).toBe(0)
      outputs.push(ran.stdout)
    }
    const [getData, client, storage, live] = outputs as [string, string, string, string]
    expect(getData).toMatch(/^744\n\d+(\.\d+)?\ntrue\n$/)
    expect(client).toMatch(/^\d+\.\d{8} 0\.01000000 5\.00000000 \d+$/m)
    expect(client.split('\n').length).toBeGreaterThan(5)
    expect(live.trimEnd().split('\n')).toHaveLength(5)
    expect(live).toMatch(/^\d+ \d+(\.\d+)? \d+(\.\d+)? (syncing|synced)$/m)
    expect(storage).toMatch(/^24 1704067200000$/m)
    expect(storage).toContain('rows: 744')
    expect(storage.match(/^2024-01-\d\dT\d\d:00:00\.000Z \d+/gm)).toHaveLength(3)
  }, 120_000)
})

async function startReadmeSandbox(code: string): Promise<ChildProcess> {
  const command = code.trim().replaceAll('9000', String(port))
  const child = spawn('sh', ['-c', `exec ${command}`], { cwd: folder.path, env: environment(), detached: true })
  const first = await new Promise<string>((done, fail) => {
    child.stdout.setEncoding('utf8').once('data', done)
    child.once('exit', (status) => fail(new Error(`the sandbox ended with ${status}`)))
  })
  expect(JSON.parse(first.split('\n')[0]!)).toMatchObject({ endpoint: `http://127.0.0.1:${port}` })
  return child
}

function isFree(wanted: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer()
    server.once('error', () => done(false))
    server.listen(wanted, '127.0.0.1', () => server.close(() => done(true)))
  })
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

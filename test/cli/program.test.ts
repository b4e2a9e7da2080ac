import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { VERBS } from '../../src/cli/commands/index.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { ended, jsonLines, runBin, runHere, startBin } from './bin.ts'

let folder: TempFolder
beforeAll(async () => {
  folder = await tempFolder('cli')
})
afterAll(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(args, { cwd: folder.path })

describe('the frame', () => {
  it('prints help and version on stdout and ends with 0, as the built program too', async () => {
    const help = await runBin(['--help'], { cwd: folder.path })
    expect(help).toMatchObject({ code: 0, stderr: '' })
    for (const { name, summary } of VERBS) {
      expect(help.stdout).toContain(`  ${name} `)
      expect(help.stdout).toContain(summary)
    }
    const version = await runBin(['--version'], { cwd: folder.path })
    const { version: published } = JSON.parse(
      await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as { version: string }
    expect(version).toEqual({ code: 0, stdout: `${published}\n`, stderr: '' })
    expect((await here()).stdout).toBe((await here('--help')).stdout)
  })

  it('gives help with examples and the common options for every verb', async () => {
    for (const { name, summary } of VERBS) {
      const help = await here(name, '--help')
      expect(help).toMatchObject({ code: 0, stderr: '' })
      expect(help.stdout.toLowerCase()).toContain(summary.toLowerCase())
      expect(help.stdout).toContain(`ticklake ${name}`)
      expect(help.stdout).toContain('Examples:')
      for (const option of [
        '--data-dir',
        '--cache-dir',
        '--config',
        '--exchange',
        '--market',
        '--endpoint',
        '--json',
        '--quiet',
        '--log-level',
        '--log-format',
        '--log-file',
      ]) {
        expect(help.stdout).toContain(option)
      }
      expect((await here('help', name)).stdout).toBe(help.stdout)
    }
  })

  it.each([
    [['dowload'], "unknown command 'dowload'", 'Did you mean download?'],
    [['list', '--jsno'], "unknown option '--jsno'", 'Did you mean --json?'],
    [['download', '--intervall', '1m'], "unknown option '--intervall'", '--interval, --intervals?'],
    [['export'], "missing required argument 'symbol'", ''],
    [['list', '--log-level', 'loud'], "argument 'loud' is invalid", 'debug, info, warn, error, silent'],
    [['query', 'SELECT 1', '--format', 'xml'], "argument 'xml' is invalid", 'table, csv, jsonl'],
    [['list', '--market', 'spott'], '--market is "spott"', 'Did you mean spot?'],
    [['list', '--config', 'nowhere.yaml'], '--config is "nowhere.yaml"', 'ticklake init'],
    [['list', '--interval', '60m'], '--interval is "60m"', 'Did you mean 1h?'],
    [['list', '--kind', 'klines'], '--kind is "klines"', 'Did you mean candle?'],
    [['download', 'BTCUSDT', '--parallel', 'many'], '--parallel is "many"', 'a whole number from 1 to 100'],
    [['download', 'BTCUSDT', '--exchange', 'binanse'], 'exchange is "binanse"', 'Did you mean binance?'],
    // Only what works is named: there are no data of options.
    [['download', 'BTCUSDT', '--market', 'option'], '--market is "option"', 'allowed: spot, usdm, coinm.'],
    [['download', '--update', '--days', '3'], '--update', 'leave --days out'],
    [['download', 'BTC/USDT:USDT', '--market', 'spot'], 'a symbol of market usdm', '--market is "spot"'],
    [['download', 'BTC USDT!'], 'Unknown symbol "USDT!"', 'write BTCUSDT'],
    [['export', 'BTCUSDT', '--json', '--format', 'csv'], '--json writes JSON lines', '--out FILE'],
    [['export', 'BTCUSDT', '--columns', 'opn'], 'Unknown column "opn"', 'open_time'],
    [['query', ' '], 'The SQL is empty', ''],
    [['query', 'SELEC 1'], 'Parser Error', ''],
    [['coverage', '--gaps', 'few'], '--gaps is "few"', 'a whole number, or all'],
    [['sandbox', '--port', '99999'], '--port is "99999"', 'from 0 to 65535'],
  ])('calls %j wrong usage', async (args, what, hint) => {
    const { code, stdout, stderr } = await here(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(what)
    expect(stderr).toContain(hint)
    expect(stderr).not.toMatch(/^ {4}at /m)
  })

  it('with --json tells errors as one JSON line on stderr, and nothing on stdout', async () => {
    for (const args of [
      ['list', '--nope', '--json'],
      ['list', '--json', '--interval', '7m'],
      ['query', '--json', 'SELECT nope'],
    ]) {
      const { code, stdout, stderr } = await here(...args)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      const [line, ...more] = jsonLines(stderr)
      expect(more).toEqual([])
      expect(line).toEqual({ error: { code: expect.any(String), message: expect.stringMatching(/\w/) } })
    }
  })

  it('shows a stack only with --log-level debug', async () => {
    const { stderr } = await here('list', '--interval', '7m', '--log-level', 'debug')
    expect(stderr).toMatch(/^ {4}at /m)
  })

  it('ends with 1 when the lake is a file', async () => {
    await writeFile(folder.join('file'), '')
    const { code, stderr } = await here('list', '--data-dir', 'file')
    expect(code).toBe(1)
    expect(stderr).toContain('is a file, not a folder')
  })

  it('says that an empty lake is empty, on stderr, and what to do', async () => {
    for (const verb of ['list', 'stats', 'coverage', 'verify']) {
      expect(await here(verb, '--data-dir', 'none')).toEqual({
        code: 0,
        stdout: '',
        stderr: 'The lake none holds nothing yet. Run: ticklake download BTCUSDT\n',
      })
      expect(await here(verb, '--data-dir', 'none', '--json', '--quiet')).toEqual({ code: 0, stdout: '', stderr: '' })
    }
    const { code, stderr } = await here('export', 'BTCUSDT', '--data-dir', 'none')
    expect(code).toBe(2)
    expect(stderr).toContain('Run: ticklake download BTCUSDT')
  })

  it('takes common options before and after the verb', async () => {
    expect((await here('--data-dir', 'none', '--json', 'list')).stderr).toContain('The lake none')
  })

  it('ends quietly when the reader of stdout leaves', async () => {
    const child = startBin(['query', "SELECT i, repeat('x', 200) FROM range(2000000) t(i)", '--format', 'csv'], {
      cwd: folder.path,
    })
    await once(child.stdout!, 'data')
    child.stdout!.destroy()
    const { code, stderr } = await ended(child)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('stops with 130 on Ctrl-C and 143 on SIGTERM', async () => {
    for (const [signal, expected] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const child = startBin(['query', 'SELECT i FROM range(1000000000) t(i)', '--format', 'csv'], { cwd: folder.path })
      await once(child.stdout!, 'data')
      child.stdout!.resume()
      child.kill(signal)
      expect((await ended(child)).code).toBe(expected)
    }
  })
})

describe('init', () => {
  it('writes the three examples, keeps what exists, and overwrites with --force', async () => {
    const cwd = folder.join('project')
    await mkdir(cwd)
    const first = await runBin(['init'], { cwd })
    expect(first.code).toBe(0)
    expect(first.stdout.match(/^wrote /gm)).toHaveLength(3)
    expect((await readdir(cwd)).sort()).toEqual(['.env.example', 'pairs.yaml', 'ticklake.config.yaml'])
    await writeFile(`${cwd}/pairs.yaml`, 'mine')
    const second = await runHere(['init', '--json'], { cwd })
    expect(jsonLines(second.stdout).map((line) => line.written)).toEqual([false, false, false])
    expect(await readFile(`${cwd}/pairs.yaml`, 'utf8')).toBe('mine')
    await runHere(['init', '--force'], { cwd })
    expect(await readFile(`${cwd}/pairs.yaml`, 'utf8')).toContain('BTCUSDT')
    expect((await runHere(['list'], { cwd })).code).toBe(0)
  })

  it.skipIf(process.getuid?.() === 0)('tells of a folder that can not be written', async () => {
    const cwd = folder.join('locked')
    await mkdir(cwd)
    await chmod(cwd, 0o500)
    const { code, stderr } = await runHere(['init'], { cwd })
    expect(code).toBe(1)
    expect(stderr).toContain('cannot be written')
  })
})

describe('doctor', () => {
  it('checks machine, modules, settings and lake, and hides secrets', async () => {
    const env = { BINANCE_API_KEY: 'abcdefghijklmnopqrstuvwxyz', BINANCE_API_SECRET: 'short' }
    const { code, stdout } = await runHere(['doctor', '--offline', '--data-dir', 'none'], { cwd: folder.path, env })
    expect(code).toBe(0)
    expect(stdout).not.toMatch(/abcdef|short/)
    expect(stdout).toContain('exchange.apiKey: abc…yz (26 letters) (BINANCE_API_KEY)')
    expect(stdout).toContain('exchange.secretKey: set (5 letters) (BINANCE_API_SECRET)')
    for (const part of [
      'Node.js: ',
      'cores: ',
      'memory: ',
      'DuckDB v',
      'koffi ',
      'disk space: ',
      'one writer keeps another out',
      '(--data-dir)',
    ]) {
      expect(stdout).toContain(part)
    }
    const lines = jsonLines((await runHere(['doctor', '--offline', '--json'], { cwd: folder.path, env })).stdout)
    expect(lines.every((line) => ['ok', 'warn', 'info'].includes(line.state as string))).toBe(true)
    expect(JSON.stringify(lines)).not.toMatch(/abcdef|short/)
  })

  it('fails on settings that can not be used and on a lake that is a file, and leaves no probe behind', async () => {
    await writeFile(folder.join('flat'), '')
    const flat = await here('doctor', '--offline', '--data-dir', 'flat')
    expect(flat.code).toBe(1)
    expect(flat.stdout).toContain('fail  folder: flat is a file')
    const bad = await runHere(['doctor', '--offline'], { cwd: folder.path, env: { BINANCE_TESTNET: 'maybe' } })
    expect(bad.code).toBe(1)
    expect(bad.stdout).toContain('BINANCE_TESTNET is "maybe"')
    await mkdir(folder.join('lake'))
    await here('doctor', '--offline', '--data-dir', 'lake')
    expect(await readdir(folder.join('lake'))).toEqual([])
  })

  it('only warns when the exchange can not be reached', async () => {
    const { code, stdout } = await here('doctor', '--endpoint', 'http://127.0.0.1:1')
    expect(code).toBe(0)
    expect(stdout).toMatch(/warn {2}REST spot: /)
    expect(stdout).toMatch(/warn {2}archive: /)
    expect(stdout).toContain('The lake works without it')
  })
})

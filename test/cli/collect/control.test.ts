import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { CollectorReport } from '../../../src/engine/live/collector-report.ts'
import { type ControlHandlers, connectControl, serveControl } from '../../../src/engine/live/control.ts'
import type { BriefStatus } from '../../../src/engine/live/json.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts'
import { type TempFolder, tempFolder } from '../../helpers/temp.ts'
import { ended, jsonLines, runBin, runHere, startBin } from '../bin.ts'

describe('a running collector', () => {
  let sandbox: Sandbox
  let folder: TempFolder
  let collector: ChildProcess | undefined

  beforeAll(async () => {
    sandbox = await startSandbox({ tradesPerSecond: 50, seed: 6 })
    folder = await tempFolder('control')
  })

  afterEach(() => {
    collector?.kill('SIGKILL')
  })

  afterAll(async () => {
    await folder[Symbol.asyncDispose]()
    await sandbox.close()
  })

  /** Starts the built program and waits until it can be asked. */
  async function start(dataDir: string): Promise<{ process: ChildProcess; end: ReturnType<typeof ended> }> {
    const args = ['collect', 'BTCUSDT', '--kinds', 'trade,depth', '--data-dir', dataDir, '--endpoint', sandbox.endpoint]
    const process = startBin(args, { cwd: folder.path })
    collector = process
    const end = ended(process)
    await until(async () => {
      await using client = await connectControl(folder.join(dataDir)).catch(() => undefined)
      const status = await client?.status()
      return status?.channels.every(({ state }) => state === 'live') && status.books[0]?.state === 'synced'
    })
    return { process, end }
  }

  const here = (...args: string[]) => runHere(args, { cwd: folder.path })

  it('is watched and given new connections, stores everything at SIGTERM and ends with 0', async () => {
    const { process, end } = await start('lake')
    const seen = await here('monitor', '--once', '--data-dir', 'lake')
    expect(seen.stdout).toMatch(/^ticklake binance .* 2 of 2 streams live/)
    expect(seen.stdout).toMatch(/^BTCUSDT trade +live/m)
    expect(seen.stdout).toMatch(/^BTCUSDT +synced/m)
    const status = jsonLines((await here('monitor', '--once', '--json', '--data-dir', 'lake')).stdout)
    expect(status).toMatchObject([{ type: 'status', pid: process.pid, exchange: 'binance' }])
    const report = JSON.parse((await here('monitor', '--report', '--data-dir', 'lake')).stdout)
    expect(report).toMatchObject({ format: 1, complete: true })

    const second = await here('collect', 'BTCUSDT', '--data-dir', 'lake', '--endpoint', sandbox.endpoint)
    expect(second.stderr).toContain(`is being written by process ${process.pid}`)
    expect(second.code).toBe(1)

    const watching = here('monitor', '--json', '--data-dir', 'lake')
    const fresh = await here('reconnect', '--data-dir', 'lake')
    expect(fresh.stdout).toBe(`The collector (process ${process.pid}) replaced its connection.\n`)
    process.kill('SIGTERM')
    const ran = await end
    expect(ran.stdout).toContain('Complete: nothing is missing.')
    expect(ran.code).toBe(0)
    const watched = await watching
    expect(watched.code).toBe(0)
    expect(watched.stderr).toBe('The collector has ended.\n')
    expect(jsonLines(watched.stdout).map(({ type, event }) => event ?? type)).toEqual(
      expect.arrayContaining(['status', 'open', 'rotated']),
    )

    const proof = await here('prove', '--data-dir', 'lake', '--endpoint', sandbox.endpoint)
    expect(proof.code).toBe(0)
    for (const verb of ['monitor', 'reconnect']) {
      const nobody = await here(verb, '--data-dir', 'lake')
      expect(nobody.stderr).toContain('No collector runs on the lake')
      expect(nobody.code).toBe(2)
    }
    expect(existsSync(folder.join('lake', '.spool', 'control.json'))).toBe(false)
  })

  it('that was killed is taken over by the next one, which fills what was missed', async () => {
    const first = await start('killed')
    // Something of each kind is safe in the spool.
    await until(async () => {
      await using client = await connectControl(folder.join('killed'))
      const { spool, books } = await client.status()
      return (spool?.durable ?? 0) > 30 && (books[0]?.applied ?? 0) > 10
    })
    first.process.kill('SIGKILL')
    await first.end
    expect(existsSync(folder.join('killed', '.spool', 'control.json'))).toBe(true)
    expect((await here('monitor', '--data-dir', 'killed')).code).toBe(2)
    const second = await start('killed')
    second.process.kill('SIGINT')
    const ran = await second.end
    // Updates of the book between the two are a gap, the trades are not.
    expect(ran.code).toBe(3)
    const args = ['prove', '--kinds', 'trade', '--data-dir', 'killed', '--endpoint', sandbox.endpoint]
    const proof = await runBin(args, { cwd: folder.path })
    expect(proof.stdout).toContain('Nothing is missing and nothing is wrong.')
    expect(proof.code).toBe(0)
  })
})

describe('the control socket', () => {
  const handlers: ControlHandlers = {
    status: () => ({ exchange: 'here', at: Number.NaN, published: 2n ** 60n }) as unknown as BriefStatus,
    report: () => {
      throw new RangeError('no report today')
    },
    reconnect: async () => {},
  }

  it.skipIf(process.platform === 'win32')('is for its owner only, and gone when it is closed', async () => {
    await using folder = await tempFolder('socket')
    await mkdir(folder.join('.spool'))
    const server = await serveControl(folder.path, handlers)
    expect(server.address).toBe(folder.join('.spool', 'control.sock'))
    expect((await stat(server.address)).mode & 0o777).toBe(0o600)
    await using client = await connectControl(folder.path)
    expect(client.pid).toBe(process.pid)
    expect(await client.status()).toEqual({ exchange: 'here', at: null, published: String(2n ** 60n) })
    await expect(client.report()).rejects.toThrow('no report today')
    await expect(client.reconnect()).resolves.toBeUndefined()
    await server[Symbol.asyncDispose]()
    await until(async () => client.closed.aborted)
    await expect(client.status()).rejects.toThrow('The collector has ended.')
    expect(existsSync(server.address)).toBe(false)
    await expect(connectControl(folder.path)).rejects.toThrow('No collector runs on the lake')
  })

  it('goes where paths are short when the lake lies deep', async () => {
    await using folder = await tempFolder('socket')
    const deep = join(folder.path, 'a'.repeat(60), 'b'.repeat(60))
    await mkdir(join(deep, '.spool'), { recursive: true })
    const server = await serveControl(deep, handlers)
    await using client = await connectControl(deep)
    expect(await client.status()).toMatchObject({ exchange: 'here' })
    await server[Symbol.asyncDispose]()
    expect(existsSync(server.address)).toBe(false)
  })

  it('tells those who watch what happens, and no one else', async () => {
    await using folder = await tempFolder('socket')
    await mkdir(folder.join('.spool'))
    await using server = await serveControl(folder.path, handlers)
    await using watcher = await connectControl(folder.path)
    await using other = await connectControl(folder.path)
    const seen: unknown[] = []
    await watcher.watch((event) => seen.push(event))
    const unseen: unknown[] = []
    server.emit({ event: 'hole', first: 2n ** 60n })
    await until(async () => seen.length > 0)
    await other.status()
    expect(seen).toEqual([{ event: 'hole', first: String(2n ** 60n) }])
    expect(unseen).toEqual([])
  })

  it('answers nonsense with an error, and takes over what a dead process left', async () => {
    await using folder = await tempFolder('socket')
    await mkdir(folder.join('.spool'))
    await writeFile(folder.join('.spool', 'control.sock'), 'left behind')
    await writeFile(folder.join('.spool', 'control.json'), '{"pid":1,"address":"/nowhere"}')
    await using server = await serveControl(folder.path, handlers)
    const { address } = JSON.parse(await readFile(folder.join('.spool', 'control.json'), 'utf8')) as { address: string }
    expect(address).toBe(server.address)
    for (const nonsense of ['{"do":"stop"}\n', 'null\n', 'no json\n']) {
      const socket = createConnection(address)
      socket.write(nonsense)
      const answer = await new Promise<string>((done) => socket.once('data', (bytes) => done(bytes.toString())))
      socket.destroy()
      expect(JSON.parse(answer)).toMatchObject({ error: { message: expect.any(String) } })
    }
    const flood = createConnection(address)
    flood.on('error', () => {})
    flood.write('x'.repeat(100_000))
    // Who sends no end of a line is cut off.
    await new Promise<void>((done) => flood.once('close', () => done()))
    await using client = await connectControl(folder.path)
    const report: Promise<CollectorReport> = client.report()
    await expect(report).rejects.toThrow('no report today')
  })
})

/** Asks again and again until something is true; the test's own time limit ends it. */
async function until(ask: () => Promise<boolean | undefined>): Promise<void> {
  while (!(await ask())) await new Promise((done) => setTimeout(done, 20))
}
